//! Names of kernel addresses, from `/proc/kallsyms`.

use std::io::{self, BufRead};

/// What is known of an address while the list goes by.
#[derive(Debug, Default)]
struct Search {
    start: u64,
    name: Vec<u8>,
    module: Option<Vec<u8>>,
    end: Option<u64>,
}

/// Return addresses as the kernel's own dumps print them, `function+0xoff/0xsize [module]`: each
/// within the symbol of the byte before it (`%pB`, lib/vsprintf.c), which ends where the next one
/// starts. Of several names for one place the kernel takes the first (`get_symbol_pos`,
/// kernel/kallsyms.c).
///
/// `None` for one that no symbol holds, or where the list hides its addresses (all are zero then:
/// `kptr_restrict`, or no `CAP_SYSLOG`).
///
/// # Errors
/// The list cannot be read.
pub fn symbols(mut list: impl BufRead, addresses: &[u64]) -> io::Result<Vec<Option<String>>> {
    let mut found: Vec<Search> = addresses.iter().map(|_| Search::default()).collect();
    let mut line = Vec::with_capacity(256);
    while list.read_until(b'\n', &mut line)? != 0 {
        if let Some((start, name, module)) = parse(&line) {
            for (address, search) in addresses.iter().zip(&mut found) {
                if start >= *address {
                    search.end = Some(search.end.map_or(start, |end| end.min(start)));
                } else if start > search.start {
                    search.start = start;
                    search.name = name.to_vec();
                    search.module = module.map(<[u8]>::to_vec);
                }
            }
        }
        line.clear();
    }
    Ok(addresses.iter().zip(found).map(|(address, search)| search.symbol(*address)).collect())
}

/// The address of the symbol; `None` if there is none, or the list hides addresses.
///
/// # Errors
/// The list cannot be read.
pub fn address(mut list: impl BufRead, name: &str) -> io::Result<Option<u64>> {
    let mut line = Vec::with_capacity(256);
    while list.read_until(b'\n', &mut line)? != 0 {
        match parse(&line) {
            Some((address, found, None)) if found == name.as_bytes() => {
                return Ok(Some(address).filter(|&address| address != 0));
            }
            _ => line.clear(),
        }
    }
    Ok(None)
}

/// Where the kernel's function of this name starts, and where the symbol behind it does; `None` if there
/// is none, or the list hides addresses. The kernel's own symbols are in the order of their addresses.
///
/// # Errors
/// The list cannot be read.
pub fn range(mut list: impl BufRead, name: &str) -> io::Result<Option<(u64, u64)>> {
    let (mut line, mut start) = (Vec::with_capacity(256), 0);
    while list.read_until(b'\n', &mut line)? != 0 {
        match parse(&line) {
            Some((address, ..)) if start != 0 && address > start => {
                return Ok(Some((start, address)));
            }
            Some((address, found, None)) if found == name.as_bytes() => start = address,
            _ => {}
        }
        line.clear();
    }
    Ok(None)
}

/// Whether the list shows addresses.
///
/// # Errors
/// The list cannot be read.
pub fn shows_addresses(mut list: impl BufRead) -> io::Result<bool> {
    let mut line = Vec::with_capacity(256);
    // The first of them are offsets into the per-CPU area, the first of those zero.
    for _ in 0..64 {
        if list.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if parse(&line).is_some_and(|(address, ..)| address != 0) {
            return Ok(true);
        }
        line.clear();
    }
    Ok(false)
}

/// Why the address of a variable is not known, in words, from the list that does not tell it: a
/// kernel without `CONFIG_KALLSYMS_ALL` lists functions alone.
#[must_use]
pub fn why_unknown(list: io::Result<impl BufRead>) -> &'static str {
    let listed = list.and_then(|mut list| {
        if list.fill_buf()?.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        shows_addresses(list)
    });
    match listed {
        Ok(true) => "this kernel lists no addresses of variables (CONFIG_KALLSYMS_ALL is not set)",
        Ok(false) => {
            "the kernel hides its addresses (kernel.kptr_restrict is 2, or CAP_SYSLOG is missing)"
        }
        Err(_) => {
            "/proc/kallsyms is hidden or not there (CONFIG_KALLSYMS is not set, or a sandbox hides \
             it, as ProtectKernelTunables= of systemd does)"
        }
    }
}

impl Search {
    fn symbol(&self, address: u64) -> Option<String> {
        let Self { start, name, module, end } = self;
        if *start == 0 {
            return None;
        }
        let name = String::from_utf8_lossy(name);
        let (offset, size) = (address - start, (*end)? - start);
        Some(match module {
            Some(module) => {
                format!("{name}+{offset:#x}/{size:#x} {}", String::from_utf8_lossy(module))
            }
            None => format!("{name}+{offset:#x}/{size:#x}"),
        })
    }
}

/// An address, a name, and its module.
type Symbol<'a> = (u64, &'a [u8], Option<&'a [u8]>);

/// `ffffffff81234560 t name`, and behind a tab `[module]`.
fn parse(line: &[u8]) -> Option<Symbol<'_>> {
    let mut parts = line.trim_ascii_end().split(|byte| matches!(byte, b' ' | b'\t'));
    let address = std::str::from_utf8(parts.next()?).ok()?;
    let _kind = parts.next()?;
    let name = parts.next()?;
    Some((u64::from_str_radix(address, 16).ok()?, name, parts.next()))
}

#[cfg(test)]
mod tests {
    use super::super::testdata::{self, KERNELS};
    use super::*;

    const LIST: &str = "0000000000000000 A fixed_percpu_data\n\
        ffffffff81000000 T _text\n\
        ffffffff81200000 t oom_kill_process.cold\n\
        ffffffff81200100 t __oom_kill_process\n\
        ffffffff81200100 t alias\n\
        ffffffff81200520 t oom_kill_process\n\
        ffffffffc0000000 t other\t[module]\n\
        ffffffffc0000010 t more\t[module]\n";

    fn name(list: &str, address: u64) -> Option<String> {
        symbols(list.as_bytes(), &[address]).unwrap().pop().unwrap()
    }

    #[test]
    fn an_address_is_named_by_the_symbol_it_returns_to() {
        let name = |address| name(LIST, address);
        assert_eq!(name(0xffff_ffff_8120_0108).as_deref(), Some("__oom_kill_process+0x8/0x420"));
        // A call that does not return is the last of its function.
        assert_eq!(
            name(0xffff_ffff_8120_0100).as_deref(),
            Some("oom_kill_process.cold+0x100/0x100")
        );
        assert_eq!(name(0xffff_ffff_c000_0008).as_deref(), Some("other+0x8/0x10 [module]"));
        assert_eq!(name(0xffff_ffff_c000_0018), None);
        assert_eq!(name(0x10), None);
    }

    #[test]
    fn a_function_ends_where_the_next_symbol_starts() {
        let range = |list: &str| range(list.as_bytes(), "__oom_kill_process").unwrap();
        assert_eq!(range(LIST), Some((0xffff_ffff_8120_0100, 0xffff_ffff_8120_0520)));
        assert_eq!(range(&LIST.replace(" __oom_kill", " __other_kill")), None);
        assert_eq!(range("0000000000000000 t __oom_kill_process\n0000000000000000 t next\n"), None);
    }

    #[test]
    fn hidden_addresses_name_nothing() {
        let hidden: String =
            LIST.lines().map(|line| format!("{:016}{}\n", 0, &line[16..])).collect();
        assert_eq!(name(&hidden, 0xffff_ffff_8120_0108), None);
        assert!(!shows_addresses(hidden.as_bytes()).unwrap());
        assert!(shows_addresses(LIST.as_bytes()).unwrap());
        assert_eq!(name("nonsense\n\n\u{1}", 1), None);
    }

    /// A list of functions alone hides nothing.
    #[test]
    fn a_variable_that_is_not_listed_is_not_said_to_be_hidden() {
        assert_eq!(address(LIST.as_bytes(), "__per_cpu_offset").unwrap(), None);
        assert!(why_unknown(Ok(LIST.as_bytes())).contains("CONFIG_KALLSYMS_ALL is not set"));
        let hidden: String =
            LIST.lines().map(|line| format!("{:016}{}\n", 0, &line[16..])).collect();
        assert!(why_unknown(Ok(hidden.as_bytes())).contains("kernel.kptr_restrict is 2"));
        assert!(why_unknown(Ok(&b""[..])).contains("ProtectKernelTunables="));
    }

    #[test]
    fn real_kernels_have_the_functions() {
        for (kernel, _) in KERNELS {
            let list = testdata::file(&format!("{kernel}.kallsyms"));
            let text = String::from_utf8(list.clone()).unwrap();
            let line = text.lines().find(|line| line.ends_with(" t mark_oom_victim")).unwrap();
            let start = u64::from_str_radix(&line[..16], 16).unwrap();
            let names = symbols(&*list, &[start + 5]).unwrap();
            let name = names[0].as_deref().unwrap();
            assert!(name.starts_with("mark_oom_victim+0x5/0x"), "{kernel}: {name}");
            assert!(shows_addresses(&*list).unwrap(), "{kernel}");
        }
    }
}
