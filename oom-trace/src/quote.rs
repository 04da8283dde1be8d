//! A name that somebody else chose, in a line of ours: how it is quoted for logfmt and for a shell.

use std::fmt::{self, Display, Formatter, Write as _};
use std::path::Path;

use crate::text::{Escaped, KernelText, acts};

/// A value of logfmt: bare if nothing in it can be taken for our own punctuation, else in quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogfmtValue<'a>(&'a [u8]);

impl Display for LogfmtValue<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let bare = |byte: &u8| byte.is_ascii_alphanumeric() || b"_./:@%+-".contains(byte);
        if !self.0.is_empty() && self.0.iter().all(bare) {
            return write!(f, "{}", Escaped(self.0));
        }
        f.write_char('"')?;
        for part in self.0.split_inclusive(|byte| matches!(byte, b'"' | b'\\')) {
            match part.split_last() {
                Some((special @ (b'"' | b'\\'), before)) => {
                    write!(f, "{}\\{}", Escaped(before), char::from(*special))?;
                }
                _ => write!(f, "{}", Escaped(part))?,
            }
        }
        f.write_char('"')
    }
}

/// A name as a shell takes it: bare, or in single quotes, so that what is shown can be pasted. One
/// that a terminal cannot show as it is looks like a [`LogfmtValue`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Quoted<'a>(&'a [u8]);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let bare = |c: char| c.is_ascii_alphanumeric() || "_./:@%+-=,".contains(c);
        match std::str::from_utf8(self.0) {
            Ok(text) if !text.is_empty() && text.chars().all(bare) => f.write_str(text),
            Ok(text) if !text.chars().any(acts) => {
                // Within single quotes nothing is special but their end.
                write!(f, "'{}'", text.replace('\'', r"'\''"))
            }
            _ => write!(f, "{}", LogfmtValue(self.0)),
        }
    }
}

macro_rules! made_of_bytes {
    ($($kind:ident),+) => {
        $(
            impl<'a> From<&'a KernelText> for $kind<'a> {
                fn from(text: &'a KernelText) -> Self {
                    Self(text.as_bytes())
                }
            }

            impl<'a> From<&'a [u8]> for $kind<'a> {
                fn from(bytes: &'a [u8]) -> Self {
                    Self(bytes)
                }
            }

            impl<'a> From<&'a str> for $kind<'a> {
                fn from(text: &'a str) -> Self {
                    Self(text.as_bytes())
                }
            }
        )+
    };
}

made_of_bytes!(LogfmtValue, Quoted);

impl<'a> From<&'a Path> for Quoted<'a> {
    fn from(path: &'a Path) -> Self {
        Self(path.as_os_str().as_encoded_bytes())
    }
}

/// A task: `memhog (pid 157)`, with its thread where that is another number.
#[derive(Debug, Clone, Copy)]
pub(super) struct TaskLabel<'a> {
    pub(super) comm: Option<&'a KernelText>,
    /// `None` where only the thread is known.
    pub(super) pid: Option<u32>,
    pub(super) tid: Option<u32>,
}

impl Display for TaskLabel<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (before, after) = match self.comm {
            Some(comm) => {
                write!(f, "{}", Quoted::from(comm))?;
                (" (", ")")
            }
            None => ("", ""),
        };
        match (self.pid, self.tid) {
            (Some(pid), tid) if tid.is_none_or(|tid| tid == pid) => {
                write!(f, "{before}pid {pid}{after}")
            }
            (Some(pid), Some(tid)) => write!(f, "{before}pid {pid}, thread {tid}{after}"),
            // The kernel's own word for it.
            (None, Some(tid)) => write!(f, "{before}process {tid}{after}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_word_goes_without_quotes() {
        let shown = |bytes: &[u8]| LogfmtValue(bytes).to_string();
        assert_eq!(shown(b"kworker/0:1-events"), "kworker/0:1-events");
        assert_eq!(shown(b""), r#""""#);
        assert_eq!(shown(b"tmux: server"), r#""tmux: server""#);
        assert_eq!(shown(b"a=1\" pid=\\\n\xff"), r#""a=1\" pid=\\\n\xff""#);
        assert_eq!(shown("é".as_bytes()), "\"é\"");
    }

    #[test]
    fn what_is_quoted_can_be_pasted_into_a_shell() {
        let shown = |text: &str| Quoted::from(text).to_string();
        assert_eq!(shown("app.service"), "app.service");
        assert_eq!(shown("-XX:MaxRAMPercentage=75"), "-XX:MaxRAMPercentage=75");
        assert_eq!(shown(r"machine-my\x2dbox.scope"), r"'machine-my\x2dbox.scope'");
        assert_eq!(shown("tmux: server"), "'tmux: server'");
        assert_eq!(shown("it's"), r"'it'\''s'");
        assert_eq!(shown(""), "''");
        assert_eq!(shown("a\n$(b)"), r#""a\n$(b)""#);
        assert_eq!(Quoted::from(&b"\xff"[..]).to_string(), r#""\xff""#);
    }
}
