//! What systemd hears of it.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use rustix::process::Signal;

use crate::Service;
use crate::here::turn;
use crate::support::PATIENCE;

/// So often it is to say that it is alive, half of that.
const WATCHDOG_US: &str = "400000";
/// In this time it says nothing only if it does not run.
const SILENCE: Duration = Duration::from_secs(2);

fn next(socket: &UnixDatagram) -> Option<String> {
    let mut bytes = [0; 200];
    let length = socket.recv(&mut bytes).ok()?;
    Some(String::from_utf8(bytes[..length].to_vec()).unwrap())
}

#[test]
fn it_is_ready_once_and_alive_for_as_long_as_it_runs() {
    let _turn = turn();
    let service = Service::new();
    let path = service.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = service.command(&["--quiet", "--no-store"]);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", WATCHDOG_US);
    let agent = crate::support::agent::Agent::start(command);
    assert!(next(&socket).unwrap().starts_with("READY=1\n"));
    let pulses = || (0..10).filter_map(|_| next(&socket)).filter(|it| it == "WATCHDOG=1").count();
    assert!(pulses() >= 9);

    agent.signal(Signal::STOP);
    socket.set_read_timeout(Some(SILENCE)).unwrap();
    while next(&socket).is_some() {}
    agent.signal(Signal::CONT);
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(pulses() >= 9);
    agent.stop();
}
