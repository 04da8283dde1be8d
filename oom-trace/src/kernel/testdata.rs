//! Real kernels: see `testdata/README.md`.

use std::fs;
use std::io::Read as _;

use flate2::read::GzDecoder;

/// Kernels whose BTF is there.
pub(crate) const KERNELS: [(&str, (u32, u32)); 3] =
    [("5.10", (5, 10)), ("6.12", (6, 12)), ("7.3", (7, 3))];

pub(crate) fn file(name: &str) -> Vec<u8> {
    fs::read(format!("{}/testdata/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

pub(crate) fn json(name: &str) -> serde_json::Value {
    serde_json::from_slice(&file(name)).unwrap()
}

pub(crate) fn btf(kernel: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(&*file(&format!("{kernel}.btf.gz"))).read_to_end(&mut bytes).unwrap();
    bytes
}

/// The same kernel without a name: as if the member, function or type had never been.
pub(crate) fn btf_without(kernel: &str, name: &str) -> Vec<u8> {
    let mut bytes = btf(kernel);
    let needle = [b"\0", name.as_bytes(), b"\0"].concat();
    let places: Vec<_> = bytes
        .windows(needle.len())
        .enumerate()
        .filter_map(|(at, window)| (window == needle).then_some(at))
        .collect();
    assert!(!places.is_empty(), "{name}");
    for at in places {
        bytes[at + 1] = b'~';
    }
    bytes
}
