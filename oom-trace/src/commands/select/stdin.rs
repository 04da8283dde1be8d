//! Standard input: whether a log was put there, and that somebody waits for one.

use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat, tell};

use crate::say::say;

/// What names it.
pub(super) const NAME: &str = "-";

/// A person wonders after so long.
const SILENCE: Duration = Duration::from_secs(1);

/// Whether a log was put there: a file, from its beginning on (`< FILE`), as one that was read from belongs to
/// the loop of a shell; or a pipe into which somebody writes before one would wonder.
pub(super) fn is_given() -> bool {
    match kind() {
        Some((FileType::RegularFile, 1..)) => tell(io::stdin()).is_ok_and(|at| at == 0),
        Some((FileType::Fifo, _)) => events(SILENCE).contains(PollFlags::IN),
        _ => false,
    }
}

/// Says that a pipe is not read, if something waits in it by now.
pub(super) fn tell_of_pipe() {
    let is_pipe = matches!(kind(), Some((FileType::Fifo, _)));
    if is_pipe && events(Duration::ZERO).contains(PollFlags::IN) {
        say(
            "standard input was silent for a second, so it was not read; to wait for it, give `-` as FILE",
        );
    }
}

/// Says that it is read, if nothing comes and somebody looks.
pub(super) fn tell_of_waiting() {
    if io::stderr().is_terminal() && events(SILENCE).is_empty() {
        say("reading standard input");
    }
}

/// What it is, and of how many bytes.
fn kind() -> Option<(FileType, i64)> {
    let stat = fstat(io::stdin()).ok()?;
    Some((FileType::from_raw_mode(stat.st_mode), stat.st_size))
}

/// What there is by then: something to read, or nobody left to write.
fn events(within: Duration) -> PollFlags {
    let stdin = io::stdin();
    let mut polled = [PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN)];
    match poll(&mut polled, Timespec::try_from(within).ok().as_ref()) {
        Ok(1..) => polled.first().map_or(PollFlags::empty(), PollFd::revents),
        _ => PollFlags::empty(),
    }
}
