//! Processes that die at once, and are cheap to make: thousands of them.

use std::ffi::CString;
use std::fs;
use std::hint::black_box;
use std::io::{self, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode};
use rustix::process::{Signal, Uid, set_parent_process_death_signal};
use rustix::thread::{set_name, set_thread_res_uid};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::cgroup::Cgroup;
use crate::hog::conceive;
use crate::support::PATIENCE;

/// The command that makes this program a victim.
pub(crate) const VICTIM: &str = "victim";

const CHUNK: usize = 64 << 10;

/// How long one may take to die.
const DEAD_WITHIN: Duration = Duration::from_secs(1200);

/// How often it is said that it is waited for.
const TELL_EVERY: Duration = Duration::from_secs(20);

/// What it is and does. It goes to its cgroup by itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Victim {
    /// `comm`, any bytes but NUL.
    pub(crate) name: Vec<u8>,
    pub(crate) uid: u32,
    pub(crate) oom_score_adj: i16,
    /// Bytes that it holds before it says that it is ready.
    pub(crate) holds: usize,
    /// Threads beside the first, which do nothing.
    pub(crate) threads: usize,
    /// Processes that share its memory, waiting for a writer of the FIFO.
    pub(crate) sharers: usize,
    pub(crate) fifo: PathBuf,
    /// Whether it grows until it is killed; else it only waits.
    pub(crate) grows: bool,
    /// Whether it goes back to memory that it has not used for long, which may be in swap.
    pub(crate) thrashes: bool,
    /// `cgroup.procs` of its cgroup.
    pub(crate) procs: PathBuf,
}

impl Victim {
    /// One that grows.
    pub(crate) fn growing(name: &str, cgroup: &Cgroup) -> Self {
        Self { grows: true, ..Self::waiting(name, cgroup) }
    }

    /// One that waits.
    pub(crate) fn waiting(name: &str, cgroup: &Cgroup) -> Self {
        Self { name: name.into(), procs: cgroup.procs(), ..Self::default() }
    }

    pub(crate) fn spawn(&self, stdout: Stdio) -> Child {
        let spec = serde_json::to_string(self).unwrap();
        let mut command = Command::new("/proc/self/exe");
        command.args([VICTIM, &spec]).stdin(Stdio::null()).stdout(stdout).spawn().unwrap()
    }

    /// Makes one, and waits for its death.
    pub(crate) fn dies(&self) -> u32 {
        let child = self.spawn(Stdio::null());
        let pid = child.id();
        killed(child);
        pid
    }

    /// So many, one after the other.
    pub(crate) fn die(&self, kills: usize) {
        for _ in 0..kills {
            self.dies();
        }
    }
}

/// Waits for its death. One that may run for a thousandth of the time takes minutes to die.
pub(crate) fn killed(mut child: Child) {
    let begun = Instant::now();
    let mut told = begun;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if told.elapsed() > TELL_EVERY {
            assert!(begun.elapsed() < DEAD_WITHIN, "{} does not die", child.id());
            dot();
            told = Instant::now();
        }
        thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(status.signal(), Some(Signal::KILL.as_raw()), "{status}");
}

pub(crate) fn run(args: &[String]) {
    let spec: Victim = serde_json::from_str(&args[0]).unwrap();
    fs::write(&spec.procs, "0").unwrap();
    fs::write("/proc/self/oom_score_adj", spec.oom_score_adj.to_string()).unwrap();
    let uid = Uid::from_raw(spec.uid);
    set_thread_res_uid(uid, uid, uid).unwrap();
    // Another uid takes it away.
    set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
    set_name(&CString::new(spec.name.clone()).unwrap()).unwrap();
    let _held = black_box(vec![1_u8; spec.holds]);
    for _ in 0..spec.threads {
        thread::spawn(thread::park);
    }
    for _ in 0..spec.sharers {
        let fifo = spec.fifo.clone();
        thread::Builder::new().name("spawner".to_owned()).spawn(move || conceive(&fifo)).unwrap();
    }
    io::stdout().write_all(b"\n").unwrap();
    let mut touched = Vec::new();
    let mut rng = fastrand::Rng::new();
    loop {
        if spec.grows {
            touched.push(black_box(vec![1_u8; CHUNK]));
            if spec.thrashes {
                let back = rng.usize(..touched.len());
                touched[back].iter_mut().step_by(4096).for_each(|byte| *byte ^= 1);
            }
        } else {
            thread::park();
        }
    }
}

/// Victims that wait, in one cgroup.
#[derive(Debug)]
pub(crate) struct Crowd(Vec<Child>);

impl Crowd {
    /// All hold what they are to hold, and have their threads, when this returns.
    pub(crate) fn start(spec: &Victim, count: usize) -> Self {
        let (mut ready, writer) = io::pipe().unwrap();
        let mut crowd = Self(Vec::new());
        for index in 0..count {
            crowd.0.push(spec.spawn(writer.try_clone().unwrap().into()));
            if index % 50 == 49 {
                dot();
            }
        }
        drop(writer);
        ready.read_exact(&mut vec![0; count]).unwrap();
        crowd
    }

    pub(crate) fn pids(&self) -> Vec<u32> {
        self.0.iter().map(Child::id).collect()
    }

    /// Waits for the death of all.
    pub(crate) fn killed(mut self) {
        std::mem::take(&mut self.0).into_iter().for_each(killed);
    }
}

/// A scenario that fails leaves none behind.
impl Drop for Crowd {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A folder with a FIFO that nobody writes to.
pub(crate) fn fifo() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    (folder, path)
}

/// A guest that does not say a word is taken for dead.
pub(crate) fn dot() {
    io::stderr().write_all(b".").unwrap();
}

/// Kills one after the other, by each of some threads, until it is told to end.
#[derive(Debug)]
pub(crate) struct Storm {
    enough: Arc<AtomicBool>,
    made: Arc<AtomicUsize>,
    jobs: Vec<JoinHandle<()>>,
}

impl Storm {
    /// Each thread goes through these victims from another one on.
    pub(crate) fn start(victims: &[Victim], jobs: usize) -> Self {
        let (enough, made) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let job = |first| {
            let (victims, enough) = (victims.to_vec(), Arc::clone(&enough));
            let made = Arc::clone(&made);
            thread::spawn(move || {
                for victim in victims.iter().cycle().skip(first) {
                    if enough.load(Ordering::Relaxed) {
                        return;
                    }
                    victim.dies();
                    if made.fetch_add(1, Ordering::Relaxed) % 50 == 49 {
                        dot();
                    }
                }
            })
        };
        let jobs = (0..jobs).map(|index| job(index * victims.len() / jobs)).collect();
        Self { enough, made, jobs }
    }

    pub(crate) fn made(&self) -> usize {
        self.made.load(Ordering::Relaxed)
    }

    /// Waits for this many more kills.
    pub(crate) fn go_on(&self, kills: usize) {
        self.until(self.made() + kills);
    }

    fn until(&self, kills: usize) {
        let (mut made, mut deadline) = (self.made(), Instant::now() + PATIENCE);
        while made < kills {
            assert!(
                Instant::now() < deadline,
                "the storm has come to a standstill at {made} kills"
            );
            thread::sleep(Duration::from_millis(20));
            if self.made() > made {
                (made, deadline) = (self.made(), Instant::now() + PATIENCE);
            }
        }
    }

    /// Ends it after this many kills in all, or a few more; answers how many.
    pub(crate) fn end_at(mut self, kills: usize) -> usize {
        self.until(kills);
        self.enough.store(true, Ordering::Relaxed);
        for job in self.jobs.drain(..) {
            job.join().unwrap();
        }
        self.made()
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        self.enough.store(true, Ordering::Relaxed);
        for job in self.jobs.drain(..) {
            let _ = job.join();
        }
    }
}

/// This many kills by two threads, and no more.
pub(crate) fn storm(victims: &[Victim], kills: usize) {
    let left = AtomicUsize::new(kills);
    let job = |first: usize| {
        for victim in victims.iter().cycle().skip(first) {
            let number =
                left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
            let Ok(number) = number else { return };
            victim.dies();
            if number % 50 == 0 {
                dot();
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| job(0));
        scope.spawn(|| job(victims.len() / 2));
    });
}
