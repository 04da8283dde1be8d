//! Files as logrotate leaves them: compressed in one way or another.

use std::io::{self, BufRead, BufReader, Read};

use bzip2_rs::decoder::{Decoder, ReadState};
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::StreamingDecoder;

use super::utf16::{Order, Utf8};

/// The most memory that an archive may ask for to be undone, in KiB: `xz -9` takes 64 MiB.
const MOST_KIB: u32 = 80 * 1024;

/// First bytes of a journal, of a program or a memory dump, and of a zip archive.
const JOURNAL: &[u8] = b"LPKSHHRH";
const ELF: &[u8] = b"\x7fELF";
const ZIP: &[u8] = b"PK\x03\x04";

/// Why the input is not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnpackError {
    /// It cannot be read.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// It is a journal of systemd's.
    #[error("it is a binary journal; try: journalctl -k -o json --file FILE | oom-trace explain -")]
    Journal,
    /// It is a program, or the memory of a machine.
    #[error(
        "it is a program or a memory dump (ELF), not a log; kdump keeps the log beside it, in vmcore-dmesg.txt"
    )]
    Elf,
    /// It is an archive of files.
    #[error("it is a zip archive; try: unzip -p FILE | oom-trace explain -")]
    Zip,
}

/// What is in it, uncompressed. `input` is asked for its first bytes alone.
pub(super) fn unpack<'a>(mut input: impl BufRead + 'a) -> Result<Box<dyn Read + 'a>, UnpackError> {
    let start = input.fill_buf()?;
    let is = |magic: &[u8]| start.starts_with(magic);
    Ok(if is(b"\x1f\x8b") {
        Box::new(MultiGzDecoder::new(input))
    } else if is(b"\xfd7zXZ\0") {
        Box::new(XzReader::new_mem_limit(input, true, MOST_KIB))
    } else if is(b"\x28\xb5\x2f\xfd") {
        Box::new(Frames { input: Some(input), decoder: None })
    } else if is(BZIP2) {
        Box::new(Bzip2::new(input))
    } else if is(JOURNAL) {
        return Err(UnpackError::Journal);
    } else if is(ELF) {
        return Err(UnpackError::Elf);
    } else if is(ZIP) {
        return Err(UnpackError::Zip);
    } else if let Some(order) = Order::of(start) {
        Box::new(Utf8::new(input, order))
    } else {
        Box::new(input)
    })
}

/// Frames of zstd, one after the other: a file that was appended to has several.
struct Frames<R: BufRead> {
    /// What is left, between two frames.
    input: Option<R>,
    decoder: Option<StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>,
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(mut input) = self.input.take() {
                if input.fill_buf()?.is_empty() {
                    self.input = Some(input);
                    return Ok(0);
                }
                let decoder = StreamingDecoder::new(input);
                self.decoder = Some(decoder.map_err(|error| io::Error::other(error.to_string()))?);
            }
            let Some(decoder) = &mut self.decoder else { return Ok(0) };
            match decoder.read(buffer)? {
                0 if buffer.is_empty() => return Ok(0),
                0 => self.input = self.decoder.take().map(StreamingDecoder::into_inner),
                read => return Ok(read),
            }
        }
    }
}

/// Streams of bzip2, one after the other, as pbzip2 writes them. Its decoder takes in more than is its own: where
/// the next one begins is found before.
struct Bzip2<R> {
    input: R,
    decoder: Decoder,
    /// What was read, and the decoder has not.
    held: Vec<u8>,
    /// That begins with a stream which is its own.
    is_start: bool,
    is_done: bool,
}

/// A stream begins with this and the size of its blocks, and then with a block or, if it is empty, with its end.
const BZIP2: &[u8] = b"BZh";
const BLOCK_OR_END: [&[u8]; 2] = [b"1AY&SY", b"\x17rE8P\x90"];
const BEGINNING: usize = 10;

fn begins_stream(text: &[u8]) -> bool {
    let behind = text.get(BZIP2.len() + 1..).unwrap_or_default();
    text.starts_with(BZIP2) && BLOCK_OR_END.iter().any(|it| behind.starts_with(it))
}

impl<R: BufRead> Bzip2<R> {
    fn new(input: R) -> Self {
        Self { input, decoder: Decoder::new(), held: Vec::new(), is_start: true, is_done: false }
    }

    /// How much of what is held is of this stream; none behind its end.
    fn own(&mut self) -> io::Result<usize> {
        loop {
            let from = usize::from(self.is_start);
            let is_next = |at: &usize| self.held.get(*at..).is_some_and(begins_stream);
            if let Some(at) = (from..self.held.len()).find(is_next) {
                return Ok(at);
            }
            let sure = if self.is_done { 0 } else { BEGINNING - 1 };
            let own = self.held.len().saturating_sub(sure);
            if self.is_done || own > from {
                return Ok(own);
            }
            let more = self.input.fill_buf()?;
            self.held.extend_from_slice(more);
            self.is_done = more.is_empty();
            let len = more.len();
            self.input.consume(len);
        }
    }

    fn consume(&mut self, len: usize) {
        self.held.drain(..len);
        self.is_start &= len == 0;
    }

    /// Goes on with the next stream, if there is one.
    fn has_next(&mut self) -> io::Result<bool> {
        loop {
            match self.own()? {
                0 => break,
                rest => self.consume(rest),
            }
        }
        self.is_start = true;
        self.decoder = Decoder::new();
        Ok(!self.held.is_empty())
    }
}

impl<R: BufRead> Read for Bzip2<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        /// So often at the most the decoder asks for more before it says that it is at its end.
        const ENDS: u32 = 3;
        let mut ends = 0;
        loop {
            match self.decoder.read(buffer)? {
                ReadState::Read(len) => return Ok(len),
                ReadState::Eof if self.has_next()? => ends = 0,
                ReadState::Eof => return Ok(0),
                ReadState::NeedsWrite(room) => {
                    let own = self.own()?.min(room);
                    ends += u32::from(own == 0);
                    if ends > ENDS {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    self.decoder.write(self.held.get(..own).unwrap_or_default())?;
                    self.consume(own);
                }
            }
        }
    }
}

/// Counts what is read of a file, to tell how far it is.
pub(super) struct Metered<R, F> {
    input: BufReader<R>,
    read: u64,
    tell: F,
}

impl<R: Read, F: FnMut(u64)> Metered<R, F> {
    pub(super) fn new(input: R, tell: F) -> Self {
        Self { input: BufReader::with_capacity(256 * 1024, input), read: 0, tell }
    }
}

impl<R: Read, F: FnMut(u64)> Read for Metered<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.consumed(read);
        Ok(read)
    }
}

impl<R: Read, F: FnMut(u64)> BufRead for Metered<R, F> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.input.consume(amount);
        self.consumed(amount);
    }
}

impl<R, F: FnMut(u64)> Metered<R, F> {
    fn consumed(&mut self, amount: usize) {
        self.read += amount as u64;
        (self.tell)(self.read);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn unpacked(bytes: &[u8]) -> String {
        let mut text = String::new();
        unpack(bytes).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn what_is_compressed_is_undone_and_what_is_not_is_left() {
        assert_eq!(unpacked(b"a\nb"), "a\nb");
        assert_eq!(unpacked(b""), "");
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(b"a\nb").unwrap();
        let gz = gz.finish().unwrap();
        assert_eq!(unpacked(&[&gz[..], &gz].concat()), "a\nba\nb");
        // printf 'a\nb' | xz, zstd, bzip2
        let xz = b"\xfd\x37\x7a\x58\x5a\x00\x00\x04\xe6\xd6\xb4\x46\x02\x00\x21\x01\x16\x00\x00\x00\x74\x2f\xe5\xa3\x01\x00\x02\x61\x0a\x62\x00\x00\x0b\x72\xee\xec\xd2\x60\x4d\x4e\x00\x01\x1b\x03\x0b\x2f\xb9\x10\x1f\xb6\xf3\x7d\x01\x00\x00\x00\x00\x04\x59\x5a";
        assert_eq!(unpacked(xz), "a\nb");
        let zst = b"\x28\xb5\x2f\xfd\x04\x58\x19\x00\x00\x61\x0a\x62\x8e\x4e\x6c\x77";
        assert_eq!(unpacked(&[&zst[..], zst].concat()), "a\nba\nb");
        let bz2 = b"\x42\x5a\x68\x39\x31\x41\x59\x26\x53\x59\x8b\xe0\xbf\xfc\x00\x00\x00\xc1\x00\x00\x10\x30\x00\x20\x00\x21\x98\x19\x81\x61\x77\x24\x53\x85\x09\x08\xbe\x0b\xff\xc0";
        assert_eq!(unpacked(bz2), "a\nb");
        // Of several streams, an empty one among them, and what is no stream behind the last.
        let empty = b"BZh9\x17\x72\x45\x38\x50\x90\0\0\0\0";
        let several = [&bz2[..], empty, bz2, bz2, b"and more"].concat();
        assert_eq!(unpacked(&several), "a\nba\nba\nb");
        for piece in 1..40 {
            let mut text = String::new();
            let input = BufReader::with_capacity(piece, &several[..]);
            Bzip2::new(input).read_to_string(&mut text).unwrap();
            assert_eq!(text, "a\nba\nba\nb", "{piece}");
        }
        for cut in 1..bz2.len() {
            let mut text = String::new();
            let cut = &bz2[..cut];
            assert!(unpack(cut).unwrap().read_to_string(&mut text).is_err() || text.len() < 4);
        }
    }

    #[test]
    fn what_is_no_text_is_said_to_be_none() {
        let files = [
            (&b"LPKSHHRH\0"[..], "journalctl"),
            (b"\x7fELF\x02\x01", "vmcore-dmesg.txt"),
            (b"PK\x03\x04\x14", "unzip -p FILE"),
        ];
        for (bytes, hint) in files {
            let error = unpack(bytes).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(hint), "{error}");
        }
    }
}
