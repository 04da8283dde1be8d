//! A cgroup for one child, which goes when it goes.

use std::fmt::Display;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::TriggerError;
use super::hierarchy::{Hierarchy, Version, names_memory};

const PREFIX: &str = "oom-trace-trigger-";

/// A cgroup with a memory limit and no swap, at the top of the hierarchy.
#[derive(Debug)]
pub(super) struct Throwaway {
    version: Version,
    directory: PathBuf,
    in_hierarchy: PathBuf,
    // The last to drop: others wait for it, and expect everything as it was.
    top: Top,
}

impl Throwaway {
    pub(super) fn create(mut top: Top, limit: u64) -> Result<Self, TriggerError> {
        top.clear();
        top.hand_memory_down()?;
        let Hierarchy { version, mount_point, root, .. } = &top.hierarchy;
        // The number is for people; that nobody else is at it, the lock says.
        let name = format!("{PREFIX}{}", std::process::id());
        let directory = mount_point.join(&name);
        let in_hierarchy = root.join(name);
        fs::create_dir(&directory)
            .map_err(|source| TriggerError::io("create the cgroup", &directory, source))?;
        let cgroup = Self { version: *version, directory, in_hierarchy, top };
        cgroup.limit(limit)?;
        Ok(cgroup)
    }

    /// Swap is limited where the kernel accounts for it; else the limit might only move pages out.
    fn limit(&self, limit: u64) -> Result<(), TriggerError> {
        match self.version {
            Version::V1 => {
                self.write("memory.limit_in_bytes", limit)?;
                self.write_if_there("memory.memsw.limit_in_bytes", limit)?;
                self.write("memory.swappiness", 0)?;
                // A parent may have handed down "let it hang".
                self.write("memory.oom_control", 0)
            }
            Version::V2 => {
                self.write("memory.max", limit)?;
                self.write_if_there("memory.swap.max", 0)
            }
        }
    }

    /// Puts a process in.
    pub(super) fn admit(&self, pid: u32) -> Result<(), TriggerError> {
        self.write("cgroup.procs", pid)
    }

    /// How often the kernel's OOM killer struck here.
    pub(super) fn oom_kills(&self) -> Result<u64, TriggerError> {
        let counters = self.read(match self.version {
            Version::V1 => "memory.oom_control",
            Version::V2 => "memory.events",
        })?;
        Ok(oom_kill_count(&counters).unwrap_or_default())
    }

    /// The limit as the kernel took it, in whole pages.
    pub(super) fn limit_bytes(&self) -> Result<u64, TriggerError> {
        let name = match self.version {
            Version::V1 => "memory.limit_in_bytes",
            Version::V2 => "memory.max",
        };
        self.read(name)?.trim().parse().map_err(|error| {
            TriggerError::io(
                "read a number from",
                self.directory.join(name),
                io::Error::new(io::ErrorKind::InvalidData, error),
            )
        })
    }

    pub(super) fn path_in_hierarchy(&self) -> PathBuf {
        self.in_hierarchy.clone()
    }

    /// What dropping does, and whether it worked.
    pub(super) fn remove(self) -> Result<(), TriggerError> {
        fs::remove_dir(&self.directory)
            .map_err(|source| TriggerError::io("remove the cgroup", &self.directory, source))?;
        self.top.restore()
    }

    fn read(&self, file: &str) -> Result<String, TriggerError> {
        let path = self.directory.join(file);
        fs::read_to_string(&path).map_err(|source| TriggerError::io("read", path, source))
    }

    fn write(&self, file: &str, value: impl Display) -> Result<(), TriggerError> {
        write(&self.directory.join(file), value)
    }

    fn write_if_there(&self, file: &str, value: impl Display) -> Result<(), TriggerError> {
        if self.directory.join(file).exists() { self.write(file, value) } else { Ok(()) }
    }
}

impl Drop for Throwaway {
    fn drop(&mut self) {
        // After `remove` it is gone; else the error that led here is the one to tell, and the next
        // run tries again.
        let _ = fs::remove_dir(&self.directory);
    }
}

/// The top of the hierarchy, for one run at a time.
#[derive(Debug)]
pub(super) struct Top {
    hierarchy: Hierarchy,
    /// `cgroup.subtree_control`, if the memory controller was switched on there.
    switched_on: Option<PathBuf>,
    _lock: File,
}

impl Top {
    /// Waits until no other run divides the hierarchy.
    pub(super) fn lock(hierarchy: Hierarchy) -> Result<Self, TriggerError> {
        let path = &hierarchy.mount_point;
        let lock = File::open(path).map_err(|source| TriggerError::io("open", path, source))?;
        lock.lock().map_err(|source| TriggerError::io("lock", path, source))?;
        Ok(Self { hierarchy, switched_on: None, _lock: lock })
    }

    /// Removes what runs that were killed have left: under the lock, nobody else's can be here. What
    /// does not go is in nobody's way.
    fn clear(&self) {
        let Ok(entries) = fs::read_dir(&self.hierarchy.mount_point) else { return };
        for entry in entries.flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
                let _ = kill_all(&entry.path()).and_then(|()| fs::remove_dir(entry.path()));
            }
        }
    }

    fn hand_memory_down(&mut self) -> Result<(), TriggerError> {
        if self.hierarchy.version == Version::V1 {
            return Ok(());
        }
        let control = self.hierarchy.mount_point.join("cgroup.subtree_control");
        let on = fs::read_to_string(&control)
            .map_err(|source| TriggerError::io("read", &control, source))?;
        if !names_memory(&on) {
            write(&control, "+memory")?;
            self.switched_on = Some(control);
        }
        Ok(())
    }

    fn restore(&self) -> Result<(), TriggerError> {
        self.switched_on.as_deref().map_or(Ok(()), |control| write(control, "-memory"))
    }
}

impl Drop for Top {
    fn drop(&mut self) {
        // As in `Throwaway`; a second time changes nothing.
        let _ = self.restore();
    }
}

/// A child outlives its killed parent by the moment that its death signal takes.
fn kill_all(cgroup: &Path) -> io::Result<()> {
    let processes = fs::read_to_string(cgroup.join("cgroup.procs"))?;
    for pid in processes.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?)) {
        let process = pidfd_open(pid, PidfdFlags::empty())?;
        pidfd_send_signal(&process, Signal::KILL)?;
        retry_on_intr(|| poll(&mut [PollFd::new(&process, PollFlags::IN)], None))?;
    }
    Ok(())
}

/// One `write(2)`, as cgroup files want it; they cannot be created, so neither try.
fn write(path: &Path, value: impl Display) -> Result<(), TriggerError> {
    let value = value.to_string();
    File::options()
        .write(true)
        .open(path)
        .and_then(|mut file| io::Write::write_all(&mut file, value.as_bytes()))
        .map_err(|source| TriggerError::io("write to", path, source))
}

/// The line `oom_kill 1` of `memory.events` and `memory.oom_control`.
fn oom_kill_count(counters: &str) -> Option<u64> {
    counters.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_interfaces_count_kills_alike() {
        assert_eq!(oom_kill_count("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"), Some(1));
        let events = "low 0\nhigh 0\nmax 35\noom 1\noom_kill 2\noom_group_kill 0\n";
        assert_eq!(oom_kill_count(events), Some(2));
        assert_eq!(oom_kill_count("low 0\n"), None);
    }
}
