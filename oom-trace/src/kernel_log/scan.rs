//! Taking a line apart, from the left and from the right.

use std::str::FromStr;

use crate::text::KernelText;

/// `TASK_COMM_LEN` (include/linux/sched.h), without the NUL.
const COMM_MAX: usize = 15;

/// A cursor over a line. Every step is `None` where the line does not go on like that.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scan<'a>(pub(super) &'a [u8]);

impl<'a> Scan<'a> {
    /// Steps over `text`.
    pub(super) fn eat(&mut self, text: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(text.as_bytes())?;
        Some(())
    }

    /// Steps over blanks.
    pub(super) fn blanks(&mut self) {
        self.0 = self.0.trim_ascii_start();
    }

    /// Steps over blanks and commas.
    pub(super) fn separators(&mut self) {
        let len =
            self.0.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b',')).count();
        self.0 = self.0.get(len..).unwrap_or_default();
    }

    /// As many bytes as are of this kind.
    pub(super) fn run(&mut self, is_of_it: impl Fn(&u8) -> bool) -> &'a [u8] {
        let len = self.0.iter().take_while(|byte| is_of_it(byte)).count();
        let (run, rest) = self.0.split_at_checked(len).unwrap_or((self.0, &[]));
        self.0 = rest;
        run
    }

    /// `anon-rss:`, without the colon.
    pub(super) fn label(&mut self) -> Option<&'a [u8]> {
        let mut scan = *self;
        let label = scan.run(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        scan.eat(":")?;
        *self = scan;
        Some(label)
    }

    /// Whether a number that was just read is all of it: `None` if something else than a separator
    /// follows, or nothing does where the end may be missing.
    pub(super) fn is_done(&self, nothing_is_cut: bool) -> Option<()> {
        match self.0.first() {
            None => (!nothing_is_cut).then_some(()),
            Some(byte) => (byte.is_ascii_whitespace()
                || matches!(byte, b',' | b'"' | b'\'' | b'\\' | b'<'))
            .then_some(()),
        }
    }

    /// A decimal number, with its sign if it has one.
    pub(super) fn number<T: FromStr>(&mut self) -> Option<T> {
        let sign = usize::from(self.0.first() == Some(&b'-'));
        let digits = self.0.iter().skip(sign).take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = self.0.split_at_checked(sign + digits)?;
        let number = str::from_utf8(number).ok()?.parse().ok()?;
        self.0 = rest;
        Some(number)
    }

    /// `NAME` and a number of kilobytes, in bytes: `usage 24576kB` after `eat("usage ")`.
    pub(super) fn kilobytes(&mut self) -> Option<u64> {
        let kilobytes: u64 = self.number()?;
        self.eat("kB")?;
        kilobytes.checked_mul(1024)
    }

    /// Up to the first `end`, and over it.
    pub(super) fn until(&mut self, end: &str) -> Option<&'a [u8]> {
        let (before, after) = split_once(self.0, end)?;
        self.0 = after;
        Some(before)
    }

    /// A word without blanks, which may be empty.
    pub(super) fn word(&mut self) -> &'a [u8] {
        let len = self.0.iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
        let (word, rest) = self.0.split_at_checked(len).unwrap_or((self.0, &[]));
        self.0 = rest;
        word
    }

    /// Nothing is left, or blanks only.
    pub(super) fn end(self) -> Option<()> {
        self.0.trim_ascii().is_empty().then_some(())
    }
}

/// Where `words` begin, in a text that is looked through sooner than a searcher is built: by the first byte
/// of them that is rare in the log.
pub(super) fn places<'a>(
    text: &'a [u8],
    words: &'a [u8],
) -> impl DoubleEndedIterator<Item = usize> {
    let is_rare = |byte: &u8| !matches!(byte, b' ' | b'a'..=b'z' | b'0'..=b'9');
    let place = |is_it: fn(&u8) -> bool| words.iter().position(is_it);
    let ahead = place(is_rare).or_else(|| place(|byte| *byte != b' ')).unwrap_or(0);
    let byte = words.get(ahead).copied().unwrap_or_default();
    memchr::memchr_iter(byte, text).filter_map(move |place| {
        let place = place.checked_sub(ahead)?;
        text.get(place..)?.starts_with(words).then_some(place)
    })
}

/// Where they begin first.
pub(super) fn find(text: &[u8], words: &[u8]) -> Option<usize> {
    places(text, words).next()
}

/// Whether a message has these words.
pub(crate) fn has(text: &[u8], words: &[u8]) -> bool {
    find(text, words).is_some()
}

/// Around the first `separator`.
pub(super) fn split_once<'a>(text: &'a [u8], separator: &str) -> Option<(&'a [u8], &'a [u8])> {
    cut(text, find(text, separator.as_bytes())?, separator)
}

/// Around the last `separator`.
pub(super) fn rsplit_once<'a>(text: &'a [u8], separator: &str) -> Option<(&'a [u8], &'a [u8])> {
    cut(text, places(text, separator.as_bytes()).next_back()?, separator)
}

/// Around each `separator` in turn: a name may hold it, too.
pub(super) fn splits<'a>(
    text: &'a [u8],
    separator: &'a str,
) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    places(text, separator.as_bytes()).filter_map(move |place| cut(text, place, separator))
}

fn cut<'a>(text: &'a [u8], place: usize, separator: &str) -> Option<(&'a [u8], &'a [u8])> {
    let (before, rest) = text.split_at_checked(place)?;
    Some((before, rest.get(separator.len()..)?))
}

pub(super) fn utf8(text: &[u8]) -> Option<String> {
    str::from_utf8(text).ok().map(str::to_owned)
}

/// A list of nodes as `%*pbl` prints it: digits, commas and dashes.
pub(super) fn is_node_list(text: &[u8]) -> bool {
    text.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b',' | b'-'))
}

/// Whether a log holds names as they are, or as some program wrote them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Byte for byte.
    Exact,
    /// Bytes that cannot be printed may have been replaced, and a line feed ends the line.
    Printed,
    /// The same, and letters are capitals, whatever they were.
    Capitals,
}

impl Names {
    /// A name as the kernel holds it; `None` if that is not sure.
    pub(super) fn read(self, text: &[u8]) -> Option<KernelText> {
        let is_sure = match self {
            Self::Exact => true,
            Self::Printed => !may_be_replaced(text),
            Self::Capitals => !may_be_replaced(text) && !text.iter().any(u8::is_ascii_alphabetic),
        };
        is_sure.then(|| KernelText::from(text))
    }

    /// Whether a task can have this name.
    pub(super) fn may_be_comm(self, text: &[u8]) -> bool {
        let len = match self {
            Self::Exact => text.len(),
            Self::Printed | Self::Capitals => shortest(text),
        };
        len <= COMM_MAX
    }
}

/// What a program that prints logs may have put in place of a byte at the beginning: dmesg and
/// `/dev/kmsg` write `\x0a`, rsyslog `#012`, others a replacement character. Its length.
fn replaced(text: &[u8]) -> Option<usize> {
    let printable = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'\\';
    let number = |digits: Option<&[u8]>, radix| {
        let digits = str::from_utf8(digits?).ok()?;
        u8::from_str_radix(digits, radix).ok().filter(|byte| !printable(*byte))
    };
    match text {
        [b'\\', b'x', ..] => number(text.get(2..4), 16).map(|_| 4),
        [b'#', ..] => number(text.get(1..4), 8).map(|_| 4),
        _ => text.starts_with("\u{fffd}".as_bytes()).then_some("\u{fffd}".len()),
    }
}

fn may_be_replaced(text: &[u8]) -> bool {
    let at = |place| text.get(place..).and_then(replaced).is_some();
    (0..text.len()).any(at)
        || text.iter().any(u8::is_ascii_control)
        || str::from_utf8(text).is_err()
}

/// How many bytes it is at the least.
fn shortest(mut text: &[u8]) -> usize {
    let mut bytes = 0;
    while let Some(rest) = text.get(replaced(text).unwrap_or(1)..) {
        bytes += 1;
        text = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_takes_what_is_there_and_nothing_else() {
        let mut scan = Scan(b"usage -12kB, x");
        assert_eq!(scan.eat("limit"), None);
        scan.eat("usage ").unwrap();
        assert_eq!(scan.number::<u32>(), None);
        assert_eq!(scan.number::<i32>(), Some(-12));
        assert_eq!(scan.until(", "), Some(&b"kB"[..]));
        assert_eq!(scan.end(), None);
        assert_eq!(scan.word(), b"x");
        assert_eq!(scan.end(), Some(()));
    }

    #[test]
    fn a_printed_name_is_taken_where_it_can_only_be_itself() {
        let printed = |text: &str| Names::Printed.read(text.as_bytes()).is_some();
        for sure in ["memhog", "a b)", "/system.slice/a\\x2db.service", "c#", "#1", "\\x", "é"] {
            assert!(printed(sure), "{sure}");
        }
        for doubtful in ["a\\x0ab", "a\\x5cb", "a#012b", "a\u{fffd}", "a\nb", "\\xff"] {
            assert!(!printed(doubtful), "{doubtful}");
            assert!(Names::Exact.read(doubtful.as_bytes()).is_some());
        }
        assert_eq!(Names::Printed.read(b"\xff"), None);
    }

    #[test]
    fn a_printed_name_may_be_longer_than_it_is() {
        let fifteen = "\\x1b".repeat(15);
        assert!(Names::Printed.may_be_comm(fifteen.as_bytes()));
        assert!(!Names::Exact.may_be_comm(fifteen.as_bytes()));
        assert!(!Names::Printed.may_be_comm(format!("{fifteen}a").as_bytes()));
        assert!(!Names::Printed.may_be_comm(&[b'a'; 16]));
    }
}
