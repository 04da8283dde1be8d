//! What is unsafe in user space, run by an interpreter that knows what may be done with memory: Miri, a
//! component of rustup's nightly.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::sh;

const TOOLCHAIN: &str = "nightly";

/// Of the module that may be unsafe all but the calls of the kernel, which no interpreter can follow. It
/// needs nothing else of the agent: that is hundreds of crates.
const FILE: &str = "oom-trace/src/bpf/sys/memory/mod.rs";

/// A package of that file alone.
const PACKAGE: &str = "target/miri/memory";
const MANIFEST: &str = "[package]\nname = \"memory\"\nedition = \"2024\"\n\n[workspace]\n";

/// Runs its tests.
pub(crate) fn run() -> Result<()> {
    if !is_there() {
        bail!(
            "there is no Miri: it is a component of rustup's nightly; to install it, run\n  \
             rustup toolchain install {TOOLCHAIN} --profile minimal --component miri,rust-src\n\
             cargo test runs the same tests, and shows no more than what they compare"
        );
    }
    let root = sh::root();
    let package = root.join(PACKAGE);
    fs::create_dir_all(package.join("src"))
        .and_then(|()| fs::write(package.join("Cargo.toml"), MANIFEST))
        .and_then(|()| {
            // Its items are for the modules around it.
            let file = root.join(FILE);
            let source = format!("mod bpf {{ mod sys {{ #[path = {file:?}] mod memory; }} }}\n");
            fs::write(package.join("src/lib.rs"), source)
        })
        .with_context(|| format!("cannot write {PACKAGE}"))?;
    let mut cargo = Command::new("rustup");
    cargo.args(["run", TOOLCHAIN, "cargo", "miri", "test", "--lib"]);
    sh::run(cargo.current_dir(package).env_remove("CARGO"))
}

fn is_there() -> bool {
    let mut rustup = Command::new("rustup");
    sh::output(rustup.args(["run", TOOLCHAIN, "cargo", "miri", "--version"])).is_ok()
}
