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
    /// Was read to see where it stands, and is the next.
    peeked: Option<Taken>,
    buffer: Box<[u8; RECORD]>,
}

/// A place between two messages of the log, by its own order: no clock tells what is before it.
#[derive(Debug)]
pub struct Boundary<F = File> {
    /// Stands there, as long as `first` is unknown.
    after: Device<F>,
    /// The number of the first message after it.
    first: Option<u64>,
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
    /// Opens it, to begin with the oldest message that the kernel still has.
    ///
    /// # Errors
    /// There is none, or this process may not.
    pub fn open() -> Result<Self, DeviceError> {
        Self::at(SeekFrom::Start(0)).map_err(|error| DeviceError { error })
    }

    /// Opens it, to begin with the next message, and says where that is: each message is either the
    /// device's or before the boundary.
    ///
    /// # Errors
    /// There is none, or this process may not.
    pub fn open_at_end() -> Result<(Self, Boundary), DeviceError> {
        Boundary::find(|| Self::at(SeekFrom::End(0))).map_err(|error| DeviceError { error })
    }

    fn at(place: SeekFrom) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file = File::from(open(PATH, flags, Mode::empty())?);
        file.seek(place)?;
        Ok(Self::new(file))
    }

    /// Registers with the running tokio runtime, so that records can be waited for.
    ///
    /// # Errors
    /// The kernel cannot poll it.
    pub fn into_waiting(self) -> io::Result<Device<Receiver>> {
        let Self { file, next, peeked, buffer } = self;
        // Of what tokio can wait for, a pipe is read as this device is; it looks no closer.
        let file = Receiver::from_file_unchecked(file)?;
        Ok(Device { file, next, peeked, buffer })
    }
}

impl Device<Receiver> {
    /// Waits until a record is written. There may be one before.
    ///
    /// # Errors
    /// The runtime is shutting down.
    pub async fn readable(&self) -> io::Result<()> {
        self.file.readable().await
    }
}

impl<F> Device<F> {
    fn new(file: F) -> Self {
        Self { file, next: None, peeked: None, buffer: Box::new([0; RECORD]) }
    }
}

impl<F: Now> Device<F> {
    /// The next record; `None` if there is none yet.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn take(&mut self) -> io::Result<Option<Taken>> {
        if let Some(peeked) = self.peeked.take() {
            return Ok(Some(peeked));
        }
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

impl<F: Now> Boundary<F> {
    /// The end of the log, and a device that begins there.
    fn find(mut at_end: impl FnMut() -> io::Result<Device<F>>) -> io::Result<(Device<F>, Self)> {
        let (mut device, after) = (at_end()?, at_end()?);
        // If there is nothing for the first, the second begins where it does.
        device.peeked = device.take()?;
        let first = device.peeked.as_ref().and_then(Taken::sequence);
        Ok((device, Self { after, first }))
    }

    /// Lets go of what is after it, of messages that have been read.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn keep_before(&mut self, read: &mut Vec<(Kmsg, u64)>) -> io::Result<()> {
        if self.first.is_none() {
            // Nothing, and what has been read is older.
            self.first = self.after.take()?.as_ref().and_then(Taken::sequence);
        }
        if let Some(first) = self.first {
            read.retain(|(message, _)| message.sequence < first);
        }
        Ok(())
    }
}

impl Taken {
    fn sequence(&self) -> Option<u64> {
        match self {
            Self::Record(record, _) => Some(record.sequence),
            Self::Unreadable(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;

    use super::*;

    /// A log that is written to, and who reads it.
    #[derive(Clone, Default)]
    struct Log(Rc<RefCell<Vec<String>>>);

    struct Reader(Log, Cell<usize>);

    impl Log {
        fn write(&self) {
            let mut all = self.0.borrow_mut();
            let message = format!("6,{},5,-;of the kernel\n", all.len());
            all.push(message);
        }

        fn all(&self) -> Vec<(Kmsg, u64)> {
            let all = self.0.borrow();
            all.iter().map(|it| (Kmsg::parse(it.as_bytes()).unwrap(), 0)).collect()
        }

        fn at_end(&self) -> Device<Reader> {
            Device::new(Reader(self.clone(), Cell::new(self.0.borrow().len())))
        }
    }

    impl Now for Reader {
        fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
            let Self(Log(all), place) = self;
            let all = all.borrow();
            let message = all.get(place.get()).ok_or(io::ErrorKind::WouldBlock)?;
            place.set(place.get() + 1);
            buffer[..message.len()].copy_from_slice(message.as_bytes());
            Ok(message.len())
        }
    }

    fn sequences(device: &mut Device<Reader>) -> Vec<u64> {
        let taken = std::iter::from_fn(|| device.take().unwrap());
        taken.filter_map(|taken| taken.sequence()).collect()
    }

    /// Whatever is written in between, and whenever it is asked.
    #[test]
    fn each_message_is_either_the_devices_or_before_the_boundary() {
        for (between, after) in [(0, 0), (0, 3), (2, 0), (2, 3)] {
            for asked_early in [false, true] {
                let log = Log::default();
                (0..4).for_each(|_| log.write());
                let mut is_first = true;
                let at_end = || {
                    if !std::mem::take(&mut is_first) {
                        (0..between).for_each(|_| log.write());
                    }
                    Ok(log.at_end())
                };
                let (mut device, mut boundary) = Boundary::find(at_end).unwrap();
                let mut before = |log: &Log| {
                    let mut all = log.all();
                    boundary.keep_before(&mut all).unwrap();
                    all.into_iter().map(|(message, _)| message.sequence).collect::<Vec<_>>()
                };
                if asked_early {
                    assert_eq!(before(&log), [0, 1, 2, 3]);
                }
                (0..after).for_each(|_| log.write());
                let all = log.all().len() as u64;
                assert_eq!(before(&log), [0, 1, 2, 3], "{between} {after} {asked_early}");
                let later: Vec<_> = (4..all).collect();
                assert_eq!(sequences(&mut device), later, "{between} {after} {asked_early}");
            }
        }
    }
}
