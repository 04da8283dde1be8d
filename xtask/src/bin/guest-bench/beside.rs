//! Tools that report OOM kills, in turn.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use xtask::measure::{Quantity, Sheet, median};

use crate::bpf::{self, Runs, Weight};
use crate::kernel::{self, Clock, Counting, OneCpu};
use crate::tool::{Running, TOOLS, Tool, Way};
use crate::usage;
use crate::victims::{self, Cgroup};

const ROUNDS: usize = 5;
/// In each round, in each way.
const KILLS: usize = 10;
const GROUP: usize = 5;
const STORM: usize = 200;
/// After which a tool has done what its start does when its hooks are in the kernel.
const SETTLED: Duration = Duration::from_secs(2);
/// In each round.
const IDLE: Duration = Duration::from_secs(2);
/// After so long without a kill the kernel writes a dump for each of ten again (`oom_rs` in
/// `oom_kill_process`, mm/oom_kill.c).
const DUMPS_AGAIN: Duration = Duration::from_secs(6);
/// A line that takes longer is not going to come before the tool ends.
const PATIENCE: Duration = Duration::from_secs(3);

#[expect(clippy::print_stdout, reason = "a guest that is silent for long is taken to hang")]
pub(crate) fn measure(sheet: &mut Sheet) -> Result<()> {
    for round in 1..=ROUNDS {
        for tool in TOOLS {
            let begun = std::time::Instant::now();
            self::round(tool, round == ROUNDS, sheet).with_context(|| tool.command.join(" "))?;
            println!("round {round}, {}: {:.0?}", tool.command.join(" "), begun.elapsed());
        }
    }
    Ok(())
}

fn round(tool: &Tool, is_last: bool, sheet: &mut Sheet) -> Result<()> {
    bpf::all_unloaded()?;
    let mut note = |of, value| sheet.note(of, tool.subject, value);
    let running = Running::start(tool, Way::Terminal)?;
    note(Quantity::Start, nanos(running.attached));
    thread::sleep(SETTLED);
    let before = usage::switches(running.pid())?;
    thread::sleep(IDLE);
    note(Quantity::WakeUps, count(usage::switches(running.pid())?.saturating_sub(before)));
    note(Quantity::Pss, count(usage::pss(running.pid())?));
    note(Quantity::Anonymous, count(usage::anonymous(running.pid())?));
    note(Quantity::PeakRss, count(usage::peak(running.pid())?));
    let Weight { verified, memory, ring } = Weight::now()?;
    note(Quantity::Verified, count(verified));
    note(Quantity::Bpf, count(memory));
    note(Quantity::Ring, count(ring));
    note(Quantity::BpfTime, nanos(bpf_time()?));
    if let Some(delay) = delay(&running, KILLS)? {
        note(Quantity::LineTerminal, nanos(delay));
    }
    if is_last {
        let [program, ..] = tool.command else { return Ok(()) };
        note(Quantity::Binary, count(fs::metadata(program)?.len()));
        note(Quantity::GroupMissed, count(group(&running)?));
        note(Quantity::StormMissed, count(storm(&running)?));
    }
    note(Quantity::Stop, nanos(running.stop()?));

    bpf::all_unloaded()?;
    let running = Running::start(tool, Way::Pipe)?;
    if let Some(delay) = delay(&running, KILLS)? {
        note(Quantity::LinePipe, nanos(delay));
    }
    running.stop()?;
    Ok(())
}

/// The median time from the hook to the victim's line in the reader's hands; `None` when no line came
/// while the tool ran. The kernel writes a dump of each kill, as of one that comes alone.
pub(crate) fn delay(running: &Running, kills: usize) -> Result<Option<Duration>> {
    wait_for_dumps();
    let clock = Clock::start(&["p:bench/hook oom_kill_process"])?;
    running.forget_victims();
    let mut delays = Vec::new();
    for _ in 0..kills {
        clock.clear()?;
        Cgroup::create("one", false)?.kill(1)?;
        let Some(line) = running.next_victim(PATIENCE) else { break };
        let hook = clock.first("hook")?;
        delays.push(Duration::from_nanos(line.saturating_sub(hook)));
    }
    Ok(median(delays))
}

/// From here on ten kills have a dump each.
pub(crate) fn wait_for_dumps() {
    thread::sleep(DUMPS_AGAIN);
}

/// The median time that all programs took for one kill. On one processor: one thread emulates all of
/// them, and while a program's is not its turn the program's time goes on.
fn bpf_time() -> Result<Duration> {
    let _alone = OneCpu::start()?;
    let _counting = Counting::start()?;
    let mut times = Vec::new();
    for _ in 0..KILLS {
        let before = Runs::so_far()?;
        Cgroup::create("one", false)?.kill(1)?;
        times.push(Runs::so_far()?.since(before).time);
    }
    median(times).context("no kills")
}

/// The victims that went unreported when the kernel killed a whole cgroup.
fn group(running: &Running) -> Result<u64> {
    running.forget_victims();
    Cgroup::create("group", true)?.kill(GROUP)?;
    Ok(u64::try_from(GROUP - running.victims(GROUP, PATIENCE))?)
}

/// The kills that went unreported when many came at once.
fn storm(running: &Running) -> Result<u64> {
    let before = kernel::oom_kills()?;
    victims::storm(STORM)?;
    let kills = kernel::oom_kills()?.saturating_sub(before);
    let lines = running.victims(usize::try_from(kills)?, PATIENCE);
    Ok(kills.saturating_sub(u64::try_from(lines)?))
}

/// The page tells of these numbers.
const _: () = assert!(GROUP == 5 && STORM == 200 && ROUNDS == 5 && KILLS == 10);

fn nanos(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

#[expect(clippy::cast_precision_loss, reason = "far below what a float holds exactly")]
fn count(number: u64) -> f64 {
    number as f64
}
