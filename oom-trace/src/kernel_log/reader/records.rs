//! Logs whose records have a field a line: `journalctl -o export`, `-o verbose` and `-o json-pretty`,
//! `dmesg --json`, and what other programs print so.

use super::collector::{self, Said};
use super::journal::{Field, Line};
use super::words::speaks_of_a_kill;
use crate::kernel_log::scan::{rsplit_once, split_once, utf8};

/// Which form a record is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `KEY=value`, an empty line behind it.
    Export,
    /// A line with a cursor, then `    KEY=value`.
    Verbose,
    /// `"key": value,` within braces.
    Json,
}

/// A record so far.
#[derive(Debug, Default)]
pub(super) struct Fields {
    form: Option<Form>,
    line: u64,
    entry: Line,
    /// What else a record in JSON has.
    other: serde_json::Map<String, serde_json::Value>,
}

/// What a line was to a record.
#[derive(Debug)]
pub(super) enum Taken {
    /// Nothing.
    Not,
    /// A part of one.
    Part,
    /// The name of a field whose length and bytes follow (`-o export`).
    Binary(Vec<u8>),
    /// What ends one.
    Done(Vec<Said>),
    /// Nothing, but one ended before it.
    After(Vec<Said>),
}

impl Fields {
    /// Takes a line, of which the end is missing if it is cut.
    pub(super) fn take(&mut self, no: u64, line: &[u8], cut: bool) -> Taken {
        match self.form {
            None => self.begin(no, line, cut),
            Some(Form::Export) => self.export(no, line, cut),
            Some(Form::Verbose) => self.verbose(no, line, cut),
            Some(Form::Json) => self.json(no, line, cut),
        }
    }

    /// Whether a record is being read.
    pub(super) const fn is_open(&self) -> bool {
        self.form.is_some()
    }

    /// The bytes of a field of which only the name had a line, and how many it has.
    pub(super) fn binary(&mut self, name: &[u8], bytes: Vec<u8>, length: usize) {
        let cut = bytes.len() < length;
        self.set(name, bytes, cut);
    }

    fn set(&mut self, name: &[u8], value: Vec<u8>, cut: bool) {
        self.entry.cut |= cut && name == b"MESSAGE";
        self.entry.set(name, Field::Bytes(value));
    }

    /// No line follows.
    pub(super) fn end(&mut self) -> Vec<Said> {
        let Self { form, line, entry, other } = std::mem::take(self);
        match form {
            None => Vec::new(),
            Some(Form::Json) if !entry.is_one() => {
                collector::said(&serde_json::Value::Object(other))
            }
            Some(_) => entry.spoken(line).map(Said::Spoken).into_iter().collect(),
        }
    }

    fn begin(&mut self, no: u64, line: &[u8], cut: bool) -> Taken {
        let trimmed = line.trim_ascii();
        let form = if line.starts_with(b"__CURSOR=") || line.starts_with(b"__REALTIME_TIMESTAMP=") {
            Form::Export
        } else if cursor(line).is_some() {
            Form::Verbose
        } else if opens(trimmed) {
            Form::Json
        } else {
            return Taken::Not;
        };
        (self.form, self.line) = (Some(form), no);
        match form {
            Form::Export => self.export(no, line, cut),
            Form::Verbose => {
                self.head(line);
                Taken::Part
            }
            Form::Json => Taken::Part,
        }
    }

    fn export(&mut self, no: u64, line: &[u8], cut: bool) -> Taken {
        if line.is_empty() {
            return Taken::Done(self.end());
        }
        let is_name = |name: &[u8]| {
            !name.is_empty()
                && name
                    .iter()
                    .all(|it| it.is_ascii_uppercase() || it.is_ascii_digit() || *it == b'_')
        };
        match split_once(line, "=").filter(|(name, _)| is_name(name)) {
            Some((name, value)) => {
                self.set(name, value.to_vec(), cut);
                Taken::Part
            }
            None if is_name(line) => Taken::Binary(line.to_vec()),
            None => {
                let done = self.end();
                self.and(done, no, line, cut)
            }
        }
    }

    fn verbose(&mut self, no: u64, line: &[u8], cut: bool) -> Taken {
        if cursor(line).is_some() {
            let done = self.end();
            return self.and(done, no, line, cut);
        }
        let field = line.strip_prefix(b"    ").and_then(|line| split_once(line, "="));
        match field {
            Some((name, value)) => self.set(name, value.to_vec(), cut),
            None if line.starts_with(b" ") || line.is_empty() => {}
            None => {
                let done = self.end();
                return self.and(done, no, line, cut);
            }
        }
        Taken::Part
    }

    /// The time and the place in the journal, of a record in verbose form.
    fn head(&mut self, line: &[u8]) {
        let Some(cursor) = cursor(line) else { return };
        for part in cursor.split(|byte| *byte == b';') {
            let Some((key, value)) = split_once(part, "=") else { continue };
            let Some(value) = utf8(value) else { continue };
            let micros =
                || u64::from_str_radix(&value, 16).ok().map(|us| Field::Text(us.to_string()));
            let (name, value): (&[u8], _) = match key {
                b"b" => (b"_BOOT_ID", Some(Field::Text(value))),
                b"m" => (b"__MONOTONIC_TIMESTAMP", micros()),
                b"t" => (b"__REALTIME_TIMESTAMP", micros()),
                _ => continue,
            };
            if let Some(value) = value {
                self.entry.set(name, value);
            }
        }
    }

    fn json(&mut self, no: u64, line: &[u8], cut: bool) -> Taken {
        let trimmed = line.trim_ascii();
        if trimmed.starts_with(b"}") {
            let done = self.end();
            // Of a list, the next begins in the same line.
            if opens(after_close(trimmed)) {
                (self.form, self.line) = (Some(Form::Json), no);
            }
            return Taken::Done(done);
        }
        if opens(trimmed) {
            // What is inside another: its own fields are all that is wanted.
            let done = self.end();
            (self.form, self.line) = (Some(Form::Json), no);
            return Taken::Done(done);
        }
        let Some((name, value)) = member(trimmed) else {
            // A list may hold the log, a line each.
            if let Some(text) = element(trimmed) {
                return Taken::Done(collector::element(&text, &self.other));
            }
            // Values of a list, or no JSON.
            let is_json = trimmed.is_empty()
                || matches!(trimmed.last(), Some(b',' | b']' | b'"' | b'['))
                || trimmed.iter().all(|byte| byte.is_ascii_digit());
            if is_json && !speaks_of_a_kill(line) {
                return Taken::Part;
            }
            let done = self.end();
            return self.and(done, no, line, cut);
        };
        // Only a number may be half of one.
        if cut && value.is_number() {
            return Taken::Part;
        }
        if let Ok(field) = serde_json::from_value::<Field>(value.clone()) {
            self.entry.set(name.as_bytes(), field);
        }
        self.other.insert(name, value);
        Taken::Part
    }

    /// What one record ended with, before another begins with this line.
    fn and(&mut self, done: Vec<Said>, no: u64, line: &[u8], cut: bool) -> Taken {
        match self.begin(no, line, cut) {
            Taken::Not if done.is_empty() => Taken::Not,
            Taken::Not => Taken::After(done),
            _ => Taken::Done(done),
        }
    }
}

/// What follows `},`.
fn after_close(line: &[u8]) -> &[u8] {
    let rest = line.strip_prefix(b"}").unwrap_or(line);
    rest.strip_prefix(b",").unwrap_or(rest).trim_ascii()
}

/// `"text",`
fn element(trimmed: &[u8]) -> Option<String> {
    let text = trimmed.strip_suffix(b",").unwrap_or(trimmed);
    serde_json::from_slice(text).ok()
}

/// Whether a line opens an object and says nothing more: `{`, `"dmesg": [`, `"a": {`, `},{`.
fn opens(trimmed: &[u8]) -> bool {
    trimmed == b"{"
        || trimmed == b"},{"
        || (trimmed.starts_with(b"\"") && trimmed.ends_with(b"\": {"))
}

/// `"MESSAGE" : "text",`
fn member(trimmed: &[u8]) -> Option<(String, serde_json::Value)> {
    let text = str::from_utf8(trimmed).ok()?;
    let text = text.strip_suffix(',').unwrap_or(text);
    let (name, value) = text.strip_prefix('"')?.split_once('"')?;
    let value = value.trim_start().strip_prefix(':')?.trim();
    Some((name.to_owned(), serde_json::from_str(value).ok()?))
}

/// The cursor of a line of `-o verbose`: `Mon 2026-11-23 06:00:01.000001 UTC [s=…;i=…;b=…]`.
fn cursor(line: &[u8]) -> Option<&[u8]> {
    let (_, cursor) = rsplit_once(line.strip_suffix(b"]")?, " [")?;
    cursor.starts_with(b"s=").then_some(cursor)
}
