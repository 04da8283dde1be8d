//! Processes for the kernel to kill: this program again, with a [`Spec`].

use std::ffi::CString;
use std::fs;
use std::hint::black_box;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Instant;

use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::thread::{SecureComputingMode, set_name, set_secure_computing_mode};
use serde::{Deserialize, Serialize};

use crate::cgroup::Cgroup;
use crate::support::PATIENCE;

pub(crate) const COMMAND: &str = "hog";

const CHUNK: usize = 64 << 10;

/// What a hog is and does.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Spec {
    /// `comm`, any bytes but NUL.
    pub(crate) name: Vec<u8>,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) oom_score_adj: i16,
    /// Bytes that it holds before it says that it is ready.
    pub(crate) holds: usize,
    /// Threads beside the first, which do nothing.
    pub(crate) threads: usize,
    /// What goes on growing is a second thread, and the first is gone.
    pub(crate) leader_exits: bool,
}

pub(crate) fn named(name: &str) -> Spec {
    Spec { name: name.into(), ..Spec::default() }
}

/// A hog, seen from the test.
#[derive(Debug)]
pub(crate) struct Hog {
    child: Child,
    stdin: ChildStdin,
    _stdout: BufReader<ChildStdout>,
}

impl Hog {
    /// Starts it in the cgroup; it holds what it is to hold when this returns.
    pub(crate) fn start(spec: &Spec, cgroup: &Cgroup) -> Self {
        let mut child = Command::new("/proc/self/exe")
            .args([COMMAND, &serde_json::to_string(spec).unwrap()])
            .uid(spec.uid)
            .gid(spec.gid)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        cgroup.write("cgroup.procs", child.id());
        (&stdin).write_all(b"\n").unwrap();
        let mut ready = String::new();
        stdout.read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        let hog = Self { child, stdin, _stdout: stdout };
        hog.wait_until(if spec.leader_exits { 'Z' } else { 'S' });
        hog
    }

    /// Lets it touch memory until somebody dies.
    pub(crate) fn grow(&mut self) {
        self.stdin.write_all(b"\n").unwrap();
    }

    /// Waits for its death.
    pub(crate) fn killed(mut self) {
        let status = self.child.wait().unwrap();
        assert_eq!(status.signal(), Some(Signal::KILL.as_raw()), "{status}");
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The thread that is not the leader.
    pub(crate) fn other_thread(&self) -> u64 {
        let threads = fs::read_dir(self.proc("task")).unwrap();
        let mut ids = threads.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        ids.find_map(|id| id.parse().ok().filter(|id| *id != u64::from(self.pid()))).unwrap()
    }

    /// A line of `/proc/PID/status` or `smaps_rollup`, after its name, as words.
    pub(crate) fn words(&self, file: &str, name: &str) -> Vec<u64> {
        let text = fs::read(self.proc(file)).unwrap();
        let text = String::from_utf8_lossy(&text);
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().filter_map(|word| word.parse().ok()).collect()
    }

    /// When it started, in hundredths of a second since boot.
    pub(crate) fn start_ticks(&self) -> u64 {
        // Field 22, of which the state is 3.
        self.stat().split(' ').nth(19).unwrap().parse().unwrap()
    }

    fn wait_until(&self, state: char) {
        let deadline = Instant::now() + PATIENCE;
        while !self.stat().starts_with(state) {
            assert!(Instant::now() < deadline, "{} is not in state {state}", self.pid());
            thread::yield_now();
        }
    }

    /// `/proc/PID/stat`, from the state on: before it there is the name, which may hold anything.
    fn stat(&self) -> String {
        let stat = fs::read(self.proc("stat")).unwrap();
        let stat = String::from_utf8_lossy(&stat).into_owned();
        stat.rsplit_once(") ").unwrap().1.to_owned()
    }

    fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.pid())
    }
}

/// The hog itself.
pub(crate) fn run(spec: &str) {
    let spec: Spec = serde_json::from_str(spec).unwrap();
    set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
    fs::write("/proc/self/oom_score_adj", spec.oom_score_adj.to_string()).unwrap();
    set_name(&CString::new(spec.name).unwrap()).unwrap();
    await_word();

    let _held = black_box(vec![1_u8; spec.holds]);
    for _ in 0..spec.threads {
        thread::spawn(thread::park);
    }
    if spec.leader_exits {
        thread::Builder::new().name("second".to_owned()).spawn(ready_and_grow).unwrap();
        // The next system call that is not read, write or exit kills this thread, and it alone.
        set_secure_computing_mode(SecureComputingMode::Strict).unwrap();
        thread::park();
    }
    ready_and_grow();
}

fn ready_and_grow() {
    let mut stdout = io::stdout();
    stdout.write_all(b"ready\n").unwrap();
    await_word();
    let mut touched = Vec::new();
    loop {
        touched.push(black_box(vec![1_u8; CHUNK]));
    }
}

/// The test is gone when none comes.
fn await_word() {
    if io::stdin().read_exact(&mut [0]).is_err() {
        std::process::exit(1);
    }
}
