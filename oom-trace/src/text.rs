//! Text that a process chose: any bytes but NUL.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter, Write as _};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A name as the kernel holds it. Nothing says that it is UTF-8 or printable.
///
/// It serialises to UTF-8 with each byte that is none as `\xNN`; it displays, for terminals and
/// log lines, with control characters escaped as well. A clone shares the bytes.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct KernelText(Arc<[u8]>);

impl KernelText {
    /// The bytes as they are.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The first bytes, `max` at the most, and no part of a character.
    #[must_use]
    pub fn start(&self, max: usize) -> &[u8] {
        let is_inside = |at: &usize| self.0.get(*at).is_some_and(|byte| byte & 0xc0 == 0x80);
        // A character has four bytes at the most: what goes on for longer is none.
        let end = (max.saturating_sub(3)..=max).rev().find(|at| !is_inside(at)).unwrap_or(max);
        self.0.get(..end).unwrap_or(&self.0)
    }

    /// As a path: whether it is another one, or below it.
    #[must_use]
    pub fn is_within(&self, top: &[u8]) -> bool {
        let below = self.0.strip_prefix(top.strip_suffix(b"/").unwrap_or(top));
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    }

    /// UTF-8, with each byte that is none as `\xNN`; control characters stay.
    #[must_use]
    pub fn to_utf8(&self) -> Cow<'_, str> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => {
                let mut text = String::with_capacity(self.0.len() + 8);
                for chunk in self.0.utf8_chunks() {
                    text.push_str(chunk.valid());
                    for byte in chunk.invalid() {
                        // Writing to a String cannot fail.
                        let _ = write!(text, "\\x{byte:02x}");
                    }
                }
                Cow::Owned(text)
            }
        }
    }
}

impl<T: AsRef<[u8]>> From<T> for KernelText {
    fn from(bytes: T) -> Self {
        Self(bytes.as_ref().into())
    }
}

impl Display for KernelText {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&Escaped(&self.0), f)
    }
}

/// Bytes for a terminal or a log line: each that is not UTF-8 as `\xNN`, characters
/// that [act](acts) escaped. Displays without allocating.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Escaped<'a>(pub &'a [u8]);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '\n' => f.write_str("\\n")?,
                    '\t' => f.write_str("\\t")?,
                    '\r' => f.write_str("\\r")?,
                    _ if character.is_control() => write!(f, "\\x{:02x}", u32::from(character))?,
                    _ if acts(character) => write!(f, "\\u{{{:x}}}", u32::from(character))?,
                    _ => f.write_char(character)?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Whether a character does more than show itself: a control character, one that re-orders a
/// terminal's line as escapes recolour it, one that hides, or one that ends a line for some readers.
#[must_use]
pub fn acts(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{2069}'
                | '\u{feff}'
        )
}

/// A text of several lines for a terminal: what [`acts`] in it is escaped, but for the ends of lines.
#[must_use]
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(|character| acts(character) && character != '\n') {
        return Cow::Borrowed(text);
    }
    let lines: Vec<_> = text.split('\n').map(|line| Escaped(line.as_bytes()).to_string()).collect();
    Cow::Owned(lines.join("\n"))
}

/// What runtimes show of an id, and accept: so many digits.
pub const SHORT_ID: usize = 12;

/// So many hexadecimal digits are an id that nobody reads.
const LONG_ID: usize = 32;

/// A name or path with each long id in it cut to its beginning, [`SHORT_ID`] digits of it.
#[must_use]
pub fn with_short_ids(path: &str) -> String {
    let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let mut out = String::with_capacity(path.len());
    for part in path.split_inclusive(|c| !is_digit(c)) {
        let digits = part.trim_end_matches(|c| !is_digit(c));
        match digits.get(..SHORT_ID) {
            Some(start) if digits.len() >= LONG_ID => {
                out.extend([start, "…", part.get(digits.len()..).unwrap_or_default()]);
            }
            _ => out.push_str(part),
        }
    }
    out
}

impl fmt::Debug for KernelText {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Serialize for KernelText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_utf8())
    }
}

/// What was escaped stays so, and is told in the same way again.
impl<'de> Deserialize<'de> for KernelText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_utf8_are_escaped_and_the_rest_kept() {
        let text = KernelText::from(b"a\xff\"\xc3\xa9\xc3");
        assert_eq!(text.to_utf8(), "a\\xff\"\u{e9}\\xc3");
        assert_eq!(text.as_bytes(), b"a\xff\"\xc3\xa9\xc3");
    }

    #[test]
    fn a_clone_shares_the_bytes() {
        let text = KernelText::from("a");
        assert_eq!(text.as_bytes().as_ptr(), text.clone().as_bytes().as_ptr());
    }

    #[test]
    fn a_start_ends_between_characters() {
        let text = KernelText::from("aé€b");
        let starts = [0, 1, 2, 3, 4, 5, 6, 7, 9].map(|max| text.start(max).len());
        assert_eq!(starts, [0, 1, 1, 3, 3, 3, 6, 7, 7]);
        assert_eq!(KernelText::from(&[0x80; 9]).start(5).len(), 5);
    }

    #[test]
    fn paths_are_compared_level_by_level() {
        let within = |path: &str, top: &str| KernelText::from(path).is_within(top.as_bytes());
        assert!(
            within("/a/b", "/a") && within("/a", "/a") && within("/a", "/") && within("/", "/")
        );
        assert!(!within("/ab", "/a") && !within("/", "/a"));
    }

    #[test]
    fn a_terminal_gets_no_control_character() {
        let text = KernelText::from("\x1b[31mred\nline\u{202e}\u{7f}\u{9b}");
        assert_eq!(text.to_string(), "\\x1b[31mred\\nline\\u{202e}\\x7f\\x9b");
    }

    #[test]
    fn of_several_lines_only_the_ends_still_act() {
        assert!(matches!(harmless("a\nb"), Cow::Borrowed("a\nb")));
        assert_eq!(harmless("a\x1b[2J\n\u{202e}b\tc\n"), "a\\x1b[2J\n\\u{202e}b\\tc\n");
    }

    #[test]
    fn of_each_long_id_only_the_beginning_is_told() {
        let (id, other) = ("0123456789abcdef".repeat(4), "f".repeat(32));
        let path = format!("/pod-{id}/é{other}.scope/cafe");
        assert_eq!(with_short_ids(&path), "/pod-0123456789ab…/éffffffffffff….scope/cafe");
        assert_eq!(with_short_ids(&id), "0123456789ab…");
        assert_eq!(with_short_ids("/a/0123456789abcdef"), "/a/0123456789abcdef");
    }

    #[test]
    fn json_holds_the_text_itself() {
        let json = serde_json::to_string(&KernelText::from("a\"b\n\x1b")).unwrap();
        assert_eq!(json, r#""a\"b\n\u001b""#);
    }
}
