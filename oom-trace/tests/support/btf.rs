//! The running kernel's BTF, as if the kernel lacked something.

use std::fs;
use std::io::Write as _;

use tempfile::NamedTempFile;

/// The BTF without this name: as if the member, function or type had never been.
pub(crate) fn without(name: &str) -> NamedTempFile {
    let mut bytes = fs::read("/sys/kernel/btf/vmlinux").unwrap();
    let needle = [b"\0", name.as_bytes(), b"\0"].concat();
    let places = bytes.windows(needle.len()).enumerate();
    let places: Vec<_> =
        places.filter_map(|(at, window)| (window == needle).then_some(at)).collect();
    assert!(!places.is_empty(), "this kernel's BTF has no {name}");
    for at in places {
        bytes[at + 1] = b'~';
    }
    let mut file = NamedTempFile::with_prefix("btf").unwrap();
    file.write_all(&bytes).unwrap();
    file
}
