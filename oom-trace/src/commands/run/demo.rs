//! `--demo`: one kill, caused here, and its record.

use std::process::ExitCode;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::cli::TriggerArgs;
use crate::commands::trigger::{self, Killed, TriggerError};
use crate::incident::model::OomKill;
use crate::pipeline::Watcher;
use crate::say::say;
use crate::sink::{Console, SinkTotals};
use crate::units::Joined;

/// How long after the kill its record may take; it is there within milliseconds or never.
const RECORD_WITHIN: Duration = Duration::from_secs(10);

/// A kill to be caused.
#[derive(Debug)]
pub(super) struct Demo {
    /// Process ids of the victims, in whichever pid namespace this process may be.
    victims: mpsc::UnboundedReceiver<[Option<u32>; 3]>,
    thread: Option<JoinHandle<()>>,
    killed: Option<Result<Killed, TriggerError>>,
    recorded: bool,
}

impl Demo {
    /// Nothing is done yet; what is to be shown each kill.
    pub(super) fn new() -> (Self, Watcher) {
        let (sender, victims) = mpsc::unbounded_channel();
        let watcher = Box::new(move |kill: &OomKill| {
            // Nobody listens any more once it is over.
            let _ = sender.send(kill.victim.ids());
        });
        (Self { victims, thread: None, killed: None, recorded: false }, watcher)
    }

    /// Causes it, on a thread of its own, and waits until there is nothing more to wait for.
    pub(super) async fn run(&mut self) {
        let (done, trigger) = oneshot::channel();
        self.thread = Some(thread::spawn(move || {
            // Nobody waits any more if the agent was told to stop.
            let _ = done.send(trigger::run(&TriggerArgs::default()));
        }));
        self.killed = trigger.await.ok();
        if let Some(Ok(Killed { pids, .. })) = &self.killed {
            let victims = &mut self.victims;
            let its_record = async {
                while let Some(victim) = victims.recv().await {
                    if pids.iter().any(|pid| victim.contains(&Some(*pid))) {
                        return true;
                    }
                }
                false
            };
            self.recorded = timeout(RECORD_WITHIN, its_record).await.unwrap_or(false);
        }
    }

    /// Says how it ended, and which outputs have the record.
    pub(super) fn finish(self, outputs: &[SinkTotals]) -> anyhow::Result<ExitCode> {
        // It puts its cgroup away before it ends, also when interrupted.
        if let Some(thread) = self.thread {
            thread.join().map_err(|_| anyhow!("the thread that triggers the kill panicked"))?;
        }
        match self.killed {
            Some(Ok(_)) if self.recorded => delivered(outputs),
            Some(Ok(killed)) => {
                bail!("the kernel killed {}, but no hook saw it", killed.processes())
            }
            Some(Err(error)) => Err(error).context("cannot cause a kill"),
            None => bail!("interrupted before the kill"),
        }
    }
}

/// A line for each output that took all, as those that did not have had theirs.
fn delivered(outputs: &[SinkTotals]) -> anyhow::Result<ExitCode> {
    let others = outputs.iter().filter(|output| output.name != Console::NAME);
    let (good, bad): (Vec<_>, Vec<_>) =
        others.partition(|output| output.lost() == 0 && output.waiting == 0 && !output.stuck);
    for output in good {
        let what =
            if output.delivered > 0 { "delivered" } else { "its filter leaves this kill out" };
        say(format_args!("output {}: {what}", output.name));
    }
    let bad: Vec<_> = bad.into_iter().map(|output| output.name.clone()).collect();
    if bad.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    bail!("the record of the kill did not reach {}", Joined(&bad, ", "))
}
