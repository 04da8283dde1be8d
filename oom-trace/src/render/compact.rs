//! `compact`: one line of `key=value` in a fixed order, for eyes that follow many and for tools
//! that read logfmt. A name that could break the line or pass for a field stands in quotes.

use std::fmt::Display;
use std::io::{self, Write};

use super::Style;
use super::block::Palette;
use super::moment::Moment;
use super::quote::LogfmtValue;
use super::units::{Joined, Size};
use crate::incident::model::{
    Agent, ExitState, FreedBy, Job, Memory, OomExit, OomFailed, OomKill, OomPanic, Origin, Outcome,
    Record, Scope, Shortage, UserKill, Victim,
};
use crate::text::KernelText;

/// How much of a command line leaves the rest of the line readable.
const COMMAND: usize = 60;

pub(super) fn render(record: &Record, style: Style, out: &mut Vec<u8>) -> io::Result<()> {
    let mut fields = Fields { out, palette: Palette::from(style) };
    match record {
        Record::OomKill(kill) => oom_kill(kill, &mut fields)?,
        Record::OomPanic(panic) => oom_panic(panic, &mut fields)?,
        Record::OomFailed(failed) => oom_failed(failed, &mut fields)?,
        Record::UserKill(kill) => user_kill(kill, &mut fields)?,
        Record::OomExit(exit) => oom_exit(exit, &mut fields)?,
        Record::Agent(said) => agent(said, &mut fields)?,
    }
    out.push(b'\n');
    Ok(())
}

/// Adds from which file the line at the end of `out` is.
pub(super) fn add_file(file: &str, style: Style, out: &mut Vec<u8>) -> io::Result<()> {
    out.pop();
    Fields { out, palette: Palette::from(style) }.word("file", Some(file))?;
    out.push(b'\n');
    Ok(())
}

fn oom_kill(kill: &OomKill, fields: &mut Fields<'_>) -> io::Result<()> {
    let OomKill {
        schema: _,
        kind: _,
        incident,
        origin,
        source,
        outcome,
        victim_index,
        victim_count,
        kill_count: _,
        killed_again: _,
        log_us: _,
        backfilled: _,
        message: _,
        shortage,
        chosen: _,
        victim,
        group: _,
        candidates: _,
        census: _,
        system: _,
        why: _,
        shrunk: _,
    } = kill;
    let event = match outcome {
        Some(Outcome::AlreadyExiting) => "OOM-MARK",
        Some(Outcome::Killed) | None => "OOM-KILL",
    };
    let container = victim.container.as_ref();
    fields.head(origin, event)?;
    fields.name("comm", victim.comm.as_ref())?;
    fields.put("pid", victim.pid)?;
    fields.put("tid", Some(victim.tid).filter(|tid| victim.pid != Some(*tid)))?;
    fields.put("uid", victim.uid)?;
    fields.word("user", victim.user.as_deref())?;
    fields.size("rss", victim.memory.resident())?;
    fields.size("swap", victim.memory.swap_bytes)?;
    fields.put("adj", victim.oom_score_adj)?;
    limit(shortage, fields)?;
    fields.name("cgroup", victim.cgroup.as_ref().map(|cgroup| &cgroup.path))?;
    fields.word("unit", victim.unit.as_deref())?;
    fields.word("container", container.map(|it| it.name.as_deref().unwrap_or(&it.id)))?;
    fields.word("pod", victim.pod.as_ref().map(|pod| pod.name.as_deref().unwrap_or(&pod.uid)))?;
    fields.word("job", victim.job.as_ref().and_then(Job::key))?;
    fields.word("app", victim.app.as_deref())?;
    fields.name("cmd", command(victim).as_ref())?;
    trigger(shortage, fields)?;
    if *victim_count > 1 {
        fields.put("victim", Some(format_args!("{victim_index}/{victim_count}")))?;
    }
    fields.put("outcome", outcome.map(Outcome::name))?;
    fields.word("host", origin.host.as_deref())?;
    fields.put("source", Some(source.name()))?;
    fields.word("incident", Some(incident))
}

fn oom_panic(panic: &OomPanic, fields: &mut Fields<'_>) -> io::Result<()> {
    let OomPanic {
        schema: _,
        kind: _,
        incident,
        origin,
        source,
        message,
        shortage,
        candidates: _,
        census: _,
        system: _,
        why: _,
    } = panic;
    fields.head(origin, "OOM-PANIC")?;
    fields.word("message", Some(message))?;
    limit(shortage, fields)?;
    trigger(shortage, fields)?;
    fields.word("host", origin.host.as_deref())?;
    fields.put("source", Some(source.name()))?;
    fields.word("incident", Some(incident))
}

fn oom_failed(failed: &OomFailed, fields: &mut Fields<'_>) -> io::Result<()> {
    let OomFailed {
        schema: _,
        kind: _,
        incident,
        origin,
        source,
        message,
        failures,
        lasted_ms,
        shortage,
        candidates: _,
        census: _,
        system: _,
        why: _,
    } = failed;
    fields.head(origin, "OOM-FAILED")?;
    fields.name("message", Some(message))?;
    fields.put("failures", Some(failures))?;
    fields.put("lasted_ms", *lasted_ms)?;
    limit(shortage, fields)?;
    trigger(shortage, fields)?;
    fields.word("host", origin.host.as_deref())?;
    fields.put("source", Some(source.name()))?;
    fields.word("incident", Some(incident))
}

fn user_kill(kill: &UserKill, fields: &mut Fields<'_>) -> io::Result<()> {
    let UserKill {
        schema: _,
        kind: _,
        incident,
        origin,
        source,
        by,
        action,
        signal,
        pid,
        comm,
        uid,
        cgroup,
        pod,
        rss_bytes,
        swap_bytes,
        message,
    } = kill;
    fields.head(origin, "USER-KILL")?;
    fields.word("by", Some(by))?;
    fields.put("action", Some(action.name()))?;
    fields.word("signal", signal.as_deref())?;
    fields.name("comm", comm.as_ref())?;
    fields.put("pid", *pid)?;
    fields.put("uid", *uid)?;
    fields.size("rss", *rss_bytes)?;
    fields.size("swap", *swap_bytes)?;
    fields.name("cgroup", cgroup.as_ref())?;
    fields.word("pod", pod.as_deref())?;
    fields.name("message", Some(message))?;
    fields.word("host", origin.host.as_deref())?;
    fields.put("source", Some(source.name()))?;
    fields.word("incident", Some(incident))
}

/// The beginning of its command line, where that tells more than its name.
fn command(victim: &Victim) -> Option<KernelText> {
    let Victim { comm, argv: Some(argv), argv_cut, .. } = victim else { return None };
    let words: Vec<_> = argv.iter().map(KernelText::as_bytes).collect();
    let whole = KernelText::from(words.join(&b' '));
    let mut shown = whole.start(COMMAND).to_vec();
    if *argv_cut == Some(true) || shown.len() < whole.as_bytes().len() {
        shown.extend_from_slice("…".as_bytes());
    }
    Some(KernelText::from(shown)).filter(|it| !argv.is_empty() && Some(it) != comm.as_ref())
}

fn oom_exit(exit: &OomExit, fields: &mut Fields<'_>) -> io::Result<()> {
    let OomExit {
        schema: _,
        kind: _,
        incident,
        origin,
        source,
        pid,
        tid,
        comm,
        state,
        freed_after_ms,
        stuck_for_ms,
        by,
        kill_missing,
        left,
    } = exit;
    let event = match state {
        ExitState::Freed => "OOM-EXIT",
        ExitState::Stuck => "OOM-STUCK",
    };
    fields.head(origin, event)?;
    fields.name("comm", comm.as_ref())?;
    fields.put("pid", Some(pid))?;
    fields.put("tid", Some(tid).filter(|tid| *tid != pid))?;
    fields.put("freed_after_ms", *freed_after_ms)?;
    fields.put("stuck_for_ms", *stuck_for_ms)?;
    fields.put("by", by.map(FreedBy::name))?;
    fields.put("kill_missing", Some(kill_missing).filter(|lost| **lost))?;
    fields.size("left", left.as_ref().and_then(Memory::resident))?;
    fields.word("host", origin.host.as_deref())?;
    fields.put("source", Some(source.name()))?;
    fields.word("incident", Some(incident))
}

fn limit(shortage: &Shortage, fields: &mut Fields<'_>) -> io::Result<()> {
    let limit = shortage.limit.as_ref();
    fields.put("scope", shortage.scope.map(Scope::name))?;
    fields.name("limit", limit.and_then(|limit| limit.cgroup.as_ref()))?;
    fields.size("usage", limit.and_then(|limit| limit.usage_bytes))?;
    fields.size("max", limit.and_then(|limit| limit.max_bytes))
}

fn trigger(shortage: &Shortage, fields: &mut Fields<'_>) -> io::Result<()> {
    let trigger = shortage.trigger.as_ref();
    fields.name("trigger", trigger.and_then(|trigger| trigger.comm.as_ref()))?;
    fields.put("trigger_pid", trigger.and_then(|trigger| trigger.pid))?;
    fields.put("order", trigger.and_then(|trigger| trigger.order))?;
    let flags = trigger.and_then(|trigger| trigger.gfp_flags.as_deref());
    fields.put("gfp", flags.map(|flags| Joined(flags, "|")))
}

fn agent(said: &Agent, fields: &mut Fields<'_>) -> io::Result<()> {
    let Agent {
        schema: _,
        kind: _,
        origin,
        version,
        event,
        message,
        hooks: _,
        missing: _,
        totals: _,
        kernel_kills_since_boot: _,
    } = said;
    fields.head(origin, "AGENT")?;
    fields.put("event", Some(event.name()))?;
    fields.put("version", Some(version))?;
    fields.word("host", origin.host.as_deref())?;
    fields.word("message", Some(message))
}

/// A line to which fields are added; what is not known is left out.
struct Fields<'a> {
    out: &'a mut Vec<u8>,
    palette: Palette,
}

impl Fields<'_> {
    fn head(&mut self, origin: &Origin, event: &str) -> io::Result<()> {
        let alarm = self.palette.alarm;
        write!(self.out, "{:#} {alarm}{event}{alarm:#}", Moment(origin))
    }

    fn put(&mut self, key: &str, value: Option<impl Display>) -> io::Result<()> {
        let dim = self.palette.dim;
        match value {
            Some(value) => write!(self.out, " {dim}{key}={dim:#}{value}"),
            None => Ok(()),
        }
    }

    fn size(&mut self, key: &str, bytes: Option<u64>) -> io::Result<()> {
        match bytes {
            Some(bytes) => self.put(key, Some(format_args!("{:#}", Size(bytes)))),
            None => Ok(()),
        }
    }

    fn name(&mut self, key: &str, name: Option<&KernelText>) -> io::Result<()> {
        self.put(key, name.map(LogfmtValue::from))
    }

    fn word(&mut self, key: &str, word: Option<&str>) -> io::Result<()> {
        self.put(key, word.map(LogfmtValue::from))
    }
}
