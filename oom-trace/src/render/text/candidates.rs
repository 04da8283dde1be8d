//! Whom else the kernel could have chosen.

use std::io;

use super::super::block::{Block, Line};
use super::super::units::{Size, resident};
use super::super::word::{Who, Word};
use crate::incident::model::{Candidate, Candidates};

pub(super) fn show(candidates: Option<&Candidates>, block: &mut Block<'_>) -> io::Result<()> {
    let Some(Candidates { total, top, largest, margin, decided_by_adj }) = candidates else {
        return Ok(());
    };
    block.line("candidates", |line| {
        line.item(format_args!("{total} process{}", if *total == 1 { "" } else { "es" }))?;
        if let Some(margin) = margin {
            line.item(format_args!("the chosen one leads by {margin} pages"))?;
        }
        if *decided_by_adj == Some(true) {
            line.item(format_args!("without oom_score_adj it would have been another"))?;
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
    let Candidate { pid, tid, comm, cgroup, memory, rss_bytes, oom_score_adj, badness } = candidate;
    match badness {
        Some(i64::MAX) => line.item(format_args!("{:>15}", "goes first"))?,
        Some(points) => line.item(format_args!("{points:>9} pages"))?,
        // Where the log does not tell what it was weighed against.
        None if oom_score_adj.is_some_and(|adj| adj > -1000) => {
            line.item(format_args!("{:>15}", "badness unknown"))?;
        }
        None => line.item(format_args!("{:>15}", "is spared"))?,
    }
    let who = Who { comm: comm.as_ref(), pid: Some(*pid), tid: Some(*tid) };
    line.item(format_args!("{who}"))?;
    if let Some(bytes) = resident(memory).or(*rss_bytes) {
        line.item(format_args!("{} resident", Size(bytes)))?;
    }
    if let Some(bytes) = memory.swap_bytes.filter(|bytes| *bytes > 0) {
        line.item(format_args!("{} swapped out", Size(bytes)))?;
    }
    if let Some(adj) = oom_score_adj {
        line.item(format_args!("oom_score_adj {adj}"))?;
    }
    match cgroup {
        Some(cgroup) => line.item(format_args!("in {}", Word::from(cgroup))),
        None => Ok(()),
    }
}
