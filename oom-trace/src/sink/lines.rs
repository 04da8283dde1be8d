//! Writing whole records: the destination never goes on in the middle of a line.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::fstatvfs;
use rustix::io::Errno;

use crate::files::refuse_read_only;

/// An open file, pipe or terminal.
#[derive(Debug)]
pub(super) struct Lines {
    file: File,
    /// Not a pipe, which takes what is written to it wherever its name stands.
    is_regular: bool,
    /// The destination ends in the middle of a line.
    torn: bool,
}

impl Lines {
    pub(super) fn new(file: File) -> Self {
        Self { is_regular: is_regular(&file), file, torn: false }
    }

    /// The same for a file that may end in half a line, as a crash leaves it.
    pub(super) fn appending(file: File, path: &Path) -> Self {
        let torn = ends_within_a_line(&file, path).unwrap_or(false);
        Self { is_regular: is_regular(&file), file, torn }
    }

    /// Writes all of `record`, in one `write` unless the kernel takes only part of it. If that
    /// fails, what was written of it is taken back from a regular file; elsewhere the next record
    /// begins on a line of its own.
    pub(super) fn write(&mut self, record: &[u8]) -> io::Result<()> {
        if record.is_empty() {
            return Ok(());
        }
        if self.is_regular {
            refuse_read_only(fstatvfs(&self.file))?;
        }
        let mut written = 0;
        if self.torn {
            self.put(b"\n", &mut written)?;
            self.torn = false;
            written = 0;
        }
        self.put(record, &mut written).inspect_err(|_| {
            self.torn = written > 0 && self.take_back(written).is_err();
        })
    }

    /// Of the file that is open.
    pub(super) fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// Has a regular file's content on its disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        if self.is_regular { self.file.sync_data() } else { Ok(()) }
    }

    fn put(&self, bytes: &[u8], written: &mut usize) -> io::Result<()> {
        while let Some(rest @ [_, ..]) = bytes.get(*written..) {
            match (&self.file).write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => *written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.wait()?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// A FIFO is opened without blocking, and a terminal may be shared with one who made it so.
    fn wait(&self) -> io::Result<()> {
        match poll(&mut [PollFd::new(&self.file, PollFlags::OUT)], None) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn take_back(&mut self, written: usize) -> io::Result<()> {
        let metadata = self.file.metadata()?;
        let end = self.file.stream_position()?;
        let start = u64::try_from(written).ok().and_then(|written| end.checked_sub(written));
        match start {
            // Only what stands at the end is surely ours: another writer may have appended.
            Some(start) if self.is_regular && metadata.len() == end => {
                self.file.set_len(start)?;
                self.file.seek(SeekFrom::Start(start))?;
                Ok(())
            }
            _ => Err(ErrorKind::Unsupported.into()),
        }
    }
}

fn is_regular(file: &File) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.is_file())
}

/// `file` is open for writing only, so that a FIFO is not its own reader.
fn ends_within_a_line(file: &File, path: &Path) -> io::Result<bool> {
    let metadata = file.metadata()?;
    let Some(last) = metadata.len().checked_sub(1).filter(|_| metadata.is_file()) else {
        return Ok(false);
    };
    let mut byte = [0];
    File::open(path)?.read_exact_at(&mut byte, last)?;
    Ok(byte != *b"\n")
}
