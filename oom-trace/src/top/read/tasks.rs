//! The processes, at a pace that costs little: those that weigh most are read in each round, the others in
//! their turn.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::cgroups::{Mount, round};
use super::level::Buffer;
use super::status;
use crate::text::KernelText;
use crate::top::sample::Task;

/// Processes that are read in one round: those that hold most, new ones, and others in their turn.
const LARGEST: usize = 48;
const NEW: usize = 1024;
const OTHERS: usize = 160;

/// A process that is known.
#[derive(Debug)]
enum Known {
    /// With memory of its own.
    Task(Task),
    /// A thread of the kernel, or dead already.
    Nothing,
    /// May not be read.
    Hidden,
}

/// All that are known.
#[derive(Debug)]
pub(super) struct Tasks {
    proc: PathBuf,
    known: HashMap<u32, Known>,
    next: usize,
    /// Bytes of a page.
    page: u64,
}

impl Tasks {
    pub(super) fn new(proc: &Path, page: u64) -> Self {
        Self { proc: proc.to_owned(), known: HashMap::new(), next: 0, page }
    }

    /// How they stand, and how many may not be read.
    pub(super) fn read(
        &mut self,
        mount: Option<&Mount>,
        buffer: &mut Buffer,
    ) -> (Vec<Task>, usize) {
        let mut pids = pids(&self.proc);
        pids.sort_unstable();
        self.known.retain(|pid, _| pids.binary_search(pid).is_ok());
        // Who is left out at the first look may be the next to die.
        let most = if self.known.is_empty() { usize::MAX } else { NEW };
        let new = pids.iter().filter(|pid| !self.known.contains_key(pid)).take(most);
        let mut wanted: Vec<u32> = new.copied().collect();
        let mut sizes: Vec<_> = self.known.values().filter_map(Known::task).map(weight).collect();
        let least = sizes.len().saturating_sub(LARGEST);
        if !sizes.is_empty() {
            let (_, least, _) = sizes.select_nth_unstable(least);
            let least = *least;
            let large = self.known.values().filter_map(Known::task);
            wanted.extend(large.filter(|task| weight(task) >= least).map(|task| task.pid));
        }
        let others = round(&mut self.next, pids.len(), OTHERS);
        wanted.extend(others.filter_map(|at| pids.get(at)));
        wanted.sort_unstable();
        wanted.dedup();
        for pid in wanted {
            match self.look(pid, mount, buffer) {
                Some(known) => self.known.insert(pid, known),
                None => self.known.remove(&pid),
            };
        }
        let hidden = self.known.values().filter(|it| matches!(it, Known::Hidden)).count();
        (self.known.values().filter_map(Known::task).cloned().collect(), hidden)
    }

    /// `None` if it is gone.
    fn look(&self, pid: u32, mount: Option<&Mount>, buffer: &mut Buffer) -> Option<Known> {
        let dir = self.proc.join(pid.to_string());
        let mut task = Task { pid, ..Task::default() };
        match buffer.read_at(&dir.join("status")) {
            Ok(text) => {
                if status::status(text, &mut task).is_none() {
                    return Some(Known::Nothing);
                }
            }
            Err(error) => {
                let is_hidden = io::Error::from(error).kind() == io::ErrorKind::PermissionDenied;
                return is_hidden.then_some(Known::Hidden);
            }
        }
        let adj = buffer.read_at(&dir.join("oom_score_adj")).ok();
        task.oom_score_adj = adj.and_then(status::oom_score_adj)?;
        let path = buffer.read_at(&dir.join("cgroup")).ok();
        let path = path.zip(mount).and_then(|(text, mount)| {
            let path = status::cgroup(text, mount.version)?;
            // What is above the mount's root has a name, too.
            Some(mount.path(path).unwrap_or_else(|| KernelText::from(path)))
        });
        task.cgroup = path.unwrap_or_default();
        // The kernel counts whole pages.
        task.pgtables -= task.pgtables % self.page.max(1);
        Some(Known::Task(task))
    }
}

impl Known {
    fn task(&self) -> Option<&Task> {
        match self {
            Self::Task(task) => Some(task),
            Self::Nothing | Self::Hidden => None,
        }
    }
}

/// By what it holds and what it is given: the most of both die first, of whatever total.
fn weight(task: &Task) -> u64 {
    /// A thousandth of so much: of a machine of 64 GiB.
    const SHARE: u64 = 64 << 20;
    let given = u64::try_from(task.oom_score_adj).unwrap_or(0) * SHARE;
    task.rss + task.swap + task.pgtables + given
}

fn pids(proc: &Path) -> Vec<u32> {
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;

    use super::super::level::Version;
    use super::*;

    fn make(proc: &Path, pid: u32, kib: u64, adj: i16) {
        let dir = proc.join(pid.to_string());
        fs::create_dir_all(&dir).unwrap();
        let status = format!("Name:\tt{pid}\nVmRSS:\t{kib} kB\nVmPTE:\t5 kB\nVmSwap:\t1 kB\n");
        fs::write(dir.join("status"), status).unwrap();
        fs::write(dir.join("oom_score_adj"), format!("{adj}\n")).unwrap();
        fs::write(dir.join("cgroup"), format!("0::/c{pid}\n")).unwrap();
    }

    #[test]
    fn processes_are_what_they_hold_and_come_and_go() {
        let proc = tempfile::tempdir().unwrap();
        let proc = proc.path();
        make(proc, 7, 100, 0);
        make(proc, 8, 300, -5);
        fs::create_dir(proc.join("2")).unwrap();
        fs::write(proc.join("2/status"), "Name:\tkthreadd\n").unwrap();
        fs::create_dir(proc.join("net")).unwrap();
        let mount = Mount { point: "/".into(), root: "/".into(), version: Version::V2 };
        let mut tasks = Tasks::new(proc, 4096);
        let mut read = || {
            let (mut found, hidden) = tasks.read(Some(&mount), &mut Buffer::default());
            found.sort_by_key(|task| Reverse(task.rss));
            assert_eq!(hidden, 0);
            found
        };
        let found = read();
        assert_eq!(found.iter().map(|it| it.pid).collect::<Vec<_>>(), [8, 7]);
        let [first, _] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((first.rss, first.swap, first.pgtables), (300 << 10, 1 << 10, 4096));
        assert_eq!((first.oom_score_adj, first.cgroup.as_bytes()), (-5, &b"/c8"[..]));
        fs::remove_dir_all(proc.join("8")).unwrap();
        make(proc, 9, 1, 0);
        assert_eq!(read().iter().map(|it| it.pid).collect::<Vec<_>>(), [7, 9]);
    }

    #[test]
    fn one_that_grows_is_seen_in_its_turn_among_many() {
        let proc = tempfile::tempdir().unwrap();
        for pid in 1..=400 {
            make(proc.path(), pid, 10_000 + u64::from(pid), 0);
        }
        let mut tasks = Tasks::new(proc.path(), 4096);
        let mut buffer = Buffer::default();
        assert_eq!(tasks.read(None, &mut buffer).0.len(), 400);
        make(proc.path(), 390, 500_000, 0);
        let is_seen = |found: &[Task]| found.iter().any(|it| it.rss == 500_000 << 10);
        let mut rounds = (0..3).map(|_| tasks.read(None, &mut buffer).0);
        assert!(rounds.any(|found| is_seen(&found)));
    }
}
