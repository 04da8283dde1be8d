//! `oom-trace trigger`, and the hidden command that it runs this program again with.

use clap::{Args, ValueEnum};
use parse_size::Config;

use crate::units::Size;

const MIB: u64 = 1 << 20;

/// Below this the child's own page tables and stack would be most of what is measured.
const SMALLEST: u64 = 4 * MIB;

/// The hidden command by which this program runs itself as the child.
pub const VICTIM_COMMAND: &str = "trigger-victim";

/// What happens, and to whom.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Case {
    /// A process hits the limit of its own cgroup
    #[default]
    Own,
    /// A process hits the limit of the cgroup above its own
    Ancestor,
    /// All three processes of a cgroup are killed together (cgroup v2 only)
    Group,
    /// A process asks for memory, and another one, which holds more, is killed
    Other,
    /// The memory is in a tmpfs file, which is not part of any process's RSS
    Tmpfs,
    /// Half of the memory is page tables
    PageTables,
    /// Swap is used up first
    Swap,
}

/// Arguments of `oom-trace trigger`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
If an agent is running and keeps its records, trigger waits up to ten seconds for its record of the kill, and fails \
if there is none.

Exit status: 0 if the kill happened and was recorded by any agent that keeps records; 1 if not; 2 for wrong usage.

Examples:
  oom-trace trigger                    one kill, at a limit of 32 MiB
  oom-trace trigger --memory 64M       at a higher limit
  oom-trace trigger --case other       the victim is not the process that asked for memory
  oom-trace trigger --memory 256M --case swap")]
pub struct TriggerArgs {
    /// Memory limit of the cgroup, at least 4M
    #[arg(long, value_name = "SIZE", default_value = "32M", value_parser = memory_size)]
    pub memory: u64,
    /// Which kind of kill to cause
    #[arg(long, value_name = "CASE", value_enum, default_value_t)]
    pub case: Case,
    /// Use up the memory of the whole machine instead; the kernel chooses the victim, which may be any process
    #[arg(long, conflicts_with_all = ["memory", "case"], requires = "yes_kill_something")]
    pub global: bool,
    /// Required with --global, to confirm it
    #[arg(long, requires = "global")]
    pub yes_kill_something: bool,
}

impl Default for TriggerArgs {
    fn default() -> Self {
        Self { memory: 32 * MIB, case: Case::Own, global: false, yes_kill_something: false }
    }
}

/// How memory is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Use {
    /// Its own pages.
    Anonymous,
    /// Pages of a file that lies in memory.
    Tmpfs,
    /// A page in each page table.
    PageTables,
}

/// Arguments of the hidden command.
#[derive(Debug, Clone, Args)]
pub struct VictimArgs {
    /// Bytes to use, if nothing happens before
    pub bytes: u64,
    /// How
    #[arg(long, value_enum, default_value_t = Use::Anonymous)]
    pub r#use: Use,
    /// Then wait instead of giving it back
    #[arg(long)]
    pub hold: bool,
    /// How it asks to be weighed
    #[arg(long, allow_negative_numbers = true, default_value_t = 1000)]
    pub oom_score_adj: i16,
}

/// A size as cgroup files and systemd take it: `M` is 1024 × 1024.
fn memory_size(text: &str) -> Result<u64, String> {
    let size = Config::new()
        .with_binary()
        .parse_size(text)
        .map_err(|_| "expected a size, such as 32M or 64MiB".to_owned())?;
    if size < SMALLEST {
        return Err(format!(
            "that is {}; the child needs at least {}M to run",
            Size(size),
            SMALLEST / MIB
        ));
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
        assert!(memory_size("much").unwrap_err().contains("such as 32M"));
    }
}
