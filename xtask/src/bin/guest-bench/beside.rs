//! Tools that report OOM kills, one after the other.

use std::fmt::{self, Write as _};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::kernel::{self, Clock};
use crate::tool::{Running, TOOLS, Tool, Way};
use crate::victims::{self, Cgroup};
use crate::{median, usage};

const STARTS: usize = 3;
const KILLS: usize = 20;
const GROUP: usize = 5;
const STORM: usize = 200;
const IDLE: Duration = Duration::from_secs(10);
/// A line that takes longer is not going to come before the tool ends.
const PATIENCE: Duration = Duration::from_secs(3);

/// The tools' results beside each other.
pub(crate) fn table() -> Result<String> {
    let mut results = Vec::new();
    for tool in TOOLS {
        results.push(measure(tool).with_context(|| tool.name)?);
    }
    compare(&results)
}

/// What was measured of one tool.
struct Results {
    attached: Duration,
    pss_kib: u64,
    peak_kib: u64,
    wakeups: u64,
    /// `None` when no line came while the tool ran.
    pipe: Option<Duration>,
    terminal: Option<Duration>,
    group: usize,
    missed: u64,
}

fn measure(tool: &Tool) -> Result<Results> {
    let mut starts = Vec::new();
    for _ in 1..STARTS {
        let running = Running::start(tool, Way::Terminal)?;
        starts.push(running.attached);
        running.stop()?;
    }
    let running = Running::start(tool, Way::Terminal)?;
    starts.push(running.attached);
    let before = usage::switches(running.pid())?;
    thread::sleep(IDLE);
    let wakeups = usage::switches(running.pid())?.saturating_sub(before);
    let pss_kib = usage::pss_kib(running.pid())?;
    let peak_kib = usage::peak_kib(running.pid())?;
    let terminal = delay(&running)?;
    let group = group(&running)?;
    let missed = storm(&running)?;
    running.stop()?;

    let running = Running::start(tool, Way::Pipe)?;
    let pipe = delay(&running)?;
    running.stop()?;
    let attached = median(starts).context("no starts")?;
    Ok(Results { attached, pss_kib, peak_kib, wakeups, pipe, terminal, group, missed })
}

/// The median time from the hook to the victim's line in the reader's hands.
pub(crate) fn delay(running: &Running) -> Result<Option<Duration>> {
    let clock = Clock::start(&["p:bench/hook oom_kill_process"])?;
    let mut delays = Vec::new();
    for _ in 0..KILLS {
        clock.clear()?;
        Cgroup::create("one", false)?.kill(1)?;
        let Some(line) = running.next_victim(PATIENCE) else { break };
        let hook = clock.first("hook")?;
        delays.push(Duration::from_nanos(line.saturating_sub(hook)));
    }
    Ok(median(delays))
}

/// The victims reported when the kernel kills a whole cgroup.
fn group(running: &Running) -> Result<usize> {
    Cgroup::create("group", true)?.kill(GROUP)?;
    Ok(running.victims(GROUP, PATIENCE))
}

/// The kills that went unreported when many came at once.
fn storm(running: &Running) -> Result<u64> {
    let before = kernel::oom_kills()?;
    victims::storm(STORM)?;
    let kills = kernel::oom_kills()?.saturating_sub(before);
    let lines = running.victims(usize::try_from(kills)?, PATIENCE);
    Ok(kills.saturating_sub(u64::try_from(lines)?))
}

/// Each but the counts as a ratio to the C tool's too.
fn compare(results: &[Results]) -> Result<String> {
    let base = TOOLS.iter().position(|tool| tool.is_base).and_then(|place| results.get(place));
    let base = base.context("no tool to compare with")?;
    let mut out = String::new();
    let names = TOOLS.iter().map(|tool| tool.name).collect::<Vec<_>>().join(" | ");
    writeln!(out, "| | {names} |\n|---|{}", "---:|".repeat(TOOLS.len()))?;
    let mut row = |name: &str, cell: &dyn Fn(&Results) -> String| {
        let cells = results.iter().map(cell).collect::<Vec<_>>().join(" | ");
        writeln!(out, "| {name} | {cells} |")
    };
    row("start to attached", &|r| time(Some(r.attached), Some(base.attached)))?;
    row("memory, idle (PSS)", &|r| size(r.pss_kib, base.pss_kib))?;
    row("memory, peak (RSS)", &|r| size(r.peak_kib, base.peak_kib))?;
    let seconds = IDLE.as_secs();
    row(&format!("wake-ups in {seconds} s idle"), &|r| r.wakeups.to_string())?;
    row("hook to line, pipe", &|r| time(r.pipe, base.pipe))?;
    row("hook to line, terminal", &|r| time(r.terminal, base.terminal))?;
    row("victims seen of a group", &|r| format!("{} of {GROUP}", r.group))?;
    row("kills missed in a storm", &|r| format!("{} of {STORM}", r.missed))?;
    Ok(out)
}

fn time(time: Option<Duration>, base: Option<Duration>) -> String {
    let Some(time) = time else { return "only at its end".into() };
    let millis = time.as_secs_f64() * 1e3;
    format!("{millis:.1} ms{}", Ratio(millis, base.map(|base| base.as_secs_f64() * 1e3)))
}

fn size(kib: u64, base: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
    let (value, base) = (kib as f64, base as f64);
    format!("{:.1} MiB{}", value / 1024.0, Ratio(value, Some(base)))
}

/// How many times the C tool's, where that has a value.
struct Ratio(f64, Option<f64>);

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self(value, Some(base)) if base > 0.0 => write!(f, " ({:.2}×)", value / base),
            _ => Ok(()),
        }
    }
}
