//! `oom-trace history`: past kills, from the store, the kernel's log or saved ones; and
//! `oom-trace explain`, for saved logs alone.

mod file;
mod here;
mod printer;
mod progress;
mod unpack;

use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{FileType, fstat};

use crate::cli::{ExplainArgs, HistoryArgs, ShowArgs};
use crate::render::{Style, show_local_times};
use crate::say::say;
use printer::{Printer, is_closed_pipe};

/// Prints kills kept here, or those of saved logs.
///
/// # Errors
/// Nothing can be read, or standard output cannot be written.
pub fn run(args: &HistoryArgs) -> anyhow::Result<ExitCode> {
    let HistoryArgs { files, log, show } = args;
    let mut printer = printer(show);
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
    let ExplainArgs { files, show } = args;
    let stdin = [PathBuf::from(file::STDIN)];
    let files = if files.is_empty() { &stdin[..] } else { files };
    if files == stdin && io::stdin().is_terminal() {
        bail!("no log given; try: oom-trace explain FILE, or: dmesg | oom-trace explain");
    }
    let mut printer = printer(show);
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

fn printer(show: &ShowArgs) -> Printer {
    let ShowArgs { since, format, color, verbose, utc } = show;
    let is_local = !utc && io::stdout().is_terminal();
    if is_local {
        show_local_times();
    }
    let style = Style::of_stdout(*color, *verbose);
    Printer::new(since.as_ref().map(|since| since.moment(*utc)), *format, style)
}

/// As people know a file.
fn name(path: &Path) -> String {
    if path == Path::new(file::STDIN) {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}
