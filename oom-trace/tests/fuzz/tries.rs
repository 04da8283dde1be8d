//! Tries, and what is said of them.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::abort;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;

/// Tries of each test without `OOM_TRACE_FUZZ_SECONDS`.
const TRIES: u64 = 300;

/// No input keeps its reader busy for that long, on however slow a machine.
const LONGEST: Duration = Duration::from_secs(120);

/// Tries with seeds from 0 on, for as long as the environment says.
pub(crate) fn fuzz(name: &'static str, attempt: impl Fn(&mut Rng)) {
    fuzz_some(name, TRIES, attempt);
}

/// As [`fuzz`], so often where the environment says nothing: for what takes long.
pub(crate) fn fuzz_some(name: &'static str, usually: u64, attempt: impl Fn(&mut Rng)) {
    let number = |name| std::env::var(name).ok().map(|text: String| text.parse::<u64>().unwrap());
    let seconds = number("OOM_TRACE_FUZZ_SECONDS").map(Duration::from_secs);
    let one = number("OOM_TRACE_FUZZ_SEED");
    let (begin, begun) = mpsc::channel();
    thread::spawn(move || watch(name, &begun));
    let start = Instant::now();
    let mut tries = 0;
    for seed in one.map_or(0..=u64::MAX, |seed| seed..=seed) {
        if seconds.map_or(tries >= usually, |seconds| start.elapsed() >= seconds) {
            break;
        }
        begin.send(seed).unwrap();
        let tried = catch_unwind(AssertUnwindSafe(|| attempt(&mut Rng::with_seed(seed))));
        if let Err(panic) = tried {
            eprintln!("{name}: OOM_TRACE_FUZZ_SEED={seed}");
            resume_unwind(panic);
        }
        tries += 1;
    }
    println!("fuzz {name}: {tries} tries in {:.0?}", start.elapsed());
}

/// Ends the process when a try does not end: nothing else could.
fn watch(name: &str, begun: &Receiver<u64>) {
    let mut seed = None;
    loop {
        match begun.recv_timeout(LONGEST) {
            Ok(next) => seed = Some(next),
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                let seed = seed.unwrap_or_default();
                eprintln!("{name}: OOM_TRACE_FUZZ_SEED={seed} goes on after {LONGEST:?}");
                abort();
            }
        }
    }
}
