//! A record as a message (RFC 5424 §6).

use std::io::{self, Write as _};

use serde::Deserialize;

use crate::incident::model::Record;
use crate::render::{Format, Style, render};
use crate::sink::facts::{Value, facts};
use crate::sink::severity::Severity;

const APP_NAME: &str = "oom-trace";

/// What stands for what is not known.
const NIL: &str = "-";

/// The kind of program that the message is from (RFC 5424 §6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Facility {
    Kern = 0,
    User = 1,
    #[default]
    Daemon = 3,
    Syslog = 5,
    Local0 = 16,
    Local1 = 17,
    Local2 = 18,
    Local3 = 19,
    Local4 = 20,
    Local5 = 21,
    Local6 = 22,
    Local7 = 23,
}

pub(super) struct Message<'a> {
    pub(super) record: &'a Record,
    pub(super) format: Format,
    pub(super) facility: Facility,
    pub(super) enterprise: Option<u32>,
}

impl Message<'_> {
    pub(super) fn encode(&self) -> io::Result<Vec<u8>> {
        let Self { record, format, facility, enterprise } = self;
        let origin = record.origin();
        let priority = *facility as u8 * 8 + Severity::of(record).syslog();
        let mut out = Vec::new();
        write!(out, "<{priority}>1 ")?;
        match origin.time {
            // As exact as the protocol has it.
            Some(time) => write!(out, "{time:.6}")?,
            None => out.extend_from_slice(NIL.as_bytes()),
        }
        let host = origin.host.as_deref().map(|host| header(host, 255));
        let host = host.filter(|host| !host.is_empty()).unwrap_or_else(|| NIL.to_owned());
        write!(out, " {host} {APP_NAME} {} {} ", std::process::id(), record.kind())?;
        match enterprise {
            Some(number) => data(record, *number, &mut out)?,
            None => out.extend_from_slice(NIL.as_bytes()),
        }
        out.push(b' ');
        let start = out.len();
        render(record, *format, Style::default(), &mut out)?;
        while out.len() > start && out.ends_with(b"\n") {
            out.pop();
        }
        if *format != Format::Json {
            write!(out, " id={}", record.id())?;
        }
        Ok(out)
    }
}

/// What may stand in the header: no blanks, and of ASCII what can be printed.
fn header(text: &str, most: usize) -> String {
    text.chars().filter(char::is_ascii_graphic).take(most).collect()
}

/// The key facts, `[oom@NUMBER id="…" …]` (RFC 5424 §6.3).
fn data(record: &Record, enterprise: u32, out: &mut Vec<u8>) -> io::Result<()> {
    write!(out, "[oom@{enterprise}")?;
    for (fact, value) in facts(record) {
        let Some(name) = fact.syslog else { continue };
        let value = match value {
            Value::Text(text) => text.into_owned(),
            Value::Name(text) => text.to_string(),
            Value::Number(number) => number.to_string(),
        };
        write!(out, " {name}=\"{}\"", escape(&value))?;
    }
    out.push(b']');
    Ok(())
}

/// RFC 5424 §6.3.3: three characters.
fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for character in value.chars() {
        if matches!(character, '"' | '\\' | ']') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// So many bytes at the most, and no part of a character.
pub(super) fn cut(message: &[u8], most: usize) -> &[u8] {
    let is_inside = |at: &usize| message.get(*at).is_some_and(|byte| byte & 0xc0 == 0x80);
    let end = (0..=most.min(message.len())).rev().find(|at| !is_inside(at)).unwrap_or(0);
    message.get(..end).unwrap_or(message)
}
