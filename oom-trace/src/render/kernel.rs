//! `kernel`: the lines that the kernel's own log has for a kill, byte for byte as `/dev/kmsg`
//! shows their text. A line of which a part is unknown is left out, for it would match no rule.
//!
//! The text is that of `dump_header`, `dump_oom_summary` and `__oom_kill_process` in
//! `mm/oom_kill.c`, the same from 5.10 to 7.3.

use std::fmt::{self, Display, Formatter, Write as _};
use std::io::{self, Write};

use super::units::Joined;
use crate::incident::model::{Chosen, Memory, OomKill, Outcome, Record, Scope, Trigger, Victim};
use crate::text::KernelText;

pub(super) fn render(record: &Record, out: &mut Vec<u8>) -> io::Result<()> {
    match record {
        // The kernel logs nothing for a task that it only marks.
        Record::OomKill(kill) if kill.outcome == Some(Outcome::AlreadyExiting) => Ok(()),
        Record::OomKill(kill) => {
            if kill.victim_index == 1 {
                header(kill, out)?;
                summary(kill, out)?;
            }
            kill.victim.memory_logged.iter().try_for_each(|memory| killed(kill, memory, out))
        }
        Record::Agent(_) => Ok(()),
    }
}

fn header(kill: &OomKill, out: &mut Vec<u8>) -> io::Result<()> {
    let Some(Trigger {
        comm: Some(comm),
        gfp_mask: Some(mask),
        gfp_flags: Some(flags),
        order: Some(order),
        oom_score_adj: Some(adj),
        ..
    }) = &kill.trigger
    else {
        return Ok(());
    };
    writeln!(
        out,
        "{} invoked oom-killer: gfp_mask={mask}({}), order={order}, oom_score_adj={adj}",
        Kmsg(comm),
        Joined(flags, "|"),
    )
}

fn summary(kill: &OomKill, out: &mut Vec<u8>) -> io::Result<()> {
    let (
        Some(constraint),
        Some(Trigger { cpuset: Some(cpuset), mems_allowed: Some(mems_allowed), .. }),
        Some(Chosen { tid, comm: Some(comm), uid: Some(uid), cgroup: Some(cgroup) }),
    ) = (kill.constraint, &kill.trigger, &kill.chosen)
    else {
        return Ok(());
    };
    let limit = match &kill.limit {
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
        kill.nodemask.as_deref().unwrap_or("(null)"),
        Kmsg(cpuset),
    )?;
    match limit {
        Some(path) => write!(out, ",oom_memcg={}", Kmsg(path))?,
        None => out.extend_from_slice(b",global_oom"),
    }
    // The kernel prints this uid with %d.
    let uid = uid.cast_signed();
    writeln!(out, ",task_memcg={},task={},pid={tid},uid={uid}", Kmsg(cgroup), Kmsg(comm))
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
    match (&kill.message, kill.scope) {
        (Some(message), _) => write!(out, "{}", Kmsg(message))?,
        (None, Some(Scope::Memcg)) => out.extend_from_slice(b"Memory cgroup out of memory"),
        (None, _) => out.extend_from_slice(b"Out of memory"),
    }
    writeln!(
        out,
        ": Killed process {tid} ({}) total-vm:{}kB, anon-rss:{}kB, file-rss:{}kB, shmem-rss:{}kB, \
         UID:{uid} pgtables:{}kB oom_score_adj:{adj}",
        Kmsg(comm),
        total_vm / 1024,
        anon / 1024,
        file / 1024,
        shmem / 1024,
        pgtables / 1024,
    )
}

/// A name as `/dev/kmsg` escapes it (`msg_add_ext_text` in `kernel/printk/printk.c`).
struct Kmsg<'a>(&'a KernelText);

impl Display for Kmsg<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for byte in self.0.as_bytes() {
            match byte {
                b'\\' => f.write_str("\\x5c")?,
                b' '..=b'~' => f.write_char(char::from(*byte))?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        Ok(())
    }
}
