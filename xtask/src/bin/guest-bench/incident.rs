//! What the agent costs an incident, by how many tasks the kernel weighs.

use std::fmt::Write as _;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use xtask::measure::{Quantity, Sheet, Subject, median};

use crate::bpf::Runs;
use crate::kernel::{self, Clock, Counting, OneCpu};
use crate::tool::{AGENT, Running, Way};
use crate::victims::Cgroup;

const TASKS: [u32; 3] = [10, 1_000, 10_000];
const ROUNDS: usize = 5;
/// In each round, in each way.
const KILLS: usize = 5;
const EVENTS: [&str; 2] = ["p:bench/shortage out_of_memory", "r:bench/decided out_of_memory"];
/// The kernel's report is part of its decision, and it makes at most 10 in 5 seconds.
const PAUSE: Duration = Duration::from_millis(500);

/// A row for each number of tasks, and whether the kernel lists them. On one processor: on an emulated
/// second one the agent would take its time from the kernel's decision on the first.
pub(crate) fn table(sheet: &mut Sheet) -> Result<String> {
    let _alone = OneCpu::start()?;
    let mut rows = Vec::new();
    for tasks in TASKS {
        rows.extend(measure(tasks).with_context(|| format!("{tasks} tasks"))?);
    }
    let mut out = String::from(
        "| tasks weighed | of them in the kernel's log | programs' time | the same per task \
         | part of the decision | decision with the agent | victim gone with the agent |\n\
         |---:|---:|---:|---:|---:|---:|---:|\n",
    );
    let base = rows.first().context("no rows")?;
    for Row { tasks, listed, programs, share, decisions, gone } in &rows {
        let of = match (tasks, listed) {
            (10, true) => Some(Quantity::DecisionFew),
            (1_000, false) => Some(Quantity::DecisionMany),
            _ => None,
        };
        if let Some(of) = of {
            decisions.iter().for_each(|decision| sheet.note(of, Subject::OomTrace, *decision));
        }
        let decision = median(decisions.clone()).context("no rounds")?;
        let listed = if *listed { "all" } else { "none" };
        let programs = programs.div_duration_f64(base.programs);
        let each = programs * f64::from(base.tasks) / f64::from(*tasks);
        let share = 100.0 * share;
        writeln!(
            out,
            "| {tasks} | {listed} | {programs:.1}× | {each:.3}× | {share:.0}% | {decision:.2}× \
             | {gone:.2}× |"
        )?;
    }
    Ok(out)
}

/// Medians, but for the decisions.
struct Row {
    tasks: u32,
    listed: bool,
    /// What the agent's programs take for one incident.
    programs: Duration,
    /// The same as a part of the decision.
    share: f64,
    /// With the agent, as a multiple of without; of each round.
    decisions: Vec<f64>,
    /// The same until the victim is gone.
    gone: f64,
}

fn measure(tasks: u32) -> Result<Vec<Row>> {
    let cgroup = Cgroup::create("crowd", false)?;
    // The victim is one of them.
    let crowd = cgroup.crowd(usize::try_from(tasks)? - 1)?;
    let mut rows = Vec::new();
    for listed in [true, false] {
        kernel::list_tasks(listed)?;
        rows.push(row(&cgroup, tasks, listed)?);
    }
    crowd.part()?;
    Ok(rows)
}

#[expect(clippy::print_stdout, reason = "a guest that is silent for long is taken to hang")]
fn row(cgroup: &Cgroup, tasks: u32, listed: bool) -> Result<Row> {
    let clock = Clock::start(&EVENTS)?;
    let kill = || kill(cgroup, &clock);
    let (mut programs, mut shares) = (Vec::new(), Vec::new());
    let (mut decisions, mut ends) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (decision_alone, gone_alone) = medians(kill)?;
        let agent = Running::start(&AGENT, Way::Terminal)?;
        let (decision, gone) = medians(kill)?;
        decisions.push(decision.div_duration_f64(decision_alone));
        ends.push(gone.div_duration_f64(gone_alone));
        let counting = Counting::start()?;
        for _ in 0..KILLS {
            let before = Runs::so_far()?;
            let (decision, _) = kill()?;
            let taken = Runs::so_far()?.since(before).time;
            programs.push(taken);
            shares.push(taken.div_duration_f64(decision));
        }
        drop(counting);
        agent.stop()?;
        println!("{tasks} tasks: {decision_alone:?} without the agent, {decision:?} with it");
    }
    let none = "no rounds";
    Ok(Row {
        tasks,
        listed,
        programs: median(programs).context(none)?,
        share: median(shares).context(none)?,
        decisions,
        gone: median(ends).context(none)?,
    })
}

/// Of some kills, each by itself.
fn medians(kill: impl Fn() -> Result<(Duration, Duration)>) -> Result<(Duration, Duration)> {
    let kills = (0..KILLS).map(|_| kill()).collect::<Result<Vec<_>>>()?;
    let (decisions, ends) = kills.into_iter().unzip();
    median(decisions).zip(median(ends)).context("no kills")
}

/// How long from the shortage until the kernel has decided, and until the victim is gone.
fn kill(cgroup: &Cgroup, clock: &Clock) -> Result<(Duration, Duration)> {
    thread::sleep(PAUSE);
    clock.clear()?;
    cgroup.kill(1)?;
    let gone = kernel::boot_ns();
    let shortage = clock.first("shortage")?;
    let since = |time: u64| Duration::from_nanos(time.saturating_sub(shortage));
    Ok((since(clock.first("decided")?), since(gone)))
}
