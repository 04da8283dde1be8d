//! The kernel's own word on its kills, taken as it comes: each `Killed process` line with its stamp.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};

use crate::support::log::{Killed, Line};
use crate::support::{PATIENCE, kernel_kills};

/// `CONSOLE_EXT_LOG_MAX`
const RECORD: usize = 8192;

/// A `Killed process` line.
#[derive(Debug, Clone)]
pub(crate) struct Logged {
    /// Its stamp, in microseconds since boot.
    pub(crate) us: u64,
    pub(crate) killed: Killed,
}

/// What the log had.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    pub(crate) kills: Vec<Logged>,
    /// How often it says that there was nobody to kill.
    pub(crate) nobody: u64,
    /// Lines that were overwritten before they were read.
    overwritten: u64,
}

/// Reads the log from now on.
#[derive(Debug)]
pub(crate) struct Oracle {
    log: Arc<Mutex<Log>>,
    enough: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
    kills_before: u64,
}

impl Oracle {
    pub(crate) fn ask() -> Self {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file = File::from(open("/dev/kmsg", flags, Mode::empty()).unwrap());
        file.seek(SeekFrom::End(0)).unwrap();
        let kills_before = kernel_kills();
        let (log, enough) = (Arc::<Mutex<Log>>::default(), Arc::<AtomicBool>::default());
        let reader = {
            let (log, enough) = (Arc::clone(&log), Arc::clone(&enough));
            thread::spawn(move || read(file, &log, &enough))
        };
        Self { log, enough, reader: Some(reader), kills_before }
    }

    /// The kernel's count since.
    pub(crate) fn count(&self) -> u64 {
        kernel_kills() - self.kills_before
    }

    /// All so far, once the log has every kill that the kernel counted.
    pub(crate) fn log(&self) -> Log {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let counted = self.count();
            let log = self.log.lock().unwrap().clone();
            assert_eq!(
                log.overwritten, 0,
                "the kernel's log was overwritten before it was read: {} times nobody to kill",
                log.nobody
            );
            if log.kills.len() as u64 == counted {
                return log;
            }
            let logged = log.kills.len();
            assert!(Instant::now() < deadline, "the log has {logged} kills of {counted}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Log {
    /// Of what `/dev/kmsg` had by then.
    pub(crate) fn saved(kmsg: &str) -> Self {
        let mut log = Self::default();
        // What goes on in further lines, indented, is no text.
        let records = kmsg.lines().filter(|line| !line.starts_with(' '));
        records.for_each(|record| take(record.as_bytes(), &mut log));
        log
    }
}

/// All that `/dev/kmsg` has.
pub(crate) fn kmsg() -> String {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = File::from(open("/dev/kmsg", flags, Mode::empty()).unwrap());
    let (mut all, mut record) = (Vec::new(), [0; RECORD]);
    while let Ok(length) = file.read(&mut record) {
        all.extend_from_slice(&record[..length]);
    }
    String::from_utf8(all).unwrap()
}

impl Drop for Oracle {
    fn drop(&mut self) {
        self.enough.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

fn read(mut file: File, log: &Mutex<Log>, enough: &AtomicBool) {
    let mut record = [0; RECORD];
    while !enough.load(Ordering::Relaxed) {
        match file.read(&mut record) {
            Ok(length) => take(&record[..length], &mut log.lock().unwrap()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let a_while = Timespec::try_from(Duration::from_millis(200)).unwrap();
                poll(&mut [PollFd::new(&file, PollFlags::IN)], Some(&a_while)).unwrap();
            }
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                log.lock().unwrap().overwritten += 1;
            }
            Err(error) => panic!("cannot read the kernel's log: {error}"),
        }
    }
}

/// `level,sequence,microseconds,flags;text`, of which the level tells whose text it is.
fn take(record: &[u8], log: &mut Log) {
    let record = str::from_utf8(record).unwrap();
    let (prefix, text) = record.split_once(';').unwrap();
    let mut prefix = prefix.split(',');
    let level: u32 = prefix.next().unwrap().parse().unwrap();
    let us = prefix.nth(1).unwrap().parse().unwrap();
    let text = text.lines().next().unwrap();
    if level >= 8 {
        return;
    }
    if text.contains(": Killed process ")
        && let Some(Line::Killed(killed)) = Line::parse(text)
    {
        log.kills.push(Logged { us, killed });
    }
    log.nobody += u64::from(text.contains("no killable processes"));
}
