//! Text of two bytes a character, as PowerShell's `>` writes it.

use std::io::{self, Read};

/// What a byte-order mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    /// By the first bytes of a file.
    pub(super) fn of(start: &[u8]) -> Option<Self> {
        match start {
            [0xff, 0xfe, ..] => Some(Self::Little),
            [0xfe, 0xff, ..] => Some(Self::Big),
            _ => None,
        }
    }
}

/// Reads it as UTF-8.
pub(super) struct Utf8<R> {
    input: R,
    order: Order,
    /// The first half of a unit, and of a pair of units.
    half: Option<u8>,
    high: Option<u16>,
    /// What is done, and how much of it was handed on.
    done: Vec<u8>,
    taken: usize,
}

impl<R: Read> Utf8<R> {
    pub(super) fn new(input: R, order: Order) -> Self {
        Self { input, order, half: None, high: None, done: Vec::new(), taken: 0 }
    }

    fn unit(&mut self, unit: u16) {
        let units = self.high.take().into_iter().chain([unit]);
        for character in char::decode_utf16(units.collect::<Vec<_>>()) {
            let character = match character {
                Ok(character) => character,
                // The second half follows.
                Err(error) if error.unpaired_surrogate() == unit && unit < 0xdc00 => {
                    self.high = Some(unit);
                    continue;
                }
                Err(_) => char::REPLACEMENT_CHARACTER,
            };
            self.done.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

impl<R: Read> Read for Utf8<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut bytes = [0; 16 * 1024];
        while self.taken == self.done.len() {
            let read = self.input.read(&mut bytes)?;
            if read == 0 {
                return Ok(0);
            }
            (self.taken, self.done) = (0, Vec::with_capacity(read * 2));
            for byte in bytes.iter().take(read).copied() {
                match (self.half.take(), self.order) {
                    (None, _) => self.half = Some(byte),
                    (Some(first), Order::Little) => self.unit(u16::from_le_bytes([first, byte])),
                    (Some(first), Order::Big) => self.unit(u16::from_be_bytes([first, byte])),
                }
            }
        }
        let rest = self.done.get(self.taken..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        for (place, byte) in buffer.iter_mut().zip(rest) {
            *place = *byte;
        }
        self.taken += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However it is cut into reads.
    #[test]
    fn both_orders_are_read() {
        struct Slow<'a>(&'a [u8]);
        impl Read for Slow<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0.read(&mut buffer[..1])
            }
        }
        let text = "\u{feff}Out of memory: Killed process 7 (é𝄞)\r\n";
        let mut units: Vec<u16> = text.encode_utf16().collect();
        units.extend([0xd800, u16::from(b'x'), 0xdc00]);
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for bytes in [little, big] {
            let order = Order::of(&bytes).unwrap();
            let mut read = String::new();
            Utf8::new(Slow(&bytes), order).read_to_string(&mut read).unwrap();
            assert_eq!(read, format!("{text}\u{fffd}x\u{fffd}"));
        }
        assert_eq!(Order::of(b"a"), None);
    }
}
