//! Kills of all kinds for an hour, with every sink, in virtual machines; and the picture of what the agent took.

mod curve;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use self::curve::Curve;
use crate::sh::{self, say};
use crate::vm::Guest;
use crate::vm::kernels::Kernel;
use crate::vm::machines::Machine;
use crate::vm::matrix::{self, Selection};

const KERNELS: [&str; 2] = ["6.12", "7.3"];
const MACHINE: &str = "soak";
/// What the scenario leaves.
const SAMPLES: &str = "soak.csv";
const PICTURE: &str = "docs/pictures/soak.svg";

/// Runs it on each of the kernels, one after the other, and draws it.
pub(crate) fn run(minutes: u64) -> Result<()> {
    let command = ["/bin/guest-tests", "--ignored", "--nocapture", "soak"].map(str::to_owned);
    for kernel in KERNELS {
        let (kernel, machine) = (Some(kernel.to_owned()), Some(MACHINE.to_owned()));
        let selection =
            Selection { kernel, machine, minutes: Some(minutes), ..Selection::default() };
        matrix::command(&selection, &command)?;
    }
    draw()
}

/// Draws what the last run left.
pub(crate) fn draw() -> Result<()> {
    let mut curves = Vec::new();
    for name in KERNELS {
        let guest = Guest { kernel: Kernel::named(name)?, machine: Machine::named(MACHINE)? };
        let path = guest.out().join(SAMPLES);
        curves.push(Curve::read(name, &text(&path)?)?);
    }
    let picture = curve::picture(&curves)?;
    fs::write(sh::root().join(PICTURE), picture).context("cannot write the picture")?;
    curves.iter().for_each(|curve| say(curve.to_string()));
    say(format!("written to {PICTURE}"));
    Ok(())
}

fn text(path: &Path) -> Result<String> {
    let missing =
        || format!("no samples in {}: run `cargo xtask soak` without --draw", path.display());
    fs::read_to_string(path).with_context(missing)
}
