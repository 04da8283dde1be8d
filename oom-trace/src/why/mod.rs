//! The kill in a sentence, and what to do: told from the record alone.
//!
//! Nothing here guesses: a clause or a hint whose facts are not known is left out.

mod advice;
mod facts;
mod filling;
mod hit;
mod nobody;
mod nodes;
mod place;
mod rules;
mod shortage;
mod summary;
mod zones;

#[cfg(test)]
mod testdata;
#[cfg(test)]
mod tests;

use crate::incident::model::{OomFailed, OomKill, OomPanic, Why};

/// The same for a shortage in which nobody could be killed.
#[must_use]
pub fn explain_failed(failed: &OomFailed) -> Option<Why> {
    nobody::failed(failed)
}

/// The same for a panic.
#[must_use]
pub fn explain_panic(panic: &OomPanic) -> Option<Why> {
    nobody::panic(panic)
}

/// `None` if there is no more to say than who died.
#[must_use]
pub fn explain(kill: &OomKill) -> Option<Why> {
    let hints = rules::hints(kill);
    let summary = summary::circumstances(kill)
        .or_else(|| if hints.is_empty() { None } else { summary::share(kill) })?;
    Some(Why { summary, hints })
}
