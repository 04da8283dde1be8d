//! Lines that a terminal broke at its width, wherever that is in a word, put together: each but the last has as
//! many columns as the terminal.

use std::sync::LazyLock;

use super::clock::Zone;
use super::prefix::peel;
use super::words::Words;
use super::wraps::lacks_end;
use crate::kernel_log::message::{Form, MemInfo, Message};
use crate::kernel_log::scan::Names;

/// No terminal has less.
const NARROWEST: usize = 40;

/// A line of a dump that a mailer broke has more.
const SHORTEST: usize = 8;

/// Lines that one was broken into.
const MOST: usize = 16;

/// Reads what may have been copied of a terminal.
#[derive(Debug, Default)]
pub(super) struct Terminal {
    /// Its width, once a line has shown that it was broken there.
    width: Option<usize>,
    /// Columns of the longest line of a dump: whoever broke lines left them no longer than that.
    widest: usize,
    /// Where all lines end that are longer: `cut -c-80`, a screen's copy.
    edge: Option<usize>,
    /// A line that lacks its end, of which nothing is in the next: how many columns it has, and how its message
    /// begins. Another one of as many shows where the edge is.
    ended: Option<(usize, Vec<u8>)>,
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
    /// Whether it may be the rest of the one before.
    pub(super) is_rest: bool,
    columns: usize,
}

/// No word of a dump that a mailer would not break is longer.
const LONGEST_WORD: usize = 40;

/// A name has no more bytes.
const COMM_MAX: usize = 15;

/// Bytes at the beginning of two messages of a kind.
const ALIKE: usize = 8;

impl Terminal {
    /// Whether a line is kept until it is known where it ends.
    pub(super) fn is_waiting(&self) -> bool {
        !self.kept.is_empty()
    }

    /// Keeps a line that may go on; whether it did.
    pub(super) fn begin(&mut self, no: u64, line: &[u8], cut: bool, in_dump: bool) -> bool {
        /// Lines with them show whether they are whole.
        static TELLING: LazyLock<Words> =
            LazyLock::new(|| Words::new([" invoked", "oom-kill:", "ut of mem", "Kill", " Comm: "]));
        // JSON and CSV of many lines tell by themselves where each ends.
        if matches!(line.trim_ascii_start().first(), Some(b'"' | b'{' | b'}' | b']')) {
            return false;
        }
        let columns = columns(line);
        self.width = self.width.filter(|width| columns <= *width);
        let widest = if line.trim_ascii().contains(&b' ') { columns } else { 0 };
        self.widest = if in_dump { self.widest.max(widest) } else { widest };
        let may_go_on = match self.width {
            Some(width) => columns == width,
            None => {
                let is_long =
                    in_dump && columns >= SHORTEST && columns + LONGEST_WORD >= self.widest;
                is_long || columns >= NARROWEST && TELLING.are_in(line)
            }
        };
        if may_go_on {
            self.kept.push(Piece { no, text: line.to_vec(), cut, is_rest: false, columns });
        }
        may_go_on
    }

    /// Whether a line is one of those that lost their ends.
    fn cut_at_edge(&mut self, line: &mut Piece, zone: &Zone) {
        let columns = line.columns;
        self.edge = self.edge.filter(|edge| columns <= *edge);
        self.ended.take_if(|(ended, _)| columns > *ended);
        let text = peel(&line.text, zone, &mut None).text;
        let beginning = text.get(..text.len().min(ALIKE)).unwrap_or_default();
        match &self.ended {
            // Two of a kind may as well have the same length.
            Some((ended, other)) if *ended == columns && other != beginning => {
                self.edge = Some(columns);
            }
            None if columns >= NARROWEST
                && columns >= self.widest
                && lacks_end(text, Names::Printed) =>
            {
                self.ended = Some((columns, beginning.to_vec()));
            }
            _ => {}
        }
        line.cut |= self.edge == Some(columns);
    }

    /// Whether a line has the beginning of the one that is kept, but for numbers and blanks: it is one of its own.
    pub(super) fn begins_alike(&self, line: &[u8]) -> bool {
        /// Fewer bytes may be alike by chance.
        const LEAST: usize = 8;
        let shape = |byte: &u8| if byte.is_ascii_digit() { b' ' } else { *byte };
        let Some(first) = self.kept.first() else { return false };
        let beginnings = first.text.get(..LEAST).zip(line.get(..LEAST));
        beginnings.is_some_and(|(first, line)| {
            first.iter().map(shape).eq(line.iter().map(shape))
                && first.iter().any(|byte| !byte.is_ascii_whitespace())
        })
    }

    /// Keeps a line that begins nothing by itself and may be the rest of the one before; whether it did.
    pub(super) fn go_on(&mut self, no: u64, line: &[u8], cut: bool) -> bool {
        let (Some(first), Some(last)) = (self.kept.first(), self.kept.last()) else { return false };
        if is_next_in_yaml(&first.text, line) {
            return false;
        }
        let columns = columns(line);
        let is_terminals = last.columns == first.columns && columns <= first.columns;
        let word = line.trim_ascii_start().iter().take_while(|byte| !byte.is_ascii_whitespace());
        let is_mailers = self.width.is_none() && last.columns + 1 + word.count() > self.widest;
        let is_rest =
            (is_terminals || is_mailers) && !line.trim_ascii().is_empty() && self.kept.len() < MOST;
        if is_rest {
            // A word that is longer than a line is not broken.
            if line.trim_ascii().contains(&b' ') {
                self.widest = self.widest.max(columns);
            }
            self.kept.push(Piece { no, text: line.to_vec(), cut, is_rest: true, columns });
        }
        is_rest
    }

    /// What was kept: one line, if a terminal broke it, or all of them as they stand. Whether a line has what
    /// stands before each line of its log, `has_prefix` tells.
    pub(super) fn end(&mut self, zone: &Zone, has_prefix: impl Fn(&[u8]) -> bool) -> Vec<Piece> {
        let mut kept = std::mem::take(&mut self.kept);
        if let [alone] = kept.as_mut_slice() {
            self.cut_at_edge(alone, zone);
        }
        let [first, second, ..] = kept.as_slice() else { return kept };
        let joined = |between: &[u8]| {
            let texts: Vec<_> = kept.iter().map(|piece| &piece.text[..]).collect();
            texts.join(between)
        };
        let whole = joined(b"");
        // A mailer breaks at a blank, which is lost then: with it in its place nothing is amiss.
        // Several before the second are its indentation.
        let is_led = second.text.starts_with(b" ") && !second.text.starts_with(b"  ");
        let has_blank = first.text.ends_with(b" ") || is_led;
        let shows = || {
            is_whole(&whole, zone)
                && !is_whole(&first.text, zone)
                && (has_blank || !is_whole(&joined(b" "), zone))
        };
        let (before_last, _) = kept.split_at_checked(kept.len() - 1).unwrap_or_default();
        let is_even = before_last.iter().all(|piece| piece.columns == first.columns);
        if !is_even || self.width != Some(first.columns) && !shows() {
            // Where each line of the log has a prefix, this one lacks its end.
            let lacks_end = has_prefix(&first.text);
            let is_doubtful = lacks_end || is_doubtful(&first.text, &second.text, zone);
            let ends = kept.iter().skip(1).map(|piece| piece.text.first().copied());
            let ends: Vec<_> = ends.chain([None]).collect();
            for (no, (piece, next)) in kept.iter_mut().zip(ends).enumerate() {
                let is_number = |byte: u8| byte.is_ascii_digit();
                let is_split = next.is_some_and(is_number)
                    && piece.text.last().copied().is_some_and(is_number);
                piece.cut |= is_split || no == 0 && is_doubtful || next.is_some() && lacks_end;
                piece.is_rest &= lacks_end;
            }
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

/// Whether a line of YAML ends there: the next has a key of its own, no deeper, or begins a document.
fn is_next_in_yaml(line: &[u8], next: &[u8]) -> bool {
    let indent = |line: &[u8]| line.iter().take_while(|byte| **byte == b' ').count();
    let key = |line: &[u8]| {
        let line = line.trim_ascii_start();
        let is_of_it = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
        let len = line.iter().take_while(is_of_it).count();
        let (key, rest) = line.split_at_checked(len)?;
        (len > 0 && (rest.starts_with(b": ") || rest == b":")).then(|| key.to_vec())
    };
    // That is how a syslog without a clock begins its lines, too.
    key(line).is_some_and(|key| key != b"kernel")
        && (next == b"---" || indent(next) <= indent(line) && key(next).is_some())
}

/// Characters, of which a terminal shows each in a column.
fn columns(line: &[u8]) -> usize {
    let is_begin = |byte: &&u8| !matches!(byte, 0x80..=0xbf);
    if line.is_ascii() { line.len() } else { line.iter().filter(is_begin).count() }
}

/// Whether a line's message may go on in the next, of which nothing tells that it does not.
fn is_doubtful(line: &[u8], next: &[u8], zone: &Zone) -> bool {
    let text = peel(line, zone, &mut None).text;
    match Message::parse(text, Form { names: Names::Printed, cut: false }) {
        // The rest of a name.
        Some(Message::Row(_)) => next.len() < COMM_MAX && !next.contains(&b' '),
        // It ends with a date.
        Some(Message::Hardware(name)) => {
            let end = name.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
            end.len() < 10 || end.iter().any(|byte| !byte.is_ascii_digit() && *byte != b'/')
        }
        Some(Message::Header(_) | Message::Killed(_) | Message::Summary(_) | Message::Cpu(_)) => {
            !is_whole(line, zone)
        }
        Some(Message::MemInfo(told)) => {
            matches!(told, MemInfo::Node { .. } | MemInfo::Zone { .. } | MemInfo::Blocks { .. })
        }
        _ => false,
    }
}

/// Whether a line has a message that shows its own end.
fn is_whole(line: &[u8], zone: &Zone) -> bool {
    let text = peel(line, zone, &mut None).text;
    let is_telling = match Message::parse(text, Form { names: Names::Printed, cut: false }) {
        Some(Message::Header(header)) => {
            let flags = header.gfp_flags.unwrap_or_default();
            header.gfp_mask.is_some() && !flags.iter().any(|flag| flag.contains(' '))
        }
        Some(Message::Summary(_)) => text.last().is_some_and(u8::is_ascii_digit),
        Some(Message::Cpu(cpu)) => {
            cpu.release.is_some_and(|release| !text.ends_with(release.as_bytes()))
        }
        Some(Message::Killed(killed)) => match killed.oom_score_adj {
            Some(adj) => text.ends_with(format!("oom_score_adj:{adj}").as_bytes()),
            None => text.ends_with(b"kB"),
        },
        Some(message) => message.is_mention(),
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
            found.extend(told(terminal.end(&zone, |line| line.starts_with(b"May "))));
            if !terminal.begin(no, line, false, false) {
                found.push((no, line.len()));
            }
        }
        found.extend(told(terminal.end(&zone, |line| line.starts_with(b"May "))));
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

    /// As `gcloud logging read` prints entries.
    #[test]
    fn a_key_of_yaml_is_not_the_rest_of_the_line_before() {
        let long = format!("Task in /{0}/{0} killed as a result of limit of /{0}", "a".repeat(40));
        for (line, next) in [
            (format!("  MESSAGE: {long}"), "  PRIORITY: '6'"),
            (format!("textPayload: '[    3.507951] {long}'"), "timestamp: '2024-03-01T10:00:02Z'"),
            (format!("message: {long}"), "---"),
        ] {
            let mut terminal = Terminal::default();
            assert!(terminal.begin(1, line.as_bytes(), false, true), "{line}");
            assert!(!terminal.go_on(2, next.as_bytes(), false), "{next}");
        }
        assert!(!is_next_in_yaml(b"  MESSAGE: a", b"    limit: b"));
        assert!(!is_next_in_yaml(b"kernel: Killed process 7 (a)", b"rss: b"));
    }

    #[test]
    fn what_a_mailer_broke_is_left() {
        let at = KILLED.find("anon-rss").unwrap();
        let (first, rest) = (KILLED[..at].trim_end(), &KILLED[at..]);
        assert_eq!(read(&[first, rest]), [(1, first.len()), (2, rest.len())]);
        // A line that is whole by itself, too; but its last number may go on.
        assert_eq!(read(&[KILLED, "0"]), [(1, KILLED.len()), (2, 1)]);
        let mut terminal = Terminal::default();
        assert!(
            terminal.begin(1, KILLED.as_bytes(), false, false) && terminal.go_on(2, b"0", false)
        );
        let kept = terminal.end(&Zone::utc(), |_| false);
        assert_eq!(kept.iter().map(|piece| piece.cut).collect::<Vec<_>>(), [true, false]);
    }
}
