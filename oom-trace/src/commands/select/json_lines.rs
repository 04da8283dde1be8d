//! Records as JSON Lines: what `--format json` and the sinks wrote, of one machine or many.

use std::io::{BufRead, Read};

use anyhow::Context as _;

use super::taker::Taker;
use crate::incident::model::{Record, SCHEMA};
use crate::say::say;

/// A longer line is no record.
const LONGEST: u64 = 16 << 20;

/// Lines that are looked at to say what is wrong with them; the others are counted.
const SHOWN: u64 = 3;

/// Whether a text begins with a record: its keys stand in the same order always.
pub(super) fn begins_with_record(start: &[u8]) -> bool {
    start.trim_ascii_start().starts_with(b"{\"schema\":")
}

/// Hands on each record.
pub(super) fn read(
    input: &mut dyn BufRead,
    name: &str,
    taker: &mut Taker<'_>,
) -> anyhow::Result<()> {
    let (mut line, mut number, mut bad) = (Vec::new(), 0_u64, 0_u64);
    loop {
        line.clear();
        let read = Read::take(&mut *input, LONGEST).read_until(b'\n', &mut line);
        if read.with_context(|| format!("cannot read {name}"))? == 0 {
            break;
        }
        number += 1;
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        match serde_json::from_slice::<Record>(text) {
            Ok(record) => {
                // Each at least once: what an agent could not save before it ended is there again.
                if taker.seen.is_new(&record) {
                    taker.take(record)?;
                }
            }
            Err(error) => {
                bad += 1;
                if bad <= SHOWN {
                    say(format_args!(
                        "{name}: line {number} is not a record: {}",
                        wrong(text, &error)
                    ));
                }
            }
        }
    }
    if bad > SHOWN {
        say(format_args!("{name}: {} further lines are not records", bad - SHOWN));
    }
    taker.told.is_whole &= bad == 0;
    Ok(())
}

/// What is wrong with a line.
fn wrong(text: &[u8], error: &serde_json::Error) -> String {
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(text) else {
        return match text.ends_with(b"}") {
            true => error.to_string(),
            false => "it is cut off".to_owned(),
        };
    };
    match value.get("schema").and_then(serde_json::Value::as_u64) {
        Some(schema) if schema != u64::from(SCHEMA) => format!(
            "it is of schema {schema}, and this oom-trace reads only schema {SCHEMA}: use a newer oom-trace"
        ),
        _ => match value.get("type").and_then(serde_json::Value::as_str) {
            Some(kind) => format!("this oom-trace cannot read it as a record of type {kind:?}"),
            None => "it has no `type`".to_owned(),
        },
    }
}
