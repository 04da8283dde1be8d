//! What comes about only on a machine that is quick enough: it is tried again, and not for ever.
#![expect(clippy::print_stdout, reason = "how often it was tried is worth seeing")]

use crate::scenario::sized;

/// Tries that it may take, in the mean. One more is for a run of a single round.
const MEAN: usize = 2;

/// Has it come about some times; an attempt at which it does not answers `None`.
pub(crate) fn until_it_comes_about(what: &str, mut attempt: impl FnMut() -> Option<()>) {
    let rounds = sized(3, 1);
    let most = rounds * MEAN + 1;
    let (mut came, mut tries) = (0, 0);
    while came < rounds && tries < most {
        tries += 1;
        came += usize::from(attempt().is_some());
    }
    println!("{what}: {came} times in {tries} tries");
    assert_eq!(came, rounds, "{what}: {came} times in {tries} tries");
}
