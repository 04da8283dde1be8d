//! Processes for the kernel to kill, seen from the test.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::os::unix::fs::FileExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, setpriority_process};

pub(crate) use self::body::conceive;
pub(crate) use self::spec::{Growth, Spec, named};
use crate::cgroup::Cgroup;
use crate::support::PATIENCE;

mod body;
mod spec;

/// What this program does when it is one of the processes: its name, and what takes the arguments.
type Role = (&'static str, fn(&[String]));

pub(crate) const COMMANDS: &[Role] = &[
    (HOG, body::run),
    (crate::fire::victim::VICTIM, crate::fire::victim::run),
    (crate::fire::post::WITHIN, crate::fire::post::run_within),
    (crate::fire::cut::POWER_CUT, crate::fire::cut::run),
    (crate::fire::limits::FRUGAL, crate::fire::limits::run_frugal),
    (crate::fire::starts::READER, crate::fire::starts::read_an_array),
    (crate::fire::place::SQUATTER, crate::fire::place::squat),
    (crate::namespaces::NEST, crate::namespaces::nest),
    (crate::namespaces::INIT, crate::namespaces::init),
    (crate::rungs::UNPRIVILEGED, crate::rungs::run_unprivileged),
    (crate::soak::KEEPER, crate::soak::keep),
    (crate::start::CONFINED, crate::start::run_confined),
];

pub(crate) const HOG: &str = "hog";

/// A hog.
#[derive(Debug)]
pub(crate) struct Hog {
    child: Child,
    stdin: ChildStdin,
    _stdout: BufReader<ChildStdout>,
}

impl Hog {
    /// Starts it in the cgroup; it holds what it is to hold when this returns.
    pub(crate) fn start(spec: &Spec, cgroup: &Cgroup) -> Self {
        let hog = Self::start_as(HOG, spec, cgroup);
        hog.wait_until(if spec.leader_exits { 'Z' } else { 'S' });
        hog
    }

    /// As [`Self::start`], by way of a process that makes something of itself before.
    pub(crate) fn start_as(command: &str, spec: &Spec, cgroup: &Cgroup) -> Self {
        let mut child = Command::new("/proc/self/exe")
            .args([command, &serde_json::to_string(spec).unwrap()])
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
        Self { child, stdin, _stdout: stdout }
    }

    /// Lets it touch memory until somebody dies.
    pub(crate) fn grow(&mut self) {
        self.stdin.write_all(b"\n").unwrap();
    }

    /// As [`Self::grow`], where the growth of another may have killed it before.
    pub(crate) fn grow_if_alive(&mut self) {
        if let Err(error) = self.stdin.write_all(b"\n") {
            assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{error}");
        }
    }

    /// To wait for it to wait for memory, which the test may not ask for either by then.
    pub(crate) fn asking(&self) -> Asking {
        let asking = Asking { stat: self.open("stat"), schedstat: self.open("schedstat") };
        asking.faults();
        asking.ran();
        asking
    }

    /// Waits for its death.
    pub(crate) fn killed(mut self) {
        let status = self.child.wait().unwrap();
        assert_eq!(status.signal(), Some(Signal::KILL.as_raw()), "{status}");
    }

    /// Waits until it has ended of itself.
    pub(crate) fn ended(mut self) {
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
    }

    /// Kills it as anyone might.
    pub(crate) fn kill(&self) {
        kill_process(Pid::from_child(&self.child), Signal::KILL).unwrap();
    }

    /// From now on it runs only when nobody else wants to.
    pub(crate) fn give_way(&self) {
        setpriority_process(Some(Pid::from_child(&self.child)), 19).unwrap();
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
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

    /// The one line of a file in `/proc/PID`.
    pub(crate) fn proc_text(&self, file: &str) -> String {
        fs::read_to_string(self.proc(file)).unwrap().trim_end().to_owned()
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
            assert!(
                Instant::now() < deadline,
                "{} is not in state {state}: {}",
                self.pid(),
                self.stat()
            );
            thread::yield_now();
        }
    }

    fn stat(&self) -> String {
        stat(self.pid())
    }

    fn open(&self, file: &str) -> File {
        File::open(self.proc(file)).unwrap()
    }

    fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.pid())
    }
}

/// Files of a process that grows: once they have been read, the kernel has the memory that this takes.
#[derive(Debug)]
pub(crate) struct Asking {
    stat: File,
    schedstat: File,
}

impl Asking {
    /// For how long it must be seen to run without a page more. The kernel takes the victim's memory from
    /// it two seconds after the kill: by then it has to be found.
    const IN_VAIN: Duration = Duration::from_millis(100);

    /// Pages that it must have come to have before: until it is told to grow, it waits for that.
    const GROWN: u64 = 256;

    pub(crate) fn wait(&self) {
        let deadline = Instant::now() + PATIENCE;
        let start = self.faults();
        let (mut faults, mut since) = (start, self.ran());
        while faults <= start + Self::GROWN || self.ran() < since + Self::IN_VAIN {
            assert!(Instant::now() < deadline, "it does not wait for memory");
            thread::yield_now();
            let now = self.faults();
            if now != faults {
                (faults, since) = (now, self.ran());
            }
        }
    }

    /// Pages that it has come to have, but for those it shares.
    fn faults(&self) -> u64 {
        let stat = read(&self.stat);
        // Field 10, of which the state is 3.
        stat.rsplit_once(") ").unwrap().1.split(' ').nth(7).unwrap().parse().unwrap()
    }

    /// For how long it has had a processor.
    fn ran(&self) -> Duration {
        Duration::from_nanos(read(&self.schedstat).split(' ').next().unwrap().parse().unwrap())
    }
}

/// A line of `/proc`, anew.
fn read(file: &File) -> String {
    let mut line = [0; 1024];
    let len = file.read_at(&mut line, 0).unwrap();
    String::from_utf8_lossy(&line[..len]).into_owned()
}

/// A scenario that fails leaves none behind.
impl Drop for Hog {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `/proc/PID/stat`, from the state on: before it there is the name, which may hold anything.
pub(crate) fn stat(pid: u32) -> String {
    let stat = fs::read(format!("/proc/{pid}/stat")).unwrap();
    let stat = String::from_utf8_lossy(&stat).into_owned();
    stat.rsplit_once(") ").unwrap().1.to_owned()
}
