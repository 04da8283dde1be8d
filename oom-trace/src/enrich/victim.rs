//! Who died.

use super::clock::Clock;
use super::fill::Fill as _;
use super::place::Place;
use super::{Enricher, shortage};
use crate::incident::assemble::{Logged, Victim};
use crate::incident::model;
use crate::wire::{self, Rss};

/// From this version on the kernel's log prints exact sums (`get_mm_counter_sum`, mm/oom_kill.c);
/// before, the counters as they stand.
const LOG_IS_EXACT: (u32, u32) = (7, 0);

/// `AUDIT_UID_UNSET` (include/uapi/linux/audit.h): nobody logged in.
const NO_LOGIN: u32 = u32::MAX;

impl Enricher {
    pub(super) fn victim(
        &mut self,
        victim: &Victim,
        outcome: Option<model::Outcome>,
        start: Option<&wire::Incident>,
        clock: Clock,
    ) -> model::Victim {
        let mark = &victim.mark;
        let logged = std::iter::once(&**mark).chain(&victim.again);
        let logged = logged.filter(|_| outcome != Some(model::Outcome::AlreadyExiting));
        let command = victim.command.as_deref();
        let login_uid = command.and_then(|it| it.login_uid).filter(|&uid| uid != NO_LOGIN);
        let cut = command.is_some_and(|command| command.is_cut);
        let arguments = command.and_then(|command| command.arguments.as_deref());
        let argv = arguments.and_then(|arguments| self.redactor.argv(arguments, cut));
        let path = victim.cgroup.as_ref();
        let Place { unit, slice, container, pod, job, app } = path
            .map(|path| {
                let named = self.named.iter().find(|(known, _)| known == path);
                named.map_or_else(|| Place::by_path(path.as_bytes()), |(_, place)| place.clone())
            })
            .unwrap_or_default();
        let uid = uid(mark.uid, &victim.logged);
        model::Victim {
            pid: mark.pid,
            tid: mark.tid,
            ns_pid: mark.ns_pid,
            comm: mark.comm.clone(),
            uid,
            gid: mark.gid,
            ppid: mark.ppid,
            parent_comm: mark.parent_comm.clone(),
            oom_score_adj: mark.oom_score_adj.and_then(|adj| adj.try_into().ok()),
            badness: start.and_then(|start| shortage::badness(start, mark.pid?)),
            threads: mark.threads,
            started: mark.start_boottime.map(|start| clock.wall(start)),
            age_ms: mark.start_boottime.map(|it| mark.boot_ns.saturating_sub(it) / 1_000_000),
            exe: command.and_then(|command| command.exe.clone()),
            argv_cut: argv.is_some().then_some(cut),
            argv,
            user: uid.and_then(|uid| self.user_reader.name(uid)),
            login_uid,
            login_user: login_uid.and_then(|uid| self.user_reader.name(uid)),
            parents: command.map(parents),
            memory: self.exact(mark),
            memory_logged: logged.zip(printed(&victim.logged)).map(|it| self.logged(it)).collect(),
            cgroup: path.map(|path| model::Cgroup { path: path.clone(), id: mark.cgroup_id }),
            unit,
            slice,
            container,
            pod,
            job,
            app,
            shares_mm: self.sees_sharers.then(|| victim.sharers.iter().map(sharer).collect()),
        }
    }

    /// With the per-CPU parts, where those could be read.
    fn exact(&self, mark: &wire::Victim) -> model::Memory {
        let (sum, count) = (mark.rss_sum, mark.rss_count);
        let rss = Rss {
            file: sum.file.or(count.file),
            anon: sum.anon.or(count.anon),
            swap: sum.swap.or(count.swap),
            shmem: sum.shmem.or(count.shmem),
        };
        self.memory(mark.total_vm, rss, mark.pgtables_bytes)
    }

    /// As the kernel's log prints it; as it would have at the mark, what is not known of its line.
    fn logged(&self, (mark, printed): (&wire::Victim, Option<model::Memory>)) -> model::Memory {
        let marked = match self.release.version() >= LOG_IS_EXACT {
            true => self.exact(mark),
            false => self.memory(mark.total_vm, mark.rss_count, mark.pgtables_bytes),
        };
        let mut memory = printed.unwrap_or_default();
        memory.fill(marked);
        memory
    }

    pub(super) fn memory(
        &self,
        total_vm: Option<u64>,
        rss: Rss,
        pgtables_bytes: Option<u64>,
    ) -> model::Memory {
        let bytes = |pages: u64| pages.saturating_mul(self.page_size);
        // The kernel, too, takes a counter that is negative for a moment as 0.
        let counter = |pages: Option<i64>| pages.map(|it| bytes(u64::try_from(it).unwrap_or(0)));
        let Rss { file, anon, swap, shmem } = rss;
        model::Memory {
            total_vm_bytes: total_vm.map(bytes),
            anon_rss_bytes: counter(anon),
            file_rss_bytes: counter(file),
            shmem_rss_bytes: counter(shmem),
            swap_bytes: counter(swap),
            pgtables_bytes,
        }
    }
}

fn parents(command: &wire::Command) -> Vec<model::Process> {
    let parents = command.parents.iter();
    parents.map(|it| model::Process { pid: it.pid, comm: Some(it.comm.clone()) }).collect()
}

fn sharer(sharer: &wire::Sharer) -> model::Sharer {
    model::Sharer { pid: sharer.pid, comm: sharer.comm.clone() }
}

/// Whose it is: the log has who it was when the kernel said so, some time after the mark.
fn uid(marked: Option<u32>, logged: &Logged) -> Option<u32> {
    match *logged {
        Logged::Killed { uid, .. } => uid.or(marked),
        Logged::Never | Logged::Unknown => marked,
    }
}

/// What the lines of its marks print of its memory.
fn printed(logged: &Logged) -> impl Iterator<Item = Option<model::Memory>> {
    let known = match logged {
        Logged::Killed { memory, .. } => &memory[..],
        Logged::Never | Logged::Unknown => &[],
    };
    known.iter().copied().chain(std::iter::repeat(None))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On another processor it became another user between the mark and the line.
    #[test]
    fn the_user_is_that_of_the_kernels_line() {
        let logged = |uid| Logged::Killed {
            us: Some(1),
            uid,
            again: Vec::new(),
            memory: Vec::new(),
            message: None,
        };
        assert_eq!(uid(Some(0), &logged(Some(5))), Some(5));
        // Before 5.8 the line has none.
        assert_eq!(uid(Some(0), &logged(None)), Some(0));
        assert_eq!(uid(Some(0), &Logged::Unknown), Some(0));
    }

    /// A victim of a group may touch memory until it is signalled, and give it back until it is printed.
    #[test]
    fn its_memory_is_as_the_kernels_line_has_it() {
        let line = model::Memory { anon_rss_bytes: Some(8192), ..model::Memory::default() };
        let logged = Logged::Killed {
            us: Some(1),
            uid: None,
            again: Vec::new(),
            memory: vec![Some(line)],
            message: None,
        };
        assert_eq!(printed(&logged).take(2).collect::<Vec<_>>(), [Some(line), None]);
        assert_eq!(printed(&Logged::Unknown).next(), Some(None));
    }
}
