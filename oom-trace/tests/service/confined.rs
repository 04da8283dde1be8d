//! What an agent gives up once it watches.

use std::fs;

use rustix::process::{Pid, Signal};

use crate::Service;
use crate::here::turn;

/// A word of each of its threads' status.
fn words(pid: Pid, key: &str) -> Vec<String> {
    let of = |text: String| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        line.trim().to_owned()
    };
    let tasks = fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero())).unwrap();
    tasks.map(|task| of(fs::read_to_string(task.unwrap().path().join("status")).unwrap())).collect()
}

#[test]
fn it_runs_no_program_and_no_thread_of_it_has_more_rights_than_it_needs() {
    const DAC_OVERRIDE: u64 = 1 << 1;
    const SYSLOG: u64 = 1 << 34;
    let _turn = turn();
    let service = Service::new();
    let file = service.path("records");
    let table = format!("[[sink.file]]\npath = {file:?}\n");
    let config = service.write("config.toml", &table);
    let mut agent = service.start(&["--quiet", "--config", config.to_str().unwrap()]);
    for (key, value) in [("NoNewPrivs:", "1"), ("Seccomp:", "2")] {
        let words = words(agent.pid(), key);
        assert!(words.len() > 1 && words.iter().all(|word| word == value), "{key} {words:?}");
    }
    for held in words(agent.pid(), "CapPrm:") {
        let held = u64::from_str_radix(&held, 16).unwrap();
        assert_eq!(held & !(DAC_OVERRIDE | SYSLOG), 0, "{held:x}");
    }

    fs::write(&config, format!("{table}[[sink.exec]]\ncommand = [\"/bin/true\"]\n")).unwrap();
    agent.signal(Signal::HUP);
    agent.wait_until_it_says("the first exec output takes a restart");
    agent.stop();

    let agent = service.start(&["--quiet", "--config", config.to_str().unwrap()]);
    let restricted = words(agent.pid(), "Seccomp:");
    assert!(restricted.iter().all(|word| word == "0"), "{restricted:?}");
    agent.stop();
}
