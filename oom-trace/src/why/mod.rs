//! The kill in a sentence, and what to do: told from the record alone.
//!
//! Nothing here guesses: a clause or a hint whose facts are not known is left out.

mod advice;
mod facts;
mod filling;
mod hit;
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

use crate::incident::model::{OomKill, Why};

/// `None` if there is no more to say than who died.
#[must_use]
pub fn explain(kill: &OomKill) -> Option<Why> {
    let hints = rules::hints(kill);
    let summary = summary::circumstances(kill)
        .or_else(|| if hints.is_empty() { None } else { summary::share(kill) })?;
    Some(Why { summary, hints })
}
