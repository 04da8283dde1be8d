//! Lines of a log, of which most are of no interest: those are stepped over without a look at each.

use std::io::{self, Read};

use super::words::OF_INTEREST;

/// A longer line is none of a kernel's log: a message has 1 KiB, a record of `/dev/kmsg` 8 KiB,
/// and in JSON each byte may take four.
const MAX_LINE: usize = 128 * 1024;

/// What is read at once.
const BUFFER: usize = 512 * 1024;

/// Before a word of interest, so much may belong to it: a few lines of a dump that lost its beginning.
const BACK: usize = 2 * 1024;

/// Reads lines.
pub(super) struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    /// What is next.
    start: usize,
    end: usize,
    /// Up to where no word of interest begins.
    searched: usize,
    number: u64,
    has_ended: bool,
}

/// A line.
pub(super) struct Line<'a> {
    pub(super) number: u64,
    pub(super) text: &'a [u8],
    /// Whether it ends with the file, not with a line feed.
    pub(super) cut: bool,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            buffer: vec![0; BUFFER],
            start: 0,
            end: 0,
            searched: 0,
            number: 0,
            has_ended: false,
        }
    }

    /// How many there were.
    pub(super) const fn count(&self) -> u64 {
        self.number
    }

    /// The next line.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        let mut looked = self.start;
        loop {
            let rest = self.buffer.get(looked..self.end).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', rest) {
                let (from, to) = (self.start, looked + at);
                self.start = to + 1;
                self.number += 1;
                if to - from > MAX_LINE {
                    looked = self.start;
                    continue;
                }
                let text = self.buffer.get(from..to).unwrap_or_default();
                return Ok(Some(Line { number: self.number, text, cut: false }));
            }
            looked = self.end;
            if self.has_ended {
                let (from, to) = (self.start, self.end);
                self.start = self.end;
                if from == to {
                    return Ok(None);
                }
                self.number += 1;
                let text = self.buffer.get(from..to).filter(|text| text.len() <= MAX_LINE);
                return Ok(text.map(|text| Line { number: self.number, text, cut: true }));
            }
            if self.end - self.start > MAX_LINE {
                // Its beginning is of no use any more.
                let keep = self.end;
                self.skip_line(keep)?;
                looked = self.start;
                continue;
            }
            let before = self.start;
            self.fill()?;
            looked -= before - self.start;
        }
    }

    /// A number of eight bytes, the lowest first, as far as there are so many.
    pub(super) fn length(&mut self) -> io::Result<u64> {
        let mut all = [0; 8];
        for (place, byte) in all.iter_mut().zip(self.bytes(8)?) {
            *place = byte;
        }
        Ok(u64::from_le_bytes(all))
    }

    /// So many bytes, whatever they are.
    pub(super) fn bytes(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while bytes.len() < count {
            if self.start == self.end {
                if self.has_ended {
                    break;
                }
                self.fill()?;
                continue;
            }
            let some = (count - bytes.len()).min(self.end - self.start);
            bytes.extend_from_slice(
                self.buffer.get(self.start..self.start + some).unwrap_or_default(),
            );
            self.start += some;
        }
        self.number += memchr::memchr_iter(b'\n', &bytes).count() as u64;
        Ok(bytes)
    }

    /// Steps over lines until shortly before one of interest.
    pub(super) fn skip(&mut self) -> io::Result<()> {
        loop {
            let from = self.searched.max(self.start);
            let rest = self.buffer.get(from..self.end).unwrap_or_default();
            if let Some(found) = OF_INTEREST.find(rest) {
                self.searched = from + found;
                let back = self.searched.saturating_sub(BACK).max(self.start);
                self.step(back);
                return Ok(());
            }
            // A word may be cut in two.
            self.searched = self.end.saturating_sub(40).max(from);
            if self.has_ended {
                self.step(self.end);
                return Ok(());
            }
            let back = self.end.saturating_sub(BACK).max(self.start);
            self.step(back);
            self.fill()?;
        }
    }

    /// Goes on with the first line that begins at this place or after it; with the line it is in, if
    /// none does.
    fn step(&mut self, place: usize) {
        let passed = self.buffer.get(self.start..place).unwrap_or_default();
        let Some(last) = memchr::memrchr(b'\n', passed) else { return };
        self.number += memchr::memchr_iter(b'\n', passed).count() as u64;
        self.start += last + 1;
    }

    /// Reads over the rest of a line that is too long.
    fn skip_line(&mut self, from: usize) -> io::Result<()> {
        self.start = from;
        loop {
            let rest = self.buffer.get(self.start..self.end).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', rest) {
                self.start += at + 1;
                self.number += 1;
                return Ok(());
            }
            self.start = self.end;
            if self.has_ended {
                self.number += 1;
                return Ok(());
            }
            self.fill()?;
        }
    }

    /// Reads more, behind what is not used yet.
    fn fill(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.searched = self.searched.saturating_sub(self.start);
            self.start = 0;
        }
        let Some(room) = self.buffer.get_mut(self.end..).filter(|room| !room.is_empty()) else {
            return Ok(());
        };
        loop {
            match self.input.read(room) {
                Ok(0) => {
                    self.has_ended = true;
                    return Ok(());
                }
                Ok(read) => {
                    self.end += read;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(input: &[u8], skips: bool) -> Vec<(u64, usize, bool)> {
        let mut lines = Lines::new(input);
        let mut found = Vec::new();
        loop {
            if skips {
                lines.skip().unwrap();
            }
            let Some(line) = lines.next().unwrap() else { return found };
            found.push((line.number, line.text.len(), line.cut));
        }
    }

    #[test]
    fn lines_have_numbers_and_the_last_may_be_cut() {
        assert_eq!(all(b"a\n\nbc", false), [(1, 1, false), (2, 0, false), (3, 2, true)]);
        let long = [b"a\n".as_slice(), &vec![b'x'; 3 * BUFFER], b"\nbc\n"].concat();
        assert_eq!(all(&long, false), [(1, 1, false), (3, 2, false)]);
    }

    /// Whatever lies between, and wherever the buffer ends, a line of interest and those shortly before
    /// it are read, by their numbers.
    #[test]
    fn nothing_of_interest_is_stepped_over() {
        let noise = "Nov 23 06:00:01 db1 app[1]: nothing to see here\n";
        for count in [1, 700, 12_000, 40_000] {
            let kill = "Out of memory: Killed process 7 (a)\n";
            let log = [
                noise.repeat(count).as_bytes(),
                kill.as_bytes(),
                noise.repeat(3).as_bytes(),
                kill.as_bytes(),
            ]
            .concat();
            let numbers: Vec<_> = all(&log, true).into_iter().map(|(number, ..)| number).collect();
            let count = count as u64;
            for wanted in [count, count + 1, count + 5] {
                assert!(numbers.contains(&wanted), "{count}: {wanted}");
            }
            assert!(numbers.len() < 1000, "{count}: {}", numbers.len());
        }
    }
}
