//! The kernel's types: written otherwise, and wrong.

mod blob;
mod rewrite;

use std::path::Path;
use std::sync::LazyLock;
use std::{fs, io::Read as _};

use fastrand::Rng;
use flate2::read::GzDecoder;
use oom_trace::kernel::btf::{Btf, Wanted};
use oom_trace::kernel::facts::Known;
use oom_trace::kernel::layout::want;
use oom_trace_common::layout::MEMBERS;

use self::blob::Blob;
use crate::tries::fuzz_some;

/// Each reads some thousands of types.
const TRIES: u64 = 60;

/// Of two kernels what is looked for, and what that is made of.
static KERNELS: LazyLock<Vec<(Blob, (u32, u32))>> = LazyLock::new(|| {
    [("5.10", (5, 10)), ("6.12", (6, 12))]
        .map(|(name, version)| {
            let whole = whole(name);
            let known = Known::find(&whole, version).unwrap();
            let blob = Blob::read(&whole).only(|name| is_wanted(&known, name));
            let small = blob.write();
            assert!(small.len() < 100 << 10, "{name}: {} bytes", small.len());
            assert_eq!(told(&Known::find(&small, version).unwrap()), told(&known), "{name}");
            (blob, version)
        })
        .into()
});

fn whole(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("testdata/{name}.btf.gz"));
    let mut bytes = Vec::new();
    GzDecoder::new(&*fs::read(path).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

fn is_wanted(known: &Known, name: &str) -> bool {
    let mut paths = MEMBERS.iter().flat_map(|member| member.paths);
    let is_first = |path: &&str| {
        let path = path.strip_prefix("sizeof ").or(path.strip_prefix("enum ")).unwrap_or(path);
        path.split('.').next() == Some(name)
    };
    ["btf_trace_mark_victim", "BPF_FUNC_snprintf", "___GFP_NO_OBJ_EXT_BIT"].contains(&name)
        || known.functions.iter().any(|(function, _)| *function == name)
        || paths.any(is_first)
}

/// All that is known of it, but for the numbers of functions.
fn told(known: &Known) -> String {
    let Known { layout, absent, functions, mark_victim, has_snprintf, gfp_names } = known;
    let absent: Vec<_> = absent.iter().map(|it| (it.member.name, it.width)).collect();
    let functions: Vec<_> = functions.iter().map(|(name, _)| name).collect();
    format!("{layout:?} {absent:?} {functions:?} {mark_victim:?} {has_snprintf} {gfp_names:?}")
}

/// In another order, among others, behind other names, in unions: the offsets are the same.
#[test]
fn types_that_are_written_otherwise_are_read_alike() {
    let known = KERNELS.iter().map(|(blob, version)| Known::find(&blob.write(), *version).unwrap());
    let expected: Vec<_> = known.map(|known| told(&known)).collect();
    fuzz_some("types_that_are_written_otherwise_are_read_alike", TRIES, |rng| {
        let of = rng.usize(..KERNELS.len());
        let (blob, version) = &KERNELS[of];
        let mut other = blob.clone();
        (0..rng.usize(1..20)).for_each(|_| rewrite::change(rng, &mut other));
        other.shuffle(rng);
        let known = Known::find(&other.write(), *version).unwrap();
        assert_eq!(told(&known), expected[of]);
        for (name, id) in &known.functions {
            assert_eq!(other.name_of(*id), *name);
        }
    });
}

/// Any bytes are an error, or types whose members lie within them; and soon.
#[test]
fn any_types_can_be_read() {
    let written: Vec<_> = KERNELS.iter().map(|(blob, version)| (blob.write(), *version)).collect();
    let mut wanted = Wanted::default();
    want(&mut wanted, MEMBERS);
    fuzz_some("any_types_can_be_read", TRIES, |rng| {
        let of = rng.usize(..written.len());
        let (mut bytes, version) = written[of].clone();
        if rng.bool() {
            let mut blob = KERNELS[of].0.clone();
            (0..rng.usize(1..12)).for_each(|_| rewrite::spoil(rng, &mut blob));
            bytes = blob.write();
        }
        if rng.bool() {
            (0..rng.usize(1..30)).for_each(|_| spoil(rng, &mut bytes));
        }
        let Ok(btf) = Btf::parse(&bytes, &wanted) else {
            assert!(Known::find(&bytes, version).is_err());
            return;
        };
        for path in MEMBERS.iter().flat_map(|member| member.paths) {
            let name = path.split('.').next().unwrap();
            if let Some(found) = btf.member(path) {
                let size = btf.size_of(name).unwrap();
                assert!(found.offset <= size, "{path}: {found:?} in {size} bytes");
            }
        }
        assert!(Known::find(&bytes, version).is_ok());
    });
}

/// One of its words.
fn spoil(rng: &mut Rng, bytes: &mut Vec<u8>) {
    if bytes.len() < 8 {
        return;
    }
    let at = match rng.u8(..8) {
        // The header.
        0 => 4 * rng.usize(..6.min(bytes.len() / 4)),
        _ => 4 * rng.usize(..bytes.len() / 4),
    };
    let word = match rng.u8(..8) {
        0 => u32::MAX,
        1 => rng.u32(..),
        2 => 0,
        3 => return bytes.truncate(at),
        4 => 1 << rng.u32(..32),
        _ => rng.u32(..2000),
    };
    bytes[at..at + 4].copy_from_slice(&word.to_ne_bytes());
}
