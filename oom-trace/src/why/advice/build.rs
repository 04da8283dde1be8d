//! Compilers and linkers of parallel builds.

use super::program::Program;
use super::workers::Workers;
use crate::units::Size;

pub(super) const NAMES: &[&str] = &[
    "cc1",
    "cc1plus",
    "cc1obj",
    "lto1",
    "rustc",
    "clang",
    "clang++",
    "ld",
    "ld.bfd",
    "ld.gold",
    "ld.lld",
    "lld",
    "mold",
    "collect2",
    "ghc",
    "swiftc",
    "nvcc",
    "cicc",
    "cudafe++",
    "opt rustc",
];

const SMALLER: &str = "build with less debug information or in smaller units";

const JOBS: Workers = Workers {
    setting: "the number of parallel jobs (-j, CARGO_BUILD_JOBS)",
    least: 2,
    one: SMALLER,
};

pub(super) fn advice(program: &Program<'_>) -> Option<String> {
    JOBS.advice(program, NAMES).or_else(|| {
        let own = program.own().filter(|_| program.is_most())?;
        Some(format!(
            "{SMALLER}: one {} alone held {} of {}",
            program.comm,
            Size(own),
            program.ceiling
        ))
    })
}
