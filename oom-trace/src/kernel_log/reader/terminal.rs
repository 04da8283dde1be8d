//! Lines that a terminal broke at its width, wherever that is in a word, put together: each but the last has as
//! many columns as the terminal.

use std::sync::LazyLock;

use super::clock::Zone;
use super::prefix::peel;
use super::words::Words;
use super::wraps::lacks_end;
use crate::kernel_log::message::{Form, Message};
use crate::kernel_log::scan::Names;

/// No terminal has less.
const NARROWEST: usize = 60;

/// Lines that one was broken into.
const MOST: usize = 16;

/// Reads what may have been copied of a terminal.
#[derive(Debug, Default)]
pub(super) struct Terminal {
    /// Its width, once a line has shown that it was broken there.
    width: Option<usize>,
    /// A line that may go on, and those that may be the rest of it.
    kept: Vec<Piece>,
}

/// A line as it stands.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) no: u64,
    pub(super) text: Vec<u8>,
    /// Whether its last number may go on: in the next, or where the file ends.
    pub(super) cut: bool,
    columns: usize,
}

impl Terminal {
    /// Whether a line is kept until it is known where it ends.
    pub(super) fn is_waiting(&self) -> bool {
        !self.kept.is_empty()
    }

    /// Keeps a line that may go on; whether it did.
    pub(super) fn begin(&mut self, no: u64, line: &[u8], cut: bool) -> bool {
        /// Lines with them show whether they are whole.
        static TELLING: LazyLock<Words> =
            LazyLock::new(|| Words::new([" invoked", "oom-kill:", "ut of mem", "Kill", " Comm: "]));
        let columns = columns(line);
        self.width = self.width.filter(|width| columns <= *width);
        let may_go_on = match self.width {
            Some(width) => columns == width,
            None => columns >= NARROWEST && TELLING.are_in(line),
        };
        if may_go_on {
            self.kept.push(Piece { no, text: line.to_vec(), cut, columns });
        }
        may_go_on
    }

    /// Keeps a line that begins nothing by itself and may be the rest of the one before; whether it did.
    pub(super) fn go_on(&mut self, no: u64, line: &[u8], cut: bool) -> bool {
        let (Some(first), Some(last)) = (self.kept.first(), self.kept.last()) else { return false };
        let columns = columns(line);
        let is_rest = last.columns == first.columns
            && columns <= first.columns
            && !line.trim_ascii().is_empty()
            && self.kept.len() < MOST;
        if is_rest {
            self.kept.push(Piece { no, text: line.to_vec(), cut, columns });
        }
        is_rest
    }

    /// What was kept: one line, if a terminal broke it, or all of them as they stand.
    pub(super) fn end(&mut self, zone: &Zone) -> Vec<Piece> {
        let mut kept = std::mem::take(&mut self.kept);
        let [first, second, ..] = kept.as_slice() else { return kept };
        let joined = |between: &[u8]| {
            let texts: Vec<_> = kept.iter().map(|piece| &piece.text[..]).collect();
            texts.join(between)
        };
        let whole = joined(b"");
        // A mailer breaks at a blank, which is lost then: with it in its place nothing is amiss.
        let has_blank = first.text.ends_with(b" ") || second.text.starts_with(b" ");
        let shows = || {
            is_whole(&whole, zone)
                && !is_whole(&first.text, zone)
                && (has_blank || !is_whole(&joined(b" "), zone))
        };
        if self.width != Some(first.columns) && !shows() {
            let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
            let cut = digit(first.text.last()) && digit(second.text.first());
            kept.iter_mut().take(1).for_each(|piece| piece.cut |= cut);
            return kept;
        }
        self.width = Some(first.columns);
        let cut = kept.last().is_some_and(|last| last.cut);
        kept.truncate(1);
        for piece in &mut kept {
            piece.text.clone_from(&whole);
            piece.cut = cut;
        }
        kept
    }
}

/// Characters, of which a terminal shows each in a column.
fn columns(line: &[u8]) -> usize {
    let is_begin = |byte: &&u8| !matches!(byte, 0x80..=0xbf);
    if line.is_ascii() { line.len() } else { line.iter().filter(is_begin).count() }
}

/// Whether a line has a message that shows its own end.
fn is_whole(line: &[u8], zone: &Zone) -> bool {
    let text = peel(line, zone, &mut None).text;
    let is_telling = match Message::parse(text, Form { names: Names::Printed, cut: false }) {
        Some(Message::Header(header)) => header.gfp_mask.is_some(),
        Some(Message::Killed(killed)) => match killed.oom_score_adj {
            Some(adj) => text.ends_with(format!("oom_score_adj:{adj}").as_bytes()),
            None => text.ends_with(b"kB"),
        },
        Some(message) => message.is_mention() || matches!(message, Message::Cpu(_)),
        None => false,
    };
    is_telling && !lacks_end(text, Names::Printed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KILLED: &str = "May  5 10:00:01 h kernel: Out of memory: Killed process 157 (memhog) total-vm:25660kB, \
                          anon-rss:24224kB, file-rss:4kB, shmem-rss:704kB, UID:1000 pgtables:84kB oom_score_adj:100";

    /// The numbers and lengths of what is read of these lines.
    fn read(lines: &[&str]) -> Vec<(u64, usize)> {
        let (mut terminal, zone) = (Terminal::default(), Zone::utc());
        let mut found = Vec::new();
        let told = |pieces: Vec<Piece>| pieces.into_iter().map(|it| (it.no, it.text.len()));
        for (no, line) in (1..).zip(lines) {
            let line = line.as_bytes();
            if !line.starts_with(b"May ") && terminal.go_on(no, line, false) {
                continue;
            }
            found.extend(told(terminal.end(&zone)));
            if !terminal.begin(no, line, false) {
                found.push((no, line.len()));
            }
        }
        found.extend(told(terminal.end(&zone)));
        found
    }

    #[test]
    fn a_line_that_shows_where_it_was_broken_puts_others_together() {
        let all = KILLED.len();
        for width in [80, 90, 120] {
            let (first, rest) = KILLED.split_at(width);
            let (second, third) = rest.split_at(rest.len().min(width));
            let other = format!("May  5 {}", "x".repeat(width - 7));
            let pieces: Vec<_> =
                [first, second, third].into_iter().filter(|piece| !piece.is_empty()).collect();
            let after = [&*other, "yz", &other, "", "yz"];
            let no = pieces.len() as u64;
            let expected =
                [(1, all), (no + 1, width + 2), (no + 3, width), (no + 4, 0), (no + 5, 2)];
            assert_eq!(read(&[&pieces[..], &after].concat()), expected, "{width}");
        }
    }

    #[test]
    fn what_a_mailer_broke_is_left() {
        let at = KILLED.find("anon-rss").unwrap();
        let (first, rest) = (KILLED[..at].trim_end(), &KILLED[at..]);
        assert_eq!(read(&[first, rest]), [(1, first.len()), (2, rest.len())]);
        // A line that is whole by itself, too; but its last number may go on.
        assert_eq!(read(&[KILLED, "0"]), [(1, KILLED.len()), (2, 1)]);
        let mut terminal = Terminal::default();
        assert!(terminal.begin(1, KILLED.as_bytes(), false) && terminal.go_on(2, b"0", false));
        let kept = terminal.end(&Zone::utc());
        assert_eq!(kept.iter().map(|piece| piece.cut).collect::<Vec<_>>(), [true, false]);
    }
}
