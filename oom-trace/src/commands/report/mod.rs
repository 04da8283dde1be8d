//! `oom-trace report`: past kills summed up, on the terminal or as a page.

mod page;

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use anyhow::Context as _;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::ReportArgs;
use crate::commands::account;
use crate::commands::select::Selection;
use crate::render::Style;
use crate::report::{Collector, text};

/// Sums up the kills that are asked for.
///
/// # Errors
/// Nothing can be read, or the report cannot be written.
pub fn run(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let ReportArgs { source, select, html, full, color } = args;
    if let Some(path) = html {
        page::may_be_at(path, &source.named())?;
    }
    let selection = Selection::new(&source.named(), source.log, select)?;
    let whole = if html.is_some() { *full } else { 0 };
    let mut collector = Collector::new(whole)
        // Of what is to come nobody knows.
        .within(selection.since, selection.until.map(|until| until.min(Timestamp::now())))
        .only(select.filter.words());
    let told = selection.each(|record| {
        collector.add(record);
        Ok(())
    })?;
    // A page is handed on, to where the clock is another.
    let is_local = !select.span.utc && html.is_none() && io::stdout().is_terminal();
    let zone = if is_local { TimeZone::system() } else { TimeZone::UTC };
    let report = collector
        .accounting(account::of(&selection))
        .after(told.before, told.last_before)
        .without(told.unfit().to_vec())
        .report(zone);
    let written = match html {
        Some(path) => page::write(&report, path),
        None => text::render(&report, Style::of_stdout(*color, false), &mut io::stdout().lock())
            .or_else(unless_closed),
    };
    written?;
    told.sum_up(&selection);
    Ok(if told.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Where nobody reads any more, nothing is amiss.
fn unless_closed(error: io::Error) -> anyhow::Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Ok(());
    }
    Err(error).context("cannot write to standard output")
}
