//! From an incident's messages to records.

use super::message::Reaped;
use super::open::Victim;
pub(super) use super::told::Told;
use crate::incident::model::{
    ExitState, FreedBy, Memory, NO_KILLABLE, OomExit, OomExitType, OomFailed, OomFailedType,
    OomKill, OomKillType, OomPanic, OomPanicType, Outcome, Record, SCHEMA, Source,
};

/// What the first line of a boot says.
#[derive(Debug)]
pub(super) struct Boot {
    /// `uname -r`.
    pub(super) release: String,
    /// `uname -v`.
    pub(super) version: String,
}

/// The records of an incident, one for each victim, in order.
pub(super) fn kills(told: &Told<'_>, is_unexplained: bool) -> Vec<Record> {
    let victims = &told.open.victims;
    let count = u32::try_from(victims.len()).unwrap_or(u32::MAX);
    let Some(first) = victims.first() else { return Vec::new() };
    let shared = kill(told, first);
    let is_logged = !told.open.is_chosen_only;
    let record = |(index, victim): (u32, &Victim)| {
        let kill = OomKill {
            victim_index: index,
            victim_count: count,
            kill_count: u32::try_from(1 + victim.again.len()).ok().filter(|_| is_logged),
            killed_again: victim.killed_again(),
            log_us: victim.log_us().filter(|_| is_logged),
            victim: told.victim(victim),
            ..shared.clone()
        };
        let why = if is_unexplained { None } else { crate::why::explain(&kill) };
        Record::OomKill(Box::new(OomKill { why, ..kill }))
    };
    (1..).zip(victims).map(record).collect()
}

/// All but the victim.
fn kill(told: &Told<'_>, first: &Victim) -> OomKill {
    let (open, dump) = (told.open, &told.open.dump);
    let constraint = dump.summary.as_ref().map(|summary| summary.constraint.as_str());
    let chose = dump.chose.as_ref();
    let message = first.killed.message.or_else(|| chose?.message);
    let shortage = told.shortage(constraint, message);
    OomKill {
        schema: SCHEMA,
        kind: OomKillType::OomKill,
        incident: told.incident(Some(first.killed.tid)),
        origin: told.origin(),
        source: Source::KernelLog,
        // The one chosen may have been exiting already.
        outcome: (!open.is_chosen_only).then_some(Outcome::Killed),
        victim_index: 1,
        victim_count: 1,
        kill_count: None,
        killed_again: Vec::new(),
        log_us: None,
        backfilled: false,
        message: message.map(Into::into),
        candidates: told.candidates(shortage.scope).map(Into::into),
        census: told.census(shortage.scope).map(Into::into),
        shortage: shortage.into(),
        chosen: told.chosen(),
        victim: told.victim(first),
        group: open.group.clone().flatten(),
        system: told.system().map(Into::into),
        why: None,
        shrunk: Vec::new(),
    }
}

/// The record of a panic.
pub(super) fn panic(told: &Told<'_>, message: &'static str) -> Record {
    let of_the_machine = message.contains("system-wide");
    let shortage = told.shortage(constraint(told, of_the_machine), None);
    let mut panic = OomPanic {
        schema: SCHEMA,
        kind: OomPanicType::OomPanic,
        incident: told.incident(None),
        origin: told.origin(),
        source: Source::KernelLog,
        message: message.into(),
        candidates: told.candidates(shortage.scope),
        census: told.census(shortage.scope),
        system: told.system(),
        shortage,
        why: None,
    };
    panic.why = crate::why::explain_panic(&panic);
    Record::OomPanic(Box::new(panic))
}

/// Without a victim there is no line that names the constraint.
fn constraint(told: &Told<'_>, of_the_machine: bool) -> Option<&'static str> {
    let dump = &told.open.dump;
    match dump.is_memcg() {
        Some(true) => Some("CONSTRAINT_MEMCG"),
        _ => (of_the_machine || dump.memory.ram_pages().is_some() || dump.has_header())
            .then_some("CONSTRAINT_NONE"),
    }
}

/// The record of an episode in which nobody could be killed.
pub(super) fn failed(told: &Told<'_>) -> Record {
    let open = told.open;
    let shortage = told.shortage(constraint(told, false), None);
    let mut failed = OomFailed {
        schema: SCHEMA,
        kind: OomFailedType::OomFailed,
        incident: told.incident(None),
        origin: told.origin(),
        source: Source::KernelLog,
        message: NO_KILLABLE.into(),
        failures: open.failures,
        lasted_ms: open.start.until(open.failed_at),
        candidates: told.candidates(shortage.scope),
        census: told.census(shortage.scope),
        system: told.system(),
        shortage,
        why: None,
    };
    failed.why = crate::why::explain_failed(&failed);
    Record::OomFailed(Box::new(failed))
}

/// The reaper has given back what it could of a victim's memory; `kill` is its incident, its process, and how
/// long ago it was killed, if the log has that.
pub(super) fn exit(
    told: &Told<'_>,
    reaped: &Reaped,
    kill: Option<(&str, u32, Option<u64>)>,
) -> Record {
    let Reaped { tid, comm, anon_rss_bytes, file_rss_bytes, shmem_rss_bytes } = reaped;
    Record::OomExit(Box::new(OomExit {
        schema: SCHEMA,
        kind: OomExitType::OomExit,
        incident: match kill {
            Some((incident, ..)) => incident.to_owned(),
            None => told.incident(Some(*tid)),
        },
        origin: told.origin(),
        source: Source::KernelLog,
        pid: kill.map_or(*tid, |(_, pid, _)| pid),
        tid: *tid,
        comm: comm.clone(),
        state: ExitState::Freed,
        freed_after_ms: kill.and_then(|(.., after_ms)| after_ms),
        stuck_for_ms: None,
        by: Some(FreedBy::Reaper),
        kill_missing: kill.is_none(),
        left: Some(Memory {
            anon_rss_bytes: *anon_rss_bytes,
            file_rss_bytes: *file_rss_bytes,
            shmem_rss_bytes: *shmem_rss_bytes,
            ..Memory::default()
        }),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel_log::reader::{Zone, read};
    use crate::kernel_log::{Machine, Parser};

    const KILL: &str = "(a) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB, UID:0 \
                        pgtables:4kB oom_score_adj:0";

    fn records(log: &str) -> Vec<Record> {
        let (mut records, zone) = (Vec::new(), Zone::here(jiff::Timestamp::now()));
        read(log.as_bytes(), Parser::new(Machine::default()), &zone, |record: Record| {
            records.push(record);
            Ok::<_, std::io::Error>(())
        })
        .unwrap();
        records
    }

    fn stamps(log: &str) -> Vec<(u32, Option<u64>)> {
        let stamp = |record: &Record| record.kill().map(|kill| (kill.victim.tid, kill.log_us));
        records(log).iter().filter_map(stamp).collect()
    }

    /// A group's first victim is killed twice; the last kill turns out to be the first of the next
    /// group, whose announcement is a line of its own.
    #[test]
    fn each_victim_has_the_stamp_of_its_own_first_line_in_dmesg_and_in_dev_kmsg() {
        let group = "Tasks in /g are going to be killed due to memory.oom.group set";
        let words = "Memory cgroup out of memory: Killed process";
        let summary = "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,\
                       oom_memcg=/g,task_memcg=/g,task=a,pid=1,uid=0";
        let lines = [
            (3_504_669, summary.to_owned()),
            (3_504_670, format!("{words} 1 {KILL}")),
            (3_504_671, group.to_owned()),
            (3_504_672, format!("{words} 1 {KILL}")),
            (3_504_673, format!("{words} 2 {KILL}")),
            (3_504_674, format!("{words} 3 {KILL}")),
            (3_504_675, group.to_owned()),
            (3_504_676, format!("{words} 3 {KILL}")),
        ];
        let dmesg = |(us, text): &(u64, String)| {
            format!("[{:5}.{:06}] {text}\n", us / 1_000_000, us % 1_000_000)
        };
        let kmsg = |(us, text): &(u64, String)| format!("4,{us},{us},-;{text}\n");
        let expected = [(1, Some(3_504_670)), (2, Some(3_504_673)), (3, Some(3_504_674))];
        assert_eq!(stamps(&lines.iter().map(dmesg).collect::<String>()), expected);
        assert_eq!(stamps(&lines.iter().map(kmsg).collect::<String>()), expected);
        assert_eq!(stamps(&format!("{words} 1 {KILL}\n")), [(1, None)]);
    }

    /// As the kernel logs it where the path of the group is longer than a message, and its dumps are too
    /// many; the reaper or another CPU's message may stand in between, and the end may have been lost.
    #[test]
    fn a_group_with_a_long_path_is_announced_in_pieces() {
        let words = "Memory cgroup out of memory: Killed process";
        let pieces = ["Tasks in ".to_owned(), format!("/{}", "x".repeat(1023)), ENDS.to_owned()];
        const ENDS: &str = " are going to be killed due to memory.oom.group set";
        let other =
            "oom_reaper: reaped process 9 (b), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB";
        for (between, end) in [(false, true), (true, true), (false, false), (true, false)] {
            let mut lines = vec![format!("{words} 1 {KILL}")];
            for piece in pieces.iter().filter(|piece| end || *piece != ENDS) {
                lines.push(piece.clone());
                lines.extend(between.then(|| other.to_owned()));
            }
            lines.push(format!("{words} 1 {KILL}"));
            let kmsg = |(index, text): (usize, &String)| format!("4,{index},{index},-;{text}\n");
            let log: String = lines.iter().enumerate().map(kmsg).collect();
            let kills: Vec<_> =
                records(&log).into_iter().filter(|it| it.kill().is_some()).collect();
            let [Record::OomKill(kill)] = &kills[..] else { panic!("{between} {end}: {kills:#?}") };
            assert_eq!((kill.kill_count, kill.log_us), (Some(2), Some(0)), "{between} {end}");
            assert_eq!(kill.group, None);
        }
    }
}
