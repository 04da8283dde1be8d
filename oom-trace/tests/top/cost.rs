//! What the view takes of a processor where there are many cgroups: `cargo xtask bench kept` asks.

use std::env;
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::geteuid;

use super::View;

/// The file for the answer, in hundredths of one processor, as `cargo xtask bench` says.
const ANSWER: &str = "OOM_TRACE_COST";

const CGROUPS: usize = 500;

/// Of one processor, in hundredths: for who runs it by hand. The benchmark has the same as its goal.
const BUDGET: f64 = 1.0;

/// How long it is watched, once it is started: what a start takes is not what is asked.
const WATCHED: Duration = Duration::from_secs(20);

struct Crowd(PathBuf);

impl Crowd {
    /// Cgroups with a limit.
    fn make() -> Self {
        assert!(geteuid().is_root(), "only root makes cgroups");
        let v1 = Path::new("/sys/fs/cgroup/memory");
        let root = if v1.is_dir() { v1 } else { Path::new("/sys/fs/cgroup") };
        let top = root.join(format!("oom-trace-top-{}", std::process::id()));
        fs::create_dir(&top).unwrap();
        let crowd = Self(top);
        let limit = if v1.is_dir() {
            "memory.limit_in_bytes"
        } else {
            fs::write(crowd.0.join("cgroup.subtree_control"), "+memory").unwrap();
            "memory.max"
        };
        for number in 0..CGROUPS {
            let dir = crowd.0.join(format!("c{number}"));
            fs::create_dir(&dir).unwrap();
            fs::write(dir.join(limit), "64M").unwrap();
        }
        crowd
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

/// Time of its threads on a processor so far.
fn used(pid: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let of_thread = |thread: DirEntry| {
        let stat = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        Some(Duration::from_nanos(stat.split(' ').next()?.parse().ok()?))
    };
    threads.filter_map(|thread| of_thread(thread.ok()?)).sum()
}

/// At the default interval; on a machine that does nothing else, or it tells of that.
#[test]
#[ignore = "measures for twenty seconds, needs root, and is of use in a release build alone"]
fn measures_five_hundred_cgroups() {
    let _crowd = Crowd::make();
    let mut view = View::start(&["--log"]);
    view.until("NEXT TO DIE");
    let pid = view.child.id();
    let (start, before) = (Instant::now(), used(pid));
    while start.elapsed() < WATCHED {
        view.read(Duration::from_millis(500));
    }
    let hundredths = 100.0 * (used(pid) - before).as_secs_f64() / start.elapsed().as_secs_f64();
    println!("{hundredths:.2} % of a processor with {CGROUPS} cgroups");
    match env::var_os(ANSWER) {
        Some(path) => fs::write(path, hundredths.to_string()).unwrap(),
        None => assert!(hundredths < BUDGET, "more than {BUDGET} %"),
    }
}
