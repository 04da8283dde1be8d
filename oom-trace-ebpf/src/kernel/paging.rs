//! Memory of a process that is not the current one, through its page tables.
//!
//! No helper reads another process's memory where it may not sleep. But the kernel has all physical
//! memory mapped, page tables are physical memory, and they say where a page is.

use super::{Got, Mm, load};

/// Bytes of a page-table entry, as a power of two.
const ENTRY_SHIFT: u32 = 3;
/// The most levels of page tables there are.
const LEVELS: u32 = 5;

/// Where physical address 0 is mapped; not there if that is not known.
#[cfg(bpf_target_arch = "x86_64")]
fn direct_map(_: Mm) -> Got<u64> {
    load(machine!(direct_map))
}

/// `__phys_to_virt`, arch/arm64/include/asm/memory.h. The kernel does not tell where the map starts
/// (`PAGE_OFFSET`): there, where addresses have 52 bits, so that page tables lie below those of 48.
/// A kernel built for 52 bits starts there on a processor with 48 too, and makes up for it by a
/// negative `memstart_addr`.
#[cfg(bpf_target_arch = "aarch64")]
fn direct_map(mm: Mm) -> Got<u64> {
    const OF_52_BITS: u64 = !0 << 52;
    const OF_48_BITS: u64 = !0 << 48;
    load::<i64>(machine!(direct_map)).map(|memory_start| {
        let wide = mm.pgd() < OF_48_BITS || memory_start < 0;
        let page_offset = if wide { OF_52_BITS } else { OF_48_BITS };
        page_offset.wrapping_sub(memory_start as u64)
    })
}

/// Whether the process has page tables of five levels: the kernel's half of the addresses starts
/// where they say.
#[cfg(bpf_target_arch = "x86_64")]
fn has_five_levels(_: Mm, direct_map: u64) -> bool {
    direct_map < 0xffff_0000_0000_0000
}

#[cfg(bpf_target_arch = "aarch64")]
fn has_five_levels(mm: Mm, _: u64) -> bool {
    machine!(page_shift) == 12 && mm.task_size() > 1 << 48
}

/// An entry of a page table.
#[derive(Clone, Copy)]
struct Entry(u64);

/// arch/x86/include/asm/pgtable_types.h
#[cfg(bpf_target_arch = "x86_64")]
impl Entry {
    /// Where the page is that it points to. The bits above are flags, that of memory encryption
    /// among them. The kernel turns the address of a page around that nobody may touch for now
    /// (`PROT_NONE`), lest the processor look there.
    fn address(self) -> u64 {
        let address = if self.0 & 1 == 0 { !self.0 } else { self.0 };
        address & 0x0000_7fff_ffff_f000
    }

    fn is_present(self) -> bool {
        const PRESENT: u64 = 1 << 0;
        const PROT_NONE: u64 = 1 << 8;
        self.0 & (PRESENT | PROT_NONE) != 0
    }

    /// Whether it maps a page of more than the usual size.
    fn is_huge(self) -> bool {
        self.0 & (1 << 7) != 0
    }
}

/// arch/arm64/include/asm/pgtable-hwdef.h
#[cfg(bpf_target_arch = "aarch64")]
impl Entry {
    fn address(self) -> u64 {
        self.0 & 0x0003_ffff_ffff_f000 & !((1 << machine!(page_shift)) - 1)
    }

    fn is_present(self) -> bool {
        self.0 & 1 != 0
    }

    fn is_huge(self) -> bool {
        self.0 & 2 == 0
    }
}

impl Mm {
    /// Where the kernel sees the byte at an address of the process; 0 if it is not in memory, or
    /// cannot be found.
    pub(super) fn translate(self, address: u64) -> u64 {
        translate(self.address(), address)
    }

    #[inline(always)]
    fn walk(self, address: u64) -> u64 {
        let map = direct_map(self);
        let page_shift = machine!(page_shift);
        if map.ok == 0 || !(12..=16).contains(&page_shift) {
            return 0;
        }
        let index_bits = page_shift - ENTRY_SHIFT;
        let levels = match page_shift {
            12 if has_five_levels(self, map.value) => LEVELS,
            12 | 14 => 4,
            _ => 3,
        };
        let mut table = self.pgd();
        for level in 0..LEVELS {
            let left = LEVELS - 1 - level;
            if left >= levels {
                continue;
            }
            let shift = page_shift + index_bits * left;
            // The topmost index may have fewer bits: the address has none there.
            let index = (address >> shift) & ((1 << index_bits) - 1);
            let entry = load::<u64>(table + (index << ENTRY_SHIFT));
            let entry = Entry(entry.value);
            if !entry.is_present() {
                return 0;
            }
            if left == 0 || entry.is_huge() && left < levels - 1 {
                let offset = (1 << shift) - 1;
                return map.value + (entry.address() & !offset) + (address & offset);
            }
            table = map.value + entry.address();
        }
        0
    }
}

/// [`Mm::translate`], which the verifier checks once.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn translate(mm: u64, address: u64) -> u64 {
    Mm::new(mm).walk(address)
}
