//! Which records a command reads: from an agent's store, the running kernel's log, saved logs, other
//! stores and JSON Lines, of a span of time and as a filter has it. `history`, `explain`, `report` and
//! `verify` read by way of this alone.

mod before;
mod file;
mod follow;
mod here;
mod json_lines;
mod progress;
mod running;
mod stdin;
mod taker;
mod told;
mod unmatched;
mod unpack;
mod utf16;

use std::path::{Path, PathBuf};

use jiff::Timestamp;

pub(crate) use self::file::{filter_for, instead_of};
pub(crate) use self::follow::Follower;
pub(crate) use self::here::ThisBoot;
pub(crate) use self::here::store as store_here;
pub(crate) use self::running::{agent, tell_of_agent};
pub(crate) use self::told::Told;

use self::taker::{Ended, Taker};
use crate::cli::{SelectArgs, SpanArgs, SpanError};
use crate::files::{STORE, is_begun_by};
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
    /// Nobody said where from: somebody may have meant a pipe.
    may_overlook: bool,
}

/// Where records are read from that the kernel's count can be held against.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source<'a> {
    /// An agent's store.
    Store(&'a Path),
    /// The running kernel's log.
    KernelLog,
}

impl Selection {
    /// As the command line has it: `files`, or with `log` the running kernel's log, or else what is
    /// there: a log as standard input, an agent's store, the kernel's log.
    ///
    /// # Errors
    /// The span of time is none.
    pub(crate) fn new(files: &[PathBuf], log: bool, args: &SelectArgs) -> Result<Self, SpanError> {
        let mut selection = Self::of(files.to_vec(), args)?;
        if files.is_empty() && !log {
            if stdin::is_given() {
                selection.files.push(stdin::NAME.into());
            } else {
                match here::store() {
                    Ok(Some(store)) => selection.files.push(store),
                    Ok(None) => say(
                        "there is no agent's store here, so the kernel's log is read; to read a store elsewhere: --store FILE",
                    ),
                    Err(denied) => denied.tell(),
                }
                selection.may_overlook = true;
                tell_of_agent(selection.files.first().map(PathBuf::as_path));
            }
        }
        // Of a log of another machine, whose clock may be ahead, there may be such a time.
        let source = selection.source();
        if let Some(since) = selection.since.filter(|it| source.is_some() && *it > Timestamp::now())
        {
            return Err(SpanError::Future { since });
        }
        Ok(selection)
    }

    /// Of these files; without any, of the running kernel's log.
    ///
    /// # Errors
    /// The span of time is none.
    pub(crate) fn of(files: Vec<PathBuf>, args: &SelectArgs) -> Result<Self, SpanError> {
        let SelectArgs { span, filter } = args;
        let (since, until) = span.moments()?;
        let filter = filter.clone();
        Ok(Self { files, since, until, filter, keeps_times: false, may_overlook: false })
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
        self.each_from(|record, _file| each(record))
    }

    /// The same, with the file that a record is from, where there are several.
    ///
    /// # Errors
    /// As [`Selection::each`].
    pub(crate) fn each_from(
        &self,
        mut each: impl FnMut(Record, Option<&str>) -> anyhow::Result<()>,
    ) -> anyhow::Result<Told> {
        let mut taker = Taker::new(self, &mut each);
        let read = if self.files.is_empty() {
            here::read_log(&mut taker)
        } else {
            self.files.iter().try_for_each(|path| self.read(path, &mut taker))
        };
        let told = Told { unmatched: taker.unmatched.told(), ..taker.told };
        if self.may_overlook {
            stdin::tell_of_pipe();
        }
        match read.map_err(anyhow::Error::downcast::<Ended>) {
            Ok(()) => Ok(told),
            Err(Ok(Ended(error)) | Err(error)) => Err(error),
        }
    }

    fn read(&self, path: &Path, taker: &mut Taker<'_>) -> anyhow::Result<()> {
        if self.files.len() == 1 {
            return file::read(path, taker);
        }
        let file = name(path);
        let (before, repeats) = (std::mem::take(&mut taker.told), taker.seen.repeats());
        taker.file = Some(file.clone());
        let read = file::read(path, taker);
        // What another file has, too, is told of that one.
        let is_known = taker.seen.repeats() > repeats;
        let told = std::mem::take(&mut taker.told);
        taker.told = before.and(told, (read.is_ok() && !is_known).then_some((file, self)));
        match read {
            // The others may be good.
            Err(error) if !error.is::<Ended>() => {
                say(format_args!("{error:#}"));
                taker.told.is_whole = false;
                taker.told.unread.push(path.to_owned());
                Ok(())
            }
            read => read,
        }
    }

    /// The one source, where it is one that has an account of its kills.
    pub(crate) fn source(&self) -> Option<Source<'_>> {
        match self.files.as_slice() {
            [] => Some(Source::KernelLog),
            [file] if is_begun_by(file, STORE) => Some(Source::Store(file)),
            _ => None,
        }
    }

    /// As people know where it is read from.
    pub(crate) fn place(&self) -> String {
        self.place_but_for(&[]).unwrap_or_default()
    }

    /// The same of what could be read; `None` if nothing could.
    fn place_but_for(&self, unread: &[PathBuf]) -> Option<String> {
        if self.files.is_empty() {
            return Some("the kernel's log".to_owned());
        }
        let read = self.files.iter().filter(|path| !unread.contains(path));
        let names: Vec<_> = read.map(|path| name(path)).collect();
        (!names.is_empty()).then(|| names.join(", "))
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
    if path == Path::new(stdin::NAME) {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}
