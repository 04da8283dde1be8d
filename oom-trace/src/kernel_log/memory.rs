//! How the machine's memory stood, put together from the lines that tell of it.

use super::message::{Block, MemInfo, ZoneName};
use crate::incident::model::{
    Allocation, Counters, FreeBlocks, HugePages, NodeCounters, Protection, Slab, System, Zone,
};

/// More zones, nodes or counters than this are none of a kernel's.
const MAX: usize = 8192;

/// What was read so far.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// In pages.
    counters: Counters,
    nodes: Vec<NodeCounters>,
    zones: Vec<Zone>,
    huge_pages: Vec<HugePages>,
    swap_total_bytes: Option<u64>,
    swap_free_bytes: Option<u64>,
    protection: Option<Protection>,
    slabs: Vec<Slab>,
    allocations: Vec<Allocation>,
}

impl Memory {
    pub(super) fn take(&mut self, line: MemInfo) {
        let Self { counters, nodes, zones, huge_pages, slabs, allocations, .. } = &*self;
        let lists = [nodes.len(), zones.len(), huge_pages.len(), slabs.len(), allocations.len()];
        if counters.len() + lists.iter().sum::<usize>() > MAX {
            return;
        }
        match line {
            // Another's lines may look like these; the kernel's come once.
            MemInfo::Counters(counters) => {
                for (name, pages) in counters {
                    self.counters.entry(name).or_insert(pages);
                }
            }
            MemInfo::Node { node, counters, is_unreclaimable } => self.nodes.push(NodeCounters {
                node,
                counters: counters.into_iter().collect(),
                all_unreclaimable: is_unreclaimable,
            }),
            MemInfo::Zone { zone, counters } => self.zones.push(of_line(zone, counters)),
            MemInfo::Reserve(pages) => {
                if let Some(zone) = self.zones.last_mut() {
                    zone.lowmem_reserve.get_or_insert(pages);
                }
            }
            MemInfo::Blocks { zone, blocks, total_bytes } => {
                let blocks = blocks.into_iter().map(|Block { bytes, count, types }| FreeBlocks {
                    bytes,
                    count,
                    types,
                });
                let ZoneName { node, name } = zone;
                let known = self.zones.iter_mut().find(|it| it.node == node && it.name == name);
                // A cut may have left its other line out.
                let mut missing = known.is_none().then(|| Zone { node, name, ..Zone::default() });
                if let Some(zone) = known.or(missing.as_mut()) {
                    zone.free_blocks = Some(blocks.collect());
                    zone.free_blocks_bytes = total_bytes;
                }
                self.zones.extend(missing);
            }
            MemInfo::HugePages { node, total, free, surplus, size_bytes } => {
                self.huge_pages.push(HugePages { node, size_bytes, total, free, surplus });
            }
            MemInfo::Pages(key, pages) => {
                self.counters.entry(key.to_owned()).or_insert(pages);
            }
            MemInfo::Swap("swap_free", bytes) => self.swap_free_bytes = Some(bytes),
            MemInfo::Swap(_, bytes) => self.swap_total_bytes = Some(bytes),
            MemInfo::SwapCache(events) => {
                let names = ["add", "delete", "found", "looked_up"];
                for (name, events) in names.into_iter().zip(events) {
                    self.counters.insert(format!("swap_cache_{name}"), events);
                }
            }
            MemInfo::Slab { name, used, total } => {
                self.slabs.push(Slab { name, used_bytes: used, total_bytes: total });
            }
            MemInfo::Allocation(allocation) => self.allocations.push(allocation),
            MemInfo::Protection { min, low } => {
                self.protection = Some(Protection { min_bytes: min, low_bytes: low });
            }
        }
    }

    /// Bytes of a page: those of the smallest free block.
    pub(super) fn page_size(&self) -> Option<u64> {
        let mut blocks = self.zones.iter().filter_map(|zone| zone.free_blocks.as_ref()?.first());
        let size = blocks.next()?.bytes;
        (size.is_power_of_two() && (4096..=65536).contains(&size)).then_some(size)
    }

    /// Pages of the whole machine, `totalram_pages`.
    pub(super) fn ram_pages(&self) -> Option<u64> {
        self.counters.get("ram")?.checked_sub(*self.counters.get("reserved")?)
    }

    pub(super) fn swap_total_bytes(&self) -> Option<u64> {
        self.swap_total_bytes
    }

    /// How the machine stood; `None` if nothing tells.
    pub(super) fn system(&self, page_size: Option<u64>) -> Option<System> {
        let Self {
            counters,
            nodes,
            zones,
            huge_pages,
            swap_total_bytes,
            swap_free_bytes,
            protection,
            slabs,
            allocations,
        } = self;
        let is_silent = counters.is_empty() && zones.is_empty() && swap_total_bytes.is_none();
        if is_silent && nodes.is_empty() && protection.is_none() {
            return None;
        }
        let bytes = |pages: u64| pages.checked_mul(page_size?);
        let of = |name: &str| counters.get(name).copied().and_then(bytes);
        let free_of_zones = || zones.iter().map(|zone| zone.free_bytes).sum::<Option<u64>>();
        let unreclaimable = of("slab_unreclaimable");
        let some = |is_empty: bool| (!is_empty).then_some(());
        Some(System {
            total_bytes: self.ram_pages().and_then(bytes),
            free_bytes: of("free").or_else(|| free_of_zones().filter(|_| !zones.is_empty())),
            page_cache_bytes: of("pagecache"),
            slab_bytes: of("slab_reclaimable")
                .zip(unreclaimable)
                .and_then(|(reclaimable, rest)| reclaimable.checked_add(rest)),
            slab_unreclaimable_bytes: unreclaimable,
            shmem_bytes: of("shmem"),
            page_tables_bytes: of("pagetables"),
            swap_total_bytes: *swap_total_bytes,
            swap_free_bytes: *swap_free_bytes,
            zones: some(zones.is_empty()).map(|()| zones.clone()),
            node_counters: some(nodes.is_empty()).map(|()| nodes.clone()),
            huge_pages: some(huge_pages.is_empty()).map(|()| huge_pages.clone()),
            counters: some(counters.is_empty()).map(|()| counters.clone()),
            unreclaimable_slabs: some(slabs.is_empty()).map(|()| slabs.clone()),
            allocations: some(allocations.is_empty()).map(|()| allocations.clone()),
            protection: *protection,
            ..System::default()
        })
    }
}

fn of_line(ZoneName { node, name }: ZoneName, counters: Vec<(String, u64)>) -> Zone {
    let mut zone = Zone { node, name, ..Zone::default() };
    for (name, number) in counters {
        let place = match name.as_str() {
            "free" => &mut zone.free_bytes,
            "min" => &mut zone.min_bytes,
            "low" => &mut zone.low_bytes,
            "high" => &mut zone.high_bytes,
            "boost" => &mut zone.boost_bytes,
            "reserved_highatomic" => &mut zone.highatomic_bytes,
            "free_cma" => &mut zone.free_cma_bytes,
            "present" => &mut zone.present_bytes,
            "managed" => &mut zone.managed_bytes,
            _ => {
                zone.counters.insert(name, number);
                continue;
            }
        };
        *place = Some(number);
    }
    zone
}
