//! A name that somebody else chose, in a line of ours.

use std::fmt::{self, Display, Formatter, Write as _};

use crate::text::{Escaped, KernelText};

/// One word: bare if nothing in it can be taken for our own punctuation, else in quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<'a>(&'a [u8]);

impl<'a> From<&'a KernelText> for Word<'a> {
    fn from(text: &'a KernelText) -> Self {
        Self(text.as_bytes())
    }
}

impl<'a> From<&'a [u8]> for Word<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl<'a> From<&'a str> for Word<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.as_bytes())
    }
}

impl Display for Word<'_> {
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

/// A task: `memhog (pid 157)`, with its thread where that is another number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Who<'a> {
    pub(super) comm: Option<&'a KernelText>,
    /// `None` where only the thread is known.
    pub(super) pid: Option<u32>,
    pub(super) tid: Option<u32>,
}

impl Display for Who<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (before, after) = match self.comm {
            Some(comm) => {
                write!(f, "{}", Word::from(comm))?;
                (" (", ")")
            }
            None => ("", ""),
        };
        match (self.pid, self.tid) {
            (Some(pid), tid) if tid.is_none_or(|tid| tid == pid) => {
                write!(f, "{before}pid {pid}{after}")
            }
            (Some(pid), Some(tid)) => write!(f, "{before}pid {pid}, thread {tid}{after}"),
            (None, Some(tid)) => write!(f, "{before}thread {tid}{after}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_word_goes_without_quotes() {
        let shown = |bytes: &[u8]| Word(bytes).to_string();
        assert_eq!(shown(b"kworker/0:1-events"), "kworker/0:1-events");
        assert_eq!(shown(b""), r#""""#);
        assert_eq!(shown(b"tmux: server"), r#""tmux: server""#);
        assert_eq!(shown(b"a=1\" pid=\\\n\xff"), r#""a=1\" pid=\\\n\xff""#);
        assert_eq!(shown("é".as_bytes()), "\"é\"");
    }
}
