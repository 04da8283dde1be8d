//! Telling systemd how it stands: that the start is over, that it is alive, and a line for `systemctl status`
//! (`sd_notify(3)`, `Type=notify`, `WatchdogSec=`). Elsewhere there is nobody to tell.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;
use std::time::Duration;

/// Where the manager that started this process listens.
const SOCKET: &str = "NOTIFY_SOCKET";
/// After how many microseconds without a word it takes a process for hung, and which process that is.
const WATCHDOG: (&str, &str) = ("WATCHDOG_USEC", "WATCHDOG_PID");

/// The manager of this service, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Manager {
    socket: Option<UnixDatagram>,
    status: String,
    /// How often it wants to hear that we are alive.
    pulse: Option<Duration>,
}

impl Manager {
    /// Who started this process, if it wants to be told. One that cannot be reached has `systemctl start`
    /// fail for itself.
    pub(crate) fn here() -> Self {
        let socket = env::var_os(SOCKET).and_then(|name| connect(&name).ok());
        let number = |name: &str| env::var(name).ok();
        let pulse = pulse(number(WATCHDOG.0).as_deref(), number(WATCHDOG.1).as_deref());
        Self { pulse: pulse.filter(|_| socket.is_some()), socket, ..Self::default() }
    }

    /// How often to call [`Manager::alive`].
    pub(crate) fn pulse(&self) -> Option<Duration> {
        self.pulse
    }

    /// Whoever says this does its work.
    pub(crate) fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    /// Whether somebody is told.
    pub(crate) fn is_there(&self) -> bool {
        self.socket.is_some()
    }

    /// The start is over.
    pub(crate) fn ready(&mut self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
        status.clone_into(&mut self.status);
    }

    /// How it stands, in a line.
    pub(crate) fn status(&mut self, status: &str) {
        if self.status != status {
            self.tell(&format!("STATUS={status}"));
            status.clone_into(&mut self.status);
        }
    }

    /// The end begins.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// Never waits: a manager that does not read has no more said to it.
    fn tell(&self, message: &str) {
        if let Some(socket) = &self.socket {
            let _ = socket.send(message.as_bytes());
        }
    }
}

/// Twice in the time that is given, as `sd_watchdog_enabled(3)` has it; of a parent's time a child knows nothing.
fn pulse(usec: Option<&str>, pid: Option<&str>) -> Option<Duration> {
    let is_ours = pid.is_none_or(|pid| pid.parse() == Ok(process::id()));
    let usec = usec.filter(|_| is_ours)?.parse::<u64>().ok()?;
    Some(Duration::from_micros(usec / 2)).filter(|pulse| !pulse.is_zero())
}

/// A path, or behind an `@` an abstract name.
fn connect(name: &OsStr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    match name.as_bytes().strip_prefix(b"@") {
        Some(name) => socket.connect_addr(&SocketAddr::from_abstract_name(name)?)?,
        None => socket.connect(name)?,
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 200];
        let len = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..len].to_vec()).unwrap()
    }

    #[test]
    fn a_manager_is_told_of_the_start_and_of_what_changed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let listener = UnixDatagram::bind(&path).unwrap();
        let socket = connect(path.as_os_str()).unwrap();
        let mut manager = Manager { socket: Some(socket), ..Manager::default() };
        manager.ready("attached");
        manager.status("attached");
        manager.status("1 OOM kill");
        manager.stopping();
        assert_eq!(received(&listener), "READY=1\nSTATUS=attached");
        assert_eq!(received(&listener), "STATUS=1 OOM kill");
        assert_eq!(received(&listener), "STOPPING=1");
    }

    #[test]
    fn a_watchdog_that_is_ours_is_told_twice_in_its_time() {
        let own = process::id().to_string();
        let half = Some(Duration::from_secs(15));
        assert_eq!(pulse(Some("30000000"), Some(&own)), half);
        assert_eq!(pulse(Some("30000000"), None), half);
        for (usec, pid) in [(Some("30000000"), "1"), (None, own.as_str()), (Some("soon"), &own)] {
            assert_eq!(pulse(usec, Some(pid)), None, "{usec:?} {pid}");
        }
        assert_eq!(pulse(Some("1"), None), None);
    }

    #[test]
    fn a_manager_may_have_an_abstract_name() {
        let name = format!("oom-trace-{}", process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let listener = UnixDatagram::bind_addr(&address).unwrap();
        connect(OsStr::new(&format!("@{name}"))).unwrap().send(b"READY=1").unwrap();
        assert_eq!(received(&listener), "READY=1");
    }

    #[test]
    fn one_that_does_not_read_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let _listener = UnixDatagram::bind(&path).unwrap();
        let socket = connect(path.as_os_str()).unwrap();
        let mut manager = Manager { socket: Some(socket), ..Manager::default() };
        for nth in 0..10_000 {
            manager.status(&nth.to_string());
        }
    }
}
