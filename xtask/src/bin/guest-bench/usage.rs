//! What a process takes, from `/proc`.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

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

/// What its eBPF programs took, which the kernel counts when told to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Programs {
    pub(crate) runs: u32,
    pub(crate) time: Duration,
}

impl Programs {
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let mut programs = Self { runs: 0, time: Duration::ZERO };
        let mut seen = BTreeSet::new();
        for text in open_files(pid)? {
            let [id, runs, time] =
                ["prog_id:", "run_cnt:", "run_time_ns:"].map(|key| value(&text, key));
            let (Some(id), Some(runs), Some(time)) = (id, runs, time) else { continue };
            if seen.insert(id.to_owned()) {
                programs.runs += runs.parse::<u32>()?;
                programs.time += Duration::from_nanos(time.parse()?);
            }
        }
        Ok(programs)
    }

    /// What they took since then.
    pub(crate) fn since(self, then: Self) -> Self {
        Self {
            runs: self.runs.saturating_sub(then.runs),
            time: self.time.saturating_sub(then.time),
        }
    }
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
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next())
}
