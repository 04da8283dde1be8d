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

/// Whether it is a file, from its beginning on: `< FILE`. One that was read from belongs to the loop of a
/// shell, as does many a pipe: what is in it is for somebody else.
pub(super) fn is_file() -> bool {
    let stdin = io::stdin();
    let is_file = fstat(&stdin).is_ok_and(|stat| {
        FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_size > 0
    });
    is_file && tell(&stdin).is_ok_and(|at| at == 0)
}

/// Says that a pipe is not read, if something waits in it.
pub(super) fn tell_of_pipe() {
    let stdin = io::stdin();
    let is_pipe =
        fstat(&stdin).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo);
    if is_pipe && events(Duration::ZERO).contains(PollFlags::IN) {
        say("standard input is not read; to read a log from this pipe, name it: `-`");
    }
}

/// Says that it is read, if nothing comes and somebody looks.
pub(super) fn tell_of_waiting() {
    if io::stderr().is_terminal() && events(SILENCE).is_empty() {
        say("reading standard input");
    }
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
