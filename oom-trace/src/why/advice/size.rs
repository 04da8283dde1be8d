//! Sizes that programs are given.

use super::super::facts::is_share;
use super::program::Program;
use crate::units::{Size, percent};

/// What leaves less beside it than a tenth does not fit.
const FITS_PERCENT: u64 = 90;

/// A size that a program keeps to for most of its memory.
pub(super) struct Setting {
    pub(super) flags: &'static [&'static str],
    /// What a number without a unit counts.
    pub(super) unit: u64,
    /// As people know it.
    pub(super) name: &'static str,
    /// What needs memory as well.
    pub(super) beside: &'static str,
}

impl Setting {
    pub(super) fn advice(&self, program: &Program<'_>) -> Option<String> {
        program.is_most().then_some(())?;
        let Self { flags, unit, name, beside } = self;
        let ceiling = &program.ceiling;
        let given = flags.iter().find_map(|flag| bytes(program.value(flag)?, *unit));
        Some(match given {
            Some(bytes) if is_share(bytes, ceiling.bytes, FITS_PERCENT) => {
                too_large(name, bytes, program, beside)
            }
            Some(bytes) => format!(
                "find out what it holds on top of {name} ({}): {beside} count towards {ceiling} too",
                Size(bytes)
            ),
            None => format!("check {name} against {ceiling}: it must leave room for {beside}"),
        })
    }
}

/// A size that is too much for what there is.
pub(super) fn too_large(name: &str, bytes: u64, program: &Program<'_>, beside: &str) -> String {
    let ceiling = &program.ceiling;
    let share = percent(bytes, ceiling.bytes).unwrap_or(100);
    format!(
        "lower {name} ({}): it is {share}% of {ceiling}, which must leave room for {beside}",
        Size(bytes)
    )
}

/// `512m`, `2G`, `2gb`, `1.5GiB`; a number alone counts `unit`s.
pub(super) fn bytes(text: &str, unit: u64) -> Option<u64> {
    let text = text.trim().trim_matches(['"', '\'']);
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, suffix) = text.split_at_checked(digits)?;
    let scale = match suffix.to_ascii_lowercase().as_str() {
        "" => unit,
        "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(scale)
}
