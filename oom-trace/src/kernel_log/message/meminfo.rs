//! How the machine's memory stood (`show_mem`, mm/show_mem.c; before 6.3 mm/page_alloc.c and
//! lib/show_mem.c): counters, nodes, zones, free blocks, swap.

use super::allocations;
use crate::incident::model::Allocation;
use crate::kernel_log::scan::{Scan, rsplit_once, split_once, utf8};

/// A name and its number.
pub(in crate::kernel_log) type Counters = Vec<(String, u64)>;

/// Which zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::kernel_log) struct ZoneName {
    /// `None` where the kernel is built without `CONFIG_NUMA`.
    pub(in crate::kernel_log) node: Option<u32>,
    pub(in crate::kernel_log) name: String,
}

/// One line of it.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::kernel_log) enum MemInfo {
    /// ` active_file:68130 inactive_file:151527 isolated_file:0`, in pages.
    Counters(Counters),
    /// `Node 0 active_anon:637016kB … all_unreclaimable? yes`, in bytes.
    Node { node: u32, counters: Counters, is_unreclaimable: Option<bool> },
    /// `Node 0 DMA32 free:29880kB boost:0kB min:33700kB …`, in bytes.
    Zone { zone: ZoneName, counters: Counters },
    /// `lowmem_reserve[]: 0 673 673`, of the zone before, in pages.
    Reserve(Vec<u64>),
    /// `Node 0 DMA: 1*4kB (M) 0*8kB … = 3332kB`: how many blocks of which size, and of which types.
    Blocks { zone: ZoneName, blocks: Vec<Block>, total_bytes: Option<u64> },
    /// `Node 0 hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size=2048kB`
    HugePages { node: Option<u32>, total: u64, free: u64, surplus: u64, size_bytes: u64 },
    /// `1428 total pagecache pages`, `196477 pages RAM` and the like, in pages.
    Pages(&'static str, u64),
    /// `Free swap  = 0kB`, `Total swap = 0kB`, in bytes.
    Swap(&'static str, u64),
    /// `Swap cache stats: add 22398, delete 22385, find 2087/6012`, before 5.11.
    SwapCache([u64; 4]),
    /// `Memory cgroup min protection 0kB -- low protection 0kB`, since 6.19, in bytes.
    Protection { min: u64, low: u64 },
    /// `dentry  401234KB  420000KB`, below `Unreclaimable slab info:`, since 4.15, in bytes.
    Slab { name: String, used: u64, total: u64 },
    /// `64.0 MiB 16384 mm/slub.c:2318 [module] func:alloc_slab_page`, below `Memory allocations:`
    Allocation(Allocation),
}

/// Free blocks of one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::kernel_log) struct Block {
    pub(in crate::kernel_log) bytes: u64,
    pub(in crate::kernel_log) count: u64,
    /// `UME`: unmovable, movable, reclaimable (`E`), highatomic (`H`), CMA (`C`), isolated (`I`).
    pub(in crate::kernel_log) types: Option<String>,
}

/// What stands behind a number of pages, and the key it is kept by.
const PAGES: [(&str, &str); 10] = [
    ("total pagecache pages", "pagecache"),
    ("pages in swap cache", "swapcache"),
    ("pages RAM", "ram"),
    ("pages HighMem/MovableOnly", "highmem"),
    ("pages HighMem", "highmem"),
    ("pages of HIGHMEM", "highmem"),
    ("pages reserved", "reserved"),
    ("reserved pages", "reserved"),
    ("pages cma reserved", "cma_reserved"),
    ("pages hwpoisoned", "hwpoisoned"),
];

/// A kind of objects has a shorter name.
const MAX_NAME: usize = 64;

/// Names of zones (`zone_names`, mm/page_alloc.c).
const ZONES: [&str; 6] = ["DMA", "DMA32", "Normal", "HighMem", "Movable", "Device"];

impl MemInfo {
    /// Whether it has its own last word: nothing of it is missing.
    pub(super) fn has_its_end(&self) -> bool {
        match self {
            Self::HugePages { .. }
            | Self::Pages(..)
            | Self::Swap(..)
            | Self::Protection { .. }
            | Self::Slab { .. } => true,
            Self::Counters(_)
            | Self::Node { .. }
            | Self::Zone { .. }
            | Self::Reserve(_)
            | Self::Blocks { .. }
            | Self::Allocation(_)
            | Self::SwapCache(_) => false,
        }
    }

    /// Whether it says the same of what it has where the rest is missing.
    pub(super) fn may_lack_some(&self) -> bool {
        matches!(self, Self::Counters(_) | Self::Node { .. } | Self::Zone { .. })
    }

    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let trimmed = text.trim_ascii();
        match trimmed.first()? {
            b'0'..=b'9' => {
                pages(trimmed).or_else(|| allocations::parse(trimmed).map(Self::Allocation))
            }
            _ if let Some(slab) = slab(trimmed) => Some(slab),
            b'N' | b'D' | b'H' | b'M' if let Some(line) = zone_line(trimmed) => Some(line),
            b'F' | b'T' | b'S' => swap(trimmed),
            b'l' => reserve(trimmed),
            b'M' => protection(trimmed),
            b'a'..=b'z' => counters(trimmed).map(Self::Counters),
            _ => None,
        }
    }
}

/// A kind of objects, those in use and all of them (`dump_unreclaimable_slab`, mm/slab_common.c).
fn slab(text: &[u8]) -> Option<MemInfo> {
    let (rest, total) = rsplit_once(text.strip_suffix(b"KB")?, " ")?;
    let (name, used) = rsplit_once(rest.trim_ascii_end().strip_suffix(b"KB")?, " ")?;
    let bytes = |digits: &[u8]| str::from_utf8(digits).ok()?.parse::<u64>().ok()?.checked_mul(1024);
    let name = name.trim_ascii_end();
    let is_name = !name.is_empty() && name.len() <= MAX_NAME && !name.contains(&b' ');
    is_name.then_some(())?;
    Some(MemInfo::Slab { name: utf8(name)?, used: bytes(used)?, total: bytes(total)? })
}

fn pages(text: &[u8]) -> Option<MemInfo> {
    let mut scan = Scan(text);
    let number = scan.number()?;
    scan.eat(" ")?;
    let (_, key) = PAGES.into_iter().find(|(words, _)| words.as_bytes() == scan.0)?;
    Some(MemInfo::Pages(key, number))
}

fn swap(text: &[u8]) -> Option<MemInfo> {
    let mut scan = Scan(text);
    if scan.eat("Swap cache stats: add ").is_some() {
        let add = scan.number()?;
        scan.eat(", delete ")?;
        let delete = scan.number()?;
        scan.eat(", find ")?;
        let found = scan.number()?;
        scan.eat("/")?;
        return Some(MemInfo::SwapCache([add, delete, found, scan.number()?]));
    }
    let key = match (scan.eat("Free swap"), scan.eat("Total swap")) {
        (Some(()), _) => "swap_free",
        (_, Some(())) => "swap_total",
        _ => return None,
    };
    scan.blanks();
    // 2.6.32 writes `Free swap:`.
    scan.eat("=").or_else(|| scan.eat(":"))?;
    scan.blanks();
    Some(MemInfo::Swap(key, scan.kilobytes()?))
}

fn reserve(text: &[u8]) -> Option<MemInfo> {
    let mut scan = Scan(text);
    scan.eat("lowmem_reserve[]:")?;
    let numbers = scan.0.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let numbers: Option<Vec<_>> =
        numbers.map(|word| str::from_utf8(word).ok()?.parse().ok()).collect();
    numbers.map(MemInfo::Reserve)
}

fn protection(text: &[u8]) -> Option<MemInfo> {
    let mut scan = Scan(text);
    scan.eat("Memory cgroup min protection ")?;
    let min = scan.kilobytes()?;
    scan.eat(" -- low protection ")?;
    Some(MemInfo::Protection { min, low: scan.kilobytes()? })
}

/// What begins with a node or a zone.
fn zone_line(text: &[u8]) -> Option<MemInfo> {
    let mut scan = Scan(text);
    let node = match scan.eat("Node ") {
        Some(()) => {
            let node = scan.number()?;
            scan.eat(" ")?;
            Some(node)
        }
        None => None,
    };
    if let Some(node) = node
        && let Some(huge) = huge_pages(Some(node), scan)
    {
        return Some(huge);
    }
    let zone = ZONES.into_iter().find(|zone| {
        let rest = scan.0.strip_prefix(zone.as_bytes());
        rest.is_some_and(|rest| matches!(rest.first(), Some(b' ' | b':')))
    });
    let Some(name) = zone else {
        let (counters, is_unreclaimable) = sizes(scan.0)?;
        return Some(MemInfo::Node { node: node?, counters, is_unreclaimable });
    };
    scan.eat(name)?;
    let zone = ZoneName { node, name: name.to_owned() };
    if scan.eat(":").is_some() {
        return blocks(zone, scan);
    }
    scan.eat(" ")?;
    // A line of a boot names zones, too.
    scan.0.starts_with(b"free:").then_some(())?;
    let (counters, _) = sizes(scan.0)?;
    Some(MemInfo::Zone { zone, counters })
}

fn huge_pages(node: Option<u32>, mut scan: Scan<'_>) -> Option<MemInfo> {
    scan.eat("hugepages_total=")?;
    let total = scan.number()?;
    scan.eat(" hugepages_free=")?;
    let free = scan.number()?;
    scan.eat(" hugepages_surp=")?;
    let surplus = scan.number()?;
    scan.eat(" hugepages_size=")?;
    Some(MemInfo::HugePages { node, total, free, surplus, size_bytes: scan.kilobytes()? })
}

/// `1*4kB (M) 0*8kB … = 3332kB`
fn blocks(zone: ZoneName, mut scan: Scan<'_>) -> Option<MemInfo> {
    let mut blocks = Vec::new();
    let mut total_bytes = None;
    loop {
        scan.blanks();
        if scan.eat("= ").is_some() {
            total_bytes = scan.kilobytes();
            break;
        }
        let Some(count) = scan.number() else { break };
        scan.eat("*")?;
        let bytes = scan.kilobytes()?;
        let types = match scan.eat(" (") {
            Some(()) => Some(utf8(scan.until(")")?)?),
            None => None,
        };
        blocks.push(Block { bytes, count, types });
    }
    (!blocks.is_empty()).then_some(MemInfo::Blocks { zone, blocks, total_bytes })
}

/// `active_anon:5391 inactive_anon:24`: nothing else. One message of the kernel has several lines.
fn counters(text: &[u8]) -> Option<Counters> {
    let words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let counter = |word| {
        let (name, number) = split_once(word, ":")?;
        let number = str::from_utf8(number).ok().filter(|number| !number.is_empty())?;
        Some((name_of(name)?, number.parse().ok()?))
    };
    words.map(counter).collect()
}

/// `free:3340kB min:760kB isolated(anon):0kB shmem_thp: 0kB pages_scanned:0 all_unreclaimable? no`
fn sizes(text: &[u8]) -> Option<(Counters, Option<bool>)> {
    let mut scan = Scan(text);
    let mut all = Counters::new();
    let mut is_unreclaimable = None;
    loop {
        scan.blanks();
        if scan.eat("all_unreclaimable? ").is_some() {
            is_unreclaimable = Some(scan.word() == b"yes");
            continue;
        }
        let Some((name, rest)) = split_once(scan.0, ":") else { break };
        let Some(name) = name_of(name) else { break };
        scan.0 = rest;
        scan.blanks();
        let Some(number) = scan.number::<u64>() else { break };
        let is_size = scan.eat("kB").or_else(|| scan.eat("KB")).is_some();
        all.push((name, if is_size { number.checked_mul(1024)? } else { number }));
    }
    // What goes on after a cut is not looked for.
    (all.len() > 1).then_some((all, is_unreclaimable))
}

/// `isolated(anon)` is `isolated_anon`.
fn name_of(name: &[u8]) -> Option<String> {
    let is_of_it = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'(' | b')');
    if name.is_empty() || name.len() > 40 || !name.iter().all(is_of_it) {
        return None;
    }
    let name = utf8(name)?.replace('(', "_").replace(')', "");
    Some(name.to_ascii_lowercase())
}

/// `anon 25055232`, one or more of them: `memory.stat` since 5.1, in bytes and events.
pub(super) fn stat(text: &[u8]) -> Option<Counters> {
    let mut stat = Counters::new();
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let (name, number) = stat_line(line)?;
        stat.push((utf8(name)?, number));
    }
    (!stat.is_empty()).then_some(stat)
}

/// One of them.
pub(super) fn stat_line(line: &[u8]) -> Option<(&[u8], u64)> {
    let mut scan = Scan(line);
    let name = scan.run(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    name.first()?.is_ascii_lowercase().then_some(())?;
    scan.eat(" ")?;
    Some((name, str::from_utf8(scan.0.trim_ascii_end()).ok()?.parse().ok()?))
}

/// Before 5.1: `cache:32KB rss:524188KB …`, in bytes.
pub(super) fn old_stat(text: &[u8]) -> Counters {
    sizes(text.trim_ascii()).map(|(counters, _)| counters).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_nodes_and_blocks() {
        let zone = |node, name: &str| ZoneName { node, name: name.into() };
        let line = b"Node 0 DMA32 free:8kB boost:0kB min:12kB free_cma:0kB";
        let Some(MemInfo::Zone { zone: name, counters }) = MemInfo::parse(line) else { panic!() };
        assert_eq!(name, zone(Some(0), "DMA32"));
        assert_eq!(counters[0], ("free".into(), 8192));
        assert_eq!(counters[3], ("free_cma".into(), 0));
        let line = b"Normal: 274*8kB (UME) 0*16kB = 2192kB";
        let Some(MemInfo::Blocks { zone: name, blocks, total_bytes }) = MemInfo::parse(line) else {
            panic!()
        };
        assert_eq!((name, total_bytes), (zone(None, "Normal"), Some(2192 * 1024)));
        assert_eq!(blocks[0], Block { bytes: 8192, count: 274, types: Some("UME".into()) });
        let line = b"Node 4 active_anon:4kB isolated(anon):0kB shmem_thp: 8kB all_unreclaimable? no Balloon:4kB";
        let Some(MemInfo::Node { node, counters, is_unreclaimable }) = MemInfo::parse(line) else {
            panic!()
        };
        assert_eq!((node, is_unreclaimable), (4, Some(false)));
        assert_eq!(counters[1], ("isolated_anon".into(), 0));
        assert_eq!(counters[2], ("shmem_thp".into(), 8192));
        assert_eq!(counters[3], ("balloon".into(), 4096));
    }

    #[test]
    fn the_rest_of_it() {
        for (line, expected) in [
            ("1428 total pagecache pages", MemInfo::Pages("pagecache", 1428)),
            ("Free swap  = 8kB", MemInfo::Swap("swap_free", 8192)),
            ("lowmem_reserve[]: 0 673", MemInfo::Reserve(vec![0, 673])),
            ("Swap cache stats: add 1, delete 2, find 3/4", MemInfo::SwapCache([1, 2, 3, 4])),
            (
                "dma-kmalloc-8k        1604KB       2048KB",
                MemInfo::Slab {
                    name: "dma-kmalloc-8k".into(),
                    used: 1604 << 10,
                    total: 2048 << 10,
                },
            ),
            (
                "Memory cgroup min protection 4kB -- low protection 8kB",
                MemInfo::Protection { min: 4096, low: 8192 },
            ),
            (
                " free:8 free_cma:0",
                MemInfo::Counters(vec![("free".into(), 8), ("free_cma".into(), 0)]),
            ),
            (
                "Node 0 hugepages_total=4 hugepages_free=1 hugepages_surp=0 hugepages_size=2048kB",
                MemInfo::HugePages {
                    node: Some(0),
                    total: 4,
                    free: 1,
                    surplus: 0,
                    size_bytes: 2 << 20,
                },
            ),
        ] {
            assert_eq!(MemInfo::parse(line.as_bytes()), Some(expected), "{line}");
        }
        for other in [
            "7 pages of the book",
            "note: 7",
            "Total: 8kB",
            "Normal people",
            "Node 0",
            "eth0: up",
            "a b 1KB 2KB",
        ] {
            assert_eq!(MemInfo::parse(other.as_bytes()), None, "{other}");
        }
        assert_eq!(stat(b"anon 8\nfile 0\n"), Some(vec![("anon".into(), 8), ("file".into(), 0)]));
        assert_eq!(stat(b"eth0 up"), None);
        assert_eq!(
            old_stat(b"cache:32KB rss:4KB"),
            [("cache".into(), 32768), ("rss".into(), 4096)]
        );
    }
}
