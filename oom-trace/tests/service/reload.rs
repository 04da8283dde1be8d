//! SIGHUP.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

use rustix::process::Signal;

use crate::here::{trigger, turn};
use crate::support::agent::Agent;
use crate::support::wait_for;
use crate::{Service, await_victims, in_file, victims};

#[test]
fn a_new_configuration_is_taken_and_a_wrong_one_is_not() {
    let _turn = turn();
    let service = Service::new();
    let [stays, gone, come] = ["stays", "gone", "come"].map(|name| service.path(name));
    let table = |path: &std::path::Path| format!("[[sink.file]]\npath = {path:?}\n");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    // One and the same port, of another sink.
    let metrics = |places| format!("[[sink.prometheus]]\nlisten = \"{free}\"\nplaces = {places}\n");
    let config = table(&stays) + &table(&gone) + &metrics(10);
    let config = service.write("config.toml", &config);
    let mut agent = service.start(&["--quiet", "--config", config.to_str().unwrap()]);
    let first = trigger();
    await_victims(&stays, &[first]);
    await_victims(&gone, &[first]);

    fs::write(&config, table(&stays) + &table(&come) + &metrics(20)).unwrap();
    agent.signal(Signal::HUP);
    agent.wait_until_it_says("configuration reloaded; outputs: 2 stopped, 2 started");
    TcpStream::connect(free).unwrap();
    let second = trigger();
    await_victims(&stays, &[second]);
    await_victims(&come, &[second]);
    assert_eq!(victims(&in_file(&gone), &[second])[&second], 0);
    assert_eq!(victims(&in_file(&come), &[first])[&first], 0);

    let nowhere = table(std::path::Path::new("/nonexistent/x"));
    // What was opened before the one that cannot be is closed again.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let after_another = format!(
        "[sink.otlp]\nendpoint = \"http://127.0.0.1:1\"\n[sink.prometheus]\nlisten = \"{}\"\n",
        taken.local_addr().unwrap()
    );
    let wrong = ["[[sink.file]]\npth = 1\n".to_owned(), nowhere, after_another];
    for wrong in wrong {
        fs::write(&config, wrong).unwrap();
        agent.signal(Signal::HUP);
        agent.wait_until_it_says("configuration not reloaded");
        let third = trigger();
        await_victims(&stays, &[third]);
        await_victims(&come, &[third]);
    }
    let stopped = agent.stop();
    for says in ["did you mean `path`?", "mkdir -p", ":2:1: ", "cannot listen on"] {
        assert!(stopped.stderr.contains(says), "{says}: {}", stopped.stderr);
    }
}

/// logrotate does not wait until it has loaded its programs.
#[test]
fn a_signal_while_it_starts_does_not_end_it() {
    let _turn = turn();
    let service = Service::new();
    let mut command = service.command(&["--quiet"]);
    command.env("STATE_DIRECTORY", service.dir.path()).stderr(Stdio::piped());
    let mut agent = Agent::spawn(&mut command);
    let store = service.path("records.db");
    wait_for("its store", || store.exists());
    agent.signal(Signal::HUP);
    agent.wait_until_it_says("attached");
    agent.stop();
}
