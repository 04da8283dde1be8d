//! `kernel`: the lines that the kernel's own log has for a kill, byte for byte as `/dev/kmsg`
//! shows their text. A line of which a part is unknown is left out, for it would match no rule.
//!
//! The text is that of `dump_header`, `dump_oom_summary` and `__oom_kill_process` in
//! `mm/oom_kill.c` and of what they call. The stack lacks its first lines: they are the way into
//! the dump.

mod dump;
mod kmsg;

use std::io::{self, Write};

use self::kmsg::Kmsg;
use crate::incident::model::{
    Chosen, Memory, NO_KILLABLE, OomKill, OomPanic, Outcome, Record, Scope, Trigger, Victim,
};

pub(super) fn render(record: &Record, out: &mut Vec<u8>) -> io::Result<()> {
    match record {
        // The kernel logs nothing for a task that it only marks.
        Record::OomKill(kill) if kill.outcome == Some(Outcome::AlreadyExiting) => Ok(()),
        Record::OomKill(kill) => oom_kill(kill, out),
        Record::OomPanic(panic) => {
            let OomPanic { origin, message, shortage, .. } = &**panic;
            dump::dump(origin, shortage, out)?;
            writeln!(out, "Kernel panic - not syncing: {message}")
        }
        Record::OomFailed(failed) => {
            dump::dump(&failed.origin, &failed.shortage, out)?;
            writeln!(out, "{NO_KILLABLE}")
        }
        Record::OomExit(_) | Record::UserKill(_) | Record::Agent(_) => Ok(()),
    }
}

fn oom_kill(kill: &OomKill, out: &mut Vec<u8>) -> io::Result<()> {
    let mut kills = kill.victim.memory_logged.iter();
    if kill.victim_index == 1 {
        dump::dump(&kill.origin, &kill.shortage, out)?;
        summary(kill, out)?;
        // The task that was chosen dies first, then its group.
        if let Some(memory) = kills.next() {
            killed(kill, memory, out)?;
        }
        if let Some(group) = &kill.group {
            let group = Kmsg::from(group);
            writeln!(out, "Tasks in {group} are going to be killed due to memory.oom.group set")?;
        }
    }
    kills.try_for_each(|memory| killed(kill, memory, out))
}

fn summary(kill: &OomKill, out: &mut Vec<u8>) -> io::Result<()> {
    let (
        Some(constraint),
        Some(Trigger { cpuset: Some(cpuset), mems_allowed: Some(mems_allowed), .. }),
        Some(Chosen { tid, comm: Some(comm), score: _, uid: Some(uid), cgroup: Some(cgroup) }),
    ) = (&kill.shortage.constraint, &kill.shortage.trigger, &kill.chosen)
    else {
        return Ok(());
    };
    let limit = match &kill.shortage.limit {
        Some(limit) => match &limit.cgroup {
            Some(path) => Some(path),
            None => return Ok(()),
        },
        None if constraint == "CONSTRAINT_MEMCG" => return Ok(()),
        None => None,
    };
    write!(
        out,
        "oom-kill:constraint={constraint},nodemask={},cpuset={},mems_allowed={mems_allowed}",
        kill.shortage.nodemask.as_deref().unwrap_or("(null)"),
        Kmsg::from(cpuset),
    )?;
    match limit {
        Some(path) => write!(out, ",oom_memcg={}", Kmsg::from(path))?,
        None => out.extend_from_slice(b",global_oom"),
    }
    // The kernel prints this uid with %d.
    let uid = uid.cast_signed();
    writeln!(
        out,
        ",task_memcg={},task={},pid={tid},uid={uid}",
        Kmsg::from(cgroup),
        Kmsg::from(comm)
    )
}

fn killed(kill: &OomKill, memory: &Memory, out: &mut Vec<u8>) -> io::Result<()> {
    let Victim { tid, comm: Some(comm), uid: Some(uid), oom_score_adj: Some(adj), .. } =
        &kill.victim
    else {
        return Ok(());
    };
    let Memory {
        total_vm_bytes: Some(total_vm),
        anon_rss_bytes: Some(anon),
        file_rss_bytes: Some(file),
        shmem_rss_bytes: Some(shmem),
        pgtables_bytes: Some(pgtables),
        swap_bytes: _,
    } = memory
    else {
        return Ok(());
    };
    match (&kill.message, kill.shortage.scope) {
        (Some(message), _) => write!(out, "{}", Kmsg::from(message))?,
        (None, Some(Scope::Memcg)) => out.extend_from_slice(b"Memory cgroup out of memory"),
        (None, _) => out.extend_from_slice(b"Out of memory"),
    }
    writeln!(
        out,
        ": Killed process {tid} ({}) total-vm:{}kB, anon-rss:{}kB, file-rss:{}kB, shmem-rss:{}kB, \
         UID:{uid} pgtables:{}kB oom_score_adj:{adj}",
        Kmsg::from(comm),
        total_vm / 1024,
        anon / 1024,
        file / 1024,
        shmem / 1024,
        pgtables / 1024,
    )
}
