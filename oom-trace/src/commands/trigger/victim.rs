//! The child that is there to be killed.

use std::fs;
use std::hint::black_box;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, pidfd_open, set_parent_process_death_signal,
    setrlimit,
};
use rustix::thread::set_name;

use super::TriggerError;
use super::interrupt::Interrupt;
use crate::cli::{VICTIM_COMMAND, VictimArgs};

/// What the child calls itself.
pub(super) const VICTIM_NAME: &str = "oom-victim";

const CHUNK: usize = 256 << 10;

/// The child: waits for its parent to tell it to, then touches memory until it is killed. To be called on
/// the main thread, whose name is the process's.
///
/// # Errors
///
/// When it cannot prepare for its death, or when the parent is gone.
pub fn victim(args: &VictimArgs) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // Should it fail in another way than planned, that is nothing to keep a picture of.
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    set_name(&std::ffi::CString::new(VICTIM_NAME)?)?;
    // Not the agent's: the child is to be the first to die, even of a limit further up.
    fs::write("/proc/self/oom_score_adj", "1000")?;
    io::stdin().read_exact(&mut [0])?;

    let mut touched = Vec::new();
    let mut left = args.bytes;
    while left > 0 {
        touched.push(black_box(vec![1_u8; CHUNK]));
        left = left.saturating_sub(CHUNK as u64);
    }
    drop(touched);
    Ok(())
}

/// The parent's end.
#[derive(Debug)]
pub(super) struct Victim {
    child: Child,
    pidfd: OwnedFd,
    stdin: Option<ChildStdin>,
}

impl Victim {
    pub(super) fn spawn(limit: u64) -> Result<Self, TriggerError> {
        let failed = "start this program again as /proc/self/exe";
        let mut child = Command::new("/proc/self/exe")
            .arg(VICTIM_COMMAND)
            // Twice the limit is past it, and an end where a limit has no teeth.
            .arg(limit.saturating_mul(2).to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .map_err(TriggerError::system(failed))?;
        let stdin = child.stdin.take();
        let pidfd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())
            .map_err(TriggerError::system("watch the child (pidfd_open)"))?;
        Ok(Self { child, pidfd, stdin })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Tells it to start, and waits for the end.
    pub(super) fn touch_memory_and_die(
        &mut self,
        interrupt: &Interrupt,
    ) -> Result<ExitStatus, TriggerError> {
        if let Some(mut stdin) = self.stdin.take() {
            stdin.write_all(b"\n").map_err(TriggerError::system("tell the child to start"))?;
        }
        let mut ends =
            [PollFd::new(interrupt, PollFlags::IN), PollFd::new(&self.pidfd, PollFlags::IN)];
        retry_on_intr(|| poll(&mut ends, None))
            .map_err(TriggerError::system("wait for the child (poll)"))?;
        // Ctrl-C reaches the child as well, so both may be true.
        if interrupt.came() {
            return Err(TriggerError::Interrupted);
        }
        self.child.wait().map_err(TriggerError::system("wait for the child"))
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // Both fail only where the child is dead and waited for, which is what they are for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
