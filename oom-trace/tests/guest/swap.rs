//! Shortages with swap in use.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};

use crate::cgroup::Cgroup;
use crate::hog::{Hog, named};
use crate::scenario::{Machine, Scenario};
use crate::trigger::triggered;
use crate::watch::Watch;

pub(crate) const SCENARIOS: &[Scenario] =
    &[Scenario::new("swap_in_use", swap_in_use).shown().on(Machine::Swap)];

pub(crate) const DISK: &str = "/dev/vda";

/// What swap is made of.
const PAGE: usize = 4096;

/// What the log says of swap is in the table of tasks, and in the cgroup's account.
fn swap_in_use() {
    swap_on(DISK);
    let cgroup = Cgroup::limited("swapping", 24 << 20);
    cgroup.write("memory.swap.max", 16 << 20);
    let watch = Watch::start("kprobe");
    let mut hog = Hog::start(&named("hog"), &cgroup);
    let pid = hog.pid();
    hog.grow();
    hog.killed();
    let seen = watch.finish(1);
    seen.assert_context("kprobe");
    let record = seen.only();
    let dumps = seen.dumps();
    let row = dumps[0].tasks.iter().find(|task| task.tgid == u64::from(pid)).unwrap();
    assert!(row.swapents > 0, "{row:?}");
    assert_eq!(record["victim"]["memory_logged"][0]["swap_bytes"], row.swapents * PAGE as u64);
    assert_eq!(record["limit"]["swap_max_bytes"], 16 << 20);
    assert!(record["limit"]["swap_usage_bytes"].as_u64().unwrap() > 8 << 20, "{record:#}");
    drop(cgroup);

    let seen = triggered(&["--case", "swap", "--memory", "16M"], 1);
    let swap_bytes = seen.only()["victim"]["memory"]["swap_bytes"].as_u64().unwrap();
    assert!(swap_bytes > 8 << 20, "{:#}", seen.only());
}

/// Makes the whole disk swap, if it is not.
pub(crate) fn swap_on(disk: &str) {
    if fs::read_to_string("/proc/swaps").unwrap().contains(disk) {
        return;
    }
    let mut file = File::options().write(true).open(disk).unwrap();
    let pages = file.seek(SeekFrom::End(0)).unwrap() / PAGE as u64;
    // `union swap_header` (include/linux/swap.h): version, last page, number of bad pages.
    let mut header = [0_u8; PAGE];
    let last = u32::try_from(pages - 1).unwrap();
    header[1024..1028].copy_from_slice(&1_u32.to_ne_bytes());
    header[1028..1032].copy_from_slice(&last.to_ne_bytes());
    header[PAGE - 10..].copy_from_slice(b"SWAPSPACE2");
    file.rewind().unwrap();
    file.write_all(&header).unwrap();
    file.sync_all().unwrap();

    crate::sys::swap_on(&CString::new(disk).unwrap()).unwrap();
    assert!(fs::read_to_string("/proc/swaps").unwrap().contains(disk));
}
