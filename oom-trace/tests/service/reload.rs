//! SIGHUP.

use std::fs;

use rustix::process::Signal;

use crate::support::PATIENCE;
use crate::{Service, in_file, trigger, turn, victims};

fn await_victim(path: &std::path::Path, pid: u64) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while victims(&in_file(path), &[pid])[&pid] == 0 {
        assert!(std::time::Instant::now() < deadline, "no record of {pid} in {}", path.display());
    }
}

#[test]
fn a_new_configuration_is_taken_and_a_wrong_one_is_not() {
    let _turn = turn();
    let service = Service::new();
    let [stays, gone, come] = ["stays", "gone", "come"].map(|name| service.path(name));
    let table = |path: &std::path::Path| format!("[[sink.file]]\npath = {path:?}\n");
    let config = service.write("config.toml", &(table(&stays) + &table(&gone)));
    let mut agent = service.start(&["--quiet", "--config", config.to_str().unwrap()]);
    let first = trigger();
    await_victim(&stays, first);
    await_victim(&gone, first);

    fs::write(&config, table(&stays) + &table(&come)).unwrap();
    agent.signal(Signal::HUP);
    agent.wait_until_it_says("read again: 1 outputs ended, 1 begun");
    let second = trigger();
    await_victim(&stays, second);
    await_victim(&come, second);
    assert_eq!(victims(&in_file(&gone), &[second])[&second], 0);
    assert_eq!(victims(&in_file(&come), &[first])[&first], 0);

    for wrong in
        ["[[sink.file]]\npth = 1\n".to_owned(), table(std::path::Path::new("/nonexistent/x"))]
    {
        fs::write(&config, wrong).unwrap();
        agent.signal(Signal::HUP);
        agent.wait_until_it_says("the configuration stays as it was");
        let third = trigger();
        await_victim(&stays, third);
        await_victim(&come, third);
    }
    let stopped = agent.stop();
    for says in ["did you mean `path`?", "mkdir -p", ":2:1: "] {
        assert!(stopped.stderr.contains(says), "{says}: {}", stopped.stderr);
    }
}
