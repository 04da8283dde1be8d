//! `oom-trace history`: past kills, from the kernel's log or from saved ones.

mod file;
mod here;
mod since;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;

use crate::cli::Color;
use crate::config::style;
use crate::incident::model::Record;
use crate::render::{Format, Style, render};
use crate::say::say;
use since::Since;

/// Which kills to show, and how.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Saved logs, of dmesg, journalctl (also -o json), syslog or /dev/kmsg, or an agent's store; `-`
    /// is standard input. Without one, the service's store; without that, the running kernel's log
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Read the running kernel's log, whatever else there is
    #[arg(long, conflicts_with = "files")]
    log: bool,
    /// From this moment on, such as 2026-11-23T06:00:00Z, or so long ago, such as 2h
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,
    /// Format of standard output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// When to colour standard output; NO_COLOR switches `auto` off
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    color: Color,
    /// Print everything known about each kill, not only what matters first
    #[arg(short, long)]
    verbose: bool,
}

/// Prints them.
///
/// # Errors
/// A log cannot be read or is none, or standard output cannot be written.
pub fn run(args: &HistoryArgs) -> anyhow::Result<ExitCode> {
    let HistoryArgs { files, log, since, format, color, verbose } = args;
    let mut printer = Printer {
        since: *since,
        format: *format,
        style: Style { verbose: *verbose, ..style(*color) },
        printed: 0,
        timeless: 0,
        line: Vec::new(),
    };
    let own = if *log || !files.is_empty() { None } else { here::store() };
    let files: Vec<_> = files.iter().cloned().chain(own).collect();
    let read = if files.is_empty() {
        here::read_log(&mut printer)
    } else {
        files.iter().try_for_each(|path| file::read(path, &mut printer))
    };
    match read {
        // Nobody reads any more.
        Err(error) if is_closed_pipe(&error) => return Ok(ExitCode::SUCCESS),
        read => read?,
    }
    printer.sum_up(&files);
    Ok(ExitCode::SUCCESS)
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Unprintable(error)) if error.kind() == io::ErrorKind::BrokenPipe)
}

/// Why a record does not come out.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output: {0}")]
struct Unprintable(io::Error);

/// Shows what is asked for.
struct Printer {
    since: Option<Since>,
    format: Format,
    style: Style,
    printed: u64,
    /// Records that do not tell when they were.
    timeless: u64,
    line: Vec<u8>,
}

impl Printer {
    /// From when on, if not from the beginning.
    fn since(&self) -> Option<Timestamp> {
        self.since.map(|Since(since)| since)
    }

    fn is_for_people(&self) -> bool {
        matches!(self.format, Format::Text | Format::Compact)
    }

    fn print(&mut self, record: &Record) -> anyhow::Result<()> {
        self.print_of(record, record.origin().time)
    }

    /// Prints a record of this time, if it is asked for.
    fn print_of(&mut self, record: &Record, time: Option<Timestamp>) -> anyhow::Result<()> {
        if let Some(since) = self.since() {
            match time {
                Some(time) if time < since => return Ok(()),
                Some(_) => {}
                None => {
                    self.timeless += 1;
                    return Ok(());
                }
            }
        }
        self.printed += 1;
        self.line.clear();
        render(record, self.format, self.style, &mut self.line)?;
        Ok(io::stdout().write_all(&self.line).map_err(Unprintable)?)
    }

    fn sum_up(&self, files: &[PathBuf]) {
        if self.timeless > 0 {
            say(format_args!(
                "{} records do not tell their time; --since left them out",
                self.timeless
            ));
        }
        if self.printed == 0 {
            let names: Vec<_> = files.iter().map(|path| name(path)).collect();
            let place =
                if names.is_empty() { "the kernel's log".to_owned() } else { names.join(", ") };
            let since = if self.since.is_some() { " since then" } else { "" };
            say(format_args!("no OOM kill in {place}{since}"));
        }
    }
}

/// As people know a file.
fn name(path: &Path) -> String {
    if path == Path::new(file::STDIN) {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}
