//! The machine is suspended in the midst of kills.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;

use super::SMALL;
use super::account::Account;
use super::oracle::Oracle;
use super::post::Post;
use super::victim::{Storm, Victim};
use crate::cgroup::Cgroup;
use crate::scenario::Scenario;
use crate::verify::verify;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("fire_suspended_and_resumed", suspended).unless(cannot_sleep),
    Scenario::new("verify_proves_a_no_after_a_sleep", no_after_a_sleep).unless(cannot_sleep),
];

const STATE: &str = "/sys/power/state";
/// How it sleeps then. From the lighter way QEMU's clock does not wake it.
const DEPTH: &str = "/sys/power/mem_sleep";
const ALARM: &str = "/sys/class/rtc/rtc0/wakealarm";

/// How long it sleeps.
const SECONDS: u64 = 4;

fn cannot_sleep() -> Option<String> {
    let depths = fs::read_to_string(DEPTH).unwrap_or_default();
    let can = depths.contains("deep") && fs::metadata(ALARM).is_ok();
    let depths = depths.trim_end();
    (!can).then(|| format!("this machine sleeps as {depths}, and its alarm does not wake it"))
}

/// What one clock counts and the other does not.
fn slept() -> Duration {
    let now = |clock| Duration::try_from(clock_gettime(clock)).unwrap();
    let awake = now(ClockId::Monotonic);
    now(ClockId::Boottime) - awake
}

/// Returns when it is awake again, and for how long it was not asleep.
fn sleep() -> Duration {
    fs::write(ALARM, "0").unwrap();
    fs::write(ALARM, format!("+{SECONDS}")).unwrap();
    let asleep = Instant::now();
    fs::write(DEPTH, "deep").unwrap();
    fs::write(STATE, "mem").unwrap();
    asleep.elapsed()
}

/// Processes are stopped wherever they are, victims and the agent among them.
fn suspended() {
    const KILLS: usize = 8;
    let cgroups = ["sleep-1", "sleep-2"].map(|name| Cgroup::limited(name, SMALL));
    let victims: Vec<_> = cgroups.iter().map(|cgroup| Victim::growing("hog", cgroup)).collect();
    let oracle = Oracle::ask();
    let mut post = Post::new().with_store().start();
    let before = slept();
    let storm = Storm::start(&victims, 2);
    storm.go_on(KILLS);
    let awake = sleep();
    storm.go_on(KILLS);
    storm.end_at(0);
    let slept = slept() - before;
    assert!(slept > Duration::from_secs(1), "it slept for {slept:?}, in {awake:?}");
    let log = oracle.log();
    post.await_kills(log.kills.len());
    // A gap has to last for a second before it is told.
    thread::sleep(Duration::from_secs(2));
    post.stop();
    let told = post.told();
    Account::of(&log.kills, &told).assert_whole();
    Account::of(&log.kills, &post.stored()).assert_whole();
    assert_eq!(told.gaps(), 0, "{:#?}", post.said());
    let (early, late): (Vec<_>, Vec<_>) =
        told.kills.iter().partition(|kill| apart(kill) < slept / 2);
    assert!(early.len() >= KILLS && late.len() >= KILLS, "{} {}", early.len(), late.len());
    for kill in &told.kills {
        assert_eq!(kill["source"], "kprobe", "{kill:#}");
        // The wall clock as it stands now, back to that moment on the clock that counts sleep.
        let boot_ns = Duration::from_nanos(kill["boot_ns"].as_u64().unwrap());
        let boottime = Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap();
        let expected = Timestamp::now() - (boottime - boot_ns);
        let time: Timestamp = kill["time"].as_str().unwrap().parse().unwrap();
        let off = time.duration_since(expected).unsigned_abs();
        assert!(off < Duration::from_secs(2), "off by {off:?}: {kill:#}");
    }
    super::groups::assert_exits(&told);
}

/// The log does not tell when it was; that it was before the agent started, which found it there, is certain.
fn no_after_a_sleep() {
    let cgroup = Cgroup::limited("asleep", SMALL);
    let before = Timestamp::now();
    Victim::growing("hog", &cgroup).dies();
    sleep();
    let mut post = Post::new().with_store().start();
    let (status, answer) = verify(&post, Timestamp::now(), &[]);
    assert_eq!(status, 0, "{answer:#}");
    let (status, answer) = verify(&post, before, &["--comm", "hog"]);
    assert_eq!((status, &answer["doubtful"][0]["unknown"]), (3, &"time".into()), "{answer:#}");
    post.stop();
}

/// The hook's clock ahead of the log's.
fn apart(kill: &Value) -> Duration {
    let logged = Duration::from_micros(kill["log_us"].as_u64().unwrap());
    Duration::from_nanos(kill["boot_ns"].as_u64().unwrap()).saturating_sub(logged)
}
