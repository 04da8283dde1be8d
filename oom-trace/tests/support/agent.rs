//! The agent under test, as a user starts it.

use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::PATIENCE;

/// How many agents these tests have started: most of what they take is that.
pub(crate) static STARTS: AtomicUsize = AtomicUsize::new(0);

/// The program: in a guest it is not where cargo built it.
pub(crate) fn oom_trace(args: &[&str]) -> Command {
    let built = env!("CARGO_BIN_EXE_oom-trace").to_owned();
    let mut command = Command::new(std::env::var("OOM_TRACE_BIN").unwrap_or(built));
    command.args(args).env("RUNTIME_DIRECTORY", runtime_directory());
    command
}

/// Where these tests' agents make sure that there is one of them: others on this machine, and other
/// tests, have theirs elsewhere.
fn runtime_directory() -> PathBuf {
    let user = rustix::process::geteuid().as_raw();
    let name = format!("{}-{user}", env!("CARGO_CRATE_NAME"));
    let built = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // A guest has no such place, and other users than root may make none there.
    let dir = if built.exists() { built.join(name) } else { std::env::temp_dir().join(name) };
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// A running agent; killed if it is dropped before it was stopped.
#[derive(Debug)]
pub(crate) struct Agent {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    said: Vec<String>,
}

/// What an agent that has been stopped left.
#[derive(Debug)]
pub(crate) struct Stopped {
    /// Lines on standard output that nobody had taken.
    pub(crate) lines: Vec<String>,
    /// All of standard error.
    pub(crate) stderr: String,
}

impl Agent {
    /// Starts the agent, by a command that runs it; it is attached when this returns.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut agent = Self::spawn(command.stderr(Stdio::piped()));
        agent.wait_until_it_says("attached");
        agent
    }

    /// Starts the agent, whose standard error may go elsewhere.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        STARTS.fetch_add(1, Ordering::Relaxed);
        let stdout = lines(child.stdout.take().unwrap());
        let stderr = child.stderr.take().map_or_else(|| channel().1, lines);
        Self { child, stdout, stderr, said: Vec::new() }
    }

    /// Waits for a line on standard error.
    pub(crate) fn wait_until_it_says(&mut self, word: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let line = next(&self.stderr, deadline);
            let line = line.unwrap_or_else(|end| panic!("no {word:?}, {end}: {:#?}", self.said));
            self.said.push(line);
            if self.said.last().is_some_and(|line| line.contains(word)) {
                return;
            }
        }
    }

    /// The next line on standard output.
    pub(crate) fn line(&mut self) -> String {
        next(&self.stdout, Instant::now() + PATIENCE).unwrap_or_else(|end| {
            panic!("no further line, {end}: {:#?}", self.stderr.try_iter().collect::<Vec<_>>())
        })
    }

    /// The next record, of a kill or of the agent itself.
    pub(crate) fn record(&mut self) -> Value {
        record(&self.line())
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Ends the agent as systemd does.
    pub(crate) fn stop(self) -> Stopped {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Waits until it ends, which it must without an error.
    pub(crate) fn wait(mut self) -> Stopped {
        let lines = rest(&self.stdout);
        self.said.extend(rest(&self.stderr));
        let stderr = self.said.join("\n");
        let status = self.child.wait().unwrap();
        assert!(status.success(), "the agent ended with {status}: {stderr}");
        Stopped { lines, stderr }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A line of JSON, which the schema must allow.
pub(crate) fn record(line: &str) -> Value {
    let record: Value = serde_json::from_str(line).unwrap();
    super::compare::assert_schema(&record);
    record
}

fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            if sender.send(line.unwrap()).is_err() {
                return;
            }
        }
    });
    receiver
}

fn next(lines: &Receiver<String>, deadline: Instant) -> Result<String, RecvTimeoutError> {
    lines.recv_timeout(deadline.saturating_duration_since(Instant::now()))
}

/// All that comes until the stream's end.
fn rest(lines: &Receiver<String>) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    let mut rest = Vec::new();
    loop {
        match next(lines, deadline) {
            Ok(line) => rest.push(line),
            Err(RecvTimeoutError::Disconnected) => return rest,
            Err(RecvTimeoutError::Timeout) => panic!("the agent does not end: {rest:#?}"),
        }
    }
}
