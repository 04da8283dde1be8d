//! The kernel's account of the eBPF programs and maps that are loaded. Nobody but the tool that is
//! measured loads any here, so it is asked for all: a tool need not keep their descriptors open.

use std::fs;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use aya::maps::{MapInfo, MapType, loaded_maps};
use aya::programs::{ProgramInfo, loaded_programs};

use crate::usage::value;

/// The kernel gives programs back after a grace period or two.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the programs took while the kernel counted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Runs {
    pub(crate) runs: u64,
    pub(crate) time: Duration,
}

impl Runs {
    pub(crate) fn so_far() -> Result<Self> {
        let mut sum = Self::default();
        for Program { runs: Self { runs, time }, .. } in programs()? {
            sum.runs += runs;
            sum.time += time;
        }
        Ok(sum)
    }

    /// What they took since then.
    pub(crate) fn since(self, then: Self) -> Self {
        Self {
            runs: self.runs.saturating_sub(then.runs),
            time: self.time.saturating_sub(then.time),
        }
    }
}

/// A program, and what it took while the kernel counted.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) runs: Runs,
}

/// All that are loaded.
pub(crate) fn programs() -> Result<Vec<Program>> {
    let program = |program: Result<ProgramInfo, _>| {
        let program = program?;
        Ok(Program {
            id: program.id(),
            name: String::from_utf8_lossy(program.name()).into_owned(),
            runs: Runs { runs: program.run_count(), time: program.run_time() },
        })
    };
    loaded_programs().map(program).collect()
}

/// What the programs and maps weigh.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weight {
    /// Instructions that the verifier looked at.
    pub(crate) verified: u64,
    /// Memory of programs and maps, in bytes, ring buffers among them.
    pub(crate) memory: u64,
    pub(crate) ring: u64,
}

impl Weight {
    pub(crate) fn now() -> Result<Self> {
        let mut weight = Self::default();
        for program in loaded_programs() {
            let program = program?;
            weight.memory += u64::from(program.memory_locked()?);
            let verified = program.verified_instruction_count();
            weight.verified +=
                u64::from(verified.context("the kernel does not tell verified_insns")?);
        }
        for map in loaded_maps() {
            let map = map?;
            let memory = memory(&map)?;
            weight.memory += memory;
            if map.map_type()? == MapType::RingBuf {
                weight.ring += memory;
            }
        }
        Ok(weight)
    }
}

fn memory(map: &MapInfo) -> Result<u64> {
    let fd = map.fd()?;
    let path = format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd());
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    Ok(value(&text, "memlock:").with_context(|| format!("no memlock in {path}"))?.parse()?)
}

/// Waits until nothing is left of the tool before.
pub(crate) fn all_unloaded() -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while let Some(program) = loaded_programs().next() {
        let program = program?;
        if Instant::now() > deadline {
            bail!("the eBPF program {:?} stays loaded", String::from_utf8_lossy(program.name()));
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
