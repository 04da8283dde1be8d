//! What a process takes, from `/proc`.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result};

/// A process's memory now, in bytes, each page shared with others in equal parts.
pub(crate) fn pss(pid: u32) -> Result<u64> {
    Ok(1024 * sum(&format!("/proc/{pid}/smaps_rollup"), &["Pss:"])?)
}

/// What of its memory is of no file.
pub(crate) fn anonymous(pid: u32) -> Result<u64> {
    Ok(1024 * sum(&format!("/proc/{pid}/smaps_rollup"), &["Anonymous:"])?)
}

/// The most it ever had resident.
pub(crate) fn peak(pid: u32) -> Result<u64> {
    Ok(1024 * sum(&format!("/proc/{pid}/status"), &["VmHWM:"])?)
}

/// How often its threads were switched to.
pub(crate) fn switches(pid: u32) -> Result<u64> {
    let mut total = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let status = thread?.path().join("status");
        let keys = ["voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"];
        total += sum(&status.to_string_lossy(), &keys)?;
    }
    Ok(total)
}

/// The raw tracepoints that its programs are attached to.
pub(crate) fn tracepoints(pid: u32) -> Result<BTreeSet<String>> {
    let files = open_files(pid)?;
    Ok(files.iter().filter_map(|text| value(text, "tp_name:")).map(str::to_owned).collect())
}

/// What the kernel tells of each file it has open.
fn open_files(pid: u32) -> Result<Vec<String>> {
    let folder = format!("/proc/{pid}/fdinfo");
    let files = fs::read_dir(&folder).with_context(|| format!("cannot list {folder}"))?;
    // One that was closed meanwhile has nothing to tell.
    Ok(files.filter_map(|file| fs::read_to_string(file.ok()?.path()).ok()).collect())
}

/// The sum of the numbers after the keys.
fn sum(path: &str, keys: &[&str]) -> Result<u64> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    let mut total = 0;
    for key in keys {
        let value = value(&text, key).with_context(|| format!("no {key} in {path}"))?;
        total += value.parse::<u64>()?;
    }
    Ok(total)
}

/// The word after the key.
pub(crate) fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next())
}
