//! What an output that takes nothing costs the others.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use xtask::measure::median;

use crate::beside::delay;
use crate::tool::{AGENT, Running, Tool, Way};

const PIPE: &str = "/tmp/pipe";

/// Each way to run is measured so often, in turn: what the machine does meanwhile falls to all.
const ROUNDS: usize = 5;
/// In each.
const KILLS: usize = 10;

const WITH_PIPE: Tool =
    Tool { command: &["/bin/oom-trace", "--format", "json", "--output", PIPE], ..AGENT };

/// Delays of the console alone, beside a pipe that is read, and beside one that is stuck.
pub(crate) fn table() -> Result<String> {
    mknodat(CWD, PIPE, FileType::Fifo, Mode::from_raw_mode(0o600), 0).context("no FIFO")?;
    // Open for reading and writing: it exists as long as this does, whoever comes and goes.
    let pipe = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(PIPE)?;
    let ways: [(&str, &Tool, State); 3] = [
        ("none", &AGENT, State::Empty),
        ("a pipe with room", &WITH_PIPE, State::Empty),
        ("a pipe that is stuck", &WITH_PIPE, State::Full),
    ];
    let mut delays = ways.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for ((name, tool, state), delays) in ways.iter().zip(&mut delays) {
            state.bring_about(&pipe)?;
            let running = Running::start(tool, Way::Pipe)?;
            delays.push(delay(&running, KILLS)?.with_context(|| format!("no line beside {name}"))?);
            running.stop()?;
        }
    }
    let medians = delays.map(|delays| median(delays).unwrap_or_default());
    let [base, ..] = medians;
    let mut out = String::from("| another output | hook to line on the console |\n|---|---:|\n");
    for ((name, ..), delay) in ways.iter().zip(medians) {
        let ratio = delay.as_secs_f64() / base.max(Duration::from_nanos(1)).as_secs_f64();
        writeln!(out, "| {name} | {ratio:.2}× |")?;
    }
    Ok(out)
}

/// How the pipe is.
#[derive(Clone, Copy)]
enum State {
    Empty,
    Full,
}

impl State {
    fn bring_about(&self, mut pipe: &File) -> Result<()> {
        let mut page = [0; 4096];
        loop {
            let done = match self {
                Self::Empty => pipe.read(&mut page),
                Self::Full => pipe.write(&page),
            };
            match done {
                Ok(0) => bail!("the pipe is closed"),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("the pipe"),
            }
        }
    }
}
