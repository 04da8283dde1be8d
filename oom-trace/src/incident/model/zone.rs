//! How a machine's memory stood, zone by zone, as the kernel prints it (`show_mem`, mm/show_mem.c).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Counters by the kernel's names for them; `isolated(anon)` is `isolated_anon`.
pub type Counters = BTreeMap<String, u64>;

/// A zone of a memory node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// The node's number; `None` where the kernel is built without `CONFIG_NUMA`.
    pub node: Option<u32>,
    /// `DMA`, `DMA32`, `Normal`, `HighMem`, `Movable`, `Device`.
    pub name: String,
    /// Free memory.
    pub free_bytes: Option<u64>,
    /// The watermark below which ordinary allocations fail, `min`.
    pub min_bytes: Option<u64>,
    /// The watermark at which kswapd wakes, `low`.
    pub low_bytes: Option<u64>,
    /// The watermark at which kswapd sleeps, `high`.
    pub high_bytes: Option<u64>,
    /// By how much the watermarks are raised for a while, `boost`.
    pub boost_bytes: Option<u64>,
    /// What is kept for atomic allocations of higher order, `reserved_highatomic`.
    pub highatomic_bytes: Option<u64>,
    /// Free memory that only movable allocations may take, `free_cma`.
    pub free_cma_bytes: Option<u64>,
    /// Its memory, holes left out, `present`.
    pub present_bytes: Option<u64>,
    /// Of it what the page allocator manages, `managed`.
    pub managed_bytes: Option<u64>,
    /// All else that its line has, in bytes; `pages_scanned` in pages.
    pub counters: Counters,
    /// What it keeps from allocations that could take a higher zone, one number a zone, in pages.
    pub lowmem_reserve: Option<Vec<u64>>,
    /// Its free blocks by size, smallest first.
    pub free_blocks: Option<Vec<FreeBlocks>>,
    /// Their sum, as the kernel prints it.
    pub free_blocks_bytes: Option<u64>,
}

/// Free blocks of one size: a page times a power of two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreeBlocks {
    /// The size of one.
    pub bytes: u64,
    /// How many there are.
    pub count: u64,
    /// Of which kinds: `U` unmovable, `M` movable, `E` reclaimable, `H` highatomic, `C` CMA, `I`
    /// isolated.
    pub types: Option<String>,
}

/// What a node's line has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeCounters {
    /// Its number.
    pub node: u32,
    /// By the kernel's names, in bytes.
    pub counters: Counters,
    /// Whether the kernel has given up on reclaiming from it, `all_unreclaimable`.
    pub all_unreclaimable: Option<bool>,
}

/// Huge pages of one size on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HugePages {
    /// The node's number.
    pub node: Option<u32>,
    /// The size of one.
    pub size_bytes: u64,
    /// How many there are.
    pub total: u64,
    /// How many of them are free.
    pub free: u64,
    /// How many were allocated beyond the pool.
    pub surplus: u64,
}
