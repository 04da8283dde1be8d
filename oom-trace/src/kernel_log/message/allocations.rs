//! Which of the kernel's own code holds most, where it keeps account of that (`CONFIG_MEM_ALLOC_PROFILING`,
//! since 6.10; `__show_mem`, mm/show_mem.c).

use crate::incident::model::Allocation;
use crate::kernel_log::scan::{Scan, rsplit_once, utf8};

/// What a binary unit of the kernel's is to the one before it (`string_get_size`, lib/string_helpers.c).
const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// `    64.0 MiB    16384 mm/slub.c:2318 [module] func:alloc_slab_page`; the module where it is of one. The
/// size is of three digits; at first it was a number of bytes.
pub(super) fn parse(text: &[u8]) -> Option<Allocation> {
    let (rest, function) = rsplit_once(text.trim_ascii(), " func:")?;
    let mut scan = Scan(rest);
    let bytes = size(&mut scan)?;
    scan.blanks();
    let calls = scan.number()?;
    scan.eat(" ")?;
    let (place, module) = match rsplit_once(scan.0.strip_suffix(b"]").unwrap_or_default(), " [") {
        Some((place, module)) => (place, Some(utf8(module)?)),
        None => (scan.0, None),
    };
    let (file, line) = rsplit_once(place, ":")?;
    let line = str::from_utf8(line).ok()?.parse().ok()?;
    let (file, function) = (utf8(file)?, utf8(function)?);
    let is_place = !file.contains(' ') && !function.is_empty() && !function.contains(' ');
    is_place.then_some(Allocation { bytes, calls, file, line, module, function })
}

/// In bytes: hundredths are the most that three digits leave.
fn size(scan: &mut Scan<'_>) -> Option<u64> {
    let whole: u64 = scan.number()?;
    let digits = match scan.eat(".") {
        Some(()) => scan.run(u8::is_ascii_digit),
        None => b"",
    };
    let mut ahead = *scan;
    ahead.eat(" ")?;
    let word = ahead.word();
    let unit = UNITS.into_iter().position(|unit| word == unit.as_bytes());
    let Some(power) = unit.and_then(|unit| u32::try_from(unit).ok()) else {
        return digits.is_empty().then_some(whole);
    };
    *scan = ahead;
    let unit = 1024_u128.checked_pow(power)?;
    let ten = 10_u128.checked_pow(u32::try_from(digits.len()).ok()?)?;
    let part = if digits.is_empty() { 0 } else { str::from_utf8(digits).ok()?.parse().ok()? };
    u64::try_from((u128::from(whole).checked_mul(ten)?.checked_add(part)?).checked_mul(unit)? / ten)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_with_its_size_in_each_form() {
        let of = |line: &str| {
            let Allocation { bytes, calls, file, line, module, function } = parse(line.as_bytes())?;
            Some((bytes, calls, format!("{file}:{line} {module:?} {function}")))
        };
        let slub = "mm/slub.c:2318 None alloc_slab_page".to_owned();
        for (line, expected) in [
            ("    64.0 MiB    16384 mm/slub.c:2318 func:alloc_slab_page", (64 << 20, 16384)),
            ("    1.25 GiB        7 mm/slub.c:2318 func:alloc_slab_page", (5 << 28, 7)),
            ("       512 B        1 mm/slub.c:2318 func:alloc_slab_page", (512, 1)),
            ("    67108864    16384 mm/slub.c:2318 func:alloc_slab_page", (64 << 20, 16384)),
        ] {
            assert_eq!(of(line), Some((expected.0, expected.1, slub.clone())), "{line}");
        }
        let line = "     512 KiB      128 fs/xfs/xfs_buf.c:350 [xfs] func:xfs_buf_alloc";
        let place = "fs/xfs/xfs_buf.c:350 Some(\"xfs\") xfs_buf_alloc".to_owned();
        assert_eq!(of(line), Some((512 << 10, 128, place)));
    }

    #[test]
    fn what_looks_like_one_is_none() {
        for line in [
            "",
            "64.0 MiB 16384 mm/slub.c:2318",
            "64.0 16384 mm/slub.c:2318 func:alloc_slab_page",
            "64.0 MiB 16384 mm/slub.c:x func:alloc_slab_page",
            "64.0 MiB 16384 mm/slub.c:2318 func:",
            "99999999999999999999.0 EiB 1 a.c:1 func:a",
            "12345678901 EiB 1 a.c:1 func:a",
        ] {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
    }
}
