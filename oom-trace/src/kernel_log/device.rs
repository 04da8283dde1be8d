//! `/dev/kmsg`, record by record.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use tokio::net::unix::pipe::Receiver;

use super::reader::{Kmsg, Unreadable};

const PATH: &str = "/dev/kmsg";

/// `CONSOLE_EXT_LOG_MAX` (kernel/printk/printk.c): into less the kernel writes no record.
const RECORD: usize = 8192;

/// Why the log cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open {PATH}: {error}{}", advice(error))]
pub struct DeviceError {
    error: io::Error,
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "; kernel.dmesg_restrict leaves the log to CAP_SYSLOG: run as root, or give the binary \
             what it needs (setcap cap_syslog+ep), or set kernel.dmesg_restrict=0"
        }
        io::ErrorKind::NotFound => {
            "; a container does not have it unless it is passed in (--device /dev/kmsg)"
        }
        _ => "",
    }
}

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// With the oldest message that the kernel still has.
    Oldest,
    /// With the next one.
    Next,
}

/// What records are read from, without waiting.
pub trait Now {
    /// One record, into room for the largest.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if there is none; else what the kernel says.
    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize>;
}

impl Now for File {
    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut file = self;
        file.read(buffer)
    }
}

impl Now for Receiver {
    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.try_read(buffer)
    }
}

/// The kernel's log. Reading it never waits.
#[derive(Debug)]
pub struct Device<F = File> {
    file: F,
    next: Option<u64>,
    buffer: Box<[u8; RECORD]>,
}

/// What a read found.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// A record, and how many before it were overwritten before they were read.
    Record(Kmsg, u64),
    /// Something that is no record.
    Unreadable(Unreadable),
}

impl Device {
    /// Opens it.
    ///
    /// # Errors
    /// There is none, or this process may not.
    pub fn open(begin: Begin) -> Result<Self, DeviceError> {
        let failed = |error| DeviceError { error };
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = open(PATH, flags, Mode::empty()).map_err(|errno| failed(errno.into()))?;
        let mut file = File::from(file);
        if begin == Begin::Next {
            file.seek(SeekFrom::End(0)).map_err(failed)?;
        }
        Ok(Self { file, next: None, buffer: Box::new([0; RECORD]) })
    }

    /// Registers with the running tokio runtime, so that records can be waited for.
    ///
    /// # Errors
    /// The kernel cannot poll it.
    pub fn into_waiting(self) -> io::Result<Device<Receiver>> {
        let Self { file, next, buffer } = self;
        // Of what tokio can wait for, a pipe is read as this device is; it looks no closer.
        let file = Receiver::from_file_unchecked(file)?;
        Ok(Device { file, next, buffer })
    }
}

impl Device<Receiver> {
    /// Waits until there is a record.
    ///
    /// # Errors
    /// The runtime is shutting down.
    pub async fn readable(&self) -> io::Result<()> {
        self.file.readable().await
    }
}

impl<F: Now> Device<F> {
    /// The next record; `None` if there is none yet.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn take(&mut self) -> io::Result<Option<Taken>> {
        loop {
            match self.file.read_now(&mut *self.buffer) {
                Ok(0) => return Ok(None),
                Ok(len) => {
                    let record = self.buffer.get(..len).unwrap_or_default();
                    return Ok(Some(self.number(Kmsg::parse(record))));
                }
                // The next record was overwritten: the number of the one that follows tells how
                // many are gone.
                Err(error) if error.raw_os_error() == Some(Errno::PIPE.raw_os_error()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    fn number(&mut self, record: Option<Kmsg>) -> Taken {
        let Some(record) = record else { return Taken::Unreadable(Unreadable) };
        let following = record.sequence.saturating_add(1);
        let expected = self.next.replace(following);
        let lost = expected.map_or(0, |expected| record.sequence.saturating_sub(expected));
        Taken::Record(record, lost)
    }
}
