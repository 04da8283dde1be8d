//! `text`: a block to be read at three in the morning. The first line stands alone; below it come
//! what to do, whose limit it was, who died, who asked for memory, and how the machine stood.

use std::io::{self, Write};

use super::Style;
use super::block::{Block, Palette};
use super::moment::Moment;
use super::units::{Size, resident};
use super::word::{Who, Word};
use crate::incident::model::{
    Agent, Limit, OomKill, OomPanic, Origin, Outcome, Record, Scope, Shortage, Source, Victim, Why,
};
use crate::text::Escaped;

mod candidates;
mod exit;
mod failed;
mod limit;
mod machine;
mod trigger;
mod user_kill;
mod victim;

pub(super) fn render(record: &Record, style: Style, out: &mut Vec<u8>) -> io::Result<()> {
    let palette = Palette::from(style);
    match record {
        Record::OomKill(kill) => oom_kill(kill, palette, out),
        Record::OomPanic(panic) => oom_panic(panic, palette, out),
        Record::OomFailed(failed) => failed::show(failed, palette, out),
        Record::UserKill(kill) => user_kill::show(kill, palette, out),
        Record::OomExit(exit) => exit::show(exit, palette, out),
        Record::Agent(said) => agent(said, palette, out),
    }
}

fn oom_kill(kill: &OomKill, palette: Palette, out: &mut Vec<u8>) -> io::Result<()> {
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
        message: _,
        shortage,
        chosen: _,
        victim,
        group,
        candidates,
        system,
        why,
    } = kill;
    headline(origin, *outcome, shortage, victim, palette, out)?;
    let mut block = Block { out, palette };
    if let Some(Why { summary, hints }) = why {
        block.line("why", |line| line.item(format_args!("{}", prose(summary))))?;
        block.list("try", hints, |line, hint| line.item(format_args!("{}", prose(hint))))?;
    }
    if *outcome == Some(Outcome::AlreadyExiting) {
        block.line("outcome", |line| {
            line.item(format_args!("was already exiting; the kernel sent no signal"))
        })?;
    }
    if *victim_count > 1 {
        block.line("group", |line| {
            line.item(format_args!("victim {victim_index} of {victim_count}"))?;
            match group {
                Some(path) => line.item(format_args!("memory.oom.group of {}", Word::from(path))),
                None => line.item(format_args!("memory.oom.group")),
            }
        })?;
    }
    limit::show(shortage.limit.as_ref(), &mut block)?;
    victim::show(victim, shortage.totalpages, &mut block)?;
    trigger::show(shortage, &mut block)?;
    candidates::show(candidates.as_ref(), &mut block)?;
    machine::system(system.as_ref(), &mut block)?;
    machine::show(origin, &shortage.build, &mut block)?;
    end(incident, *source, &mut block)
}

fn oom_panic(panic: &OomPanic, palette: Palette, out: &mut Vec<u8>) -> io::Result<()> {
    let OomPanic { schema: _, kind: _, incident, origin, source, message, shortage } = panic;
    let Palette { alarm, dim, .. } = palette;
    let time = Moment(origin);
    writeln!(out, "{dim}{time}{dim:#}  {alarm}OOM PANIC{alarm:#}  {message}")?;
    let mut block = Block { out, palette };
    limit::show(shortage.limit.as_ref(), &mut block)?;
    trigger::show(shortage, &mut block)?;
    machine::show(origin, &shortage.build, &mut block)?;
    end(incident, *source, &mut block)
}

/// The last line, and the empty one that ends a block. The stack is for `json` and `kernel`: it
/// would push what matters off the screen.
fn end(incident: &str, source: Source, block: &mut Block<'_>) -> io::Result<()> {
    block.line("incident", |line| {
        line.item(format_args!("{}", prose(incident)))?;
        line.item(format_args!("seen by {}", source.name()))
    })?;
    block.out.push(b'\n');
    Ok(())
}

fn headline(
    origin: &Origin,
    outcome: Option<Outcome>,
    shortage: &Shortage,
    victim: &Victim,
    palette: Palette,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let Palette { alarm, strong, dim } = palette;
    let event = match outcome {
        Some(Outcome::AlreadyExiting) => "OOM MARK",
        Some(Outcome::Killed) | None => "OOM KILL",
    };
    let who = Who { comm: victim.comm.as_ref(), pid: victim.pid, tid: Some(victim.tid) };
    let time = Moment(origin);
    write!(out, "{dim}{time}{dim:#}  {alarm}{event}{alarm:#}  {strong}{who}{strong:#}")?;
    victim::place(victim, out)?;
    if let Some(bytes) = resident(&victim.memory) {
        write!(out, ", {} resident", Size(bytes))?;
    }
    match shortage.scope {
        Some(Scope::Global) => out.extend_from_slice(b": the machine ran out of memory"),
        Some(Scope::Memcg) => reached(shortage.limit.as_ref(), out)?,
        Some(Scope::Cpuset) => {
            out.extend_from_slice(b": the nodes that its cpuset allows ran out of memory");
        }
        Some(Scope::Mempolicy) => {
            out.extend_from_slice(b": the nodes that its memory policy allows ran out of memory");
        }
        Some(Scope::Sysrq) => out.extend_from_slice(b": killed by hand (sysrq f)"),
        None => {}
    }
    out.push(b'\n');
    Ok(())
}

fn reached(limit: Option<&Limit>, out: &mut Vec<u8>) -> io::Result<()> {
    match limit.and_then(|limit| limit.cgroup.as_ref()) {
        Some(path) => write!(out, ": cgroup {} reached its limit", Word::from(path))?,
        None => out.extend_from_slice(b": a memory cgroup reached its limit"),
    }
    match limit.and_then(|limit| limit.max_bytes) {
        Some(max) => write!(out, " of {}", Size(max)),
        None => Ok(()),
    }
}

/// One line, and no empty one after it: it is news of the agent, not a block.
fn agent(said: &Agent, palette: Palette, out: &mut Vec<u8>) -> io::Result<()> {
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
    } = said;
    let Palette { dim, strong, .. } = palette;
    let time = Moment(origin);
    writeln!(
        out,
        "{dim}{time}{dim:#}  oom-trace {version} {strong}{}{strong:#}: {}",
        event.name(),
        prose(message),
    )
}

/// A sentence of ours, which may quote a name.
fn prose(text: &str) -> Escaped<'_> {
    Escaped(text.as_bytes())
}
