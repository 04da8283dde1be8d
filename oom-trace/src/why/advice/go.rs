//! Go, whose garbage collector can be told what there is.

use super::program::{Of, Program};
use crate::units::Size;

pub(super) fn advice(program: &Program<'_>) -> Option<String> {
    let own = program.own().filter(|_| program.is_most())?;
    Some(match program.ceiling.of {
        Of::Limit => format!(
            "set GOMEMLIMIT to about 90% of {}, so that Go's garbage collector works harder before the limit \
             is reached",
            program.ceiling
        ),
        // The machine is there for others, too.
        Of::Machine | Of::Estimate => format!(
            "set GOMEMLIMIT below the {} that it held, so that Go's garbage collector works harder before \
             {} is full",
            Size(own),
            program.ceiling
        ),
    })
}
