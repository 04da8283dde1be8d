//! The tools, started as a person or a program would, and their lines.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use xtask::measure::Subject;

use crate::kernel;

/// A tool that reports OOM kills.
pub(crate) struct Tool {
    pub(crate) subject: Subject,
    pub(crate) command: &'static [&'static str],
    /// Part of what it says when it has started.
    pub(crate) banner: &'static str,
    /// Part of each line that reports a victim.
    pub(crate) victim: &'static str,
}

pub(crate) const AGENT: Tool = Tool {
    subject: Subject::OomTrace,
    command: &["/bin/oom-trace", "--format", "json"],
    banner: "attached",
    victim: "\"type\":\"oom_kill\"",
};

pub(crate) const TOOLS: &[Tool] = &[
    AGENT,
    Tool {
        subject: Subject::Libbpf,
        command: &["/usr/sbin/oomkill-libbpf"],
        banner: "Tracing",
        victim: "OOM kill of PID",
    },
    Tool {
        subject: Subject::Bpftrace,
        command: &["/usr/bin/bpftrace", "/usr/sbin/oomkill.bt"],
        banner: "Tracing",
        victim: "OOM kill of PID",
    },
];

/// Where a tool's output goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Pipe,
    Terminal,
}

/// A tool that has attached its hooks.
pub(crate) struct Running {
    child: Child,
    /// The boot-clock times at which victims' lines were read.
    victims: Receiver<u64>,
    pub(crate) attached: Duration,
    /// The functions that had probes before.
    probed: BTreeSet<String>,
}

impl Running {
    /// Starts the tool and waits until its hook is in the kernel. On a terminal it must have said
    /// so as well; into a pipe, a program may keep that for later.
    pub(crate) fn start(tool: &Tool, way: Way) -> Result<Self> {
        let [program, args @ ..] = tool.command else { bail!("a tool without a command") };
        let (hooks, probed) = (kernel::hooks()?, kernel::probed()?);
        let mut cmd = Command::new(program);
        let output = redirect(&mut cmd, way)?;
        let started = Instant::now();
        let child = cmd.args(args).spawn().with_context(|| format!("cannot start {program}"))?;
        drop(cmd);
        let (said, banner) = mpsc::channel();
        let (seen, victims) = mpsc::channel();
        let (line, lines) = mpsc::channel();
        thread::spawn({
            let (banner, victim) = (tool.banner, tool.victim);
            move || read(output, &[(banner, said), (victim, seen)], &line)
        });
        let deadline = started + Duration::from_secs(120);
        let mut waits_for_banner = way == Way::Terminal;
        while waits_for_banner || kernel::hooks()? <= hooks {
            waits_for_banner = waits_for_banner && banner.try_recv().is_err();
            if Instant::now() > deadline {
                let said: Vec<_> = lines.try_iter().collect();
                bail!("{program} did not attach; it says: {}", said.join("\n"));
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(Self { child, victims, attached: started.elapsed(), probed })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// When the next victim's line was read.
    pub(crate) fn next_victim(&self, patience: Duration) -> Option<u64> {
        self.victims.recv_timeout(patience).ok()
    }

    /// Passes over the victims' lines that came.
    pub(crate) fn forget_victims(&self) {
        self.victims.try_iter().for_each(drop);
    }

    /// How many victims' lines come, up to those expected.
    pub(crate) fn victims(&self, expected: usize, patience: Duration) -> usize {
        (0..expected).map_while(|_| self.next_victim(patience)).count()
    }

    /// Ends the tool as Ctrl-C would, and answers how long that took. The kernel may take its hooks out
    /// later: waits until they are gone.
    pub(crate) fn stop(mut self) -> Result<Duration> {
        let begin = Instant::now();
        kill_process(Pid::from_child(&self.child), Signal::INT)?;
        self.child.wait()?;
        let ended = begin.elapsed();
        let deadline = begin + Duration::from_secs(60);
        while !kernel::probed()?.is_subset(&self.probed) {
            if Instant::now() > deadline {
                bail!("the hooks of a tool that has ended stay in the kernel");
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(ended)
    }
}

/// Leads the command's output to us; a terminal of its own must not expand line ends.
fn redirect(cmd: &mut Command, way: Way) -> Result<OwnedFd> {
    cmd.stdin(Stdio::null());
    let (ours, theirs) = match way {
        Way::Pipe => {
            let (ours, theirs) = std::io::pipe()?;
            (OwnedFd::from(ours), OwnedFd::from(theirs))
        }
        Way::Terminal => {
            let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
            grantpt(&ours)?;
            unlockpt(&ours)?;
            let name = ptsname(&ours, Vec::new())?.into_string()?;
            let theirs = File::options().read(true).write(true).open(&name);
            (ours, theirs.with_context(|| format!("cannot open {name}"))?.into())
        }
    };
    cmd.stdout(theirs.try_clone()?).stderr(theirs);
    Ok(ours)
}

/// Reads lines until the end, and tells when those that hold one of the texts came.
fn read(output: OwnedFd, wanted: &[(&str, Sender<u64>)], all: &Sender<String>) {
    let mut output = File::from(output);
    let mut buffer = vec![0; 64 * 1024];
    let mut line = Vec::new();
    // A terminal ends with an error once its last program has gone.
    while let Ok(len @ 1..) = output.read(&mut buffer) {
        let now = kernel::boot_ns();
        for &byte in buffer.get(..len).unwrap_or_default() {
            if byte != b'\n' {
                line.push(byte);
                continue;
            }
            let text = String::from_utf8_lossy(&line);
            for (_, tell) in wanted.iter().filter(|(part, _)| text.contains(part)) {
                // Nobody listens any more when the measurement is over.
                let _ = tell.send(now);
            }
            let _ = all.send(text.into_owned());
            line.clear();
        }
    }
}
