//! Which records a command reads: from the service's store, the running kernel's log, saved logs, other
//! stores and JSON Lines, of a span of time and as a filter has it. `history`, `explain`, `report` and
//! `verify` read by way of this alone.

mod before;
mod file;
mod follow;
mod here;
mod json_lines;
mod progress;
mod taker;
mod told;
mod unpack;
mod utf16;

use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{FileType, fstat};

pub(crate) use self::follow::Follower;
pub(crate) use self::here::ThisBoot;
pub(crate) use self::told::Told;

use self::taker::{Ended, Taker};
use crate::cli::{SelectArgs, SpanArgs};
use crate::incident::model::Record;
use crate::render::show_local_times;
use crate::say::say;
use crate::sink::Filter;

/// Which records are read.
#[derive(Debug)]
pub(crate) struct Selection {
    /// Where from; the running kernel's log, if nowhere else.
    files: Vec<PathBuf>,
    /// From when on.
    pub(crate) since: Option<Timestamp>,
    /// Until when.
    pub(crate) until: Option<Timestamp>,
    filter: Filter,
    /// Whether records are handed on as they were made. Otherwise those of this boot have the time by
    /// the wall clock as it stands now, which may have been wrong then.
    pub(crate) keeps_times: bool,
}

impl Selection {
    /// As the command line has it: `files`, or with `log` the running kernel's log, or else what is
    /// there: standard input, the service's store, the kernel's log.
    pub(crate) fn new(files: &[PathBuf], log: bool, args: &SelectArgs) -> Self {
        let files = match files {
            _ if log => Vec::new(),
            [] if is_piped() => vec![PathBuf::from(file::STDIN)],
            [] => here::store().into_iter().collect(),
            files => files.to_vec(),
        };
        Self::of(files, args)
    }

    /// Of these files; without any, of the running kernel's log.
    pub(crate) fn of(files: Vec<PathBuf>, args: &SelectArgs) -> Self {
        let SelectArgs { span: SpanArgs { since, until, utc }, filter } = args;
        let moment = |when: crate::cli::When| when.moment(*utc);
        Self {
            files,
            since: since.map(moment),
            until: until.map(moment),
            filter: filter.clone(),
            keeps_times: false,
        }
    }

    /// Hands on each record that is selected, source by source and in each of them as they stand there,
    /// which may be not in order of time. Kills have a `why`.
    ///
    /// What could not be read of one source of several is said, and the others are read.
    ///
    /// # Errors
    /// The only source cannot be read; or what `each` answers, as it is.
    pub(crate) fn each(
        &self,
        mut each: impl FnMut(Record) -> anyhow::Result<()>,
    ) -> anyhow::Result<Told> {
        let mut taker = Taker::new(self, &mut each);
        let read = if self.files.is_empty() {
            here::read_log(&mut taker)
        } else {
            self.files.iter().try_for_each(|path| self.read(path, &mut taker))
        };
        let told = taker.told;
        match read.map_err(anyhow::Error::downcast::<Ended>) {
            Ok(()) => Ok(told),
            Err(Ok(Ended(error)) | Err(error)) => Err(error),
        }
    }

    fn read(&self, path: &Path, taker: &mut Taker<'_>) -> anyhow::Result<()> {
        match file::read(path, taker) {
            // The others may be good.
            Err(error) if self.files.len() > 1 && !error.is::<Ended>() => {
                say(format_args!("{error:#}"));
                taker.told.is_whole = false;
                Ok(())
            }
            read => read,
        }
    }

    /// As people know where it is read from.
    pub(crate) fn place(&self) -> String {
        let names: Vec<_> = self.files.iter().map(|path| name(path)).collect();
        if names.is_empty() { "the kernel's log".to_owned() } else { names.join(", ") }
    }
}

/// From now on, times are shown to people as the clock here shows them, unless UTC is asked for or
/// nobody looks.
pub(crate) fn show_times(span: &SpanArgs, is_looked_at: bool) {
    if !span.utc && is_looked_at {
        show_local_times();
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
