//! How the binary's 18,000 relative relocations are written.

use std::env;
use std::process::Command;

/// As a bit each instead of 24 bytes (`DT_RELR`), a twentieth of the binary, where the C library that is linked in
/// understands that: it relocates a static binary itself, and would leave the rest as it is.
pub(crate) fn pack() {
    let is_ours = env::var("HOST").is_ok_and(|host| env::var("TARGET").is_ok_and(|it| it == host));
    if is_ours && glibc().is_some_and(|version| version >= (2, 36)) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// This machine's.
fn glibc() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
