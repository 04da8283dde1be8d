//! `text`: a block to be read at three in the morning. The first line says what died; below it come
//! why, what to do, who it was, whose limit it was, and who else held how much. The rest is for
//! `--verbose`.

use std::io::{self, Write};

use super::Style;
use super::block::{Block, Palette};
use super::moment::Moment;
use super::quote::{Quoted, TaskLabel};
use super::units::Size;
use super::wrap::wrap;
use crate::incident::model::{Agent, Limit, OomKill, Outcome, Record, Scope, Source, Why};
use crate::text::Escaped;

/// Hints, where there is room for all.
const ALL: usize = usize::MAX;

/// Where a headline goes on that is too long.
const HEADLINE: usize = 4;

mod candidates;
mod census;
mod exit;
mod failed;
mod limit;
mod machine;
mod nobody;
mod panic;
mod room;
mod trigger;
mod user_kill;
mod victim;

pub(super) fn render(record: &Record, style: Style, out: &mut Vec<u8>) -> io::Result<()> {
    match record {
        Record::OomKill(kill) if style.verbose => in_full(kill, Block::new(out, style)),
        Record::OomKill(kill) => in_brief(kill, Block::new(out, style)),
        Record::OomPanic(panic) => panic::show(panic, Block::new(out, style)),
        Record::OomFailed(failed) => failed::show(failed, Block::new(out, style)),
        Record::UserKill(kill) => user_kill::show(kill, Block::new(out, style)),
        Record::OomExit(exit) => exit::show(exit, style, out),
        Record::Agent(said) => agent(said, Palette::from(style), out),
    }
}

/// Adds from which file the record at the end of `out` is, before the empty line that ends a block.
pub(super) fn add_file(file: &str, style: Style, out: &mut Vec<u8>) -> io::Result<()> {
    let is_block = out.ends_with(b"\n\n");
    if is_block {
        out.pop();
    }
    Block::new(out, style)
        .line("file", |line| line.item(format_args!("{}", Quoted::from(file))))?;
    if is_block {
        out.push(b'\n');
    }
    Ok(())
}

/// What is needed first: what died, why, what to do, who it was, whose limit, who else held how much.
fn in_brief(kill: &OomKill, mut block: Block<'_>) -> io::Result<()> {
    // The first one says of the shortage what there is to say.
    if kill.victim_index > 1 {
        return headline(kill, &mut block);
    }
    room::fit(&mut block, |room, block| {
        headline(kill, block)?;
        why(kill.why.as_ref(), room.hints, block)?;
        let is_explained = kill.why.is_some();
        victim::brief(&kill.victim, is_explained, room.memory, block)?;
        if room.limit {
            limit::brief(&kill.shortage, block)?;
        }
        if room.trigger {
            trigger::brief(&kill.shortage, &kill.victim, block)?;
        }
        let (candidates, census) = (kill.candidates.as_deref(), kill.census.as_deref());
        candidates::table(candidates, census, kill.victim.pid, room.rows, block)
    })?;
    block.out.push(b'\n');
    Ok(())
}

fn why(why: Option<&Why>, most: usize, block: &mut Block<'_>) -> io::Result<()> {
    let Some(Why { summary, hints }) = why else { return Ok(()) };
    block.line("why", |line| line.item(format_args!("{}", prose(summary))))?;
    block.list("try", hints.iter().take(most), |line, hint| {
        line.item(format_args!("{}", prose(hint)))
    })
}

/// All but the stack.
fn in_full(kill: &OomKill, mut block: Block<'_>) -> io::Result<()> {
    let OomKill {
        schema: _,
        kind: _,
        incident,
        origin,
        source,
        outcome: _,
        victim_index: _,
        victim_count: _,
        kill_count: _,
        killed_again: _,
        log_us: _,
        backfilled: _,
        message: _,
        shortage,
        chosen: _,
        victim,
        group,
        candidates,
        census,
        system,
        why: _,
        shrunk: _,
    } = kill;
    headline(kill, &mut block)?;
    why(kill.why.as_ref(), ALL, &mut block)?;
    block.line("group", |line| match group {
        Some(path) => line.item(format_args!("memory.oom.group of {}", Quoted::from(path))),
        None => Ok(()),
    })?;
    limit::show(shortage, &mut block)?;
    let listed = candidates.as_deref().and_then(|it| it.badness_of(victim.pid?));
    victim::show(victim, listed, shortage.totalpages, &mut block)?;
    trigger::show(shortage, &mut block)?;
    candidates::show(candidates.as_deref(), &mut block)?;
    // Of one process, what it is listed with says all.
    let census = census.as_deref().filter(|it| candidates.is_none() || it.total.processes > 1);
    census::show(census, &mut block)?;
    machine::system(system.as_deref(), &mut block)?;
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

/// Stands alone: of the others of a group there is no more.
fn headline(kill: &OomKill, block: &mut Block<'_>) -> io::Result<()> {
    let OomKill { origin, outcome, shortage, victim, why, .. } = kill;
    let Palette { alarm, strong, dim } = block.palette;
    let start = block.out.len();
    let out = &mut *block.out;
    let event = match outcome {
        Some(Outcome::AlreadyExiting) => "OOM MARK",
        Some(Outcome::Killed) | None => "OOM KILL",
    };
    let who = TaskLabel { comm: victim.comm.as_ref(), pid: victim.pid, tid: Some(victim.tid) };
    let time = Moment(origin);
    write!(out, "{dim}{time}{dim:#}  {alarm}{event}{alarm:#}  {strong}{who}{strong:#}")?;
    victim::place(victim, out)?;
    if let Some(bytes) = victim.memory.resident() {
        write!(out, ", {} RSS", Size(bytes))?;
    }
    let is_older =
        origin.time.zip(block.style.live_since).is_some_and(|(time, start)| time < start);
    if is_older && kill.source.is_kernel_log() {
        out.extend_from_slice(b", before this start, from the kernel's log");
    }
    if *outcome == Some(Outcome::AlreadyExiting) {
        out.extend_from_slice(b", already exiting: no signal was sent");
    }
    // The hooks may not know, a log has the line of each kill.
    if outcome.is_none() && kill.source.is_kernel_log() && kill.chosen.is_some() {
        out.extend_from_slice(b", chosen to be killed (the log does not show the kill itself)");
    }
    if kill.victim_count > 1 {
        write!(out, ", victim {} of {}", kill.victim_index, kill.victim_count)?;
        out.extend_from_slice(b" (memory.oom.group)");
    }
    match shortage.scope.filter(|_| why.is_none()) {
        Some(Scope::Global) => out.extend_from_slice(b": global OOM"),
        Some(Scope::Memcg) => hit(shortage.limit.as_ref(), out)?,
        Some(Scope::Cpuset) => out.extend_from_slice(b": OOM on the nodes that its cpuset allows"),
        Some(Scope::Mempolicy) => {
            out.extend_from_slice(b": OOM on the nodes that its memory policy allows");
        }
        Some(Scope::Sysrq) => out.extend_from_slice(b": triggered manually (SysRq-F)"),
        None => {}
    }
    wrap(block.out, start, HEADLINE, block.style.width.into());
    block.out.push(b'\n');
    Ok(())
}

fn hit(limit: Option<&Limit>, out: &mut Vec<u8>) -> io::Result<()> {
    match limit.and_then(|limit| limit.cgroup.as_ref()) {
        Some(path) => write!(out, ": cgroup {} hit its memory limit", Quoted::from(path))?,
        None => out.extend_from_slice(b": a memory cgroup hit its limit"),
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
        kernel_kills_since_boot: _,
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::render::fixtures;

    /// Where the hook does not see the choice, the kernel's dump may tell what each weighed.
    #[test]
    fn a_badness_that_is_listed_is_not_unknown() {
        let mut kill = fixtures::global();
        kill.victim.badness = None;
        let shown = |kill: &OomKill| {
            let style = Style { verbose: true, ..Style::default() };
            let mut out = Vec::new();
            render(&Record::OomKill(Box::new(kill.clone())), style, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert!(shown(&kill).contains("  badness    158545 pages"), "{}", shown(&kill));
        kill.candidates = None;
        assert!(shown(&kill).contains("badness    unknown"), "{}", shown(&kill));
    }

    #[test]
    fn the_headline_has_the_job_or_the_application_and_not_their_unit() {
        let mut kill = fixtures::memcg();
        kill.victim.unit = Some("app-gnome-firefox-7.scope".into());
        kill.victim.app = Some("firefox".into());
        let headline = |kill: &OomKill| {
            let mut out = Vec::new();
            render(&Record::OomKill(Box::new(kill.clone())), Style::default(), &mut out).unwrap();
            String::from_utf8(out).unwrap().lines().next().unwrap().to_owned()
        };
        assert!(headline(&kill).contains(" in app firefox"), "{}", headline(&kill));
        kill.victim.job = Some(fixtures::job());
        assert!(headline(&kill).contains(" in Slurm job 4711"), "{}", headline(&kill));
    }

    #[test]
    fn a_kill_from_before_the_start_does_not_look_like_a_new_one() {
        let mut kill = fixtures::memcg();
        let time = kill.origin.time.unwrap();
        let first_line = |kill: &OomKill, start| {
            let style = Style { live_since: start, width: 300, ..Style::default() };
            let mut out = Vec::new();
            render(&Record::OomKill(Box::new(kill.clone())), style, &mut out).unwrap();
            String::from_utf8(out).unwrap().lines().next().unwrap().to_owned()
        };
        let (before, after) = (time - Duration::from_secs(1), time + Duration::from_secs(1));
        let mark = "before this start, from the kernel's log";
        assert!(!first_line(&kill, Some(after)).contains(mark));
        kill.source = Source::KernelLog;
        assert!(
            first_line(&kill, Some(after)).contains(mark),
            "{}",
            first_line(&kill, Some(after))
        );
        assert!(!first_line(&kill, Some(before)).contains(mark));
        assert!(!first_line(&kill, None).contains(mark));
    }
}
