//! The shape of a prefix that no family knows, learned from a line in which the kernel's words tell where
//! the message begins. Other lines are the same logger's if their beginning has the same shape: numbers
//! and levels may differ, words may not.

use super::clock::{Zone, date};
use super::months::month;
use super::prefix::uptime;
use crate::kernel_log::Stamp;
use crate::kernel_log::scan::Scan;

/// A longer prefix is none.
const LONGEST: usize = 512;

/// Words for how urgent a line is; they change from line to line.
const LEVELS: [&str; 16] = [
    "emerg",
    "panic",
    "alert",
    "crit",
    "critical",
    "fatal",
    "err",
    "error",
    "warn",
    "warning",
    "notice",
    "info",
    "informational",
    "debug",
    "trace",
    "default",
];

/// A piece of a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// The same in each line.
    Same(Vec<u8>),
    /// Digits, or letters and digits without a blank between.
    Number,
    /// A level, or the name of a month or a day.
    Word,
    /// Blanks, one or more: words are padded.
    Blanks,
    /// Blanks before the message, as many as there are: its own may follow.
    Exactly(usize),
}

/// A prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape(Vec<Part>);

impl Shape {
    /// Of what stands before a message; `None` if that is not like a prefix.
    pub(super) fn of(prefix: &[u8]) -> Option<Self> {
        if prefix.is_empty() || prefix.len() > LONGEST {
            return None;
        }
        let mut parts = Vec::new();
        let mut scan = Scan(prefix);
        while let Some(first) = scan.0.first() {
            parts.push(match first {
                b' ' | b'\t' => {
                    let blanks = scan.run(|byte| matches!(byte, b' ' | b'\t')).len();
                    if scan.0.is_empty() { Part::Exactly(blanks) } else { Part::Blanks }
                }
                byte if is_word(byte) => match scan.run(is_word) {
                    word if word.iter().any(u8::is_ascii_digit) => Part::Number,
                    word if varies(word) => Part::Word,
                    word => Part::Same(word.to_vec()),
                },
                _ => Part::Same(
                    scan.run(|byte| !is_word(byte) && !matches!(byte, b' ' | b'\t')).to_vec(),
                ),
            });
        }
        Some(Self(parts))
    }

    /// How long the beginning of this shape is; `None` if the line has another.
    pub(super) fn len_in(&self, line: &[u8]) -> Option<usize> {
        let mut scan = Scan(line);
        let mut after_bracket = false;
        for part in &self.0 {
            match part {
                Part::Same(text) => scan.0 = scan.0.strip_prefix(&text[..])?,
                Part::Number => {
                    // The kernel pads seconds.
                    if after_bracket {
                        scan.blanks();
                    }
                    let run = scan.run(is_word);
                    run.iter().any(u8::is_ascii_digit).then_some(())?;
                }
                Part::Word => {
                    varies(scan.run(is_word)).then_some(())?;
                }
                // Of a stamp that is padded in one line, another may have a digit more.
                Part::Blanks if after_bracket => scan.blanks(),
                Part::Blanks => {
                    (!scan.run(|byte| matches!(byte, b' ' | b'\t')).is_empty()).then_some(())?;
                }
                Part::Exactly(blanks) => {
                    let (before, rest) = scan.0.split_at_checked(*blanks).unwrap_or((scan.0, &[]));
                    before.iter().all(|byte| matches!(byte, b' ' | b'\t')).then_some(())?;
                    scan.0 = rest;
                }
            }
            after_bracket = matches!(part, Part::Same(text) if text.ends_with(b"["))
                || after_bracket && *part == Part::Blanks;
        }
        Some(line.len() - scan.0.len())
    }
}

fn is_word(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte >= 0x80
}

/// Whether a word says how urgent a line is.
pub(super) fn is_level(word: &[u8]) -> bool {
    LEVELS.iter().any(|level| word.eq_ignore_ascii_case(level.as_bytes()))
}

fn varies(word: &[u8]) -> bool {
    let is_day = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    is_level(word)
        || is_day.iter().any(|day| word == day.as_bytes())
        || (word.len() >= 3 && month(word).is_some())
}

/// What tells the lines of one log from another's in such a prefix: its first word, where a colon or a bar
/// ends it (pdsh, docker compose). What may change within a log is none.
pub(super) fn label(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut scan = Scan(prefix);
    let word = scan.run(|byte| !matches!(byte, b' ' | b'\t' | b'|'));
    scan.blanks();
    let name = match word.strip_suffix(b":") {
        Some(name) => name,
        None => word.strip_suffix(b"|").or_else(|| scan.0.starts_with(b"|").then_some(word))?,
    };
    let is_name = name.first().is_some_and(u8::is_ascii_alphabetic) && name.len() <= 64;
    let is_kernel = name.eq_ignore_ascii_case(b"kernel") || name.eq_ignore_ascii_case(b"kern");
    (is_name && !is_kernel && !varies(name) && !name.contains(&b'"')).then(|| name.to_vec())
}

fn begins_with_month(text: &[u8]) -> bool {
    let word = Scan(text).word();
    word.first().is_some_and(u8::is_ascii_alphabetic) && word.len() >= 3 && month(word).is_some()
}

/// The stamps in such a prefix: the first date, and the kernel's own.
pub(super) fn stamps(prefix: &[u8], zone: &Zone) -> Stamp {
    let mut stamp = Stamp::default();
    let is_edge = |byte: u8| {
        byte.is_ascii_whitespace()
            || matches!(byte, b'[' | b'"' | b'\'' | b',' | b'(' | b'|' | b'=' | b'>')
    };
    for at in 0..prefix.len() {
        let before = at.checked_sub(1).and_then(|before| prefix.get(before));
        let starts = before.copied().is_none_or(is_edge);
        // grep(1) writes a file's name before each line.
        let may_be_named = starts || matches!(before, Some(b':' | b'-'));
        if stamp.time.is_none()
            && may_be_named
            && let Some(rest) = prefix.get(at..).filter(|rest| begins_with_month(rest))
            && let Some((found, _)) = date(rest, zone)
        {
            stamp = Stamp { boot_ns: stamp.boot_ns, ..found };
        }
        let Some(rest) = prefix.get(at..).filter(|_| starts) else { continue };
        if stamp.time.is_none() && rest.first().is_some_and(u8::is_ascii_digit) {
            let len = rest.iter().take_while(|byte| !is_edge(**byte) && **byte != b']').count();
            let word = rest.get(..len).unwrap_or_default();
            let word = word.strip_suffix(b":").unwrap_or(word);
            if let Some(found) = zone.iso(word) {
                stamp = Stamp { boot_ns: stamp.boot_ns, ..found };
            }
        }
        if stamp.boot_ns.is_none() && prefix.get(at.wrapping_sub(1)) == Some(&b'[') {
            let len = rest.iter().take_while(|byte| **byte != b']').count();
            stamp.boot_ns = rest.get(..len).and_then(uptime);
        }
    }
    stamp
}

#[cfg(test)]
mod tests {
    use super::*;

    fn len(learned: &str, line: &str) -> Option<usize> {
        Shape::of(learned.as_bytes()).unwrap().len_in(line.as_bytes())
    }

    #[test]
    fn numbers_and_levels_may_differ_and_words_may_not() {
        let vmware = "2023-12-04T10:49:30.127Z In(05) vcpu-5 - Guest: <4>[39291577.009200] ";
        assert_eq!(
            len(vmware, "2023-12-04T10:49:30.127Z In(05) vcpu-0 - Guest: <6>[    9.009200]  dump"),
            Some("2023-12-04T10:49:30.127Z In(05) vcpu-0 - Guest: <6>[    9.009200] ".len())
        );
        assert_eq!(
            len(vmware, "2023-12-04T10:49:30.127Z In(05) vcpu-0 - Host: <6>[    9.0] a"),
            None
        );
        assert_eq!(len("node1 warning kmsg: ", "node1 err kmsg: a"), Some(16));
        assert_eq!(len("node1 warning kmsg: ", "node1 told kmsg: a"), None);
        assert_eq!(len("> ", ">  dump_stack"), Some(2));
        assert_eq!(len("    ", "    a"), Some(4));
        assert_eq!(len("app | ", "web | a"), None);
        assert_eq!(Shape::of(b""), None);
    }

    #[test]
    fn a_label_is_what_a_log_has_before_each_line() {
        let of = |prefix: &str| label(prefix.as_bytes()).map(|it| String::from_utf8(it).unwrap());
        assert_eq!(of("web1: ").as_deref(), Some("web1"));
        assert_eq!(of("web-1  | ").as_deref(), Some("web-1"));
        for other in ["", "> ", "kern: ", "warning: ", "2023-12-04T10:49:30Z| ", "db1 login: "] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn stamps_are_found_wherever_they_stand() {
        let zone = Zone::utc();
        let found = stamps(b"pod/a | 2026-11-23T06:00:01Z <4>[    1.000001] ", &zone);
        assert_eq!(found.boot_ns, Some(1_000_001_000));
        assert_eq!(found.time.unwrap().to_string(), "2026-11-23T06:00:01Z");
        assert_eq!(stamps(b"> ", &zone), Stamp::default());
    }
}
