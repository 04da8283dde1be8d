//! Lists of the kernel's symbols, right and wrong.

use std::fmt::Write as _;

use fastrand::Rng;
use oom_trace::kernel::kallsyms::{address, range, shows_addresses, symbols};

use crate::mutate::change;
use crate::tries::fuzz;

/// A line of the list.
#[derive(Debug, Clone)]
struct Symbol {
    start: u64,
    name: String,
    module: Option<String>,
}

/// What is no symbol, in the midst of them.
const OTHERS: [&[u8]; 7] = [
    b"\n",
    b"ffffffff81000000\n",
    b"ffffffff81000000 t\n",
    b"fffffffff81000000 t seventeen_digits\n",
    b"what t name\n",
    b" ffffffff81000000 t name\n",
    b"\xff\xff t name\n",
];

/// In the order of their addresses, as the kernel's own are, the modules' behind them.
fn list(rng: &mut Rng) -> Vec<Symbol> {
    let mut start = 0xffff_ffff_8100_0000;
    let mut symbols: Vec<Symbol> = Vec::new();
    let own = rng.usize(1..40);
    for index in 0..own + rng.usize(..10) {
        if rng.u8(..4) > 0 {
            start += rng.u64(1..0x400);
        }
        let is_same = rng.u8(..8) == 0;
        let name = match symbols.last() {
            Some(last) if is_same => last.name.clone(),
            _ => format!("f{index}"),
        };
        let module = (index >= own).then(|| format!("[m{}]", index % 3));
        symbols.push(Symbol { start, name, module });
    }
    symbols
}

fn write(rng: &mut Rng, symbols: &[Symbol]) -> Vec<u8> {
    let mut bytes = b"0000000000000000 A fixed_percpu_data\n".to_vec();
    for Symbol { start, name, module } in symbols {
        if rng.u8(..8) == 0 {
            bytes.extend_from_slice(OTHERS[rng.usize(..OTHERS.len())]);
        }
        let module = module.as_ref().map(|module| format!("\t{module}")).unwrap_or_default();
        bytes.extend(format!("{start:016x} t {name}{module}\n").bytes());
    }
    bytes
}

/// By the words of `symbols`: the symbol of the byte before, the first of several names, up to the next.
fn plain(list: &[Symbol], at: u64) -> Option<String> {
    let start = list.iter().map(|it| it.start).filter(|start| *start < at).max()?;
    let end = list.iter().map(|it| it.start).filter(|start| *start >= at).min()?;
    let Symbol { name, module, .. } = list.iter().find(|it| it.start == start)?;
    let mut text = format!("{name}+{:#x}/{:#x}", at - start, end - start);
    if let Some(module) = module {
        write!(text, " {module}").unwrap();
    }
    Some(text)
}

/// Whatever stands between them.
#[test]
fn addresses_have_the_names_that_the_list_gives_them() {
    fuzz("addresses_have_the_names_that_the_list_gives_them", |rng| {
        let list = list(rng);
        let bytes = write(rng, &list);
        let near: Vec<_> = (0..rng.usize(1..8))
            .map(|_| list[rng.usize(..list.len())].start + rng.u64(..4) - rng.u64(..2))
            .collect();
        let expected: Vec<_> = near.iter().map(|at| plain(&list, *at)).collect();
        assert_eq!(symbols(&*bytes, &near).unwrap(), expected, "{near:x?}");
        let own: Vec<_> = list.iter().filter(|it| it.module.is_none()).collect();
        let one = own[rng.usize(..own.len())];
        // Of several of that name the first counts.
        let first = own.iter().find(|it| it.name == one.name).unwrap().start;
        assert_eq!(address(&*bytes, &one.name).unwrap(), Some(first));
        let next = list.iter().map(|it| it.start).filter(|start| *start > first).min();
        assert_eq!(range(&*bytes, &one.name).unwrap(), next.map(|next| (first, next)));
        assert_eq!(address(&*bytes, "none").unwrap(), None);
    });
}

/// Any bytes: a name is one of them, and an address lies within what is said of it.
#[test]
fn any_list_of_symbols_can_be_read() {
    fuzz("any_list_of_symbols_can_be_read", |rng| {
        let list = list(rng);
        let mut bytes = write(rng, &list);
        (0..rng.usize(1..60)).for_each(|_| change(rng, &mut bytes));
        let near: Vec<_> = (0..4)
            .map(|_| match rng.u8(..4) {
                0 => rng.u64(..),
                1 => [0, 1, u64::MAX][rng.usize(..3)],
                _ => list[rng.usize(..list.len())].start.wrapping_add(rng.u64(..9)),
            })
            .collect();
        for (at, found) in near.iter().zip(symbols(&*bytes, &near).unwrap()) {
            let Some(text) = found else { continue };
            let (name, place) = text.rsplit_once("+0x").unwrap();
            let place = place.split(' ').next().unwrap();
            let (offset, size) = place.split_once('/').unwrap();
            let size = size.strip_prefix("0x").unwrap();
            let [offset, size] = [offset, size].map(|text| u64::from_str_radix(text, 16).unwrap());
            assert!(0 < offset && offset <= size && offset < *at, "{at:x}: {text}");
            assert!(String::from_utf8_lossy(&bytes).contains(name), "{text}");
        }
        if let Some((start, end)) = range(&*bytes, "f0").unwrap() {
            assert!(0 < start && start < end, "{start:x}-{end:x}");
            assert!(shows_addresses(&*bytes).is_ok());
        }
    });
}
