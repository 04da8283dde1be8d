//! The pictures in docs/, drawn anew of made-up records by the tests that hold them against what is shown.

use std::fs;

use anyhow::{Context as _, Result, bail};
use walkdir::WalkDir;

use crate::setup::{self, browser};
use crate::sh::{self, say};

/// Where they stand.
const FOLDER: &str = "docs/pictures";

/// All of them together: each clone of the repository has every version of them.
const MOST_BYTES: u64 = 1 << 20;

/// Draws them, and looks at the page in a browser.
pub(crate) fn run() -> Result<()> {
    setup::run()?;
    browser::install()?;
    browser::install_drawers()?;
    // The live view is drawn by a test of the library: the machine that it shows is made up there.
    for tests in [["--lib", "top::view"], ["--test", "pictures"]] {
        let mut cargo = sh::cargo(&["test", "--package", "oom-trace"]);
        cargo.args(tests).args(["--", "--include-ignored"]);
        sh::run(cargo.env("UPDATE_GOLDEN", "1"))?;
    }
    let (mut count, mut bytes) = (0, 0);
    for file in WalkDir::new(sh::root().join(FOLDER)) {
        let file = file?;
        if file.file_type().is_file() {
            count += 1;
            bytes += fs::metadata(file.path()).context("cannot read a picture")?.len();
        }
    }
    say(format!("{FOLDER}: {count} pictures, {} KiB", bytes >> 10));
    if bytes > MOST_BYTES {
        bail!("the pictures are larger than {} KiB together: show less in them", MOST_BYTES >> 10);
    }
    Ok(())
}
