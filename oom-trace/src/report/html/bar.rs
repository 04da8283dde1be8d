//! Bars: what memory was made of.

use std::fmt::{self, Display, Formatter};

use crate::incident::model::{Counters, Memory, System};
use crate::units::Size;

/// A part of a whole, as SVG has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Percent(f64);

impl Percent {
    /// `None` becomes nothing, and more than the whole is the whole.
    pub(super) fn of(part: u64, whole: u64) -> Self {
        Self(if whole == 0 { 0.0 } else { (part as f64 / whole as f64 * 100.0).min(100.0) })
    }
}

impl Display for Percent {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}%", self.0)
    }
}

/// A segment of a bar.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// Its colour.
    pub(super) class: &'static str,
    /// What it is.
    pub(super) name: &'static str,
    /// How much.
    pub(super) size: Size,
    /// Where it begins.
    pub(super) x: Percent,
    /// How wide it is.
    pub(super) width: Percent,
}

/// Segments that make a whole.
#[derive(Debug, Clone)]
pub(super) struct Bar {
    /// What it is of.
    pub(super) title: &'static str,
    /// One after the other.
    pub(super) parts: Vec<Part>,
}

impl Bar {
    /// As a sentence, for those who hear it.
    pub(super) fn label(&self) -> String {
        let parts: Vec<_> =
            self.parts.iter().map(|part| format!("{} {}", part.name, part.size)).collect();
        parts.join(", ")
    }

    fn of(
        title: &'static str,
        parts: &[(&'static str, &'static str, Option<u64>)],
    ) -> Option<Self> {
        let parts =
            || parts.iter().filter_map(|(class, name, bytes)| Some((*class, *name, (*bytes)?)));
        let whole = parts().map(|(.., bytes)| bytes).fold(0, u64::saturating_add);
        (whole > 0).then(|| Self { title, parts: laid(parts(), whole) })
    }
}

/// Segments from the left to the right of a bar that stands for `whole`; nothing is no segment.
pub(super) fn laid(
    parts: impl Iterator<Item = (&'static str, &'static str, u64)>,
    whole: u64,
) -> Vec<Part> {
    let mut at = 0_u64;
    parts
        .filter(|(.., bytes)| *bytes > 0)
        .map(|(class, name, bytes)| {
            let start = at.min(whole);
            at = at.saturating_add(bytes);
            let (x, width) = (Percent::of(start, whole), Percent::of(at.min(whole) - start, whole));
            Part { class, name, size: Size(bytes), x, width }
        })
        .collect()
}

/// That of the process which died.
pub(super) fn of_process(memory: &Memory) -> Option<Bar> {
    let Memory {
        total_vm_bytes: _,
        anon_rss_bytes,
        file_rss_bytes,
        shmem_rss_bytes,
        swap_bytes,
        pgtables_bytes,
    } = *memory;
    Bar::of(
        "Memory of the process",
        &[
            ("anon", "anonymous", anon_rss_bytes),
            ("file", "file", file_rss_bytes),
            ("shmem", "shared", shmem_rss_bytes),
            ("tables", "page tables", pgtables_bytes),
            ("swap", "in swap", swap_bytes),
        ],
    )
}

/// What a cgroup's memory was, by its `memory.stat`. Cgroup v1 calls anonymous memory `rss` and the
/// page cache `cache`; `kernel` sums up the kernel's from 5.18 on.
pub(super) fn of_stat(stat: &Counters) -> Option<Bar> {
    let get = |name: &str| stat.get(name).copied();
    let sum =
        |names: &[&str]| names.iter().filter_map(|name| get(name)).reduce(u64::saturating_add);
    let shmem = get("shmem");
    let file = get("file").or_else(|| get("cache"));
    let kernel =
        get("kernel").or_else(|| sum(&["slab", "kernel_stack", "pagetables", "percpu", "vmalloc"]));
    Bar::of(
        "Memory charged to the limit",
        &[
            ("anon", "anonymous", get("anon").or_else(|| get("rss"))),
            ("file", "page cache", file.map(|file| file.saturating_sub(shmem.unwrap_or(0)))),
            ("shmem", "shared and tmpfs", shmem),
            ("kernel", "the kernel's", kernel),
            ("rest", "sockets", get("sock")),
        ],
    )
}

/// How the machine stood.
pub(super) fn of_machine(system: &System) -> Option<Bar> {
    let total = system.total_bytes?;
    let free = system.free_bytes?;
    let shmem = system.shmem_bytes.unwrap_or(0);
    let cache = system.page_cache_bytes?.saturating_sub(shmem);
    let (slab, tables) = (system.slab_bytes.unwrap_or(0), system.page_tables_bytes.unwrap_or(0));
    let known = [free, shmem, cache, slab, tables].into_iter().fold(0, u64::saturating_add);
    Bar::of(
        "The machine",
        &[
            ("anon", "processes and the rest", Some(total.saturating_sub(known))),
            ("shmem", "shared and tmpfs", Some(shmem)),
            ("tables", "page tables", Some(tables)),
            ("kernel", "slab", Some(slab)),
            ("file", "page cache", Some(cache)),
            ("free", "free", Some(free)),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_stand_one_behind_the_other_and_end_with_the_whole() {
        let parts = laid([("a", "a", 25), ("b", "b", 0), ("c", "c", 100)].into_iter(), 100);
        let places: Vec<_> =
            parts.iter().map(|part| format!("{} {}", part.x, part.width)).collect();
        assert_eq!(places, ["0.00% 25.00%", "25.00% 75.00%"]);
        assert_eq!(Percent::of(1, 0).to_string(), "0.00%");
    }

    #[test]
    fn both_kinds_of_cgroup_are_understood() {
        let parts = |stat: &[(&str, u64)]| {
            let stat = stat.iter().map(|(name, bytes)| ((*name).to_owned(), *bytes)).collect();
            of_stat(&stat).map(|bar| bar.label())
        };
        let v2 = [
            ("anon", 8 << 20),
            ("file", 4 << 20),
            ("shmem", 1 << 20),
            ("kernel", 2 << 20),
            ("slab", 9),
        ];
        assert_eq!(
            parts(&v2).as_deref(),
            Some(
                "anonymous 8.0 MiB, page cache 3.0 MiB, shared and tmpfs 1.0 MiB, the kernel's 2.0 MiB"
            )
        );
        assert_eq!(
            parts(&[("rss", 8 << 20), ("cache", 4 << 20)]).as_deref(),
            Some("anonymous 8.0 MiB, page cache 4.0 MiB")
        );
        assert_eq!(parts(&[("pgfault", 7)]), None);
    }
}
