//! What a process takes, from `/proc`.

use std::fs;

use anyhow::{Context as _, Result};

/// Its share of the memory it maps.
pub(crate) fn pss_kib(pid: u32) -> Result<u64> {
    sum(&format!("/proc/{pid}/smaps_rollup"), &["Pss:"])
}

/// The most it ever had resident.
pub(crate) fn peak_kib(pid: u32) -> Result<u64> {
    sum(&format!("/proc/{pid}/status"), &["VmHWM:"])
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

/// The sum of the numbers after the keys.
fn sum(path: &str, keys: &[&str]) -> Result<u64> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    let mut total = 0;
    for key in keys {
        let value = text.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next());
        total += value.with_context(|| format!("no {key} in {path}"))?.parse::<u64>()?;
    }
    Ok(total)
}
