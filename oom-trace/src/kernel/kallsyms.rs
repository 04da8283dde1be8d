//! Addresses of kernel symbols, from `/proc/kallsyms`.

use std::io::{self, BufRead};
use std::ops::Range;

/// The addresses of functions: each from its symbol to the next one. The kernel lists its own
/// symbols in order of their addresses (kernel/kallsyms.c), modules behind them.
///
/// `None` for one that the list does not have, or hides (all addresses are zero then:
/// `kptr_restrict`, or no `CAP_SYSLOG`).
///
/// # Errors
/// The list cannot be read.
pub fn functions<const N: usize>(
    mut kallsyms: impl BufRead,
    names: [&str; N],
) -> io::Result<[Option<Range<u64>>; N]> {
    let mut starts = [None; N];
    let mut found = [const { None }; N];
    let mut line = Vec::with_capacity(256);
    while found.iter().any(Option::is_none) && kallsyms.read_until(b'\n', &mut line)? != 0 {
        if let Some((address, symbol)) = parse(&line) {
            for ((name, start), range) in names.iter().zip(&mut starts).zip(&mut found) {
                match *start {
                    None if address != 0 && symbol == name.as_bytes() => *start = Some(address),
                    Some(start) if address > start && range.is_none() => {
                        *range = Some(start..address);
                    }
                    _ => {}
                }
            }
        }
        line.clear();
    }
    Ok(found)
}

/// `ffffffff81234560 t name [module]`
fn parse(line: &[u8]) -> Option<(u64, &[u8])> {
    let mut parts = line.trim_ascii_end().split(|byte| matches!(byte, b' ' | b'\t'));
    let address = std::str::from_utf8(parts.next()?).ok()?;
    let _kind = parts.next()?;
    Some((u64::from_str_radix(address, 16).ok()?, parts.next()?))
}

#[cfg(test)]
mod tests {
    use super::super::testdata::{self, KERNELS};
    use super::functions;

    const LIST: &str = "ffffffff81000000 T _text\n\
        ffffffff81200000 t oom_kill_process.cold\n\
        ffffffff81200100 t __oom_kill_process\n\
        ffffffff81200100 t alias\n\
        ffffffff81200520 t oom_kill_process\n\
        ffffffffc0000000 t other\t[module]\n";

    fn find(list: &str, name: &str) -> Option<std::ops::Range<u64>> {
        let [range] = functions(list.as_bytes(), [name]).unwrap();
        range
    }

    #[test]
    fn a_function_ends_where_the_next_symbol_starts() {
        let range = 0xffff_ffff_8120_0100..0xffff_ffff_8120_0520;
        assert_eq!(find(LIST, "__oom_kill_process"), Some(range));
    }

    #[test]
    fn real_kernels_have_the_function() {
        for (kernel, version) in KERNELS {
            let list = testdata::file(&format!("{kernel}.kallsyms"));
            let names = ["__oom_kill_process", "mark_oom_victim"];
            let [range, mark] = functions(&*list, names).unwrap().map(Option::unwrap);
            assert!(mark.end <= range.start || range.end <= mark.start, "{kernel}");
            assert!((0x200..0x800).contains(&(range.end - range.start)), "{kernel}: {range:x?}");
            // `__pfx_` symbols, from 6.3 on, stand before each function and after the last.
            assert!(version > (6, 3) || range.end.is_multiple_of(16), "{kernel}: {range:x?}");
        }
    }

    #[test]
    fn names_are_matched_whole_and_hidden_addresses_are_none() {
        assert_eq!(find(LIST, "oom_kill"), None);
        let hidden = LIST.replace("ffffffff", "00000000").replace("8120", "0000");
        assert_eq!(find(&hidden.replace("0000010", "0000000"), "__oom_kill_process"), None);
        assert_eq!(find("nonsense\n\n\u{1}", "x"), None);
    }
}
