//! `memory: usage 24576kB, limit 24576kB, failcnt 34` (`mem_cgroup_print_oom_meminfo`,
//! mm/memcontrol.c): memory and swap on cgroup v2; memory, memory+swap and kmem on v1.

use crate::kernel_log::scan::Scan;

/// `PAGE_COUNTER_MAX` (include/linux/page_counter.h) is `LONG_MAX` in whole pages; up to 64 KiB.
const NO_LIMIT: u64 = (i64::MAX as u64) - (64 * 1024) + 1;

/// Which memory is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kernel_log) enum Counter {
    Memory,
    Swap,
    MemorySwap,
    Kmem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kernel_log) struct Usage {
    pub(in crate::kernel_log) counter: Counter,
    pub(in crate::kernel_log) usage_bytes: u64,
    /// `None` for "no limit".
    pub(in crate::kernel_log) max_bytes: Option<u64>,
    /// `None` where a cut may have taken its end.
    pub(in crate::kernel_log) failcnt: Option<u64>,
}

impl Usage {
    /// `cut` if its end may be missing.
    pub(super) fn parse(text: &[u8], cut: bool) -> Option<Self> {
        let mut scan = Scan(text);
        let counter = match scan.until(": usage ")? {
            b"memory" => Counter::Memory,
            b"swap" => Counter::Swap,
            b"memory+swap" => Counter::MemorySwap,
            b"kmem" => Counter::Kmem,
            _ => return None,
        };
        let usage_bytes = scan.kilobytes()?;
        scan.eat(", limit ")?;
        let max_bytes = Some(scan.kilobytes()?).filter(|&max| max < NO_LIMIT);
        if cut && b", failcnt ".starts_with(scan.0) {
            return Some(Self { counter, usage_bytes, max_bytes, failcnt: None });
        }
        scan.eat(", failcnt ")?;
        let failcnt = Some(scan.number()?);
        scan.end()?;
        Some(Self { counter, usage_bytes, max_bytes, failcnt })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_is_none_whatever_the_page() {
        let max = |kilobytes: u64| {
            let line = format!("memory+swap: usage 4kB, limit {kilobytes}kB, failcnt 2");
            Usage::parse(line.as_bytes(), false).unwrap().max_bytes
        };
        assert_eq!(max(24576), Some(24576 * 1024));
        assert_eq!(max(9_007_199_254_740_988), None);
        assert_eq!(max(9_007_199_254_740_928), None);
        assert_eq!(Usage::parse(b"memory: usage 1kB, limit 2kB, failcnt 3 of", false), None);
    }
}
