//! The files of one memory cgroup.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};

use super::super::sample::Cgroup;

/// From here on a limit of version 1 is none: it has no word for that (`PAGE_COUNTER_MAX`).
const NO_LIMIT: u64 = 1 << 60;

/// The interfaces of the memory controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V2,
}

impl Version {
    pub(super) fn usage(self) -> &'static str {
        match self {
            Self::V1 => "memory.usage_in_bytes",
            Self::V2 => "memory.current",
        }
    }
}

/// Room for the longest file, a `memory.stat` of some sixty lines.
#[derive(Debug)]
pub(super) struct Buffer(Box<[u8]>);

impl Default for Buffer {
    fn default() -> Self {
        Self(vec![0; 16 << 10].into())
    }
}

impl Buffer {
    /// A file that stays open, from its beginning: the kernel makes its text anew for that.
    pub(super) fn read(&mut self, file: &File) -> rustix::io::Result<&[u8]> {
        let count = rustix::io::pread(file, &mut *self.0, 0)?;
        Ok(self.0.get(..count).unwrap_or_default())
    }

    /// A file that is opened for it.
    pub(super) fn read_at(&mut self, path: &Path) -> rustix::io::Result<&[u8]> {
        let file: OwnedFd = openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let mut len = 0;
        while let Some(rest) = self.0.get_mut(len..).filter(|rest| !rest.is_empty()) {
            match rustix::io::read(&file, rest)? {
                0 => break,
                more => len += more,
            }
        }
        Ok(self.0.get(..len).unwrap_or_default())
    }

    fn number(&mut self, path: &Path) -> Option<u64> {
        number(self.read_at(path).ok()?)
    }
}

/// Reads all but the usage.
pub(super) fn read(cgroup: &mut Cgroup, dir: &Path, version: Version, buffer: &mut Buffer) {
    let is_limit = |bytes: &u64| *bytes < NO_LIMIT;
    match version {
        Version::V1 => {
            let max = buffer.number(&dir.join("memory.limit_in_bytes")).filter(is_limit);
            let both = buffer.number(&dir.join("memory.memsw.limit_in_bytes")).filter(is_limit);
            cgroup.swap_max = both.zip(max).map(|(both, max)| both.saturating_sub(max));
            cgroup.max = max;
            cgroup.swaps = buffer.number(&dir.join("memory.swappiness")).map(|it| it > 0);
            let control = buffer.read_at(&dir.join("memory.oom_control")).ok();
            cgroup.kills = control.and_then(|text| keyed(text, b"oom_kill"));
        }
        Version::V2 => {
            cgroup.max = buffer.number(&dir.join("memory.max")).filter(is_limit);
            cgroup.high = buffer.number(&dir.join("memory.high")).filter(is_limit);
            let swap_max = cgroup.max.and_then(|_| buffer.number(&dir.join("memory.swap.max")));
            cgroup.swap_max = swap_max.filter(is_limit);
            let group = buffer.number(&dir.join("memory.oom.group"));
            cgroup.dies_whole = group == Some(1);
            let events = buffer.read_at(&dir.join("memory.events")).ok();
            cgroup.kills = events.and_then(|text| keyed(text, b"oom_kill"));
            if let Ok(text) = buffer.read_at(&dir.join("memory.pressure")) {
                (cgroup.some, cgroup.full) = (stalled(text, b"some"), stalled(text, b"full"));
            }
        }
    }
    let names: [&[u8]; 2] = match version {
        // Without "total_" it is what is charged to this cgroup alone.
        Version::V1 => [b"total_inactive_file", b"total_active_file"],
        Version::V2 => [b"inactive_file", b"active_file"],
    };
    let stat = buffer.read_at(&dir.join("memory.stat")).ok();
    cgroup.cache = stat.and_then(|text| {
        let [one, other] = names.map(|name| keyed(text, name));
        one.zip(other).map(|(one, other)| one.saturating_add(other))
    });
}

/// The one number of a file; `None` for `max` and whatever else is none.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    str::from_utf8(text).ok()?.trim_ascii().parse().ok()
}

/// The number behind a key, in lines of `key number`.
fn keyed(text: &[u8], key: &[u8]) -> Option<u64> {
    let mut lines = text.split(|byte| *byte == b'\n');
    number(lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(b" "))?)
}

/// `avg10` of a line that begins so: `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`.
fn stalled(text: &[u8], who: &[u8]) -> Option<f64> {
    let mut lines = text.split(|byte| *byte == b'\n');
    let line = lines.find_map(|line| line.strip_prefix(who)?.strip_prefix(b" avg10="))?;
    str::from_utf8(line.split(|byte| *byte == b' ').next()?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        dir
    }

    #[test]
    fn version_2_tells_all() {
        let dir = folder(&[
            ("memory.max", "1048576\n"),
            ("memory.high", "max\n"),
            ("memory.swap.max", "0\n"),
            ("memory.oom.group", "1\n"),
            ("memory.events", "low 0\nhigh 0\nmax 7\noom 2\noom_kill 3\noom_group_kill 1\n"),
            (
                "memory.pressure",
                "some avg10=1.50 avg60=0.92 avg300=0.21 total=7\n\
                 full avg10=0.50 avg60=0.11 avg300=0.02 total=5\n",
            ),
            ("memory.stat", "anon 9\nfile 500\ninactive_file 300\nactive_file 100\nshmem 100\n"),
        ]);
        let mut cgroup = Cgroup { used: Some(1 << 20), ..Cgroup::default() };
        read(&mut cgroup, dir.path(), Version::V2, &mut Buffer::default());
        let expected = Cgroup {
            used: Some(1 << 20),
            cache: Some(400),
            max: Some(1 << 20),
            swap_max: Some(0),
            some: Some(1.5),
            full: Some(0.5),
            kills: Some(3),
            dies_whole: true,
            ..Cgroup::default()
        };
        assert_eq!(cgroup, expected);
    }

    #[test]
    fn version_1_tells_what_it_has() {
        let dir = folder(&[
            ("memory.limit_in_bytes", "4096\n"),
            ("memory.memsw.limit_in_bytes", "6144\n"),
            ("memory.swappiness", "60\n"),
            ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"),
            ("memory.stat", "inactive_file 1\ntotal_inactive_file 3\ntotal_active_file 4\n"),
        ]);
        let mut cgroup = Cgroup { used: Some(4096), ..Cgroup::default() };
        read(&mut cgroup, dir.path(), Version::V1, &mut Buffer::default());
        let expected = Cgroup {
            used: Some(4096),
            cache: Some(7),
            max: Some(4096),
            swap_max: Some(2048),
            swaps: Some(true),
            kills: Some(2),
            ..Cgroup::default()
        };
        assert_eq!(cgroup, expected);
    }

    #[test]
    fn what_is_not_there_is_unknown() {
        let dir = folder(&[("memory.limit_in_bytes", "9223372036854771712\n")]);
        for version in [Version::V1, Version::V2] {
            let mut cgroup = Cgroup::default();
            read(&mut cgroup, dir.path(), version, &mut Buffer::default());
            assert_eq!(cgroup, Cgroup::default());
        }
    }
}
