//! What the view takes of a processor where there are many cgroups.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::geteuid;

use super::View;

const CGROUPS: usize = 500;

/// Of one processor, in thousandths, at the default interval.
const BUDGET: u128 = 10;

/// How long it is watched, once it is started: what a start takes is not what is asked.
const WATCHED: Duration = Duration::from_secs(20);

struct Crowd(PathBuf);

impl Crowd {
    /// Cgroups, where this process may make some.
    fn make() -> Option<Self> {
        let v1 = Path::new("/sys/fs/cgroup/memory");
        let root = if v1.is_dir() { v1 } else { Path::new("/sys/fs/cgroup") };
        let top = root.join(format!("oom-trace-top-{}", std::process::id()));
        fs::create_dir(&top).ok().filter(|()| geteuid().is_root())?;
        let crowd = Self(top);
        for number in 0..CGROUPS {
            let dir = crowd.0.join(format!("c{number}"));
            fs::create_dir(&dir).unwrap();
            let limit = dir.join("memory.limit_in_bytes");
            if limit.exists() {
                fs::write(limit, "64M").unwrap();
            }
        }
        Some(crowd)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for number in 0..CGROUPS {
            let _ = fs::remove_dir(self.0.join(format!("c{number}")));
        }
        let _ = fs::remove_dir(&self.0);
    }
}

/// Time on a processor so far, in milliseconds; utime and stime of proc(5) are in clock ticks.
fn used(pid: u32) -> u128 {
    let stat = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap();
    let nanoseconds: u128 = stat.split(' ').next().unwrap().parse().unwrap();
    nanoseconds / 1_000_000
}

/// `cargo test --release -p oom-trace --test top cost -- --ignored --nocapture`, on a machine that does
/// nothing else.
#[test]
#[ignore = "measures for twenty seconds, and needs root and a release build"]
fn cost_of_five_hundred_cgroups() {
    let Some(_crowd) = Crowd::make() else {
        println!("skipped: no cgroups can be made here");
        return;
    };
    let mut view = View::start(&["--log"]);
    view.until("NEXT TO DIE");
    let pid = view.child.id();
    let (start, before) = (Instant::now(), used(pid));
    while start.elapsed() < WATCHED {
        view.read(Duration::from_millis(500));
    }
    let (took, watched) = (used(pid) - before, start.elapsed().as_millis());
    let thousandths = took * 1000 / watched;
    println!("{took} ms of {watched} ms with {CGROUPS} cgroups: {thousandths} thousandths");
    assert!(thousandths < BUDGET, "more than {BUDGET} thousandths");
}
