//! A body as the configuration writes it: a text, or a table that becomes a JSON object, with names in
//! braces where the record's values go. In a table nothing that a process calls itself can end a string.

use std::borrow::Cow;
use std::io;

use leon::Values;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::Repeats;
use super::message::Message;
use crate::incident::model::Record;
use crate::render::json;
use crate::setting::advise;
use crate::text::Escaped;

/// Names that stand for something in a template; behind that of the record stand keys.
const NAMES: [&str; 11] =
    ["title", "why", "try", "facts", "severity", "type", "time", "host", "place", "more", RECORD];
const RECORD: &str = "record";

/// `template`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(try_from = "Value")]
pub(in super::super) struct Template(Value);

impl TryFrom<Value> for Template {
    type Error = String;

    fn try_from(written: Value) -> Result<Self, String> {
        let is_empty = match &written {
            Value::String(text) => text.is_empty(),
            Value::Object(table) => table.is_empty(),
            _ => return Err("expected a text, or a table for a JSON object".to_owned()),
        };
        if is_empty {
            return Err(
                "the body would be empty; write a text, or a table for a JSON object".to_owned()
            );
        }
        let mut flaws = Vec::new();
        check(&written, &mut flaws);
        if flaws.is_empty() { Ok(Self(written)) } else { Err(flaws.join("; ")) }
    }
}

/// How the reader of TOML hands on a date, which JSON has not.
const DATE: &str = "$__toml_private_datetime";

/// All that is wrong.
fn check(written: &Value, flaws: &mut Vec<String>) {
    match written {
        Value::String(text) => check_text(text, flaws),
        Value::Array(list) => list.iter().for_each(|value| check(value, flaws)),
        Value::Object(table) => {
            if table.contains_key(DATE) {
                flaws.push("JSON has no dates; write this one in quotes".to_owned());
                return;
            }
            for (key, value) in table {
                if leon::Template::parse(key).is_ok_and(|it| it.keys().next().is_some()) {
                    flaws.push(format!("a key stands for itself, so {key} is not filled in"));
                }
                check(value, flaws);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn check_text(text: &str, flaws: &mut Vec<String>) {
    let Ok(parsed) = leon::Template::parse(text) else {
        flaws.push(format!(
            "there is a brace without its other in: {text}; for one that means itself, write \\\\{{ or \\\\}} \
             in double quotes, \\{{ or \\}} in single quotes"
        ));
        return;
    };
    for name in parsed.keys() {
        let (first, keys) =
            name.split_once('.').map_or((*name, None), |(it, keys)| (it, Some(keys)));
        let is_known = NAMES.contains(&first);
        match keys {
            _ if !is_known => {
                let known = NAMES.join("`, `");
                let message = format!("unknown name `{first}`, expected one of `{known}`");
                flaws.push(advise(&message));
            }
            Some(_) if first != RECORD => {
                flaws.push(format!("`{first}` has no parts; write {{{first}}}, or {{record.…}}"));
            }
            Some(keys) if keys.split('.').any(str::is_empty) => {
                flaws.push(format!("a key is missing in {{{name}}}"));
            }
            _ => {}
        }
    }
}

/// Whether a name is the record's, or that of a part of it.
fn is_of_the_record(name: &str) -> bool {
    name.split('.').next() == Some(RECORD)
}

impl Template {
    #[cfg(feature = "network")]
    pub(super) const fn content_type(&self) -> &'static str {
        match self.0 {
            Value::Object(_) => "application/json",
            _ => "text/plain; charset=utf-8",
        }
    }

    /// Appends the body.
    ///
    /// # Errors
    /// A value refuses to be serialised.
    pub(super) fn write(
        &self,
        record: &Record,
        repeats: Option<&Repeats>,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        let said = Said {
            message: Message::of(record, repeats),
            record: serde_json::to_value(record)?,
            more: repeats.map_or(0, |repeats| repeats.more),
        };
        match &self.0 {
            Value::String(text) => {
                out.extend_from_slice(said.fill(text).as_bytes());
                Ok(())
            }
            table => json(&said.fill_in(table), out),
        }
    }
}

/// What the names stand for.
struct Said<'a> {
    message: Message<'a>,
    record: Value,
    more: u64,
}

impl Said<'_> {
    fn fill_in(&self, written: &Value) -> Value {
        match written {
            Value::String(text) => self.value_or_text(text),
            Value::Array(list) => list.iter().map(|it| self.fill_in(it)).collect(),
            Value::Object(table) => {
                let filled = table.iter().map(|(key, value)| (key.clone(), self.fill_in(value)));
                Value::Object(Map::from_iter(filled))
            }
            other => other.clone(),
        }
    }

    /// A text that is no more than a name is what that stands for: a number stays one.
    fn value_or_text(&self, text: &str) -> Value {
        let parsed = leon::Template::parse(text).ok();
        match parsed.as_ref().map(|parsed| &*parsed.items) {
            Some([leon::Item::Key(name)]) => self.value(name).into_owned(),
            _ => Value::String(self.fill(text)),
        }
    }

    fn fill(&self, text: &str) -> String {
        let filled = leon::Template::parse(text).ok().and_then(|parsed| parsed.render(self).ok());
        filled.unwrap_or_default()
    }

    /// `null` for what is not known.
    fn value(&self, name: &str) -> Cow<'_, Value> {
        let Message { kind, title, why, facts, severity, time, host, place } = &self.message;
        let text = |text: &str| Cow::Owned(Value::String(text.to_owned()));
        let known = |text: Option<String>| Cow::Owned(text.map_or(Value::Null, Value::String));
        match name {
            "title" => text(title),
            "why" => known(why.map(|why| why.summary.clone())),
            "try" => known(why.map(|why| why.hints.join("\n"))),
            "facts" => text(&facts.to_string()),
            "severity" => text(severity.name()),
            "type" => text(kind.name()),
            "time" => known(time.map(|time| time.to_string())),
            "host" => text(host),
            "place" => known(place.clone()),
            "more" => Cow::Owned(self.more.into()),
            _ => self.of_record(name),
        }
    }

    /// `record`, `record.victim.comm`, `record.candidates.0.comm`.
    fn of_record(&self, name: &str) -> Cow<'_, Value> {
        let mut found = Some(&self.record);
        for key in name.split('.').skip(1) {
            found = found.and_then(|value| match value {
                Value::Array(list) => key.parse::<usize>().ok().and_then(|index| list.get(index)),
                value => value.get(key),
            });
        }
        found.map_or(Cow::Owned(Value::Null), Cow::Borrowed)
    }
}

/// Within a text; nothing in it acts on a terminal, and what is not known is empty.
impl Values for Said<'_> {
    fn get_value(&self, name: &str) -> Option<Cow<'_, str>> {
        Some(match &*self.value(name) {
            Value::Null => Cow::Borrowed(""),
            // Ours are escaped, and may have lines.
            Value::String(text) if !is_of_the_record(name) => text.clone().into(),
            Value::String(text) => Escaped(text.as_bytes()).to_string().into(),
            value => value.to_string().into(),
        })
    }
}
