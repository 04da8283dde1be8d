//! Processes that matter when memory runs out: those that kill by themselves, and those that may not be
//! killed.

use std::fs;
use std::path::Path;

use crate::incident::model::OOM_SCORE_ADJ_MIN;

/// Programs that kill for want of memory before the kernel does, by `task_struct.comm`.
const KILLERS: [&str; 6] =
    ["systemd-oomd", "earlyoom", "nohang", "oomd", "lmkd", "low-memory-moni"];

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tasks {
    /// The names of those that kill.
    pub(super) killers: Vec<String>,
    /// How many may not be killed, and what they hold.
    pub(super) exempt: u64,
    pub(super) exempt_bytes: u64,
    /// Which of them holds the most.
    pub(super) largest_exempt: Option<(Vec<u8>, u64)>,
}

impl Tasks {
    /// Of the processes in this folder; a page has so many bytes.
    pub(super) fn of(proc: &Path, page_size: u64) -> Self {
        let mut tasks = Self::default();
        for entry in fs::read_dir(proc).into_iter().flatten().flatten() {
            let is_process =
                entry.file_name().to_str().is_some_and(|name| name.parse::<u32>().is_ok());
            if is_process {
                // One that ends meanwhile tells nothing.
                let _ = tasks.add(&entry.path(), page_size);
            }
        }
        tasks
    }

    fn add(&mut self, task: &Path, page_size: u64) -> Option<()> {
        let comm = fs::read(task.join("comm")).ok()?;
        let comm = comm.strip_suffix(b"\n").unwrap_or(&comm);
        if let Some(killer) = KILLERS.iter().find(|it| it.as_bytes() == comm)
            && !self.killers.iter().any(|known| known == killer)
        {
            self.killers.push((*killer).to_owned());
        }
        let adj = fs::read_to_string(task.join("oom_score_adj")).ok()?;
        (adj.trim().parse() == Ok(OOM_SCORE_ADJ_MIN)).then_some(())?;
        let statm = fs::read_to_string(task.join("statm")).ok()?;
        let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
        // A thread of the kernel has none.
        let bytes = pages.checked_mul(page_size).filter(|bytes| *bytes > 0)?;
        self.exempt += 1;
        self.exempt_bytes += bytes;
        if self.largest_exempt.as_ref().is_none_or(|(_, most)| bytes > *most) {
            self.largest_exempt = Some((comm.to_vec(), bytes));
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_matter_are_found() {
        let proc = tempfile::tempdir().unwrap();
        for (pid, comm, adj, pages) in [
            ("1", "init", "0", "900"),
            ("2", "kthreadd", "-1000", "0"),
            ("30", "earlyoom", "-1000", "10"),
            ("31", "earlyoom", "-100", "10"),
            ("40", "qemu", "-1000", "500"),
            ("self", "qemu", "-1000", "500"),
        ] {
            let task = proc.path().join(pid);
            fs::create_dir(&task).unwrap();
            fs::write(task.join("comm"), format!("{comm}\n")).unwrap();
            fs::write(task.join("oom_score_adj"), format!("{adj}\n")).unwrap();
            fs::write(task.join("statm"), format!("9000 {pages} 1 1 0 1 0\n")).unwrap();
        }
        let expected = Tasks {
            killers: vec!["earlyoom".into()],
            exempt: 2,
            exempt_bytes: 510 * 4096,
            largest_exempt: Some((b"qemu".to_vec(), 500 * 4096)),
        };
        assert_eq!(Tasks::of(proc.path(), 4096), expected);
        assert_eq!(Tasks::of(Path::new("/nonexistent"), 4096), Tasks::default());
    }
}
