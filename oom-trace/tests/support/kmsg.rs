//! `/dev/kmsg`, from a bookmark on.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};

use super::PATIENCE;

/// A record is at most 8 KiB (`CONSOLE_EXT_LOG_MAX`); into less the kernel writes none.
const RECORD: usize = 8192;

/// The kernel's log. Text stays as `/dev/kmsg` escapes it.
#[derive(Debug)]
pub(crate) struct Kmsg {
    file: File,
    lines: Vec<String>,
}

impl Kmsg {
    /// From the next line on.
    pub(crate) fn from_now() -> Self {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file = File::from(open("/dev/kmsg", flags, Mode::empty()).unwrap());
        file.seek(SeekFrom::End(0)).unwrap();
        Self { file, lines: Vec::new() }
    }

    /// All lines since the bookmark, once they are `enough`.
    pub(crate) fn until(&mut self, enough: impl Fn(&[String]) -> bool) -> &[String] {
        let deadline = Instant::now() + PATIENCE;
        self.read();
        while !enough(&self.lines) {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = Timespec::try_from(left).unwrap();
            let mut fds = [PollFd::new(&self.file, PollFlags::IN)];
            let ready = poll(&mut fds, Some(&timeout)).unwrap();
            assert!(ready > 0, "the kernel's log lacks a line: {:#?}", self.lines);
            self.read();
        }
        &self.lines
    }

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
