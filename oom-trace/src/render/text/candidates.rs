//! Whom else the kernel could have chosen.

use std::cmp::Reverse;
use std::io;

use super::super::block::{Block, INDENT, Line};
use super::super::quote::{Quoted, TaskLabel};
use super::super::units::Size;
use crate::incident::model::{Candidate, Candidates, Census, OOM_SCORE_ADJ_MIN};

/// The longest name of a process that needs no escapes, quoted, with the largest process id.
const NAME: usize = 31;

/// On a narrow terminal a longer name moves what stands behind it.
const NARROW_NAME: usize = 24;

/// Columns of a terminal that is not narrow.
const WIDE: u16 = 72;

/// `  adj -1000`, and the longest mark behind it.
const ADJ: usize = 11;
const MARK: usize = 21;

/// A small table of at most so many rows: who held how much, the largest first, and who was killed.
pub(super) fn table(
    candidates: Option<&Candidates>,
    census: Option<&Census>,
    victim: Option<u32>,
    most: usize,
    block: &mut Block<'_>,
) -> io::Result<()> {
    let Some(candidates) = candidates else { return Ok(()) };
    let is_victim = |one: &&Candidate| Some(one.pid) == victim;
    let mut rows: Vec<_> = candidates.top.iter().collect();
    rows.extend(
        candidates
            .largest
            .iter()
            .filter(|largest| candidates.top.iter().all(|one| one.pid != largest.pid)),
    );
    rows.sort_by_key(|one| (Reverse(one.held()), !is_victim(one)));
    if most == 0 || rows.iter().all(is_victim) {
        return Ok(());
    }
    if let Some(at) = rows.iter().position(is_victim).filter(|at| *at >= most) {
        let victim = rows.remove(at);
        rows.insert(most - 1, victim);
    }
    rows.truncate(most);
    let names: Vec<_> = rows.iter().map(|one| who(one).to_string()).collect();
    let sizes: Vec<_> = rows
        .iter()
        .map(|one| one.held().map_or_else(|| "?".to_owned(), |bytes| Size(bytes).to_string()))
        .collect();
    let longest = |texts: &[String]| texts.iter().map(|it| it.chars().count()).max().unwrap_or(0);
    let most = if block.style.width < WIDE { NARROW_NAME } else { NAME };
    let (name_width, size_width) = (longest(&names).min(most), longest(&sizes));
    let room = usize::from(block.style.width).saturating_sub(INDENT + name_width + size_width);
    let is_wide = room >= ADJ + MARK;
    let has_adj = is_wide && rows.iter().any(|one| one.oom_score_adj.is_some_and(|adj| adj != 0));
    let lines = rows.iter().zip(names.iter().zip(&sizes));
    block.list("processes", lines, |line, (one, (name, size))| {
        let strong = line.palette.strong;
        line.item(format_args!("{name:<name_width$}  {size:>size_width$}"))?;
        match one.oom_score_adj.filter(|_| has_adj) {
            Some(adj) => line.joined("  ", format_args!("adj {adj:>5}"))?,
            None if has_adj => line.joined("  ", format_args!("{:>9}", ""))?,
            None => {}
        }
        if is_victim(one) {
            line.joined("  ", format_args!("{strong}← killed{strong:#}"))?;
        } else if one.badness.is_none() && one.oom_score_adj == Some(OOM_SCORE_ADJ_MIN) {
            let mark = if is_wide { "may not be killed" } else { "unkillable" };
            line.joined("  ", format_args!("{mark}"))?;
        }
        Ok(())
    })?;
    let shown = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    let own = rows.iter().find(|one| is_victim(one)).or(rows.first()).and_then(|one| one.held());
    block.line("", |line| {
        match candidates.total.saturating_sub(shown) {
            0 => {}
            1 => line.item(format_args!("and 1 other"))?,
            more => line.item(format_args!("and {more} others"))?,
        }
        let crowd = census.and_then(|census| census.crowd(own?));
        let shown = |name| rows.iter().filter(|one| one.comm.as_ref() == Some(name)).count();
        match crowd.filter(|(name, count, _)| *count > shown(*name) as u64) {
            Some((name, count, bytes)) => {
                let name = Quoted::from(name);
                line.joined(
                    "; ",
                    format_args!("{count} processes named {name} held {} together", Size(bytes)),
                )
            }
            None => Ok(()),
        }
    })
}

fn who(one: &Candidate) -> TaskLabel<'_> {
    TaskLabel { comm: one.comm.as_ref(), pid: Some(one.pid), tid: None }
}

/// All of it, as the kernel weighed them.
pub(super) fn show(candidates: Option<&Candidates>, block: &mut Block<'_>) -> io::Result<()> {
    let Some(Candidates { total, top, largest, margin, decided_by_adj }) = candidates else {
        return Ok(());
    };
    block.line("candidates", |line| {
        line.item(format_args!("{total} process{}", if *total == 1 { "" } else { "es" }))?;
        if let Some(margin) = margin {
            line.item(format_args!("margin over next candidate: {margin} pages"))?;
        }
        if *decided_by_adj == Some(true) {
            line.item(format_args!("oom_score_adj changed the choice"))?;
        }
        Ok(())
    })?;
    block.list("", top, |line, one| candidate(one, line))?;
    let first = top.first().map(|first| first.pid);
    let largest = largest.as_ref().filter(|largest| Some(largest.pid) != first);
    block.list("largest", largest, |line, one| candidate(one, line))
}

/// What it weighs comes first and in a column.
fn candidate(candidate: &Candidate, line: &mut Line<'_>) -> io::Result<()> {
    let Candidate { pid, tid, comm, uid: _, cgroup, memory, rss_bytes: _, oom_score_adj, badness } =
        candidate;
    match badness {
        // What swapoff and KSM ask for (`oom_task_origin`).
        Some(i64::MAX) => line.item(format_args!("{:>15}", "flagged first"))?,
        Some(points) => line.item(format_args!("badness {points:>7}"))?,
        // Where the log does not tell what it was weighed against.
        None if oom_score_adj.is_some_and(|adj| adj > OOM_SCORE_ADJ_MIN) => {
            line.item(format_args!("{:>15}", "badness unknown"))?;
        }
        None => line.item(format_args!("{:>15}", "unkillable"))?,
    }
    let who = TaskLabel { comm: comm.as_ref(), pid: Some(*pid), tid: Some(*tid) };
    line.item(format_args!("{who}"))?;
    if let Some(bytes) = candidate.rss() {
        line.item(format_args!("{} resident", Size(bytes)))?;
    }
    if let Some(bytes) = memory.swap_bytes.filter(|bytes| *bytes > 0) {
        line.item(format_args!("{} in swap", Size(bytes)))?;
    }
    if let Some(adj) = oom_score_adj {
        line.item(format_args!("oom_score_adj {adj}"))?;
    }
    match cgroup {
        Some(cgroup) => line.item(format_args!("in {}", Quoted::from(cgroup))),
        None => Ok(()),
    }
}
