//! The arguments of a command line, without the secrets in them.

mod name;
mod pattern;
mod program;
mod secrets;
mod token;

use std::ops::Range;

pub use self::pattern::{Pattern, PatternError};
use crate::text::KernelText;

/// What stands for a secret.
const REDACTED: &[u8] = b"[redacted]";

/// Takes command lines apart, and secrets out of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redactor {
    /// Whether arguments are told at all.
    pub tells: bool,
    /// Whether the values of the usual secret flags are taken out.
    pub usual: bool,
    /// What is taken out besides.
    pub patterns: Vec<Pattern>,
}

impl Redactor {
    /// The arguments in the bytes of `/proc/PID/cmdline`, each of which ends with a NUL; `cut` is
    /// whether there was more than these bytes. `None` if arguments are not to be told.
    #[must_use]
    pub fn argv(&self, bytes: &[u8], cut: bool) -> Option<Vec<KernelText>> {
        if !self.tells {
            return None;
        }
        let arguments = arguments(bytes);
        let partial = (cut && !bytes.ends_with(b"\0")).then_some(arguments.len());
        let mut awaited = false;
        let mut program = program::Words::default();
        let argv = (1..).zip(arguments).map(|(number, argument)| {
            let whole = awaited && self.usual && !secrets::is_flag(argument);
            awaited = !whole && secrets::awaits(argument);
            let mut found = Vec::new();
            if self.usual {
                found.extend(program.next(argument));
                program::script(argument, &mut found);
                token::find(argument, partial == Some(number), &mut found);
            }
            if whole {
                found.push(0..argument.len());
            } else if self.usual {
                secrets::find(argument, partial == Some(number), &mut found);
            }
            self.patterns.iter().for_each(|pattern| pattern.find(argument, &mut found));
            without(argument, found)
        });
        Some(argv.collect())
    }
}

/// A process that has written a title over its arguments leaves NULs behind it, which are none.
fn arguments(bytes: &[u8]) -> Vec<&[u8]> {
    let mut all: Vec<_> = bytes.split(|&byte| byte == 0).collect();
    if all.last().is_some_and(|last| last.is_empty()) {
        all.pop();
    }
    if let [_, rest @ ..] = all.as_slice()
        && rest.len() > 1
        && rest.iter().all(|argument| argument.is_empty())
    {
        all.truncate(1);
    }
    all
}

/// Ranges that touch are one secret.
fn without(argument: &[u8], mut secrets: Vec<Range<usize>>) -> KernelText {
    secrets.retain(|secret| !secret.is_empty());
    secrets.sort_by_key(|secret| secret.start);
    let mut text = Vec::with_capacity(argument.len());
    let mut done = None;
    for Range { start, end } in secrets {
        let from = done.unwrap_or(0);
        if done.is_none_or(|done| start > done) {
            text.extend(argument.get(from..start).unwrap_or_default());
            text.extend(REDACTED);
        }
        done = Some(end.max(from));
    }
    text.extend(argument.get(done.unwrap_or(0)..).unwrap_or_default());
    KernelText::from(text)
}

#[cfg(test)]
mod tests;
