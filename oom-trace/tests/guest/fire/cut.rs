//! What a guest does whose power will be cut (`cargo xtask power-cut`): it says what the store has of the
//! kills before the last cut, and kills on.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::mount::{MountFlags, mount};
use rustix::termios::tcdrain;

use super::SMALL;
use super::post::{Post, history};
use super::told::Follower;
use super::victim::Victim;
use crate::cgroup::Cgroup;
use crate::support::PATIENCE;
use crate::support::agent::oom_trace;

/// The command.
pub(crate) const POWER_CUT: &str = "power-cut";

/// How many kills without a record `verify` is asked for.
const ASKED: usize = 4;

/// What is said there is said when the call returns.
struct Console(File);

impl Console {
    fn say(&mut self, line: &str) {
        self.0.write_all(format!("{line}\n").as_bytes()).unwrap();
        tcdrain(&self.0).unwrap();
    }
}

/// Which boot this is, how many kills the one before it says it made, and whether it is the last.
fn told() -> (u32, usize, bool) {
    let told = fs::read_to_string("/proc/cmdline").unwrap();
    let told = told.split_whitespace().find_map(|word| word.strip_prefix("oom_trace_cut="));
    let mut told = told.unwrap().split(':');
    let boot = told.next().unwrap().parse().unwrap();
    (boot, told.next().unwrap().parse().unwrap(), told.next().is_some())
}

fn name(boot: u32, shot: usize) -> String {
    format!("cut-{boot}-{shot}")
}

pub(crate) fn run(_: &[String]) {
    let (boot, shots, is_last) = told();
    let mut console = Console(File::options().write(true).open("/dev/console").unwrap());
    let folder = PathBuf::from("/run/store");
    fs::create_dir_all(&folder).unwrap();
    mount("/dev/vda", &folder, "ext4", MountFlags::empty(), None).unwrap();
    let store = folder.join("records.db");
    let missing = match boot.checked_sub(1).filter(|_| store.exists()) {
        Some(before) => look(&mut console, &folder, &store, before, shots),
        None => {
            console.say("kept 0");
            Vec::new()
        }
    };
    console.say("checked it");
    io::stdout().write_all(b"checked\n").unwrap();
    let file = folder.join("records.jsonl");
    let output = format!("json:{}", file.display());
    let mut post = Post::over(store.clone()).with(&["--output", &output]).start();
    assert_written(&file, &store);
    // A store that is in use, and has been told of this boot, knows no more of the one before.
    for name in &missing {
        verify(&mut console, &store, name);
    }
    if is_last {
        return post.stop();
    }
    io::stdout().write_all(b"killing\n").unwrap();
    let cgroup = Cgroup::limited("cut", SMALL);
    let mut output = Follower::of(&post.output());
    let mut told = 0;
    for shot in 1.. {
        let name = name(boot, shot);
        console.say(&format!("shot {name}"));
        Victim::growing(&name, &cgroup).dies();
        output.read();
        let kills = &output.told().kills;
        for kill in &kills[told..] {
            console.say(&format!("told {}", kill["victim"]["comm"].as_str().unwrap()));
        }
        told = kills.len();
    }
}

/// Says what the store has; answers kills that it has not.
fn look(
    console: &mut Console,
    folder: &Path,
    store: &Path,
    before: u32,
    shots: usize,
) -> Vec<String> {
    for entry in fs::read_dir(folder).unwrap() {
        console.say(&format!("file {}", entry.unwrap().file_name().to_str().unwrap()));
    }
    let kills = history(store).kills;
    let names = kills.iter().map(|kill| kill["victim"]["comm"].as_str().unwrap());
    let of_it = format!("cut-{before}-");
    let stored: Vec<_> = names.filter(|name| name.starts_with(&of_it)).collect();
    for name in &stored {
        console.say(&format!("stored {name}"));
    }
    console.say(&format!("kept {}", kills.len()));
    let mut missing: Vec<_> = (1..=shots).map(|shot| name(before, shot)).collect();
    missing.retain(|name| !stored.contains(&name.as_str()));
    missing.truncate(ASKED);
    for name in stored.last().copied().into_iter().chain(missing.iter().map(String::as_str)) {
        verify(console, store, name);
    }
    missing
}

/// What the store has is in the file, too: the agent tells it again what the cut took.
fn assert_written(file: &Path, store: &Path) {
    let kills = history(store).kills;
    let names = kills.iter().map(|kill| kill["victim"]["comm"].as_str().unwrap());
    let end = Instant::now() + PATIENCE;
    loop {
        let text = fs::read(file).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let is_lacking = |name: &&str| !text.contains(&format!("\"comm\":\"{name}\""));
        let lacking: Vec<_> = names.clone().filter(is_lacking).collect();
        if lacking.is_empty() {
            break;
        }
        assert!(Instant::now() < end, "the store has them, the file has not: {lacking:?}");
        thread::sleep(Duration::from_millis(100));
    }
}

fn verify(console: &mut Console, store: &Path, name: &str) {
    let mut verify: Command = oom_trace(&["verify", "--since", "1h", "--comm", name]);
    let output = verify.arg("--store").arg(store).output().unwrap();
    console.say(&format!("verify {name} {}", output.status.code().unwrap()));
}
