//! Others who trace the same functions at the same time: by tracefs, and a second agent.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::SMALL;
use super::account::Account;
use super::oracle::Oracle;
use super::post::Post;
use super::told::Told;
use super::victim::Victim;
use crate::cgroup::Cgroup;
use crate::scenario::Scenario;

pub(crate) const SCENARIOS: &[Scenario] =
    &[Scenario::new("fire_beside_other_tracers", beside_others)];

const KILLS: usize = 4;

/// They come and go in every order, and each tells of every kill while it is there.
fn beside_others() {
    let cgroup = Cgroup::limited("traced", SMALL);
    let mut kills = 0;
    let mut kill = || {
        Victim::growing("hog", &cgroup).die(KILLS);
        kills += KILLS;
        kills
    };
    let mut first = Post::new().with_store();
    let mut second = Post::apart().with_store();
    let oracle = Oracle::ask();

    let tracer = Tracer::start();
    first.start_again();
    kill();
    second.start_again();
    // The second tells of those before it from the log.
    let so_far = kill();
    assert_eq!(first.await_kills(so_far).kills.len(), so_far, "{:#?}", first.said());
    first.stop();
    let so_far = kill();
    assert_eq!(second.await_kills(so_far).kills.len(), so_far, "{:#?}", second.said());
    assert_eq!(tracer.seen(), [so_far; 3], "the tracer that was there before");
    drop(tracer);
    let before = kill();
    first.start_again();
    let tracer = Tracer::start();
    let so_far = kill();
    assert_eq!(second.await_kills(so_far).kills.len(), so_far, "{:#?}", second.said());
    second.stop();
    let seen_by_second = so_far;
    kill();
    let so_far = kill();
    assert_eq!(first.await_kills(so_far).kills.len(), so_far, "{:#?}", first.said());
    first.stop();
    let so_far = kill();
    assert_eq!(tracer.seen(), [so_far - before; 3], "the tracer that came after");
    drop(tracer);

    // What nobody saw at the end the next one tells.
    first.start_again();
    let log = oracle.log();
    assert_eq!(log.kills.len(), so_far);
    first.await_kills(so_far);
    first.stop();
    let (told, also) = (first.told(), second.told());
    Account::of(&log.kills, &told).assert_whole();
    Account::of(&log.kills, &first.stored()).assert_whole();
    Account::of(&log.kills[..seen_by_second], &also).assert_whole();
    Account::of(&log.kills[..seen_by_second], &second.stored()).assert_whole();
    assert!(ids(&also).is_subset(&ids(&told)), "a kill has one name, whoever tells of it");
    for told in [&told, &also] {
        assert_eq!((told.gaps(), told.events("degraded").count()), (0, 0), "{:#?}", told.agent);
        let by_log = told.kills.iter().filter(|kill| kill["source"] == "kernel_log").count();
        assert!(told.kills.iter().all(|kill| kill["source"] == "kprobe") || by_log > 0);
    }
}

fn ids(told: &Told) -> BTreeSet<&str> {
    told.kills.iter().map(|kill| kill["id"].as_str().unwrap()).collect()
}

/// Probes by tracefs where the agent has its own, and the function tracer on the same functions.
struct Tracer(());

impl Tracer {
    const FUNCTIONS: &str = "oom_kill_process mark_oom_victim";

    const EVENTS: &str = "p:stranger/entered oom_kill_process\n\
                          r:stranger/left oom_kill_process\n\
                          p:stranger/marked mark_oom_victim\n";

    fn start() -> Self {
        put("trace", "");
        for event in Self::EVENTS.lines() {
            put("kprobe_events", event);
        }
        put("events/stranger/enable", "1");
        put("set_ftrace_filter", Self::FUNCTIONS);
        put("current_tracer", "function");
        Self(())
    }

    /// How often each of its probes was hit.
    fn seen(&self) -> [usize; 3] {
        let trace = fs::read_to_string(file("trace")).unwrap();
        ["entered", "left", "marked"].map(|event| {
            let is_it = |line: &&str| line.contains(&format!(": {event}: ("));
            trace.lines().filter(is_it).count()
        })
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        put("current_tracer", "nop");
        put("set_ftrace_filter", "");
        put("events/stranger/enable", "0");
        for event in ["entered", "left", "marked"] {
            append("kprobe_events", &format!("-:stranger/{event}"));
        }
        put("trace", "");
    }
}

fn file(name: &str) -> PathBuf {
    Path::new("/sys/kernel/tracing").join(name)
}

fn put(name: &str, text: &str) {
    if name == "kprobe_events" {
        return append(name, text);
    }
    fs::write(file(name), text).unwrap();
}

fn append(name: &str, text: &str) {
    let mut file = File::options().append(true).open(file(name)).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}
