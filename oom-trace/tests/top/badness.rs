//! The kernel's own word on who would die: `/proc/PID/oom_score`.

use std::collections::HashMap;
use std::fs;
use std::process::{Child, Command, Stdio};

use super::{run, top};

struct Sleeper(Child);

impl Sleeper {
    fn with_adj(adj: i32) -> Self {
        // Whoever sets it lower than it was needs a privilege.
        let script = format!("echo {adj} > /proc/self/oom_score_adj; exec sleep 600");
        let mut command = Command::new("sh");
        command.args(["-c", &script]).stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().unwrap();
        while fs::read_to_string(format!("/proc/{}/comm", child.id())).unwrap() != "sleep\n" {
            std::thread::yield_now();
        }
        Self(child)
    }

    /// `(1000 + badness in thousandths of all memory) * 2 / 3` (`proc_oom_score`, fs/proc/base.c).
    fn score(&self) -> u32 {
        let path = format!("/proc/{}/oom_score", self.0.id());
        fs::read_to_string(path).unwrap().trim().parse().unwrap()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The places of processes in the list, by their ids.
fn places(text: &str) -> HashMap<u32, (usize, String)> {
    let list = text.lines().skip_while(|line| !line.contains("NEXT TO DIE")).skip(2);
    let rows = list.take_while(|line| !line.starts_with("KILLS")).filter_map(|line| {
        let mut words = line.split_whitespace();
        let place = words.next()?.parse().ok()?;
        Some((words.next()?.parse().ok()?, (place, line.to_owned())))
    });
    rows.collect()
}

#[test]
fn the_order_is_the_kernels() {
    let sleepers = [700, 900, 800, 999].map(Sleeper::with_adj);
    let output = run(&mut top(&["--once", "-d", "0.1", "--log"]));
    let text = String::from_utf8(output.stdout).unwrap();
    let places = places(&text);
    let mut told: Vec<_> = sleepers
        .iter()
        .map(|it| {
            let (place, line) = places.get(&it.0.id()).unwrap_or_else(|| panic!("{text}"));
            (*place, it.score(), line.clone())
        })
        .collect();
    told.sort();
    assert!(told.is_sorted_by(|one, next| one.1 > next.1), "{told:#?}");
}
