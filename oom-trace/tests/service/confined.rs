//! What an agent gives up once it watches.

use std::fs;
use std::io::{Write as _, stdout};
use std::net::TcpListener;
use std::path::Path;

use rustix::process::{Pid, Signal};
use serde_json::Value;

use crate::here::{trigger, turn};
use crate::support::agent::Agent;
use crate::support::wait_for;
use crate::{Service, await_victims, in_file, stored, victims};

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
    // One whose thread starts another.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let metrics = format!("[sink.prometheus]\nlisten = \"127.0.0.1:{port}\"\n");
    let table = format!("{metrics}[[sink.file]]\npath = {file:?}\n");
    let config = service.write("config.toml", &table);
    let mut agent = service.start(&["--quiet", "--config", config.to_str().unwrap()]);
    // The filter comes after Landlock, of which no file tells, on the same thread, and others have both from that.
    for (key, value) in [("NoNewPrivs:", "1"), ("Seccomp:", "2")] {
        let words = words(agent.pid(), key);
        assert!(words.len() > 4 && words.iter().all(|word| word == value), "{key} {words:?}");
    }
    for held in words(agent.pid(), "CapPrm:") {
        let held = u64::from_str_radix(&held, 16).unwrap();
        assert_eq!(held & !(DAC_OVERRIDE | SYSLOG), 0, "{held:x}");
    }

    fs::write(&config, format!("{table}[[sink.exec]]\ncommand = [\"/bin/true\"]\n")).unwrap();
    agent.signal(Signal::HUP);
    agent.wait_until_it_says("the first exec output needs a restart");
    agent.stop();

    let agent = service.start(&["--quiet", "--config", config.to_str().unwrap()]);
    let restricted = words(agent.pid(), "Seccomp:");
    assert!(restricted.iter().all(|word| word == "0"), "{restricted:?}");
    agent.stop();
}

/// By what it says of the kernel; `None` where there is no Landlock.
fn landlock(service: &Service, config: &Path) -> Option<u64> {
    let args = ["check", "--json", "--config", config.to_str().unwrap()];
    let output = service.command(&args).output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let confined = &found["confined"];
    assert_eq!(
        (&confined["no_new_privs"], &confined["refused_system_calls"]),
        (&true.into(), &38.into())
    );
    let abi = confined["landlock_abi"].as_u64();
    if abi.is_some() {
        let writable = confined["writable"].as_array().unwrap();
        assert!(writable.contains(&service.path("log").to_str().unwrap().into()), "{writable:?}");
    }
    abi
}

#[test]
fn it_writes_to_its_folders_and_to_no_other() {
    let _turn = turn();
    let service = Service::new();
    for folder in ["log", "prom", "state", "elsewhere"] {
        fs::create_dir(service.path(folder)).unwrap();
    }
    let [rotated, come, never] = ["log/rotated.json", "log/come.json", "elsewhere/never.json"]
        .map(|name| service.path(name));
    let (prom, store) = (service.path("prom/oom.prom"), service.path("state/records.db"));
    let table = |path: &Path| format!("[[sink.file]]\npath = {path:?}\n");
    // A file for each record; those from before the start push none of ours out.
    let tables = format!(
        "[store]\npath = {:?}\n[sink.textfile]\npath = {prom:?}\n{}{}rotate = {{ max_bytes = 1, keep = 500 }}\n",
        store,
        table(Path::new("/dev/stdout")),
        table(&rotated),
    );
    let config = service.write("config.toml", &tables);
    let abi = landlock(&service, &config);
    let mut agent = service.start(&["--quiet", "--config", config.to_str().unwrap()]);
    let is_put_away = |victim: u64| {
        let files = fs::read_dir(service.path("log")).unwrap().map(|it| it.unwrap().path());
        files.into_iter().any(|file| victims(&in_file(&file), &[victim])[&victim] > 0)
    };
    let is_told_everywhere = |agent: &mut Agent| {
        let before = fs::read_to_string(&prom).unwrap();
        let victim = trigger();
        wait_for("no file has it", || is_put_away(victim));
        wait_for("it is not counted", || fs::read_to_string(&prom).unwrap() != before);
        while agent.record()["victim"]["tid"] != victim {}
        wait_for("it is not saved", || victims(&stored(&store), &[victim])[&victim] == 1);
    };
    is_told_everywhere(&mut agent);

    // Its files are opened anew, and so is another beside them.
    fs::write(&config, format!("{tables}{}", table(&come))).unwrap();
    agent.signal(Signal::HUP);
    agent.wait_until_it_says("configuration reloaded; outputs: 0 stopped, 1 started");
    is_told_everywhere(&mut agent);
    await_victims(&come, &[trigger()]);

    fs::write(&config, format!("{tables}{}", table(&never))).unwrap();
    agent.signal(Signal::HUP);
    if abi.is_some() {
        let said =
            format!("configuration not reloaded: the output {} needs a restart: ", never.display());
        agent.wait_until_it_says(&said);
        assert!(!never.exists());
        await_victims(&come, &[trigger()]);
        is_told_everywhere(&mut agent);
    } else {
        let not_tried = "an output elsewhere needs a restart: this kernel has no Landlock";
        writeln!(stdout(), "\nnot tried: {not_tried}").unwrap();
        agent.wait_until_it_says("configuration reloaded");
    }
    agent.stop();

    let agent = service.start(&["--quiet", "--config", config.to_str().unwrap()]);
    await_victims(&never, &[trigger()]);
    agent.stop();
}
