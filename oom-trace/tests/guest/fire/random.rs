//! Faults by chance, for minutes or for hours, while kills of all kinds go on; and at the end
//! everything is accounted for.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use rustix::process::Signal;

use super::account::Account;
use super::clock::{DAY, WallClock};
use super::disk::Disk;
use super::oracle::{Logged, Oracle};
use super::post::{LIMIT, Post};
use super::shots::Firing;
use super::told::{Follower, Told, number};
use super::{MIB, lasts, say, shots};
use crate::cgroup::Cgroup;
use crate::scenario::{Machine, Scenario, words};
use crate::support::PATIENCE;
use crate::sysctl::Setting;

pub(crate) const SCENARIOS: &[Scenario] =
    &[Scenario::new("fire_random_faults", random_faults).on(Machine::Soak)];

/// What the agent may have at any time more than it began with.
const GROWTH: u64 = 32 * MIB;

const KPROBES: &str = "/sys/kernel/debug/kprobes/enabled";
const FTRACE: &str = "/proc/sys/kernel/ftrace_enabled";

/// By which a run is made again, as far as two processors do the same twice.
fn random_faults() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seed = number("OOM_TRACE_FAULT_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
    let lasts = lasts(600);
    say(&format!("OOM_TRACE_FAULT_SEED={seed} for {} s", lasts.as_secs()));
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drive(seed, lasts))) {
        panic!("OOM_TRACE_FAULT_SEED={seed}: {}", words(&*panic));
    }
}

fn drive(seed: u64, lasts: Duration) {
    let firing = Arc::<Firing>::default();
    let until = Instant::now() + lasts;
    let mut field = Field::new(seed, until);
    let oracle = Oracle::ask();
    let _end = End(Arc::clone(&firing));
    let shots = {
        let firing = Arc::clone(&firing);
        thread::spawn(move || shots::fire(Rng::with_seed(seed + 1), &firing))
    };
    while Instant::now() < until && !shots.is_finished() {
        field.fault(&firing, 0);
        field.report(&oracle);
        firing.assert_going();
    }
    drop(_end);
    while !shots.is_finished() {
        firing.assert_going();
        thread::sleep(Duration::from_millis(100));
    }
    let victims = shots.join().unwrap_or_else(|panic| resume_unwind(panic));
    field.end(&oracle, victims);
}

/// Nobody waits for shots without an end.
struct End(Arc<Firing>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.enough.store(true, Ordering::Relaxed);
        self.0.held.store(false, Ordering::Relaxed);
    }
}

/// What can be done to the agent.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Killed,
    Ended,
    Stopped,
    DiskFull,
    Clock,
    Memory,
    KprobesOff,
    FtraceOff,
    Quiet,
}

const FAULTS: &[Fault] = &[
    Fault::Killed,
    Fault::Killed,
    Fault::Ended,
    Fault::Stopped,
    Fault::DiskFull,
    Fault::Clock,
    Fault::Memory,
    Fault::KprobesOff,
    Fault::FtraceOff,
    Fault::Quiet,
];

/// The agent and all that is done to it.
struct Field {
    rng: Rng,
    begun: Instant,
    until: Instant,
    disk: Disk,
    post: Post,
    output: Follower,
    clock: WallClock,
    /// Memory that the agent had at its first start, and the most since.
    rss: (u64, u64),
    faults: usize,
}

impl Field {
    fn new(seed: u64, until: Instant) -> Self {
        let disk = Disk::mount("field", 400);
        let cgroup = Cgroup::limited("agent", LIMIT);
        let post = Post::new().with_store_at(disk.file("records.db")).within(cgroup).start();
        let (output, first) = (Follower::of(&post.output()), post.rss());
        Self {
            rng: Rng::with_seed(seed),
            begun: Instant::now(),
            until,
            disk,
            post,
            output,
            clock: WallClock::right(),
            rss: (first, first),
            faults: 0,
        }
    }

    /// One of them, and perhaps another in its midst.
    fn fault(&mut self, firing: &Firing, depth: usize) {
        let fault = FAULTS[self.rng.usize(..FAULTS.len())];
        self.faults += 1;
        say(&format!("{:>5} s {}{fault:?}", self.begun.elapsed().as_secs(), "  ".repeat(depth)));
        let between = |field: &mut Self, most: u64| {
            if depth == 0 && field.rng.u8(..4) == 0 {
                field.fault(firing, 1);
            }
            field.wait(most);
        };
        match fault {
            Fault::Killed => {
                self.post.kill();
                between(self, 2000);
                self.start();
                between(self, 6000);
            }
            Fault::Ended => {
                // It may be stopped, and would not hear it.
                self.signal(Signal::CONT);
                if self.post.is_alive() {
                    self.post.stop_within(PATIENCE);
                }
                between(self, 1000);
                self.start();
            }
            Fault::Stopped => {
                self.signal(Signal::STOP);
                between(self, 8000);
                self.signal(Signal::CONT);
            }
            Fault::DiskFull => {
                self.disk.fill();
                between(self, 8000);
                self.disk.free();
            }
            Fault::Clock => {
                match self.rng.u8(..3) {
                    0 => self.clock.set_to_1970(),
                    1 => self.clock.set_off(self.rng.i64(-400..400) * DAY),
                    _ => self.clock.set_off(self.rng.i64(-3600..3600)),
                }
                between(self, 5000);
                self.clock.set_off(0);
            }
            Fault::Memory => {
                let limit = self.post.cgroup().usage() + self.rng.u64(1..8) * MIB / 2;
                self.post.cgroup().limit(limit.min(self.post.shipped_limit()));
                between(self, 8000);
                self.post.cgroup().limit(self.post.shipped_limit());
            }
            Fault::KprobesOff | Fault::FtraceOff => {
                let file = if matches!(fault, Fault::KprobesOff) { KPROBES } else { FTRACE };
                // Most kernels keep ftrace on while somebody needs it.
                let _off = Setting::try_change(file, "0");
                between(self, 5000);
            }
            Fault::Quiet => {
                firing.held.store(true, Ordering::Relaxed);
                between(self, 8000);
                firing.held.store(false, Ordering::Relaxed);
            }
        }
        self.wait(2000);
    }

    /// For some time, of so many milliseconds at the most.
    fn wait(&mut self, most: u64) {
        let until = Instant::now() + Duration::from_millis(self.rng.u64(..most));
        while Instant::now() < until.min(self.until) {
            thread::sleep(Duration::from_millis(100));
            self.look();
        }
    }

    /// Whether it lives, and on how much; nobody else reads its output.
    fn look(&mut self) {
        self.output.read();
        self.output.forget();
        self.rss.1 = self.rss.1.max(self.post.memory());
    }

    fn signal(&mut self, signal: Signal) {
        if self.post.is_alive() {
            self.post.signal(signal);
        }
    }

    /// A start takes memory of its own.
    fn start(&mut self) {
        self.post.cgroup().limit(self.post.shipped_limit());
        if !self.post.is_alive() {
            self.post.start_again();
        }
    }

    fn report(&mut self, oracle: &Oracle) {
        assert!(self.post.is_alive(), "the agent has ended: {:#?}", self.last_words());
        self.look();
        say(&format!(
            "{:>5} s {} faults, {} kills, {} told, {} MiB",
            self.begun.elapsed().as_secs(),
            self.faults,
            oracle.count(),
            self.output.told().times(),
            self.rss.1 / MIB
        ));
    }

    fn last_words(&self) -> Vec<String> {
        let mut said = self.post.said();
        said.split_off(said.len().saturating_sub(20))
    }

    /// All is as it should be again; what the log has, the next start tells.
    fn end(mut self, oracle: &Oracle, victims: usize) {
        self.signal(Signal::CONT);
        self.start();
        self.post.stop_within(PATIENCE);
        self.post.start_again();
        let log = oracle.log();
        let deadline = Instant::now() + PATIENCE;
        while self.output.told().times() < log.kills.len() as u64 && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(100));
            self.look();
        }
        self.post.stop_within(PATIENCE);
        self.look();
        let told = self.output.into_told();
        let account = Account::of(&log.kills, &told);
        let (first, most) = self.rss;
        say(&format!(
            "{} faults, {victims} processes dead, {} lines in the log; {}; {} repeated, {} torn, \
             {} in gaps; {} MiB at first, {} MiB at the most; {} times nobody to kill",
            self.faults,
            log.kills.len(),
            account.summary(),
            told.repeated,
            told.torn,
            told.gaps(),
            first / MIB,
            most / MIB,
            log.nobody
        ));
        // What is wrong is looked for in them.
        keep(&log.kills, &told);
        account.assert_whole();
        super::groups::assert_exits(&told);
        assert_accounts(&told);
        for kill in &told.kills {
            assert!(kill["scope"].is_null() || kill["scope"] == "memcg", "{kill:#}");
        }
        assert!(most <= first + GROWTH, "{} MiB at first, {} later", first / MIB, most / MIB);
    }
}

/// What the log has and what was told go home: to see where they differ.
fn keep(log: &[Logged], told: &Told) {
    let lines = log.iter().map(|line| format!("{line:?}\n")).collect::<String>();
    fs::write("/out/log.txt", lines).unwrap();
    let all = told.kills.iter().chain(&told.exits).chain(&told.agent);
    let told = all.map(|record| format!("{record}\n")).collect::<String>();
    fs::write("/out/told.jsonl", told).unwrap();
}

/// A life that ended in peace told of each kill that the kernel counted meanwhile, or counted it.
fn assert_accounts(told: &Told) {
    let mut gaps = 0;
    for record in &told.agent {
        match record["event"].as_str() {
            Some("started") => gaps = 0,
            Some("gap") => gaps += number(record),
            Some("stopped") => {
                let totals = &record["totals"];
                let kills = totals["kills"].as_u64().unwrap();
                let counted = totals["kernel_kills"].as_u64().unwrap();
                assert_eq!(kills + gaps, counted, "{gaps} in gaps: {totals:#}");
            }
            _ => {}
        }
    }
    let unread = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    assert!(told.kills.iter().all(|kill| kill["boot_id"] == unread.trim_end()));
}
