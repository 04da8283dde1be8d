//! What a terminal sends, key by key.
//!
//! It is read here rather than by crossterm, whose reader waits inside an unfinished sequence, where no
//! signal ends it, and never returns from a terminal that was closed.

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    /// With the control key held down.
    Ctrl(char),
    Enter,
    Escape,
    Tab,
    BackTab,
    Backspace,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
    F(u8),
    /// One that means nothing here.
    Other,
}

/// Bytes that are no whole key yet.
#[derive(Debug, Default)]
pub(super) struct Keys(Vec<u8>);

impl Keys {
    /// More of what the terminal sends.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Whether something has begun and may go on.
    pub(super) fn is_open(&self) -> bool {
        !self.0.is_empty()
    }

    /// The next key. What has begun and does not go on is taken as it is if no more comes.
    pub(super) fn next(&mut self, no_more_comes: bool) -> Option<Key> {
        let (key, len) = match decode(&self.0) {
            Some(decoded) => decoded,
            None if self.0.is_empty() || !no_more_comes => return None,
            None if self.0 == [ESC] => (Key::Escape, 1),
            None => (Key::Other, self.0.len()),
        };
        self.0.drain(..len);
        Some(key)
    }
}

const ESC: u8 = 0x1b;

/// The first key, and how long it is; `None` if it is not whole.
fn decode(bytes: &[u8]) -> Option<(Key, usize)> {
    let (&first, rest) = bytes.split_first()?;
    match first {
        ESC => escape(rest).map(|(key, len)| (key, len + 1)),
        b'\r' | b'\n' => Some((Key::Enter, 1)),
        b'\t' => Some((Key::Tab, 1)),
        0x7f | 0x08 => Some((Key::Backspace, 1)),
        0x01..=0x1a => Some((Key::Ctrl(char::from(first + 0x60)), 1)),
        0..0x20 => Some((Key::Other, 1)),
        _ => character(bytes),
    }
}

fn character(bytes: &[u8]) -> Option<(Key, usize)> {
    let chunk = bytes.utf8_chunks().next()?;
    match chunk.valid().chars().next() {
        Some(first) => Some((Key::Char(first), first.len_utf8())),
        // It may go on.
        None if bytes.len() < 4 && chunk.invalid().len() == bytes.len() => None,
        None => Some((Key::Other, chunk.invalid().len().max(1))),
    }
}

/// What stands behind an escape.
fn escape(rest: &[u8]) -> Option<(Key, usize)> {
    let (&first, rest) = rest.split_first()?;
    match first {
        b'[' => control(rest).map(|(key, len)| (key, len + 1)),
        // As terminals send them that have a keypad of their own.
        b'O' => rest.first().map(|&last| (named(last), 2)),
        // Twice the key itself.
        ESC => Some((Key::Escape, 1)),
        _ => Some((Key::Other, 1)),
    }
}

/// `5~`, `1;2A`, `[A`
fn control(rest: &[u8]) -> Option<(Key, usize)> {
    // Linux's own console.
    if let Some(after) = rest.strip_prefix(b"[") {
        return after.first().map(|&last| match last {
            b'A'..=b'E' => (Key::F(last - b'A' + 1), 2),
            _ => (Key::Other, 2),
        });
    }
    let end = rest.iter().position(|byte| !(0x20..0x40).contains(byte))?;
    let (number, last) = (rest.get(..end)?, *rest.get(end)?);
    let key = match last {
        b'~' => numbered(number.split(|byte| *byte == b';').next()?),
        b'Z' => Key::BackTab,
        last => named(last),
    };
    Some((key, end + 1))
}

fn named(last: u8) -> Key {
    match last {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' => Key::Right,
        b'D' => Key::Left,
        b'H' => Key::Home,
        b'F' => Key::End,
        b'M' => Key::Enter,
        b'P'..=b'S' => Key::F(last - b'P' + 1),
        _ => Key::Other,
    }
}

fn numbered(number: &[u8]) -> Key {
    let number = str::from_utf8(number).ok().and_then(|text| text.parse::<u8>().ok());
    match number {
        Some(1 | 7) => Key::Home,
        Some(4 | 8) => Key::End,
        Some(5) => Key::PageUp,
        Some(6) => Key::PageDown,
        // xterm leaves out a number here and there.
        Some(number @ 11..=15) => Key::F(number - 10),
        Some(number @ 17..=21) => Key::F(number - 11),
        Some(number @ 23..=24) => Key::F(number - 12),
        _ => Key::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut keys = Keys::default();
        keys.push(bytes);
        std::iter::from_fn(|| keys.next(true)).collect()
    }

    #[test]
    fn each_terminal_has_its_own_words_for_a_key() {
        for (bytes, key) in [
            (&b"\x1b[A"[..], Key::Up),
            (b"\x1bOA", Key::Up),
            (b"\x1b[1;5B", Key::Down),
            (b"\x1b[5~", Key::PageUp),
            (b"\x1b[6;2~", Key::PageDown),
            (b"\x1b[H", Key::Home),
            (b"\x1b[1~", Key::Home),
            (b"\x1b[7~", Key::Home),
            (b"\x1bOF", Key::End),
            (b"\x1bOP", Key::F(1)),
            (b"\x1b[11~", Key::F(1)),
            (b"\x1b[[A", Key::F(1)),
            (b"\x1b[15~", Key::F(5)),
            (b"\x1b[17~", Key::F(6)),
            (b"\x1b[21~", Key::F(10)),
            (b"\x1b[Z", Key::BackTab),
            (b"\x03", Key::Ctrl('c')),
            (b"\x1b", Key::Escape),
            (b"\r", Key::Enter),
            (b"q", Key::Char('q')),
            ("é".as_bytes(), Key::Char('é')),
            (b"\xff", Key::Other),
            (b"\x1b[<0;3;4M", Key::Enter),
            (b"\x1bx", Key::Other),
            (b"\x1b[200", Key::Other),
        ] {
            assert_eq!(keys(bytes), [key], "{bytes:?}");
        }
    }

    #[test]
    fn keys_may_come_in_pieces_and_together() {
        assert_eq!(keys(b"j\x1b[Bk"), [Key::Char('j'), Key::Down, Key::Char('k')]);
        let mut pieces = Keys::default();
        for (piece, key) in [
            (&b"\x1b"[..], None),
            (b"[", None),
            (b"5", None),
            (b"~", Some(Key::PageUp)),
            (b"\xc3", None),
            (b"\xa9", Some(Key::Char('é'))),
        ] {
            pieces.push(piece);
            assert_eq!(pieces.next(false), key, "{piece:?}");
        }
        assert!(!pieces.is_open());
    }

    #[test]
    fn no_bytes_are_kept_for_ever() {
        for first in 0..=255_u8 {
            for second in 0..=255_u8 {
                let mut keys = Keys::default();
                keys.push(&[first, second, 0x1b, b'[', first, second]);
                while keys.next(true).is_some() {}
                assert!(!keys.is_open());
            }
        }
    }
}
