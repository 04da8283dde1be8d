//! `oom-trace history`: past kills, from the store, the kernel's log or saved ones; and
//! `oom-trace explain`, for saved logs alone.

mod file;
mod here;
mod printer;
mod progress;
mod since;
mod unpack;

use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{FileType, fstat};

use crate::cli::Color;
use crate::config::style;
use crate::render::{Format, Style, show_local_times};
use printer::{Printer, is_closed_pipe};
use since::Since;

/// Which kills to show, and how.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Saved logs, of dmesg, journalctl, syslog or /dev/kmsg, compressed or not, or an agent's store; `-`
    /// is standard input. Without one, standard input if it is a pipe or a file; else the service's
    /// store; without that, the running kernel's log
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Read the running kernel's log, whatever else there is
    #[arg(long, conflicts_with = "files")]
    log: bool,
    /// How to show them.
    #[command(flatten)]
    shown: Shown,
}

/// Which logs to explain, and how.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Saved logs, of any kernel from 2.6.32 on and of any program that keeps them, compressed or not;
    /// `-` is standard input, which is read if there is no other
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to show them.
    #[command(flatten)]
    shown: Shown,
}

/// How kills are shown.
#[derive(Debug, Args)]
struct Shown {
    /// From this moment on, such as 2026-11-23T06:00:00, or so long ago, such as 2h
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
    /// Show and read times without a zone as UTC; on a terminal they are local otherwise
    #[arg(long)]
    utc: bool,
}

/// Prints kills kept here, or those of saved logs.
///
/// # Errors
/// Nothing can be read, or standard output cannot be written.
pub fn run(args: &HistoryArgs) -> anyhow::Result<ExitCode> {
    let HistoryArgs { files, log, shown } = args;
    let mut printer = shown.printer();
    if *log {
        return finish(here::read_log(&mut printer).map(|()| true), &printer, &[]);
    }
    if !files.is_empty() {
        let read = read_all(files, &mut printer);
        return finish(read, &printer, files);
    }
    if is_piped() {
        let files = [PathBuf::from(file::STDIN)];
        let read = read_all(&files, &mut printer);
        return finish(read, &printer, &files);
    }
    match here::store() {
        Some(store) => {
            let files = [store];
            let read = read_all(&files, &mut printer);
            finish(read, &printer, &files)
        }
        None => finish(here::read_log(&mut printer).map(|()| true), &printer, &[]),
    }
}

/// Tells of the kills in saved logs.
///
/// # Errors
/// There is none, or standard output cannot be written.
pub fn explain(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let ExplainArgs { files, shown } = args;
    let stdin = [PathBuf::from(file::STDIN)];
    let files = if files.is_empty() { &stdin[..] } else { files };
    if files == stdin && io::stdin().is_terminal() {
        bail!("no log is given; try: oom-trace explain FILE, or: dmesg | oom-trace explain");
    }
    let mut printer = shown.printer();
    let read = read_all(files, &mut printer);
    finish(read, &printer, files)
}

/// Whether all could be read; what could not is said.
fn read_all(files: &[PathBuf], printer: &mut Printer) -> anyhow::Result<bool> {
    let mut is_whole = true;
    for path in files {
        match file::read(path, printer) {
            Err(error) if files.len() == 1 || is_closed_pipe(&error) => return Err(error),
            // The others may be good.
            Err(error) => {
                say(format_args!("{error:#}"));
                is_whole = false;
            }
            Ok(()) => {}
        }
    }
    Ok(is_whole)
}

fn finish(
    read: anyhow::Result<bool>,
    printer: &Printer,
    files: &[PathBuf],
) -> anyhow::Result<ExitCode> {
    let is_whole = match read {
        // Nobody reads any more.
        Err(error) if is_closed_pipe(&error) => return Ok(ExitCode::SUCCESS),
        read => read?,
    };
    printer.sum_up(files);
    let is_told = is_whole && printer.untold == 0;
    Ok(if is_told { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether somebody has put a log into standard input: a file, or a pipe that is not closed unwritten.
fn is_piped() -> bool {
    let stdin = io::stdin();
    let Ok(stat) = fstat(&stdin) else { return false };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => stat.st_size > 0,
        FileType::Fifo => {
            let mut polled = [PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN)];
            // Until something comes, or nobody is left to write.
            let ready = rustix::event::poll(&mut polled, None);
            let revents = polled.first().map_or(PollFlags::empty(), PollFd::revents);
            ready.is_ok() && revents.contains(PollFlags::IN)
        }
        _ => false,
    }
}

impl Shown {
    fn printer(&self) -> Printer {
        let Self { since, format, color, verbose, utc } = self;
        let is_local = !utc && io::stdout().is_terminal();
        if is_local {
            show_local_times();
        }
        let style = Style { verbose: *verbose, ..style(*color) };
        Printer::new(since.as_ref().map(|since| since.moment(*utc)), *format, style)
    }
}

/// Says something that is no record.
fn say(message: impl std::fmt::Display) {
    // Nobody is left to tell that stderr is closed.
    let _ = writeln!(io::stderr(), "oom-trace: {message}");
}

/// As people know a file.
fn name(path: &Path) -> String {
    if path == Path::new(file::STDIN) {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}
