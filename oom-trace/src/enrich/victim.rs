//! Who died.

use super::clock::Clock;
use super::place::Place;
use super::shortage::Fields;
use super::{Enricher, text};
use crate::incident::assemble::Victim;
use crate::incident::model;
use crate::incident::record::{self, NAME_PRESENT, command_field, rss, victim_field};

/// From this version on the kernel's log prints exact sums (`get_mm_counter_sum`, mm/oom_kill.c);
/// before, the counters as they stand.
const LOG_IS_EXACT: (u32, u32) = (7, 0);

impl Enricher {
    pub(super) fn victim(
        &mut self,
        victim: &Victim,
        outcome: Option<model::Outcome>,
        fields: Option<Fields<'_>>,
        clock: Clock,
    ) -> model::Victim {
        let mark = &victim.mark;
        let pid = has(mark, victim_field::PID, mark.pid);
        let start_ns = has(mark, victim_field::START_BOOTTIME, mark.start_boottime);
        let logged = std::iter::once(&**mark).chain(&victim.again);
        let logged = logged.filter(|_| outcome != Some(model::Outcome::AlreadyExiting));
        let path = victim.cgroup.as_ref();
        let (command, names) =
            victim.command.as_ref().map(|(command, names)| (&**command, names)).unzip();
        let login_uid = command.and_then(login_uid);
        let cut = command.is_some_and(|command| command.argv_cut != 0);
        let arguments = names.and_then(|names| names.arguments.as_deref());
        let argv = arguments.and_then(|arguments| self.redactor.argv(arguments, cut));
        let Place { unit, slice, container, pod } =
            path.map(|path| self.place_reader.place(path.as_bytes())).unwrap_or_default();
        let uid = has(mark, victim_field::UID, mark.uid);
        model::Victim {
            pid,
            tid: mark.tid,
            ns_pid: has(mark, victim_field::NS_PID, mark.ns_pid),
            comm: has(mark, victim_field::COMM, text(&mark.comm)),
            uid,
            gid: has(mark, victim_field::GID, mark.gid),
            ppid: has(mark, victim_field::PPID, mark.ppid),
            parent_comm: has(mark, victim_field::PARENT_COMM, text(&mark.parent_comm)),
            oom_score_adj: has(mark, victim_field::OOM_SCORE_ADJ, mark.oom_score_adj)
                .and_then(|adj| adj.try_into().ok()),
            badness: fields.and_then(|fields| fields.badness(pid?)),
            threads: has(mark, victim_field::THREADS, mark.threads),
            started: start_ns.map(|start| clock.wall(start)),
            age_ms: start_ns.map(|start| mark.header.boot_ns.saturating_sub(start) / 1_000_000),
            exe: names.and_then(|names| names.exe.clone()),
            argv_cut: argv.is_some().then_some(cut),
            argv,
            user: uid.and_then(|uid| self.user_reader.name(uid)),
            login_uid,
            login_user: login_uid.and_then(|uid| self.user_reader.name(uid)),
            parents: command.map(parents),
            memory: self.memory(mark, false),
            memory_logged: logged.map(|mark| self.memory(mark, true)).collect(),
            cgroup: victim.cgroup.clone().map(|path| model::Cgroup {
                path,
                id: has(mark, victim_field::CGROUP_ID, mark.cgroup_id),
            }),
            unit,
            slice,
            container,
            pod,
            shares_mm: self.sees_sharers.then(|| victim.sharers.iter().map(sharer).collect()),
        }
    }

    /// Exact where the per-CPU parts could be read, or as the kernel's log prints it.
    fn memory(&self, mark: &record::Victim, logged: bool) -> model::Memory {
        let pages = |bit, pages: u64| has(mark, bit, pages.saturating_mul(self.page_size));
        let counter = |place: usize| {
            let count = has(mark, victim_field::RSS_COUNT << place, mark.rss_count.get(place)?);
            let sum = has(mark, victim_field::RSS_SUM << place, mark.rss_sum.get(place)?);
            let value = if logged && self.release.version() < LOG_IS_EXACT {
                count
            } else {
                sum.or(count)
            }?;
            // The kernel, too, takes a counter that is negative for a moment as 0.
            Some(u64::try_from(*value).unwrap_or(0).saturating_mul(self.page_size))
        };
        model::Memory {
            total_vm_bytes: pages(victim_field::TOTAL_VM, mark.total_vm),
            anon_rss_bytes: counter(rss::ANON),
            file_rss_bytes: counter(rss::FILE),
            shmem_rss_bytes: counter(rss::SHMEM),
            swap_bytes: counter(rss::SWAP),
            pgtables_bytes: has(mark, victim_field::PGTABLES_BYTES, mark.pgtables_bytes),
        }
    }
}

/// `AUDIT_UID_UNSET` (include/uapi/linux/audit.h): nobody logged in.
const NO_LOGIN: u32 = u32::MAX;

fn login_uid(command: &record::Command) -> Option<u32> {
    let known = command.header.present & command_field::LOGIN_UID != 0;
    Some(command.login_uid).filter(|&uid| known && uid != NO_LOGIN)
}

fn parents(command: &record::Command) -> Vec<model::Process> {
    let parents = command.parents.iter().take(command.parents_len as usize);
    parents.map(|it| model::Process { pid: it.pid, comm: Some(text(&it.comm)) }).collect()
}

fn sharer(sharer: &record::Sharer) -> model::Sharer {
    let named = sharer.header.present & NAME_PRESENT != 0;
    model::Sharer { pid: sharer.pid, comm: named.then(|| text(&sharer.comm)) }
}

fn has<T>(mark: &record::Victim, bit: u64, value: T) -> Option<T> {
    (mark.header.present & bit != 0).then_some(value)
}
