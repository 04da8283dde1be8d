//! What the kernel counted, and when an agent watched, in the span that is read.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::narrower::flags;
use super::select::{Selection, Source, agent, store_here};
use crate::ledger::{Absence, Ledger, Now, Why};
use crate::report::{Account, Missing, Watch};
use crate::say::say;
use crate::store::Archive;

/// Of a store, or of the running kernel's log. Nothing of saved logs and JSON Lines, which are no account, or of
/// several sources.
///
/// That it cannot be had is said: what is read is good all the same.
pub(super) fn of(selection: &Selection) -> Option<Account> {
    try_of(selection).unwrap_or_else(|error| {
        say(format_args!("cannot tell whether kills are missing: {error:#}"));
        None
    })
}

fn try_of(selection: &Selection) -> anyhow::Result<Option<Account>> {
    let now = Now::here()?;
    let (ledger, store) = match selection.source() {
        Some(Source::Store(path)) => {
            let is_own = matches!(store_here(), Ok(Some(own)) if own == path);
            (Ledger::of_store(&mut Archive::at(path), is_own, &now)?, Some(path))
        }
        Some(Source::KernelLog) => (Ledger::of_log(&now)?, None),
        None => return Ok(None),
    };
    let Some(since) = selection.since.or(ledger.start()) else { return Ok(None) };
    let is_here = ledger.boot(Some(&now.host.boot_id)).is_some();
    // Who asks for a time asks for what is behind the end of a store, too.
    let asked = selection.since.or(selection.until).map(|_| {
        let now = now.time();
        selection.until.map_or(now, |until| until.min(now))
    });
    let until = asked.or(ledger.end()).unwrap_or(since);
    // Nobody can tell of the future.
    if until <= since {
        return Ok(None);
    }
    let mut account = Account {
        host: is_here.then_some(now.host.name),
        since,
        until,
        watch: store.map(|store| watch(&ledger, since, until, is_here && runs_with(store))),
        missing: Vec::new(),
        unknown: Vec::new(),
        started: None,
        certain: None,
    };
    let holes = ledger.unproven(since, until);
    if holes.iter().any(|hole| hole.why != Why::BeforeBoot) {
        let certain = ledger.proven(&holes, since, until).next_back();
        account.certain = certain.map(|part| flags((since, until), part));
    }
    for hole in holes {
        match hole.why {
            Why::Missing { kills, .. } => {
                let (from, until) = hole.counted;
                account.missing.push(Missing { kills, from, until });
            }
            Why::BeforeBoot => account.started = Some(hole.until),
            // For another reason, and the same for who reads it.
            _ => match account.unknown.last_mut() {
                Some((_, until)) if *until == hole.from => *until = hole.until,
                _ => account.unknown.push((hole.from, hole.until)),
            },
        }
    }
    Ok(Some(account))
}

/// Whether the agent that runs here keeps its records there, as far as that can be seen.
fn runs_with(store: &Path) -> bool {
    let is_it = |open: PathBuf| fs::canonicalize(store).is_ok_and(|store| store == open);
    agent().is_some_and(|(_, open)| open.is_none_or(is_it))
}

fn watch(ledger: &Ledger, since: Timestamp, until: Timestamp, runs_now: bool) -> Watch {
    let found = ledger.watch(since, until, runs_now);
    let ends = found.spans.first().zip(found.spans.last());
    let span = ends.map(|((from, _), (_, until))| (*from, *until));
    let gap = |&Absence { from, until, is_sure }: &Absence| (from, until, is_sure);
    Watch {
        span,
        is_whole: span == Some((since, until)),
        runs_still: runs_now && span.is_some_and(|(_, end)| end == until),
        gaps: found.gaps.iter().map(gap).collect(),
    }
}
