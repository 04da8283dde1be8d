//! `oom-trace history`: past kills, from the store, the kernel's log or saved ones; and
//! `oom-trace explain`, for saved logs alone.

mod printer;

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;

use crate::cli::{ExplainArgs, HistoryArgs, SelectArgs, ShowArgs};
use crate::commands::select::{Selection, show_times};
use crate::incident::model::Record;
use crate::render::Style;
use printer::{Printer, is_closed_pipe};

/// Names standard input.
const STDIN: &str = "-";

/// Prints kills kept here, or those of saved logs.
///
/// # Errors
/// Nothing can be read, or standard output cannot be written.
pub fn run(args: &HistoryArgs) -> anyhow::Result<ExitCode> {
    let HistoryArgs { files, log, select, show } = args;
    let selection = Selection::new(files, *log, select);
    print(selection, select, show)
}

/// Tells of the kills in saved logs.
///
/// # Errors
/// There is none, or standard output cannot be written.
pub fn explain(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let ExplainArgs { files, select, show } = args;
    let stdin = vec![PathBuf::from(STDIN)];
    let files = if files.is_empty() { stdin.clone() } else { files.clone() };
    if files == stdin && io::stdin().is_terminal() {
        bail!("no log given; try: oom-trace explain FILE, or: dmesg | oom-trace explain");
    }
    print(Selection::of(files, select), select, show)
}

/// Of what the agent says of itself only the gaps are about kills: it is left out where people read,
/// unless they ask for it.
fn print(
    mut selection: Selection,
    select: &SelectArgs,
    show: &ShowArgs,
) -> anyhow::Result<ExitCode> {
    let ShowArgs { format, color, verbose } = show;
    show_times(&select.span, io::stdout().is_terminal());
    selection.keeps_times = !format.is_for_people();
    let is_quiet = format.is_for_people() && select.filter.types.is_empty();
    let mut printer = Printer::new(*format, Style::of_stdout(*color, *verbose));
    let told = selection.each(|record| match record {
        Record::Agent(_) if is_quiet => Ok(()),
        record => printer.print(&record),
    });
    let told = match told {
        // Nobody reads any more.
        Err(error) if is_closed_pipe(&error) => return Ok(ExitCode::SUCCESS),
        told => told?,
    };
    told.sum_up(&selection);
    Ok(if told.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
