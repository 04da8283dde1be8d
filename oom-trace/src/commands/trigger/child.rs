//! A child, seen by its parent.

use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus, Stdio};

use clap::ValueEnum as _;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};

use super::TriggerError;
use crate::cli::{VICTIM_COMMAND, VictimArgs};

/// It is killed and waited for when this is dropped.
#[derive(Debug)]
pub(super) struct Child {
    child: std::process::Child,
    pidfd: OwnedFd,
    end: Option<ExitStatus>,
}

impl Child {
    /// Starts one, which waits.
    pub(super) fn spawn(args: &VictimArgs) -> Result<Self, TriggerError> {
        let VictimArgs { bytes, r#use, hold, oom_score_adj } = args;
        let failed = "start this program again as /proc/self/exe";
        let kind = r#use.to_possible_value();
        let kind = kind.as_ref().map(clap::builder::PossibleValue::get_name).unwrap_or_default();
        let child = Command::new("/proc/self/exe")
            .arg(VICTIM_COMMAND)
            .arg(bytes.to_string())
            .arg(format!("--use={kind}"))
            .arg(format!("--oom-score-adj={oom_score_adj}"))
            .args(hold.then_some("--hold"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(TriggerError::system(failed))?;
        let pidfd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())
            .map_err(TriggerError::system("watch the child (pidfd_open)"))?;
        Ok(Self { child, pidfd, end: None })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Tells it to begin.
    pub(super) fn begin(&mut self) -> Result<(), TriggerError> {
        let stdin = self.child.stdin.as_mut();
        let told = stdin.map_or(Ok(()), |stdin| stdin.write_all(b"\n"));
        told.map_err(TriggerError::system("tell the child to start"))
    }

    /// Waits until it holds what it was asked to hold.
    pub(super) fn wait_until_it_holds(&mut self) -> Result<(), TriggerError> {
        let stdout = self.child.stdout.as_mut();
        let told = stdout.map_or(Ok(()), |stdout| stdout.read_exact(&mut [0]));
        told.map_err(TriggerError::system("wait until a child holds its memory"))
    }

    /// Waits for its end.
    pub(super) fn wait(&mut self) -> Result<ExitStatus, TriggerError> {
        let end = self.child.wait().map_err(TriggerError::system("wait for the child"))?;
        self.end = Some(end);
        Ok(end)
    }

    /// Whether it was killed, if it has ended.
    pub(super) fn was_killed(&mut self) -> Result<bool, TriggerError> {
        if self.end.is_none() {
            self.end = self
                .child
                .try_wait()
                .map_err(TriggerError::system("ask whether the child has ended"))?;
        }
        Ok(self.end.is_some_and(|end| end.signal() == Some(Signal::KILL.as_raw())))
    }
}

impl AsFd for Child {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Both fail only where the child is dead and waited for, which is what they are for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
