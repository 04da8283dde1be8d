//! Files that are meant to work their reader.

use std::fs::File;
use std::io::{Write as _, copy, repeat};
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;

/// A line without an end, a thousand times as large as its file, and larger than what the reader may have.
#[test]
fn a_bomb_takes_no_memory() {
    const KIB: u64 = 256 << 10;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kern.log.2.gz");
    let mut bomb = GzEncoder::new(File::create(&path).unwrap(), Compression::best());
    copy(&mut std::io::Read::take(repeat(b'x'), (2 * KIB) << 10), &mut bomb).unwrap();
    bomb.finish().unwrap().flush().unwrap();
    let limited = format!("ulimit -v {KIB}; exec \"$0\" explain \"$1\"");
    let mut command = Command::new("sh");
    command.args(["-c", &limited, env!("CARGO_BIN_EXE_oom-trace")]).arg(&path);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("is not a kernel log"), "{said}");
}
