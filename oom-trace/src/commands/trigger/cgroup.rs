//! A cgroup for the children, which goes when they go.

use std::fmt::Display;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::TriggerError;
use super::case::Scene;
use super::hierarchy::{Hierarchy, Version, names_memory};
use crate::incident::model::TEST_CGROUP;

/// The one below the one that has the limit.
const BELOW: &str = "below";

/// A cgroup with a memory limit, at the top of the hierarchy.
#[derive(Debug)]
pub(super) struct Throwaway {
    version: Version,
    directory: PathBuf,
    in_hierarchy: PathBuf,
    /// Where the processes are: there, or one level below.
    leaf: PathBuf,
    // The last to drop: others wait for it, and expect everything as it was.
    top: Top,
}

impl Throwaway {
    pub(super) fn create(mut top: Top, limit: u64, scene: &Scene) -> Result<Self, TriggerError> {
        top.clear();
        top.hand_memory_down()?;
        let Hierarchy { version, mount_point, root, .. } = &top.hierarchy;
        if scene.is_group && *version == Version::V1 {
            return Err(TriggerError::NoGroups);
        }
        // The number is for people; that nobody else is at it, the lock says.
        let name = format!("{TEST_CGROUP}{}", std::process::id());
        let directory = mount_point.join(&name);
        let in_hierarchy = root.join(name);
        create(&directory)?;
        let leaf = directory.clone();
        let mut cgroup = Self { version: *version, directory, in_hierarchy, leaf, top };
        cgroup.limit(limit, scene.swap)?;
        if scene.is_group {
            write(&cgroup.directory.join("memory.oom.group"), 1)?;
        }
        if scene.is_below {
            cgroup.add_level()?;
        }
        Ok(cgroup)
    }

    fn add_level(&mut self) -> Result<(), TriggerError> {
        match self.version {
            // Of old, levels counted each for itself.
            Version::V1 => self.write_if_there("memory.use_hierarchy", 1)?,
            Version::V2 => self.write("cgroup.subtree_control", "+memory")?,
        }
        let leaf = self.directory.join(BELOW);
        create(&leaf)?;
        self.leaf = leaf;
        Ok(())
    }

    /// Swap is limited where the kernel accounts for it; else the limit might only move pages out.
    fn limit(&self, limit: u64, swap: u64) -> Result<(), TriggerError> {
        match self.version {
            Version::V1 => {
                self.write("memory.limit_in_bytes", limit)?;
                self.write_if_there("memory.memsw.limit_in_bytes", limit.saturating_add(swap))?;
                if swap == 0 {
                    self.write("memory.swappiness", 0)?;
                }
                // A parent may have handed down "let it hang".
                self.write("memory.oom_control", 0)
            }
            Version::V2 => {
                self.write("memory.max", limit)?;
                self.write_if_there("memory.swap.max", swap)
            }
        }
    }

    /// Puts a process in.
    pub(super) fn admit(&self, pid: u32) -> Result<(), TriggerError> {
        write(&self.leaf.join("cgroup.procs"), pid)
    }

    /// How often the kernel's OOM killer struck here.
    pub(super) fn oom_kills(&self) -> Result<u64, TriggerError> {
        let counters = read(&self.leaf.join(match self.version {
            Version::V1 => "memory.oom_control",
            Version::V2 => "memory.events",
        }))?;
        Ok(oom_kill_count(&counters).unwrap_or_default())
    }

    /// The limit as the kernel took it, in whole pages.
    pub(super) fn limit_bytes(&self) -> Result<u64, TriggerError> {
        let name = match self.version {
            Version::V1 => "memory.limit_in_bytes",
            Version::V2 => "memory.max",
        };
        read(&self.directory.join(name))?.trim().parse().map_err(|error| {
            TriggerError::io(
                "read a number from",
                self.directory.join(name),
                io::Error::new(io::ErrorKind::InvalidData, error),
            )
        })
    }

    /// Of the one that has the limit.
    pub(super) fn path_in_hierarchy(&self) -> PathBuf {
        self.in_hierarchy.clone()
    }

    /// What dropping does, and whether it worked.
    pub(super) fn remove(self) -> Result<(), TriggerError> {
        for level in self.levels() {
            fs::remove_dir(level)
                .map_err(|source| TriggerError::io("remove the cgroup", level, source))?;
        }
        self.top.restore()
    }

    /// The lowest first.
    fn levels(&self) -> impl Iterator<Item = &Path> {
        let below = Some(self.leaf.as_path()).filter(|leaf| *leaf != self.directory);
        below.into_iter().chain([self.directory.as_path()])
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
        for level in self.levels() {
            let _ = fs::remove_dir(level);
        }
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
            if entry.file_name().as_encoded_bytes().starts_with(TEST_CGROUP.as_bytes()) {
                for level in [entry.path().join(BELOW), entry.path()] {
                    let _ = kill_all(&level).and_then(|()| fs::remove_dir(level));
                }
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

fn create(directory: &Path) -> Result<(), TriggerError> {
    fs::create_dir(directory)
        .map_err(|source| TriggerError::io("create the cgroup", directory, source))
}

fn read(path: &Path) -> Result<String, TriggerError> {
    fs::read_to_string(path).map_err(|source| TriggerError::io("read", path, source))
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
