//! How the machine stood.

use serde::{Deserialize, Serialize};

use super::{Counters, HugePages, NodeCounters, Zone};

/// How the machine stood.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct System {
    /// How long after the decision this was read.
    pub taken_after_ms: Option<u64>,
    /// Usable memory, `MemTotal`.
    pub total_bytes: Option<u64>,
    /// Free memory, `MemFree`.
    pub free_bytes: Option<u64>,
    /// What could be had without swapping, `MemAvailable`.
    pub available_bytes: Option<u64>,
    /// Page cache, `Cached`.
    pub page_cache_bytes: Option<u64>,
    /// The kernel's own objects, `Slab`.
    pub slab_bytes: Option<u64>,
    /// Of them those that cannot be freed, `SUnreclaim`.
    pub slab_unreclaimable_bytes: Option<u64>,
    /// Shared memory and tmpfs, `Shmem`.
    pub shmem_bytes: Option<u64>,
    /// Page tables, `PageTables`.
    pub page_tables_bytes: Option<u64>,
    /// Swap space, `SwapTotal`.
    pub swap_total_bytes: Option<u64>,
    /// Free swap space, `SwapFree`.
    pub swap_free_bytes: Option<u64>,
    /// `CommitLimit`.
    pub commit_limit_bytes: Option<u64>,
    /// `Committed_AS`.
    pub committed_bytes: Option<u64>,
    /// `vm.overcommit_memory`: 0, 1 or 2.
    pub overcommit_memory: Option<u32>,
    /// `vm.panic_on_oom`: 0, 1 or 2.
    pub panic_on_oom: Option<u32>,
    /// Pressure stall information of memory: some tasks were stalled.
    pub pressure_some: Option<Pressure>,
    /// All were.
    pub pressure_full: Option<Pressure>,
    /// The memory nodes, by number.
    pub nodes: Option<Vec<Node>>,
    /// The zones of the nodes, in the kernel's order.
    pub zones: Option<Vec<Zone>>,
    /// All that the kernel prints of each node.
    pub node_counters: Option<Vec<NodeCounters>>,
    /// Pools of huge pages.
    pub huge_pages: Option<Vec<HugePages>>,
    /// All that the kernel prints of the whole machine, in pages; `swap_cache_*` are events.
    pub counters: Option<Counters>,
    /// The kernel's own objects that it cannot free, kind by kind, where they outweigh what processes use.
    pub unreclaimable_slabs: Option<Vec<Slab>>,
    /// The places in the kernel's code that hold most, where it keeps account of them, largest first.
    pub allocations: Option<Vec<Allocation>>,
    /// `memory.min` and `memory.low` as they bound reclaim, since 6.19.
    pub protection: Option<Protection>,
}

/// Objects of the kernel of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slab {
    /// Their kind, as `/proc/slabinfo` names it.
    pub name: String,
    /// Those in use.
    pub used_bytes: u64,
    /// With those that are free.
    pub total_bytes: u64,
}

/// What was allocated at one place in the kernel's code and is not freed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocation {
    /// The kernel prints three digits of it.
    pub bytes: u64,
    /// How many allocations it is.
    pub calls: u64,
    /// Of the kernel's source.
    pub file: String,
    /// In that file.
    pub line: u32,
    /// The module, if it is one's.
    pub module: Option<String>,
    /// The function that allocates.
    pub function: String,
}

/// What reclaim had to leave to the limit's cgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protection {
    /// At all.
    pub min_bytes: u64,
    /// While there was something else.
    pub low_bytes: u64,
}

/// A line of `/proc/pressure/memory`: percent of the time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pressure {
    /// Over ten seconds.
    pub avg10: f64,
    /// Over a minute.
    pub avg60: f64,
    /// Over five minutes.
    pub avg300: f64,
}

/// A NUMA node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its number.
    pub node: u32,
    /// Its memory.
    pub total_bytes: Option<u64>,
    /// What of it is free.
    pub free_bytes: Option<u64>,
}
