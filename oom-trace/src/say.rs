//! What is said to people, on standard error.
//!
//! A command that ends writes it at once. The agent must not wait for whoever reads it, as the
//! thread that speaks may be the one that reads the ring: there it is left to a thread of its own.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Display;
use std::io;
use std::os::fd::AsFd;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::text::harmless;

/// Bytes that may wait to be written.
const ROOM: usize = 64 << 10;

/// Between two messages that wait: no message contains it.
const END: u8 = 0;

static STANDARD_ERROR: Queue = Queue::new();

/// Says something to people. Never waits once [`never_wait`] was called. What it tells of may be a
/// stranger's file: nothing of that acts on the terminal.
pub(crate) fn say(message: impl Display) {
    let message = message.to_string();
    let message = format!("oom-trace: {}\n", harmless(&message));
    if let Err(message) = STANDARD_ERROR.push(message) {
        // Nobody is left to tell that it is closed.
        let _ = put(io::stderr(), message.as_bytes());
    }
}

/// From now on what is said waits in memory, until [`start_writing`] starts the thread that writes
/// it. Also what is said of a panic.
pub(crate) fn never_wait() {
    STANDARD_ERROR.open();
    std::panic::set_hook(Box::new(|panic| {
        // Empty unless RUST_BACKTRACE asks for it.
        let trace = Backtrace::capture();
        match trace.status() {
            BacktraceStatus::Captured => say(format_args!("{panic}\n{trace}")),
            _ => say(panic),
        }
        finish(LAST_WORDS);
    }));
}

/// Of the thread that writes: as those have that load programs, one of whose stacks it is then given.
const STACK_BYTES: usize = 128 << 10;

/// Starts the thread that writes, unless it runs.
///
/// # Errors
/// The kernel gives no further thread.
pub(crate) fn start_writing() -> io::Result<()> {
    if STANDARD_ERROR.claim_writer() {
        let writer = Builder::new().name("stderr".into()).stack_size(STACK_BYTES);
        writer.spawn(|| STANDARD_ERROR.write_to(io::stderr()))?;
    }
    Ok(())
}

/// How long the process waits at its end for whoever reads standard error.
pub(crate) const LAST_WORDS: Duration = Duration::from_millis(500);

/// Waits until all is written that was said, but no longer than this.
pub(crate) fn finish(within: Duration) {
    if STANDARD_ERROR.is_open() && start_writing().is_ok() {
        STANDARD_ERROR.wait_until_empty(within);
    }
}

/// Messages that wait for one writer.
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Whether messages wait here at all.
    open: bool,
    has_writer: bool,
    /// Whether the writer has taken some that it has not written yet.
    writing: bool,
    /// Each followed by [`END`].
    messages: Vec<u8>,
    /// Those that found no room.
    refused: u64,
}

impl Queue {
    const fn new() -> Self {
        let state = State {
            open: false,
            has_writer: false,
            writing: false,
            messages: Vec::new(),
            refused: 0,
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) {
        let mut state = self.lock();
        state.messages.reserve_exact(ROOM);
        state.open = true;
    }

    fn is_open(&self) -> bool {
        self.lock().open
    }

    /// Whether the caller is to be the writer.
    fn claim_writer(&self) -> bool {
        let mut state = self.lock();
        state.open && !std::mem::replace(&mut state.has_writer, true)
    }

    /// Gives the message back if messages do not wait here.
    fn push(&self, message: String) -> Result<(), String> {
        let mut state = self.lock();
        if !state.open {
            return Err(message);
        }
        if state.messages.len() + message.len() < ROOM {
            state.messages.extend(message.bytes().filter(|&byte| byte != END));
            state.messages.push(END);
        } else {
            state.refused += 1;
        }
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// Writes messages as they come, for ever.
    fn write_to(&self, to: impl AsFd) {
        let mut taken = Vec::with_capacity(ROOM);
        let mut lost = Lost::default();
        loop {
            self.take(&mut taken, &mut lost);
            for message in taken.split(|&byte| byte == END).filter(|it| !it.is_empty()) {
                // In its place: before what comes after it.
                lost.tell_failed(&to);
                if let Err(error) = put(&to, message) {
                    lost.failed += 1;
                    lost.error = Some(error);
                }
            }
            lost.tell_refused(&to);
        }
    }

    /// Says that what it took before is written, and waits for more.
    fn take(&self, taken: &mut Vec<u8>, lost: &mut Lost) {
        taken.clear();
        let mut state = self.lock();
        state.writing = false;
        self.changed.notify_all();
        let mut state = self
            .changed
            .wait_while(state, |state| state.messages.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        state.writing = true;
        std::mem::swap(&mut state.messages, taken);
        lost.refused += std::mem::take(&mut state.refused);
    }

    fn wait_until_empty(&self, within: Duration) {
        let busy = |state: &mut State| state.writing || !state.messages.is_empty();
        drop(self.changed.wait_timeout_while(self.lock(), within, busy));
    }
}

/// Messages that were not written, until that could be told.
#[derive(Debug, Default)]
struct Lost {
    /// They found no room: the reader did not read.
    refused: u64,
    /// They could not be written.
    failed: u64,
    /// What the kernel said of the last of those.
    error: Option<io::Error>,
}

impl Lost {
    fn tell_failed(&mut self, to: impl AsFd) {
        let Some(error) = &self.error else { return };
        let told = format!("{}: {error}\n", not_written(self.failed));
        if put(to, told.as_bytes()).is_ok() {
            (self.failed, self.error) = (0, None);
        }
    }

    fn tell_refused(&mut self, to: impl AsFd) {
        if self.refused == 0 {
            return;
        }
        let told = format!("{}: standard error was blocked\n", not_written(self.refused));
        if put(to, told.as_bytes()).is_ok() {
            self.refused = 0;
        }
    }
}

fn not_written(count: u64) -> String {
    let messages = if count == 1 { "message was" } else { "messages were" };
    format!("oom-trace: {count} {messages} not written")
}

/// Writes all of it, however long that takes, also where others have made the file non-blocking.
fn put(to: impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(&to, bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => match poll(&mut [PollFd::new(&to, PollFlags::OUT)], None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            },
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, PipeReader, PipeWriter, Write as _, pipe};
    use std::thread;

    use super::*;

    /// Lives as long as its writer does: to the end of the process.
    fn queue() -> &'static Queue {
        let queue: &'static Queue = Box::leak(Box::new(Queue::new()));
        queue.open();
        queue
    }

    fn writer(queue: &'static Queue, to: PipeWriter) {
        assert!(queue.claim_writer());
        thread::spawn(move || queue.write_to(to));
    }

    /// A pipe that takes nothing more.
    fn full_pipe() -> (PipeReader, PipeWriter) {
        let (reader, mut writer) = pipe().unwrap();
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        while writer.write(&[b'\n'; 4096]).is_ok() {}
        (reader, writer)
    }

    #[test]
    fn before_it_is_opened_the_message_is_given_back() {
        let queue = Queue::new();
        assert_eq!(queue.push("said".into()).unwrap_err(), "said");
        assert!(!queue.claim_writer());
    }

    #[test]
    fn what_was_said_is_written_in_its_order_before_the_end() {
        let queue = queue();
        queue.push("first\n".into()).unwrap();
        let (reader, to) = pipe().unwrap();
        writer(queue, to);
        assert!(!queue.claim_writer());
        queue.push("second\n".into()).unwrap();
        queue.wait_until_empty(Duration::from_secs(60));
        let lines: Vec<_> = BufReader::new(reader).lines().take(2).map(Result::unwrap).collect();
        assert_eq!(lines, ["first", "second"]);
    }

    #[test]
    fn a_pipe_that_nobody_reads_delays_nobody_and_what_did_not_fit_is_counted() {
        let queue = queue();
        let (reader, to) = full_pipe();
        writer(queue, to);
        let message = format!("{}\n", "x".repeat(99));
        // More than the writer may have taken and the room together.
        let said = 2 * ROOM / message.len() + 50;
        for _ in 0..said {
            queue.push(message.clone()).unwrap();
        }
        // It is not empty and will not be: this returns all the same.
        queue.wait_until_empty(Duration::from_millis(1));

        // Refused at once or while the writer was blocked: each is told of or written.
        let (mut written, mut refused) = (0, 0);
        let mut lines = BufReader::new(reader).lines().map(Result::unwrap);
        while written + refused < said {
            let line = lines.next().unwrap();
            if let Some(told) = line.strip_prefix("oom-trace: ") {
                let count = told
                    .strip_suffix(" messages were not written: standard error was blocked")
                    .or_else(|| {
                        told.strip_suffix(" message was not written: standard error was blocked")
                    });
                refused += count.unwrap().parse::<usize>().unwrap();
            } else {
                written += usize::from(line.starts_with('x'));
            }
        }
        assert_eq!(written + refused, said);
        assert!(written > 0 && refused > 0);
    }

    #[test]
    fn what_a_closed_pipe_does_not_take_is_no_end() {
        let queue = queue();
        let (reader, to) = pipe().unwrap();
        drop(reader);
        writer(queue, to);
        for _ in 0..3 {
            queue.push("said\n".into()).unwrap();
            queue.wait_until_empty(Duration::from_secs(60));
        }
        assert!(queue.lock().messages.is_empty());
    }

    #[test]
    fn what_could_not_be_written_is_told_before_what_comes_after_it() {
        let (mut lost, (reader, to)) = (Lost::default(), pipe().unwrap());
        (lost.failed, lost.error) = (2, Some(Errno::NOSPC.into()));
        lost.tell_failed(&to);
        lost.tell_failed(&to);
        drop(to);
        let said = io::read_to_string(reader).unwrap();
        assert!(
            said.starts_with("oom-trace: 2 messages were not written: No space left"),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1);
    }
}
