//! One format a file: `&Record` to bytes, appended to a buffer that its owner uses again.
//!
//! No format does I/O or keeps state. What is unknown is left out (in JSON: `null`), and no
//! text that a process chose can end a line, colour a terminal or look like another field.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::str::FromStr;

use clap::ValueEnum;
use serde::Deserialize;
use thiserror::Error;

pub use self::brief::{brief, time};
pub use self::json::json;
pub use self::moment::show_local_times;
pub use self::style::{Color, Style};
pub use self::table::{Row, Table};
pub use self::wrap::wrapped;

use crate::incident::model::Record;
use crate::{quote, units};

mod block;
mod brief;
mod compact;
mod json;
mod kernel;
mod moment;
mod style;
mod table;
mod text;
mod wrap;

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod kernel_log;
#[cfg(test)]
mod schema;

/// How a record is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// A block of lines for people, ending in an empty line.
    Text,
    /// One line of `key=value` pairs, for watching many kills.
    Compact,
    /// One line of JSON, as `docs/events.md` describes it.
    Json,
    /// Lines as the kernel logs them, without times.
    Kernel,
}

impl Format {
    pub(crate) fn json() -> Self {
        Self::Json
    }

    pub(crate) fn compact() -> Self {
        Self::Compact
    }

    /// Whether people read it, who are told on standard error what the agent says of itself.
    pub(crate) const fn is_for_people(self) -> bool {
        matches!(self, Self::Text | Self::Compact)
    }
}

/// Appends `record` to `out`: whole lines, or nothing where the format has no words for it.
///
/// # Errors
/// Writing to memory does not fail; what remains is a value that refuses to be serialised. Then
/// `out` is as before.
pub fn render(record: &Record, format: Format, style: Style, out: &mut Vec<u8>) -> io::Result<()> {
    let start = out.len();
    let rendered = match format {
        Format::Text => text::render(record, style, out),
        Format::Compact => compact::render(record, style, out),
        Format::Json => json(record, out),
        Format::Kernel => kernel::render(record, out),
    };
    if rendered.is_err() {
        out.truncate(start);
    }
    rendered
}

/// The same of a record that was read from one of several files: people are told from which. The other formats
/// are as programs know them.
///
/// # Errors
/// As [`render`].
pub fn render_from(
    file: &str,
    record: &Record,
    format: Format,
    style: Style,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let start = out.len();
    render(record, format, style, out)?;
    if out.len() == start {
        return Ok(());
    }
    match format {
        Format::Text => text::add_file(file, style, out),
        Format::Compact => compact::add_file(file, style, out),
        Format::Json | Format::Kernel => Ok(()),
    }
}

/// A word that names no format.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown format {0:?}; expected one of text, compact, json, kernel")]
pub struct UnknownFormat(pub String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        <Self as ValueEnum>::from_str(name, false).map_err(|_| UnknownFormat(name.to_owned()))
    }
}

impl Display for Format {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Compact => "compact",
            Self::Json => "json",
            Self::Kernel => "kernel",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_which_file_a_record_is_from() {
        for (name, record) in fixtures::all() {
            for format in Format::value_variants() {
                let (mut plain, mut from) = (Vec::new(), Vec::new());
                let style = Style::default();
                render(&record, *format, style, &mut plain).unwrap();
                render_from("a\nb.log", &record, *format, style, &mut from).unwrap();
                let (plain, from) =
                    (String::from_utf8(plain).unwrap(), String::from_utf8(from).unwrap());
                let is_told = from.contains(r"a\nb.log");
                assert_eq!(is_told, format.is_for_people(), "{name}: {from}");
                let ends = |text: &str| text.chars().rev().take_while(|it| *it == '\n').count();
                assert_eq!(ends(&plain), ends(&from), "{name}: {from}");
                assert!(from.starts_with(plain.trim_end()), "{name}: {from}");
            }
        }
    }

    #[test]
    fn every_format_is_found_by_the_name_it_shows_and_the_error_lists_them_all() {
        let error = "xml".parse::<Format>().unwrap_err().to_string();
        for format in Format::value_variants() {
            assert_eq!(format.to_string().parse(), Ok(*format));
            assert!(error.contains(&format.to_string()), "{error}");
        }
    }
}
