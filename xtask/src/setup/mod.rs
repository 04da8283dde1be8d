//! Finds a way to build eBPF on this machine, and installs what it lacks.

pub(crate) mod apt;
mod bpf_linker;
pub(crate) mod browser;
pub(crate) mod consent;
pub(crate) mod cross;
mod debian;
mod nightly;
pub(crate) mod receivers;
pub(crate) mod tools;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::sh::{self, say};

/// A way to have `core`, one unstable feature and a linker for the eBPF target.
struct Way {
    name: &'static str,
    /// The toolchain's name if everything is in place; cheap, for it runs each time.
    ready: fn() -> Result<Option<String>>,
    /// Installs what is missing; answers the toolchain's name.
    install: fn() -> Result<String>,
}

/// In the order of preference.
const WAYS: &[Way] = &[
    Way { name: "Debian's prebuilt core", ready: debian::ready, install: debian::install },
    Way {
        name: "rustup's nightly with rust-src",
        ready: nightly::ready,
        install: nightly::install,
    },
];

/// The file that tells `oom-trace/build.rs` which toolchain builds eBPF.
fn record() -> PathBuf {
    sh::tools().join("ebpf-toolchain")
}

/// Makes this machine able to build eBPF; does nothing where it is.
/// Answers the toolchain's name: one of rustup's, or [`debian::SYSTEM`].
pub(crate) fn run() -> Result<String> {
    let recorded = fs::read_to_string(record()).unwrap_or_default();
    let mut failed = String::new();
    for way in WAYS {
        if let Some(toolchain) = (way.ready)()?.filter(|toolchain| *toolchain == recorded.trim()) {
            say(format!("eBPF toolchain: {toolchain} ({}), ready", way.name));
            return Ok(toolchain);
        }
    }
    for way in WAYS {
        say(format!("eBPF toolchain: trying {}", way.name));
        match (way.install)() {
            Ok(toolchain) => {
                fs::create_dir_all(sh::tools())?;
                fs::write(record(), format!("{toolchain}\n"))
                    .with_context(|| format!("cannot write {}", record().display()))?;
                say(format!("eBPF toolchain: {toolchain} ({})", way.name));
                return Ok(toolchain);
            }
            Err(err) => failed.push_str(&format!("\n- {}: {err:#}", way.name)),
        }
    }
    bail!("no way to build eBPF on this machine:{failed}")
}
