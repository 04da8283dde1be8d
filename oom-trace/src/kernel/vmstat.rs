//! `/proc/vmstat`, where the kernel counts its kills.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

const PATH: &str = "/proc/vmstat";

/// Bytes that it has at the most: Linux 7 has 4 KiB.
const LEN: usize = 8 << 10;

/// It stays open: in a cgroup of its own that is full a process can open no file (`seq_open`, fs/seq_file.c,
/// is charged to it), and this is read when memory is short.
#[derive(Debug)]
pub(crate) struct Vmstat(Option<File>);

impl Vmstat {
    pub(crate) fn open() -> Self {
        Self(File::open(PATH).ok())
    }

    /// `oom_kill`: kills since the boot; `None` where the kernel does not tell.
    pub(crate) fn oom_kill(&self) -> Option<u64> {
        let file = self.0.as_ref()?;
        // A read takes what fits into a page.
        let (mut text, mut len) = (vec![0; LEN], 0);
        loop {
            let room = text.get_mut(len..).filter(|room| !room.is_empty())?;
            match file.read_at(room, len as u64).ok()? {
                0 => break,
                read => len += read,
            }
        }
        parse(str::from_utf8(text.get(..len)?).ok()?)
    }
}

fn parse(vmstat: &str) -> Option<u64> {
    vmstat.lines().find_map(|line| line.strip_prefix("oom_kill "))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_is_found_by_its_whole_name() {
        assert_eq!(parse("oom_kill_x 3\noom_kill 12\n"), Some(12));
        assert_eq!(parse("pgfault 1\n"), None);
    }

    #[test]
    fn it_is_read_again_from_its_beginning() {
        let vmstat = Vmstat::open();
        let before = parse(&std::fs::read_to_string(PATH).unwrap());
        let read = [vmstat.oom_kill(), vmstat.oom_kill()];
        let after = parse(&std::fs::read_to_string(PATH).unwrap());
        assert!(before.is_some() && read.iter().all(|read| (before..=after).contains(read)));
    }
}
