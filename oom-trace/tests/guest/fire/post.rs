//! An agent at its post: killed and started again, it keeps its outputs and its store.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use tempfile::TempDir;

use super::MIB;
use super::told::{Told, times};
use crate::cgroup::Cgroup;
use crate::support::agent::{STARTS, oom_trace};
use crate::support::{PATIENCE, kernel_kills};

/// The command that goes to a cgroup, and becomes the program that follows.
pub(crate) const WITHIN: &str = "within";

/// The limit that the agent is shipped with.
pub(crate) const LIMIT: u64 = 128 * MIB;

/// How long the agent may take to end when it is told to.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(5);

pub(crate) fn run_within(args: &[String]) {
    fs::write(&args[0], "0").unwrap();
    panic!("{}", Command::new(&args[1]).args(&args[2..]).exec());
}

/// All lines of all lives on standard error.
type Said = Arc<(Mutex<Vec<String>>, Condvar)>;

/// The agent, dead or alive.
#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) folder: TempDir,
    args: Vec<String>,
    store: Option<PathBuf>,
    cgroup: Option<Cgroup>,
    life: Option<Child>,
    said: Said,
    /// What had been said when this life began.
    from: usize,
    /// Kills that its store had at first.
    kills_before: u64,
    /// Whether it knows nothing of other agents.
    is_apart: bool,
}

impl Post {
    /// With one output, `records.jsonl` in its folder.
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::with_prefix_in("post", "/tmp").unwrap(),
            args: Vec::new(),
            store: None,
            cgroup: None,
            life: None,
            said: Arc::default(),
            from: 0,
            kills_before: 0,
            is_apart: false,
        }
    }

    /// One more on this machine, with another place for its lock.
    pub(crate) fn apart() -> Self {
        let mut post = Self::new();
        post.is_apart = true;
        post
    }

    pub(crate) fn with_store(self) -> Self {
        let path = self.folder.path().join("records.db");
        self.with_store_at(path)
    }

    /// A store that has the kills of other scenarios since the boot: nobody is told of them again.
    pub(crate) fn with_store_at(mut self, path: PathBuf) -> Self {
        self.store = Some(path);
        let has_past = kernel_kills() > 0;
        self.start_again();
        if has_past {
            self.recovered();
        }
        self.stop();
        self.kills_before = history(self.store.as_deref().unwrap()).times();
        fs::remove_file(self.output()).unwrap();
        self
    }

    /// Over a store that has only its own past.
    pub(crate) fn over(store: PathBuf) -> Self {
        let mut post = Self::new();
        post.store = Some(store);
        post
    }

    /// In a cgroup of its own.
    pub(crate) fn within(mut self, cgroup: Cgroup) -> Self {
        self.cgroup = Some(cgroup);
        self
    }

    pub(crate) fn with(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|&arg| arg.to_owned()));
        self
    }

    pub(crate) fn cgroup(&self) -> &Cgroup {
        self.cgroup.as_ref().unwrap()
    }

    /// What it is shipped with, beside its files: they are on a tmpfs, which has no disk to write them to.
    pub(crate) fn shipped_limit(&self) -> u64 {
        LIMIT + self.cgroup().shmem()
    }

    pub(crate) fn output(&self) -> PathBuf {
        self.folder.path().join("records.jsonl")
    }

    /// Starts it; it is attached when this returns.
    pub(crate) fn start(mut self) -> Self {
        self.start_again();
        self
    }

    pub(crate) fn start_again(&mut self) {
        self.spawn();
        self.attached();
    }

    /// Starts it, and waits for nothing.
    pub(crate) fn spawn(&mut self) {
        self.spawn_as(&[], None);
    }

    /// As [`Self::spawn`], by a command of ours that becomes the agent.
    pub(crate) fn spawn_by(&mut self, command: &[&str]) {
        self.spawn_as(command, None);
    }

    /// As [`Self::spawn`], with another standard error.
    pub(crate) fn spawn_saying_to(&mut self, stderr: Option<File>) {
        self.spawn_as(&[], stderr);
    }

    fn spawn_as(&mut self, by: &[&str], stderr: Option<File>) {
        assert!(self.life.is_none(), "it lives");
        let output = format!("json:{}", self.output().display());
        let mut agent = oom_trace(&["--quiet", "--output", &output]);
        match &self.store {
            Some(path) => agent.arg("--store").arg(path),
            None => agent.arg("--no-store"),
        };
        agent.args(&self.args);
        let procs = self.cgroup.as_ref().map(Cgroup::procs);
        let within = procs.as_ref().map(|procs| [OsStr::new(WITHIN), procs.as_os_str()]);
        let by: Vec<_> = within.into_iter().flatten().chain(by.iter().map(OsStr::new)).collect();
        let mut command = if by.is_empty() { agent } else { become_it(&by, &agent) };
        if self.is_apart {
            command.env("RUNTIME_DIRECTORY", self.folder.path());
        }
        let is_ours = stderr.is_none();
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(stderr.map_or_else(Stdio::piped, Stdio::from));
        let mut child = command.spawn().unwrap();
        STARTS.fetch_add(1, Ordering::Relaxed);
        self.from = self.said.0.lock().unwrap().len();
        if is_ours {
            listen(child.stderr.take().unwrap(), &self.said);
        }
        self.life = Some(child);
    }

    /// Waits until its hooks are in.
    pub(crate) fn attached(&mut self) {
        let attached = self.says("attached", PATIENCE);
        assert!(attached, "it is not attached: {:#?}{}", self.said(), self.threads());
    }

    /// Waits until it has told of kills from before this life, which it looks for beside all else.
    pub(crate) fn recovered(&mut self) {
        let said = self.says("from before this start from the kernel's log", PATIENCE);
        assert!(said, "nothing was recovered: {:#?}", self.said());
    }

    /// Whether it has said this in this life, or does while we wait; not if it ends before.
    pub(crate) fn says(&mut self, word: &str, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        loop {
            let ended = self.life.as_mut().is_none_or(|life| life.try_wait().unwrap().is_some());
            let (lines, more) = &*self.said;
            let lines = lines.lock().unwrap();
            if lines[self.from..].iter().any(|line| line.contains(word)) {
                return true;
            }
            if ended || Instant::now() > deadline {
                return false;
            }
            drop(more.wait_timeout(lines, Duration::from_millis(100)).unwrap());
        }
    }

    /// All that it said on standard error, in all its lives.
    pub(crate) fn said(&self) -> Vec<String> {
        self.said.0.lock().unwrap().clone()
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(self.life.as_ref().unwrap())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        self.life.as_mut().is_some_and(|life| life.try_wait().unwrap().is_none())
    }

    /// SIGKILL, and it is gone.
    pub(crate) fn kill(&mut self) {
        if let Some(mut life) = self.life.take() {
            life.kill().unwrap();
            life.wait().unwrap();
        }
    }

    /// SIGKILL, and the next one starts while this one dies.
    pub(crate) fn replace(&mut self) {
        let mut life = self.life.take().unwrap();
        life.kill().unwrap();
        self.spawn();
        life.wait().unwrap();
    }

    /// Ends it as systemd does: it answers at once, and has nothing to complain of.
    pub(crate) fn stop(&mut self) {
        self.stop_within(AT_ONCE);
    }

    /// The same, where the kernel lets it do less.
    pub(crate) fn stop_within(&mut self, within: Duration) {
        self.signal(Signal::TERM);
        let status = self.ended(within);
        let status = status
            .unwrap_or_else(|| panic!("no answer to SIGTERM for {within:?}: {}", self.threads()));
        assert!(status.success(), "it ended with {status}: {:#?}", self.said());
    }

    /// What each of its threads does.
    pub(crate) fn threads(&self) -> String {
        let Some(life) = &self.life else { return String::new() };
        let tasks = fs::read_dir(format!("/proc/{}/task", life.id()));
        let of = |task: PathBuf| {
            let read = |file: &str| fs::read_to_string(task.join(file)).unwrap_or_default();
            let (comm, stat, stack) = (read("comm"), read("stat"), read("stack"));
            let state = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).get(..1).unwrap_or("");
            format!("\n{} {state}\n{stack}", comm.trim_end())
        };
        tasks.into_iter().flatten().flatten().map(|task| of(task.path())).collect()
    }

    /// How it ended, if it does by then.
    pub(crate) fn ended(&mut self, within: Duration) -> Option<ExitStatus> {
        if let Some(status) = self.life.as_mut().unwrap().try_wait().unwrap() {
            self.life = None;
            return Some(status);
        }
        let pidfd = pidfd_open(self.pid(), PidfdFlags::empty()).unwrap();
        let timeout = Timespec::try_from(within).unwrap();
        let ready = poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&timeout)).unwrap();
        (ready > 0).then(|| self.life.take().unwrap().wait().unwrap())
    }

    /// A line of its `/proc/PID/status`, as a number.
    pub(crate) fn status(&self, name: &str) -> u64 {
        let path = format!("/proc/{}/status", self.pid().as_raw_pid());
        let status = fs::read_to_string(path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().next().map_or(0, |number| number.parse().unwrap())
    }

    /// What it has of memory, in bytes.
    pub(crate) fn rss(&self) -> u64 {
        self.status("VmRSS:") * 1024
    }

    /// As [`Self::rss`], of whatever is there: it may have gone.
    pub(crate) fn memory(&self) -> u64 {
        if self.life.is_some() { self.rss() } else { 0 }
    }

    /// What its output has so far.
    pub(crate) fn told(&self) -> Told {
        Told::read(&self.output())
    }

    /// Waits until its output has this many records of kills, or no more come for a while.
    pub(crate) fn await_kills(&self, count: usize) -> Told {
        let mut follower = super::told::Follower::of(&self.output());
        let mut since = Instant::now();
        while follower.told().kills.len() < count && since.elapsed() < PATIENCE / 2 {
            thread::sleep(Duration::from_millis(50));
            if follower.read() {
                since = Instant::now();
                super::victim::dot();
            }
        }
        follower.into_told()
    }

    /// What its store has of kills since this scenario began, oldest first.
    pub(crate) fn stored(&self) -> Told {
        let mut told = history(self.store.as_deref().unwrap());
        let mut before = self.kills_before;
        told.kills.retain(|kill| {
            let is_new = before == 0;
            before = before.saturating_sub(times(kill));
            is_new
        });
        told
    }
}

/// A command of ours that becomes the agent.
fn become_it(by: &[&OsStr], agent: &Command) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.args(by).arg(agent.get_program()).args(agent.get_args());
    let environment = agent.get_envs().filter_map(|(name, value)| Some((name, value?)));
    command.envs(environment);
    command
}

pub(crate) fn history(store: &Path) -> Told {
    let mut command = oom_trace(&["history", "--format", "json"]);
    let output = command.arg(store).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Told::of(&output.stdout)
}

/// A scenario that fails leaves none behind, though it hangs for want of memory.
impl Drop for Post {
    fn drop(&mut self) {
        if let Some(mut life) = self.life.take() {
            if let Some(cgroup) = &self.cgroup {
                cgroup.write("memory.max", "max");
            }
            let _ = life.kill();
            let _ = life.wait();
        }
    }
}

fn listen(stream: impl Read + Send + 'static, said: &Said) {
    let said = Arc::clone(said);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let (lines, more) = &*said;
            lines.lock().unwrap().push(line.unwrap());
            more.notify_all();
        }
    });
}
