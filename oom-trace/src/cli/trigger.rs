//! `oom-trace trigger`, and the hidden command that it runs this program again with.

use clap::Args;
use parse_size::Config;

const MIB: u64 = 1 << 20;

/// Below this the child's own page tables and stack would be most of what is measured.
const SMALLEST: u64 = 4 * MIB;

/// The hidden command by which this program runs itself as the child.
pub const VICTIM_COMMAND: &str = "trigger-victim";

/// Arguments of `oom-trace trigger`.
#[derive(Debug, Clone, Args)]
pub struct TriggerArgs {
    /// Memory limit of the child, at least 4M
    #[arg(long, value_name = "SIZE", default_value = "32M", value_parser = memory_size)]
    pub memory: u64,
}

impl Default for TriggerArgs {
    fn default() -> Self {
        Self { memory: 32 * MIB }
    }
}

/// Arguments of the hidden command.
#[derive(Debug, Clone, Args)]
pub struct VictimArgs {
    /// Bytes to touch, if nothing happens before
    pub bytes: u64,
}

/// A size as cgroup files and systemd take it: `M` is 1024 × 1024.
fn memory_size(text: &str) -> Result<u64, String> {
    let size = Config::new()
        .with_binary()
        .parse_size(text)
        .map_err(|error| format!("{error} (examples: 32M, 64MiB)"))?;
    if size < SMALLEST {
        return Err(format!("the child needs at least {}M to run", SMALLEST / MIB));
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_binary() {
        for text in ["32M", "32MiB", "32m", "33554432", "32768K"] {
            assert_eq!(memory_size(text), Ok(32 * MIB), "{text}");
        }
    }

    #[test]
    fn a_size_that_cannot_work_is_explained() {
        assert!(memory_size("3M").unwrap_err().contains("at least 4M"));
        assert!(memory_size("much").unwrap_err().contains("examples: 32M"));
    }
}
