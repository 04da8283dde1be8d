//! Kills of all kinds for as long as one likes, with every kind of sink, one of which is dead: whatever the agent
//! has of the machine stays what it was, and all that it told arrived.

mod receivers;
mod sample;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;

use self::receivers::Receiver;
pub(crate) use self::receivers::{KEEPER, keep};
use self::sample::{Curve, Metrics};
use crate::cgroup::Cgroup;
use crate::fire::account::Account;
use crate::fire::oracle::Oracle;
use crate::fire::post::{LIMIT, Post};
use crate::fire::shots::{self, Firing};
use crate::fire::told::{Follower, Told};
use crate::fire::{MIB, lasts, say};
use crate::scenario::{Machine, Scenario};
use crate::support::PATIENCE;

pub(crate) const SCENARIOS: &[Scenario] =
    &[Scenario::new("soak_with_every_sink", soak).on(Machine::Soak)];

/// What the store may take: little, to be full before the end.
const STORE: u64 = 16 * MIB;

/// Where nobody listens: port 9, of the service that discards.
const DEAD: &str = "dead";
const DEAD_SINK: &str = "webhook:{ name = \"dead\", url = \"http://127.0.0.1:9/\", fold = \"0s\" }";

const METRICS: &str = "127.0.0.1:9717";

/// In seconds, unless it is told otherwise.
const LASTS: u64 = 300;
const EVERY: Duration = Duration::from_secs(5);

/// Kills that an output may lack before the next are fired: a command for each record takes an emulated machine
/// longer than a kill, and what is looked for is what grows all the same.
const BEHIND: usize = 50;

fn soak() {
    let lasts = lasts(LASTS);
    let seed = fastrand::u64(..1_000_000);
    let folder = tempfile::TempDir::with_prefix_in("soak", "/tmp").unwrap();
    let receivers = Receiver::all(folder.path());
    let store = folder.path().join("records.db");
    let mut post = post(&receivers, &store, &folder.path().join("oom-trace.prom"));
    let mut output = Follower::of(&post.output());
    let oracle = Oracle::ask();
    let mut curve = Curve::new(&store);
    let firing = Arc::<Firing>::default();
    let shots = {
        let firing = Arc::clone(&firing);
        thread::spawn(move || shots::fire(Rng::with_seed(seed), &firing))
    };
    let begun = Instant::now();
    while begun.elapsed() < lasts && !shots.is_finished() {
        thread::sleep(EVERY);
        output.read();
        output.forget();
        post.cgroup().limit(post.shipped_limit());
        let behind = receivers.iter().map(|it| missing(output.told(), it).len()).max();
        firing.held.store(behind > Some(BEHIND), Ordering::Relaxed);
        let told = output.told().times();
        say(&curve.take(begun.elapsed(), post.pid(), oracle.count(), told));
    }
    firing.enough.store(true, Ordering::Relaxed);
    let victims = shots.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let log = oracle.log();
    let deadline = Instant::now() + PATIENCE;
    let all_arrived = |told: &Told| receivers.iter().all(|it| missing(told, it).is_empty());
    while Instant::now() < deadline
        && (output.told().times() < log.kills.len() as u64 || !all_arrived(output.told()))
    {
        thread::sleep(Duration::from_millis(500));
        output.read();
    }
    let metrics = Metrics::scrape(METRICS);
    post.stop_within(PATIENCE);
    output.read();
    let told = output.into_told();
    let account = Account::of(&log.kills, &told);
    say(&format!(
        "seed {seed}: {victims} processes dead, {} lines in the log; {}; {} in gaps; {curve}",
        log.kills.len(),
        account.summary(),
        told.gaps()
    ));
    account.assert_whole();
    for receiver in &receivers {
        assert_arrived(&told, receiver, &metrics);
    }
    assert_dead(&metrics);
    curve.assert_level(STORE);
}

fn post(receivers: &[Receiver], store: &Path, textfile: &Path) -> Post {
    let max_bytes = STORE.to_string();
    let prometheus = format!("prometheus:{{ listen = {METRICS:?} }}");
    let textfile = format!("textfile:{{ path = {textfile:?} }}");
    let mut args = vec!["--store-max-bytes", &max_bytes];
    let sinks = receivers.iter().map(|receiver| receiver.sink.as_str());
    for sink in sinks.chain([DEAD_SINK, &prometheus, &textfile]) {
        args.extend(["--sink", sink]);
    }
    let cgroup = Cgroup::limited("agent", LIMIT);
    Post::new().with_store_at(store.to_owned()).within(cgroup).with(&args).start()
}

/// Ids of kills that were told and did not come.
fn missing(told: &Told, receiver: &Receiver) -> Vec<String> {
    let came = receiver.ids();
    let ids = told.kills.iter().map(|kill| kill["id"].as_str().unwrap());
    ids.filter(|id| !came.contains_key(*id)).map(str::to_owned).collect()
}

/// Each kill that the file has came, and came again only if the agent was not sure.
fn assert_arrived(told: &Told, receiver: &Receiver, metrics: &Metrics) {
    let name = receiver.name;
    let missing = missing(told, receiver);
    let some = &missing[..missing.len().min(5)];
    assert!(missing.is_empty(), "{} kills did not come to {name}: {some:?}", missing.len());
    let again: BTreeMap<_, _> =
        receiver.ids().into_iter().filter(|(_, times)| *times > 1).collect();
    say(&format!("{name}: {} records twice", again.len()));
    for lost in ["dropped", "failed"] {
        assert_eq!(metrics.of_sink(lost, name), 0, "{lost} by {name}");
    }
}

/// Nothing came there; each record waits, or was given up when the store had no room, and counted.
fn assert_dead(metrics: &Metrics) {
    let of = |key| metrics.of_sink(key, DEAD);
    let (waiting, dropped) = (metrics.waiting(DEAD), of("dropped"));
    let records = metrics.of_sink("delivered", "hook");
    say(&format!("{records} records; for the dead sink {waiting} wait, {dropped} were given up"));
    assert_eq!((of("delivered"), of("failed")), (0, 0));
    assert_eq!(waiting + dropped, records);
}
