//! `--demo`: one kill, caused here, and its record.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::cli::TriggerArgs;
use crate::commands::trigger::{self, Killed, TriggerError};
use crate::incident::model::OomKill;

/// How long after the kill its record may take; it is there within milliseconds or never.
const RECORD_WITHIN: Duration = Duration::from_secs(10);

/// A kill under way.
#[derive(Debug)]
pub(super) struct Demo {
    trigger: oneshot::Receiver<Result<Killed, TriggerError>>,
    killed: Option<Result<Killed, TriggerError>>,
    /// Process ids of the victims so far, in whichever pid namespace this process may be.
    seen: Vec<u32>,
    thread: thread::JoinHandle<()>,
}

impl Demo {
    /// Causes it on a thread of its own.
    pub(super) fn start() -> Self {
        let (done, trigger) = oneshot::channel();
        let thread = thread::spawn(move || {
            // Nobody waits any more if the agent was told to stop.
            let _ = done.send(trigger::run(&TriggerArgs::default()));
        });
        Self { trigger, killed: None, seen: Vec::new(), thread }
    }

    pub(super) fn saw(&mut self, kill: &OomKill) {
        let victim = &kill.victim;
        self.seen.extend([Some(victim.tid), victim.pid, victim.ns_pid].into_iter().flatten());
    }

    fn is_recorded(&self) -> bool {
        matches!(&self.killed, Some(Ok(killed)) if self.seen.contains(&killed.pid))
    }

    /// Ready when there is nothing more to wait for; never without a demo.
    pub(super) async fn over(demo: &mut Option<Self>) {
        let Some(demo) = demo else { return std::future::pending().await };
        if demo.killed.is_none() {
            demo.killed = (&mut demo.trigger).await.ok();
        }
        match demo.killed {
            Some(Ok(_)) if !demo.is_recorded() => sleep(RECORD_WITHIN).await,
            _ => {}
        }
    }

    /// Says how it ended.
    pub(super) fn finish(self) -> anyhow::Result<ExitCode> {
        let recorded = self.is_recorded();
        let killed = self.killed;
        // It puts its cgroup away before it ends, also when interrupted.
        self.thread.join().map_err(|_| anyhow!("the thread that triggers the kill panicked"))?;
        match killed {
            Some(Ok(_)) if recorded => Ok(ExitCode::SUCCESS),
            Some(Ok(killed)) => {
                bail!("the kernel killed process {}, but no hook saw it", killed.pid)
            }
            Some(Err(error)) => Err(error).context("cannot cause a kill"),
            None => bail!("interrupted before the kill"),
        }
    }
}
