//! Names of allocation flags, as the kernel's `%pGg` prints them.
//!
//! `gfpflag_names` (include/trace/events/mmflags.h) is a list of masks, larger ones first; the
//! printer takes each that fits out of the mask in turn (`format_flags`, lib/vsprintf.c).

use std::fmt::Write as _;

/// Bit numbers that all kernels from 5.10 to 7.3 share, by `___GFP_*_BIT` (include/linux/gfp_types.h).
const DMA: u32 = 1 << 0;
const HIGHMEM: u32 = 1 << 1;
const DMA32: u32 = 1 << 2;
const MOVABLE: u32 = 1 << 3;
const RECLAIMABLE: u32 = 1 << 4;
const HIGH: u32 = 1 << 5;
const IO: u32 = 1 << 6;
const FS: u32 = 1 << 7;
const ZERO: u32 = 1 << 8;
/// `__GFP_ATOMIC`, until 6.1.
const ATOMIC: u32 = 1 << 9;
const DIRECT_RECLAIM: u32 = 1 << 10;
const KSWAPD_RECLAIM: u32 = 1 << 11;
const WRITE: u32 = 1 << 12;
const NOWARN: u32 = 1 << 13;
const RETRY_MAYFAIL: u32 = 1 << 14;
const NOFAIL: u32 = 1 << 15;
const NORETRY: u32 = 1 << 16;
const MEMALLOC: u32 = 1 << 17;
const COMP: u32 = 1 << 18;
const NOMEMALLOC: u32 = 1 << 19;
const HARDWALL: u32 = 1 << 20;
const THISNODE: u32 = 1 << 21;
const ACCOUNT: u32 = 1 << 22;
const ZEROTAGS: u32 = 1 << 23;

const RECLAIM: u32 = DIRECT_RECLAIM | KSWAPD_RECLAIM;
const KERNEL: u32 = RECLAIM | IO | FS;
const USER: u32 = KERNEL | HARDWALL;
const HIGHUSER: u32 = USER | HIGHMEM;
const HIGHUSER_MOVABLE: u32 = HIGHUSER | MOVABLE;
const TRANSHUGE_LIGHT: u32 = (HIGHUSER_MOVABLE | COMP | NOMEMALLOC | NOWARN) & !RECLAIM;

/// A kernel's list of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GfpNames(Vec<(&'static str, u32)>);

impl GfpNames {
    /// The list of a kernel of this version. `bit` tells the number of a `___GFP_*_BIT`, for the
    /// kernels whose BTF has them.
    #[must_use]
    pub fn new(version: (u32, u32), bit: impl Fn(&str) -> Option<u32>) -> Self {
        let old_atomic = version < (6, 3);
        let (atomic, nowait) = if old_atomic {
            (HIGH | ATOMIC | KSWAPD_RECLAIM, KSWAPD_RECLAIM)
        } else if version < (6, 8) {
            (HIGH | KSWAPD_RECLAIM, KSWAPD_RECLAIM)
        } else {
            (HIGH | KSWAPD_RECLAIM, KSWAPD_RECLAIM | NOWARN)
        };
        let mut names = vec![
            ("GFP_TRANSHUGE", TRANSHUGE_LIGHT | DIRECT_RECLAIM),
            ("GFP_TRANSHUGE_LIGHT", TRANSHUGE_LIGHT),
            ("GFP_HIGHUSER_MOVABLE", HIGHUSER_MOVABLE),
            ("GFP_HIGHUSER", HIGHUSER),
            ("GFP_USER", USER),
            ("GFP_KERNEL_ACCOUNT", KERNEL | ACCOUNT),
            ("GFP_KERNEL", KERNEL),
            ("GFP_NOFS", RECLAIM | IO),
            ("GFP_ATOMIC", atomic),
            ("GFP_NOIO", RECLAIM),
            ("GFP_NOWAIT", nowait),
            ("GFP_DMA", DMA),
        ];
        if version < (6, 14) {
            names.extend([("__GFP_HIGHMEM", HIGHMEM), ("GFP_DMA32", DMA32), ("__GFP_HIGH", HIGH)]);
            names.extend(old_atomic.then_some(("__GFP_ATOMIC", ATOMIC)));
            names.extend([
                ("__GFP_IO", IO),
                ("__GFP_FS", FS),
                ("__GFP_NOWARN", NOWARN),
                ("__GFP_RETRY_MAYFAIL", RETRY_MAYFAIL),
                ("__GFP_NOFAIL", NOFAIL),
                ("__GFP_NORETRY", NORETRY),
                ("__GFP_COMP", COMP),
                ("__GFP_ZERO", ZERO),
                ("__GFP_NOMEMALLOC", NOMEMALLOC),
                ("__GFP_MEMALLOC", MEMALLOC),
                ("__GFP_HARDWALL", HARDWALL),
                ("__GFP_THISNODE", THISNODE),
                ("__GFP_RECLAIMABLE", RECLAIMABLE),
                ("__GFP_MOVABLE", MOVABLE),
                ("__GFP_ACCOUNT", ACCOUNT),
                ("__GFP_WRITE", WRITE),
                ("__GFP_RECLAIM", RECLAIM),
                ("__GFP_DIRECT_RECLAIM", DIRECT_RECLAIM),
                ("__GFP_KSWAPD_RECLAIM", KSWAPD_RECLAIM),
            ]);
            names.extend((version >= (5, 14)).then_some(("__GFP_ZEROTAGS", ZEROTAGS)));
        } else {
            names.extend([
                ("GFP_DMA32", DMA32),
                ("__GFP_RECLAIM", RECLAIM),
                ("__GFP_DMA", DMA),
                ("__GFP_HIGHMEM", HIGHMEM),
                ("__GFP_DMA32", DMA32),
                ("__GFP_MOVABLE", MOVABLE),
                ("__GFP_RECLAIMABLE", RECLAIMABLE),
                ("__GFP_HIGH", HIGH),
                ("__GFP_IO", IO),
                ("__GFP_FS", FS),
                ("__GFP_ZERO", ZERO),
                ("__GFP_DIRECT_RECLAIM", DIRECT_RECLAIM),
                ("__GFP_KSWAPD_RECLAIM", KSWAPD_RECLAIM),
                ("__GFP_WRITE", WRITE),
                ("__GFP_NOWARN", NOWARN),
                ("__GFP_RETRY_MAYFAIL", RETRY_MAYFAIL),
                ("__GFP_NOFAIL", NOFAIL),
                ("__GFP_NORETRY", NORETRY),
                ("__GFP_MEMALLOC", MEMALLOC),
                ("__GFP_COMP", COMP),
                ("__GFP_NOMEMALLOC", NOMEMALLOC),
                ("__GFP_HARDWALL", HARDWALL),
                ("__GFP_THISNODE", THISNODE),
                ("__GFP_ACCOUNT", ACCOUNT),
                ("__GFP_ZEROTAGS", ZEROTAGS),
            ]);
            let no_obj_ext = bit("___GFP_NO_OBJ_EXT_BIT").and_then(|bit| 1u32.checked_shl(bit));
            names.extend(no_obj_ext.map(|mask| ("__GFP_NO_OBJ_EXT", mask)));
        }
        Self(names)
    }

    /// The names in a mask, in the kernel's order; what no name covers is the last, in hex.
    #[must_use]
    pub fn names(&self, mask: u32) -> Vec<String> {
        let mut rest = mask;
        let mut found = Vec::new();
        for &(name, flags) in &self.0 {
            if rest == 0 {
                break;
            }
            if rest & flags == flags {
                found.push(name.to_owned());
                rest &= !flags;
            }
        }
        if rest != 0 {
            let mut hex = String::new();
            // Writing to a String cannot fail.
            let _ = write!(hex, "{rest:#x}");
            found.push(hex);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::testdata;
    use super::*;

    fn names(version: (u32, u32)) -> GfpNames {
        // As Debian configures 6.10 to 7.2; 7.3 has no such flag any more.
        let bit = |_: &str| (version < (7, 3)).then_some(24);
        GfpNames::new(version, bit)
    }

    #[test]
    fn the_lists_are_those_of_the_kernel_images() {
        let tables = testdata::json("gfp-tables.json");
        let tables = tables.as_object().unwrap();
        assert_eq!(tables.len(), 7);
        for (kernel, table) in tables {
            let (major, minor) = kernel.split_once('.').unwrap();
            let names = names((major.parse().unwrap(), minor.parse().unwrap()));
            let expected: Vec<(&str, u32)> = serde_json::from_value(table.clone())
                .map(|rows: Vec<(String, u32)>| {
                    rows.into_iter().map(|(name, mask)| (&*name.leak(), mask)).collect()
                })
                .unwrap();
            assert_eq!(names.0, expected, "{kernel}");
        }
    }

    #[test]
    fn masks_are_named_as_the_log_names_them() {
        for (version, mask, text) in [
            ((5, 10), 0x10_0dca, "GFP_HIGHUSER_MOVABLE|__GFP_ZERO"),
            ((6, 12), 0x14_0dca, "GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO"),
            ((6, 18), 0x14_0dca, "GFP_HIGHUSER_MOVABLE|__GFP_ZERO|__GFP_COMP"),
            ((7, 3), 0xcc0, "GFP_KERNEL"),
            ((6, 12), 0x8000_0cc0, "GFP_KERNEL|0x80000000"),
            ((6, 12), 0, ""),
        ] {
            assert_eq!(names(version).names(mask).join("|"), text, "{version:?} {mask:#x}");
        }
    }
}
