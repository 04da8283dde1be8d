//! One agent a machine: a second one would report each kill twice.

use std::env::var_os;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{
    AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, flock, fstat, ftruncate, major, minor,
    mkdirat, openat, statat,
};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, geteuid, pidfd_open};

use crate::enrich::thread::Thread;

/// What systemd gives a service for as long as it runs (`RuntimeDirectory=`).
const RUNTIME_DIRECTORY: &str = "RUNTIME_DIRECTORY";
/// What a session gives its user.
const XDG_RUNTIME_DIR: &str = "XDG_RUNTIME_DIR";
/// Where systemd's is as well, so that a service and an agent started by hand see each other.
const OWN: &str = "/run/oom-trace";
const LOCK: &str = "lock";

/// How long an agent that was killed may take to be gone: the kernel gives back its memory first.
const DYING_WITHIN: Duration = Duration::from_secs(5);

/// There is one.
#[derive(Debug, thiserror::Error)]
#[error(
    "another oom-trace is running{}; to follow its records: oom-trace history --follow; to run this one, stop that first (each kill would be \
     reported twice)",
    pid.map(|pid| format!(" (pid {})", pid.as_raw_pid())).unwrap_or_default()
)]
pub(super) struct Running {
    pid: Option<Pid>,
}

/// Why nobody can tell whether there is another.
#[derive(Debug, thiserror::Error)]
enum Unsure {
    #[error("cannot {action} {}: {error}", path.display())]
    Io { action: &'static str, path: PathBuf, error: io::Error },
    #[error("{} is not trusted: {why}", path.display())]
    Untrusted { path: PathBuf, why: &'static str },
}

/// Held as long as the agent runs. The kernel lets go of the lock with the process.
#[derive(Debug)]
pub(super) struct Instance {
    lock: Result<OwnedFd, Unsure>,
}

impl Instance {
    /// Takes the lock of this machine. An agent that cannot have one runs as well: it is worse to
    /// miss kills than to report them twice.
    ///
    /// # Errors
    /// Another agent has it.
    pub(super) fn claim() -> Result<Self, Running> {
        let mut unsure = None;
        for dir in directories() {
            match lock_in(&dir) {
                Ok(lock) => return Ok(Self { lock: Ok(lock?) }),
                Err(error) => unsure = unsure.or(Some(error)),
            }
        }
        let nowhere = Unsure::Untrusted { path: OWN.into(), why: "it does not exist" };
        Ok(Self { lock: Err(unsure.unwrap_or(nowhere)) })
    }

    /// What people should know of it.
    pub(super) fn note(&self) -> Option<String> {
        let error = self.lock.as_ref().err()?;
        Some(format!(
            "cannot make sure that no other oom-trace is running, which would report each kill \
             twice: {error}"
        ))
    }
}

/// The agent that runs here, where it can be seen, by the kernel's own list. To try for the lock would be to
/// hold it, and an agent that starts at that moment would give up.
pub(in crate::commands) fn running() -> Option<Pid> {
    let locks = fs::read_to_string("/proc/locks").ok()?;
    directories().iter().find_map(|dir| {
        let lock = fs::symlink_metadata(dir.join(LOCK)).ok()?;
        locks.lines().find_map(|line| holder_in(line, lock.dev(), lock.ino()))
    })
}

/// `1: FLOCK  ADVISORY  WRITE 4711 00:1a:1234 0 EOF`
fn holder_in(line: &str, dev: u64, ino: u64) -> Option<Pid> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let (kind, pid, file) = (words.next()?, words.nth(2)?, words.next()?);
    let is_it = file == format!("{:02x}:{:02x}:{ino}", major(dev), minor(dev));
    let pid = pid.parse().ok().filter(|_| kind == "FLOCK" && is_it)?;
    Pid::from_raw(pid)
}

/// Where the lock may be, best first.
fn directories() -> Vec<PathBuf> {
    let given = var_os(RUNTIME_DIRECTORY).filter(|dir| !dir.is_empty());
    if let Some(given) = given {
        // systemd separates several by colons.
        return std::env::split_paths(&given).take(1).collect();
    }
    let session = var_os(XDG_RUNTIME_DIR).map(|dir| PathBuf::from(dir).join("oom-trace"));
    [Some(OWN.into()), session].into_iter().flatten().collect()
}

/// The lock in this directory, which is made if need be.
fn lock_in(dir: &Path) -> Result<Result<OwnedFd, Running>, Unsure> {
    let failed = |action, path: &Path, errno: Errno| Unsure::Io {
        action,
        path: path.to_owned(),
        error: errno.into(),
    };
    match mkdirat(CWD, dir, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(failed("make", dir, errno)),
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let at = openat(CWD, dir, flags, Mode::empty()).map_err(|errno| failed("open", dir, errno))?;
    // With O_NOFOLLOW and O_PATH a link is opened itself, and O_DIRECTORY refuses it.
    is_ours(&at, Mode::WGRP | Mode::WOTH, dir)?;
    let path = dir.join(LOCK);
    let deadline = Instant::now() + DYING_WITHIN;
    loop {
        // A FIFO that somebody left there would not answer.
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let lock = openat(&at, LOCK, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|errno| failed("open", &path, errno))?;
        // Whoever may open it may hold its lock.
        is_ours(&lock, Mode::RWXG | Mode::RWXO, &path)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) if is_still_there(&lock, &at) => {
                leave_pid(&lock).map_err(|error| Unsure::Io { action: "write", path, error })?;
                return Ok(Ok(lock));
            }
            // It was removed meanwhile, with its directory perhaps.
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let pid = holder(&lock);
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() || !pid.is_some_and(|pid| wait_for_end(pid, left)) {
                    return Ok(Err(Running { pid }));
                }
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(failed("lock", &path, errno)),
        }
        if Instant::now() > deadline {
            return Ok(Err(Running { pid: None }));
        }
    }
}

/// Whether nobody but this user and root can have made it what it is.
fn is_ours(file: impl AsFd, not: Mode, path: &Path) -> Result<(), Unsure> {
    let untrusted = |why| Err(Unsure::Untrusted { path: path.to_owned(), why });
    let stat = match fstat(file) {
        Ok(stat) => stat,
        Err(errno) => {
            let (action, path) = ("look at", path.to_owned());
            return Err(Unsure::Io { action, path, error: errno.into() });
        }
    };
    let is_file = FileType::from_raw_mode(stat.st_mode);
    if stat.st_uid != 0 && stat.st_uid != geteuid().as_raw() {
        return untrusted("it belongs to another user");
    }
    if !matches!(is_file, FileType::Directory | FileType::RegularFile) {
        return untrusted("it is not a regular file");
    }
    if Mode::from_raw_mode(stat.st_mode).intersects(not) {
        return untrusted("it is open to other users");
    }
    Ok(())
}

fn is_still_there(lock: &OwnedFd, at: &OwnedFd) -> bool {
    let (held, there) = (fstat(lock), statat(at, LOCK, AtFlags::SYMLINK_NOFOLLOW));
    let id = |stat: rustix::fs::Stat| (stat.st_dev, stat.st_ino);
    matches!((held, there), (Ok(held), Ok(there)) if id(held) == id(there))
}

fn leave_pid(lock: &OwnedFd) -> io::Result<()> {
    ftruncate(lock, 0)?;
    let mut file = fs::File::from(lock.try_clone()?);
    writeln!(file, "{}", std::process::id())
}

/// Between fork(2) and execve(2) a child has the lock of its parent.
const CHILD_WITHIN: Duration = Duration::from_millis(10);

/// Whose process it is, in its own pid namespace.
fn holder(lock: &OwnedFd) -> Option<Pid> {
    let mut text = String::new();
    fs::File::from(lock.try_clone().ok()?).take(16).read_to_string(&mut text).ok()?;
    Pid::from_raw(text.trim().parse().ok()?)
}

/// Waits for the end of a process that is dying already; `false` at once if it is not.
fn wait_for_end(pid: Pid, within: Duration) -> bool {
    let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(pidfd) => pidfd,
        // It is gone, and its lock with it, unless a child has not yet called execve(2).
        Err(Errno::SRCH) => {
            let _ = poll(&mut [], Timespec::try_from(CHILD_WITHIN).ok().as_ref());
            return true;
        }
        Err(_) => return false,
    };
    if !is_dying(pid) {
        return false;
    }
    // Readable once all its threads have let go of their files.
    let within = Timespec::try_from(within).ok();
    matches!(poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], within.as_ref()), Ok(1..))
}

/// Whether it was sent SIGKILL, or has begun to exit: nothing keeps it from ending.
fn is_dying(pid: Pid) -> bool {
    let id = pid.as_raw_pid().unsigned_abs();
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    is_killed(&status) || Thread::read(id, id).is_some_and(|leader| leader.is_exiting)
}

/// `SigPnd` and `ShdPnd` of /proc/PID/status have a bit for each signal from 1 on.
fn is_killed(status: &str) -> bool {
    let kill = 1_u64 << (Signal::KILL.as_raw() - 1);
    status.lines().any(|line| {
        let pending = line.strip_prefix("SigPnd:").or_else(|| line.strip_prefix("ShdPnd:"));
        let pending = pending.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
        pending.is_some_and(|pending| pending & kill != 0)
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn private() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        dir
    }

    fn unsure(dir: &Path) -> String {
        lock_in(dir).unwrap_err().to_string()
    }

    #[test]
    fn one_has_the_lock_and_the_next_says_who() {
        let dir = private();
        let within = dir.path().join("made");
        let lock = lock_in(&within).unwrap().unwrap();
        let running = lock_in(&within).unwrap().unwrap_err().to_string();
        let who = format!("another oom-trace is running (pid {})", std::process::id());
        assert!(running.starts_with(&who), "{running}");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&within), mode(&within.join(LOCK))), (0o700, 0o600));
        drop(lock);
        lock_in(&within).unwrap().unwrap();
    }

    #[test]
    fn who_has_a_lock_stands_in_the_kernels_list() {
        let line = "3: FLOCK  ADVISORY  WRITE 4711 00:1a:1234 0 EOF";
        let dev = rustix::fs::makedev(0, 0x1a);
        assert_eq!(holder_in(line, dev, 1234), Pid::from_raw(4711));
        assert_eq!(holder_in(line, dev, 123), None);
        assert_eq!(holder_in(&line.replace("FLOCK", "POSIX"), dev, 1234), None);
        assert_eq!(holder_in("3: -> FLOCK", dev, 1234), None);
    }

    /// systemd removes a service's directory when it ends, whoever else has a lock in it.
    #[test]
    fn a_lock_that_was_removed_is_none() {
        let dir = private();
        let lock = lock_in(dir.path()).unwrap().unwrap();
        let at = fs::File::open(dir.path()).unwrap().into();
        assert!(is_still_there(&lock, &at));
        fs::remove_file(dir.path().join(LOCK)).unwrap();
        assert!(!is_still_there(&lock, &at));
        lock_in(dir.path()).unwrap().unwrap();
        assert!(!is_still_there(&lock, &at));
    }

    #[test]
    fn what_others_may_have_put_there_is_not_believed() {
        let dir = private();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::create_dir(&real).unwrap();
        symlink(&real, &link).unwrap();
        assert!(unsure(&link).contains("link: Not a directory"), "{}", unsure(&link));

        fs::set_permissions(&real, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(unsure(&real).contains("real is not trusted: it is open to other users"));
        fs::set_permissions(&real, fs::Permissions::from_mode(0o700)).unwrap();

        let lock = real.join(LOCK);
        symlink(dir.path().join("elsewhere"), &lock).unwrap();
        assert!(unsure(&real).contains("cannot open"), "{}", unsure(&real));
        assert!(!dir.path().join("elsewhere").exists());
        fs::remove_file(&lock).unwrap();

        fs::write(&lock, "").unwrap();
        fs::set_permissions(&lock, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(unsure(&real).contains("lock is not trusted: it is open to other users"));
        fs::remove_file(&lock).unwrap();

        rustix::fs::mknodat(CWD, &lock, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert!(unsure(&real).contains("it is not a regular file"), "{}", unsure(&real));
        fs::remove_file(&lock).unwrap();

        lock_in(&real).unwrap().unwrap();
    }

    #[test]
    fn who_was_killed_is_dying_and_who_runs_is_not() {
        let pending = "Name:\ta\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000100\n";
        assert!(is_killed(pending));
        assert!(!is_killed(&pending.replace("100", "200")));
        let own = Pid::from_raw(std::process::id().try_into().unwrap()).unwrap();
        assert!(!wait_for_end(own, DYING_WITHIN));
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = Pid::from_child(&child);
        assert!(!wait_for_end(pid, DYING_WITHIN));
        child.kill().unwrap();
        assert!(wait_for_end(pid, DYING_WITHIN));
        child.wait().unwrap();
    }
}
