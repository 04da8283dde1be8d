//! Where the agent's time goes: at its start, and from the kernel's hook to the victim's line.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::beside;
use crate::bpf::{self, Program};
use crate::calls::{Call, Calls};
use crate::kernel::{self, Clock, Counting, OneCpu};
use crate::tool::{AGENT, Running, Way};
use crate::victims::Cgroup;

/// As many as have a dump each.
const KILLS: usize = 10;
const PATIENCE: Duration = Duration::from_secs(3);
/// Rows of a table; what is less than the last stands together.
const ROWS: usize = 12;

/// So much time by name, and how often.
type Times = BTreeMap<String, (u64, u64)>;

pub(crate) fn tables() -> Result<String> {
    // On one processor, nothing goes on beside what is measured.
    let _alone = OneCpu::start()?;
    bpf::all_unloaded()?;
    let calls = Calls::start()?;
    let clock = Clock::start(&["p:bench/hook oom_kill_process", "r:bench/done oom_kill_process"])?;
    clock.clear()?;
    let started = kernel::boot_ns();
    let running = Running::start(&AGENT, Way::Pipe)?;
    let all = kernel::boot_ns().saturating_sub(started);
    let mut start = Times::new();
    calls.so_far(running.pid())?.iter().for_each(|call| add(&mut start, call));
    rest(&mut start, all, "the agent's own code, and its pages")?;

    let programs = bpf::programs()?;
    let mut kill = Times::new();
    let mut all = 0;
    {
        let _counting = Counting::start()?;
        beside::wait_for_dumps();
        for _ in 0..KILLS {
            all += self::kill(&running, &clock, &calls, &mut kill)?;
        }
    }
    rest(&mut kill, all, "the agent's own code, its pages, and between processes")?;
    let programs = by_program(&programs, &bpf::programs()?)?;
    running.stop()?;

    let mut out = String::new();
    let tables = [("start", start), ("kill, to its line", kill), ("kill: programs", programs)];
    for (what, times) in tables {
        table(&mut out, what, times)?;
    }
    Ok(out)
}

/// Adds what one kill took from the hook to the line; answers how long that was.
fn kill(running: &Running, clock: &Clock, calls: &Calls, times: &mut Times) -> Result<u64> {
    running.forget_victims();
    clock.clear()?;
    let before = bpf::Runs::so_far()?;
    Cgroup::create("one", false)?.kill(1)?;
    let line = running.next_victim(PATIENCE).context("no line came")?;
    let programs = u64::try_from(bpf::Runs::so_far()?.since(before).time.as_nanos())?;
    let (hook, done) = (clock.first("hook")?, clock.first("done")?);
    let within = |call: &&Call| call.began >= hook && call.ended <= line && !is_wait(call);
    let all = calls.so_far(running.pid())?;
    // Until the kernel's function returns, it is that which takes the time.
    let waited = |call: &Call| call.ended.min(line).saturating_sub(call.began.max(done));
    let waited = all.iter().filter(|call| is_wait(call)).map(waited).sum();
    let calls = || all.iter().filter(within);
    calls().for_each(|call| add(times, call));
    // The agent has its turn in the middle, too.
    let agents: u64 = calls().filter(|call| call.ended <= done).map(length).sum();
    let kernels = done.saturating_sub(hook).saturating_sub(agents + programs);
    for (name, time) in [(KERNEL, kernels), ("eBPF programs", programs), (WAITS, waited)] {
        let (sum, count) = times.entry(name.to_owned()).or_default();
        (*sum, *count) = (*sum + time, *count + 1);
    }
    Ok(line.saturating_sub(hook))
}

const KERNEL: &str = "the kernel's oom_kill_process itself, and what it lets run meanwhile";

const WAITS: &str = "waiting, once that has returned";

/// Nothing is done in it.
fn is_wait(call: &Call) -> bool {
    call.name.starts_with("epoll")
}

fn length(call: &Call) -> u64 {
    call.ended.saturating_sub(call.began)
}

fn add(times: &mut Times, call: &Call) {
    let (sum, count) = times.entry(call.name.clone()).or_default();
    (*sum, *count) = (*sum + length(call), *count + 1);
}

/// What of it all has no name.
fn rest(times: &mut Times, all: u64, name: &str) -> Result<()> {
    let named: u64 = times.values().map(|(time, _)| time).sum();
    let rest = all.checked_sub(named).context("the parts are more than the whole")?;
    times.insert(name.to_owned(), (rest, 1));
    Ok(())
}

/// What each program took meanwhile.
fn by_program(before: &[Program], after: &[Program]) -> Result<Times> {
    let mut times = Times::new();
    for Program { id, name, runs } in after {
        let then = before.iter().find(|then| then.id == *id).context("a program is new")?;
        let runs = runs.since(then.runs);
        times.insert(name.clone(), (u64::try_from(runs.time.as_nanos())?, runs.runs));
    }
    Ok(times)
}

/// Largest first, as parts of the whole.
fn table(out: &mut String, what: &str, times: Times) -> Result<()> {
    let all: u64 = times.values().map(|(time, _)| time).sum();
    let mut rows: Vec<_> = times.into_iter().collect();
    rows.sort_by_key(|(_, (time, _))| Reverse(*time));
    let others = rows.split_off(ROWS.min(rows.len()));
    if !others.is_empty() {
        let sum = |of: fn(&(u64, u64)) -> u64| others.iter().map(|(_, row)| of(row)).sum();
        rows.push((format!("{} others", others.len()), (sum(|row| row.0), sum(|row| row.1))));
    }
    writeln!(out, "| {what} | share | times |\n|---|---:|---:|")?;
    for (name, (time, count)) in rows {
        let tenths = time * 1000 / all.max(1);
        writeln!(out, "| {name} | {}.{}% | {count} |", tenths / 10, tenths % 10)?;
    }
    writeln!(out)?;
    Ok(())
}
