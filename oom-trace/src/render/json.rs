//! `json`: one object, one line.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{CompactFormatter, Formatter};

use crate::text::acts;

/// Appends any value so: one line, ended.
///
/// # Errors
/// The value refuses to be serialised.
pub fn json(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut *out, LineFormatter))?;
    out.push(b'\n');
    Ok(())
}

/// Escapes, beyond what JSON demands, characters that act on a terminal or that some readers of
/// lines take for the end of one; the value stays the same.
struct LineFormatter;

impl Formatter for LineFormatter {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + Write,
    {
        // Nearly all are, and to look at each character of the others takes longer than all else.
        if fragment.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return CompactFormatter.write_string_fragment(writer, fragment);
        }
        for part in fragment.split_inclusive(acts) {
            match part.chars().next_back().filter(|last| acts(*last)) {
                Some(last) => {
                    let plain = part.strip_suffix(last).unwrap_or_default();
                    CompactFormatter.write_string_fragment(writer, plain)?;
                    write!(writer, "\\u{:04x}", u32::from(last))?;
                }
                None => CompactFormatter.write_string_fragment(writer, part)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::model::Record;
    use crate::render::fixtures;

    #[test]
    fn what_is_read_back_is_written_the_same() {
        for (name, record) in fixtures::all() {
            let [mut first, mut again] = [Vec::new(), Vec::new()];
            json(&record, &mut first).unwrap();
            let back: Record = serde_json::from_slice(&first).unwrap();
            json(&back, &mut again).unwrap();
            let value: serde_json::Value = serde_json::from_slice(&first).unwrap();
            assert_eq!(String::from_utf8(again), String::from_utf8(first), "{name}");
            assert_eq!(back.id(), record.id(), "{name}");
            assert_eq!(value["type"], record.kind(), "{name}");
        }
    }

    #[test]
    fn a_character_that_acts_is_escaped_and_reads_back_as_itself() {
        let text = "a\u{9b}31m\u{2028}\u{202e}b\u{7f}é";
        let mut out = Vec::new();
        text.serialize(&mut Serializer::with_formatter(&mut out, LineFormatter)).unwrap();
        assert_eq!(String::from_utf8_lossy(&out), r#""a\u009b31m\u2028\u202eb\u007fé""#);
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }
}
