//! `/dev/kmsg`, from a bookmark on.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags, open};

use super::PATIENCE;

/// A record is at most 8 KiB (`CONSOLE_EXT_LOG_MAX`); into less the kernel writes none.
const RECORD: usize = 8192;

/// The kernel's log. It is read all the while: what a scenario waits for may be preceded by more than
/// the kernel keeps.
#[derive(Debug)]
pub(crate) struct Kmsg(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    tail: Mutex<Tail>,
    grown: Condvar,
}

/// What came since the bookmark. Text stays as `/dev/kmsg` escapes it.
#[derive(Debug)]
struct Tail {
    file: File,
    lines: Vec<String>,
}

impl Kmsg {
    /// From the next line on.
    pub(crate) fn from_now() -> Self {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file = File::from(open("/dev/kmsg", flags, Mode::empty()).unwrap());
        file.seek(SeekFrom::End(0)).unwrap();
        let coming = file.try_clone().unwrap();
        let tail = Mutex::new(Tail { file, lines: Vec::new() });
        let shared = Arc::new(Shared { tail, grown: Condvar::new() });
        let followed = Arc::downgrade(&shared);
        thread::spawn(move || follow(&coming, &followed));
        Self(shared)
    }

    /// All lines since the bookmark, once they are `enough`.
    pub(crate) fn until(&mut self, enough: impl Fn(&[String]) -> bool) -> Vec<String> {
        let mut tail = self.0.tail.lock().unwrap();
        tail.read();
        let more = |tail: &mut Tail| !enough(&tail.lines);
        let (tail, wait) = self.0.grown.wait_timeout_while(tail, PATIENCE, more).unwrap();
        assert!(!wait.timed_out(), "the kernel's log lacks a line: {:#?}", tail.lines);
        tail.lines.clone()
    }
}

/// Until nobody asks any more, and one line longer.
fn follow(coming: &File, shared: &Weak<Shared>) {
    loop {
        poll(&mut [PollFd::new(coming, PollFlags::IN)], None).unwrap();
        let Some(shared) = shared.upgrade() else { return };
        shared.tail.lock().unwrap().read();
        shared.grown.notify_all();
    }
}

impl Tail {
    fn read(&mut self) {
        let mut buffer = [0; RECORD];
        loop {
            match self.file.read(&mut buffer) {
                Ok(length) => self.lines.extend(kernel_text(&buffer[..length])),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("the log was overwritten before it was read: {error}"),
            }
        }
    }
}

/// `level,sequence,microseconds,flags;text` and, on lines of their own, ` KEY=value`. Above level 7
/// it is some process's text.
fn kernel_text(record: &[u8]) -> Option<String> {
    let record = str::from_utf8(record).unwrap();
    let (prefix, text) = record.split_once(';').unwrap();
    let level: u32 = prefix.split(',').next().unwrap().parse().unwrap();
    (level < 8).then(|| text.lines().next().unwrap().to_owned())
}
