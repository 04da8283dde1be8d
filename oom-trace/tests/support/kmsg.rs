//! `/dev/kmsg`, from a bookmark on.

use std::fs::File;
use std::io::{ErrorKind, PipeReader, PipeWriter, Read as _, Seek as _, SeekFrom, pipe};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags, open};

use super::PATIENCE;

/// A record is at most 8 KiB (`CONSOLE_EXT_LOG_MAX`); into less the kernel writes none.
const RECORD: usize = 8192;

/// As much as scenarios have but those that flood the log.
const ROOM: usize = 2 << 20;

/// The kernel's log. It is read all the while: what a scenario waits for may be preceded by more than
/// the kernel keeps.
#[derive(Debug)]
pub(crate) struct Kmsg {
    shared: Arc<Shared>,
    lines: Vec<String>,
    /// Bytes that those are of.
    parsed: usize,
    /// At its end the follower's is.
    stop: Option<PipeWriter>,
    follower: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    tail: Mutex<Tail>,
    grown: Condvar,
}

/// What came since the bookmark.
///
/// The kernel lists this process, too, while it writes: so the thread that reads takes no memory then, and
/// neither begins nor ends.
#[derive(Debug)]
struct Tail {
    file: File,
    bytes: Vec<u8>,
    len: usize,
    is_followed: bool,
}

impl Kmsg {
    /// From the next line on.
    pub(crate) fn from_now() -> Self {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file = File::from(open("/dev/kmsg", flags, Mode::empty()).unwrap());
        file.seek(SeekFrom::End(0)).unwrap();
        let coming = file.try_clone().unwrap();
        // Each page of it is written to, and so there.
        let tail = Tail { file, bytes: vec![b'\n'; ROOM], len: 0, is_followed: false };
        let shared = Arc::new(Shared { tail: Mutex::new(tail), grown: Condvar::new() });
        let (stopped, stop) = pipe().unwrap();
        let followed = Arc::clone(&shared);
        let follower = thread::spawn(move || follow(&coming, &stopped, &followed));
        let tail = shared.tail.lock().unwrap();
        drop(shared.grown.wait_while(tail, |tail| !tail.is_followed).unwrap());
        let (stop, follower) = (Some(stop), Some(follower));
        Self { shared, lines: Vec::new(), parsed: 0, stop, follower }
    }

    /// All lines since the bookmark, once they are `enough`. Text stays as `/dev/kmsg` escapes it.
    pub(crate) fn until(&mut self, enough: impl Fn(&[String]) -> bool) -> &[String] {
        let Self { shared, lines, parsed, .. } = self;
        shared.tail.lock().unwrap().read();
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Looked at without the lock: the follower must not wait for it.
            let records = shared.tail.lock().unwrap().since(*parsed).to_owned();
            *parsed += records.len();
            lines.extend(kernel_lines(&records));
            if enough(lines) {
                return lines;
            }
            let patience = deadline.saturating_duration_since(Instant::now());
            let tail = shared.tail.lock().unwrap();
            let grown = |tail: &mut Tail| tail.len == *parsed;
            let (tail, wait) = shared.grown.wait_timeout_while(tail, patience, grown).unwrap();
            drop(tail);
            assert!(!wait.timed_out(), "the kernel's log lacks a line: {lines:#?}");
        }
    }
}

impl Drop for Kmsg {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(follower) = self.follower.take() {
            let _ = follower.join();
        }
    }
}

fn follow(coming: &File, stopped: &PipeReader, shared: &Shared) {
    loop {
        let mut tail = shared.tail.lock().unwrap();
        tail.is_followed = true;
        tail.read();
        drop(tail);
        shared.grown.notify_all();
        let mut fds = [PollFd::new(coming, PollFlags::IN), PollFd::new(stopped, PollFlags::IN)];
        poll(&mut fds, None).unwrap();
        if !fds[1].revents().is_empty() {
            return;
        }
    }
}

impl Tail {
    fn since(&self, start: usize) -> &[u8] {
        &self.bytes[start..self.len]
    }

    fn read(&mut self) {
        loop {
            if self.bytes.len() - self.len < RECORD {
                self.bytes.resize(2 * self.bytes.len(), b'\n');
            }
            match self.file.read(&mut self.bytes[self.len..]) {
                Ok(length) => self.len += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("the log was overwritten before it was read: {error}"),
            }
        }
    }
}

/// Of each record `level,sequence,microseconds,flags;text`; on lines of their own follow ` KEY=value`. Above
/// level 7 it is some process's text.
fn kernel_lines(records: &[u8]) -> impl Iterator<Item = String> {
    let lines = str::from_utf8(records).unwrap().lines().filter(|line| !line.starts_with(' '));
    lines.filter_map(|record| {
        let (prefix, text) = record.split_once(';').unwrap();
        let level: u32 = prefix.split(',').next().unwrap().parse().unwrap();
        (level < 8).then(|| text.to_owned())
    })
}
