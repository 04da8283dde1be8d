//! Commands that run.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use super::super::Repeats;
use crate::incident::model::Record;
use crate::text::Escaped;

/// What of its standard error is kept.
const SAID: usize = 4096;

/// Where it finds other programs.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A command under way. Dropped before its end, it is killed.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    pid: Pid,
    pidfd: OwnedFd,
    /// Until it is closed at the other end.
    stderr: Option<ChildStderr>,
    said: Vec<u8>,
    status: Option<ExitStatus>,
}

/// How a command ended.
#[derive(Debug)]
pub(super) struct End {
    /// The last line of its standard error.
    pub(super) said: String,
    /// `None` if it took too long and was killed.
    pub(super) status: Option<ExitStatus>,
}

impl Running {
    pub(super) fn start(
        command: &[String],
        env: &[(String, String)],
        record: &Record,
        repeats: Option<&Repeats>,
        input: &[u8],
    ) -> io::Result<Self> {
        let [program, args @ ..] = command else { return Err(ErrorKind::NotFound.into()) };
        let mut child = Command::new(program)
            .args(args)
            .env_clear()
            .env("PATH", PATH)
            .env("OOM_TRACE_ID", record.id())
            .env("OOM_TRACE_TYPE", record.kind())
            .envs(record.incident().map(|incident| ("OOM_TRACE_INCIDENT", incident)))
            .envs(repeats.map(|repeats| ("OOM_TRACE_REPEATS", repeats.more.to_string())))
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(on_file(input)?)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let pid = Pid::from_child(&child);
        // It has inherited that the OOM killer spares the agent.
        let _ = fs::write(format!("/proc/{pid}/oom_score_adj"), "0");
        let mut watch = || {
            let stderr = child.stderr.take().ok_or(ErrorKind::Other)?;
            ioctl_fionbio(&stderr, true)?;
            Ok((stderr, pidfd_open(pid, PidfdFlags::empty())?))
        };
        let watched: io::Result<_> = watch();
        let (stderr, pidfd) = watched.inspect_err(|_| {
            // Nobody would know when it ends.
            let _ = kill_process_group(pid, Signal::KILL);
            let _ = child.wait();
        })?;
        Ok(Self { child, pid, pidfd, stderr: Some(stderr), said: Vec::new(), status: None })
    }

    /// Takes what it says, so that it need not wait for that, and whether it has ended.
    fn look(&mut self) -> io::Result<()> {
        self.listen();
        if self.status.is_none() {
            self.status = self.child.try_wait()?;
            self.listen();
        }
        Ok(())
    }

    fn listen(&mut self) {
        let mut buffer = [0; SAID];
        while let Some(stderr) = &mut self.stderr
            && let Ok(count) = stderr.read(&mut buffer)
        {
            if count == 0 {
                self.stderr = None;
            }
            self.said.extend_from_slice(buffer.get(..count).unwrap_or_default());
            let surplus = self.said.len().saturating_sub(SAID);
            self.said.drain(..surplus);
        }
    }

    /// How it ended; it is killed if it has not.
    fn end(mut self) -> End {
        let said = std::mem::take(&mut self.said);
        let last = said.trim_ascii_end().rsplit(|byte| *byte == b'\n').next();
        End { said: Escaped(last.unwrap_or_default()).to_string(), status: self.status }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.status.is_none() {
            // With all that it started.
            let _ = kill_process_group(self.pid, Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// Nobody has to read it, unlike a pipe.
fn on_file(input: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("record", MemfdFlags::CLOEXEC)?);
    file.write_all(input)?;
    file.rewind()?;
    Ok(file)
}

/// Waits until all have ended; those that have not by then are killed.
pub(super) fn await_all(mut all: Vec<Running>, deadline: Instant) -> io::Result<Vec<End>> {
    loop {
        all.iter_mut().try_for_each(Running::look)?;
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || all.iter().all(|running| running.status.is_some()) {
            break;
        }
        wait(&all, left)?;
    }
    Ok(all.into_iter().map(Running::end).collect())
}

/// Until one of them says something or ends.
fn wait(all: &[Running], most: Duration) -> io::Result<()> {
    let open = all.iter().filter(|running| running.status.is_none());
    let mut fds = Vec::new();
    for running in open {
        fds.push(PollFd::new(&running.pidfd, PollFlags::IN));
        fds.extend(running.stderr.iter().map(|stderr| PollFd::new(stderr, PollFlags::IN)));
    }
    let most = Timespec::try_from(most).map_err(|_| ErrorKind::InvalidInput)?;
    match poll(&mut fds, Some(&most)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}
