//! Names that a process chose.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use crate::cgroup::Cgroup;
use crate::hog::{Hog, Spec, named};
use crate::scenario::Scenario;
use crate::watch::{Watch, kill_one};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("names", names).sharing(),
    Scenario::new("names_of_cgroups", names_of_cgroups).sharing(),
];

/// A process may call itself anything.
fn names() {
    let names: [(&[u8], &str); 5] = [
        (b"a b\t\"c' \\", "a b\t\"c' \\"),
        (b"two\nlines", "two\nlines"),
        (b"\x1b[31mred", "\u{1b}[31mred"),
        (b"\xff\xc3\xa9\xf0", "\\xff\u{e9}\\xf0"),
        (b"x) total-vm:1kB", "x) total-vm:1kB"),
    ];
    let cgroup = Cgroup::limited("names", 8 << 20);
    let watch = Watch::shared(names.len());
    for (name, _) in names {
        let mut hog = Hog::start(&Spec { name: name.to_vec(), ..Spec::default() }, &cgroup);
        hog.grow();
        hog.killed();
    }
    let seen = watch.finish(names.len());
    seen.assert_context("kprobe");
    for (record, (_, json)) in seen.records.iter().zip(names) {
        assert_eq!(record["victim"]["comm"], json);
        assert_eq!(record["trigger"]["comm"], json);
    }
}

/// All bytes but the newline may be in a cgroup's name.
fn names_of_cgroups() {
    let names: [&[u8]; 3] = [b"a b\t\"c' \\", b"\x1b[31mred (x)", b"\xff\xc3\xa9\xf0"];
    for name in names {
        let cgroup = Cgroup::limited(OsStr::from_bytes(name), 8 << 20);
        let seen = kill_one(&named("hog"), &cgroup);
        let record = seen.only();
        assert_eq!(record["victim"]["cgroup"]["path"], cgroup.path());
        assert_eq!(record["limit"]["cgroup"], cgroup.path());
    }
}
