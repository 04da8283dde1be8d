//! What the agent costs a process that nothing happens to.

use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use xtask::measure::median;

use crate::bpf::Runs;
use crate::kernel::{self, Counting};
use crate::tool::{AGENT, Running, Way};
use crate::usage;
use crate::victims::Crowd;

const BLOCKS: usize = 10;
/// In each block, with the agent and without.
const PROCESSES: u32 = 50;
/// An agent that has just come or gone leaves the kernel something to clear away.
const PAUSE: Duration = Duration::from_secs(1);
/// Parts of the names of functions and tracepoints that stand in the way of a new program.
const STARTS: [&str; 3] = ["exec", "fork", "clone"];

/// A row for the start of a process and one for its end, and what the agent is attached to.
pub(crate) fn table() -> Result<String> {
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    for _ in 0..BLOCKS {
        let (start_alone, end_alone) = block()?;
        let agent = Running::start(&AGENT, Way::Terminal)?;
        let (start, end) = block()?;
        agent.stop()?;
        starts.push(start.div_duration_f64(start_alone));
        ends.push(end.div_duration_f64(end_alone));
    }
    let before = kernel::probed()?;
    let agent = Running::start(&AGENT, Way::Terminal)?;
    let runs = runs()?;
    let hooks: Vec<_> = kernel::probed()?
        .difference(&before)
        .cloned()
        .chain(usage::tracepoints(agent.pid())?)
        .collect();
    agent.stop()?;
    let hook = hooks.iter().find(|hook| STARTS.iter().any(|part| hook.contains(part)));
    ensure!(hook.is_none(), "the agent is attached to {hook:?}");

    let mut out = String::from(
        "| of a process | runs of the agent's programs | time with the agent |\n|---|---:|---:|\n",
    );
    for (name, runs, ratios) in [("start", runs.0, starts), ("end", runs.1, ends)] {
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let most = ratios.iter().copied().fold(0.0, f64::max);
        let ratio = median(ratios).context("no blocks")?;
        writeln!(out, "| {name} | {runs:.1} | {ratio:.2}× ({least:.2}× to {most:.2}×) |")?;
    }
    writeln!(out, "\nAttached to: `{}`.", hooks.join("`, `"))?;
    Ok(out)
}

/// The times until a program has taken its process's place, and from then to its end. Of each the
/// least: what disturbs a machine only adds.
fn block() -> Result<(Duration, Duration)> {
    thread::sleep(PAUSE);
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    for _ in 0..PROCESSES {
        let begin = Instant::now();
        let process = Crowd::gather(1)?;
        starts.push(begin.elapsed());
        let begin = Instant::now();
        process.part()?;
        ends.push(begin.elapsed());
    }
    starts.into_iter().min().zip(ends.into_iter().min()).context("no processes")
}

/// How often the agent's programs run while a process starts, and while it ends.
fn runs() -> Result<(f64, f64)> {
    let _counting = Counting::start()?;
    let before = Runs::so_far()?;
    let crowd = Crowd::gather(usize::try_from(PROCESSES)?)?;
    let started = Runs::so_far()?;
    crowd.part()?;
    let ended = Runs::so_far()?;
    #[expect(clippy::cast_precision_loss, reason = "a handful for each process")]
    let each = |taken: Runs| taken.runs as f64 / f64::from(PROCESSES);
    Ok((each(started.since(before)), each(ended.since(started))))
}
