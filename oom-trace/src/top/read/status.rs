//! What `/proc/PID` says of a process.

use super::super::sample::Task;
use super::level::Version;
use crate::text::KernelText;

/// Takes what `/proc/PID/status` tells; `None` of what has no memory of its own: a thread of the kernel, or
/// one that is dead already.
pub(super) fn status(text: &[u8], task: &mut Task) -> Option<()> {
    let mut rss = None;
    (task.swap, task.pgtables) = (0, 0);
    for line in text.split(|byte| *byte == b'\n') {
        let Some(at) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = line.split_at(at);
        let value = value.get(1..).unwrap_or_default();
        match name {
            b"Name" => task.comm = unescaped(value.strip_prefix(b"\t").unwrap_or(value)),
            b"VmRSS" => rss = kibibytes(value),
            b"VmPTE" => task.pgtables = kibibytes(value).unwrap_or(0),
            b"VmSwap" => {
                task.swap = kibibytes(value).unwrap_or(0);
                // The last of those that matter.
                break;
            }
            _ => {}
        }
    }
    task.rss = rss?;
    Some(())
}

/// The path of its memory cgroup, in `/proc/PID/cgroup`, which names hierarchies in lines of
/// `number:controllers:path`.
pub(super) fn cgroup(text: &[u8], version: Version) -> Option<&[u8]> {
    let mut lines = text.split(|byte| *byte == b'\n').filter_map(|line| {
        let mut fields = line.splitn(3, |byte| *byte == b':');
        Some((fields.next()?, fields.next()?, fields.next()?))
    });
    let (.., path) = lines.find(|(number, controllers, _)| match version {
        Version::V1 => controllers.split(|byte| *byte == b',').any(|it| it == b"memory"),
        Version::V2 => *number == b"0" && controllers.is_empty(),
    })?;
    // The kernel says so of one that is removed; a name may end in this as well.
    Some(path.strip_suffix(b" (deleted)").unwrap_or(path))
}

/// `oom_score_adj` of a process.
pub(super) fn oom_score_adj(text: &[u8]) -> Option<i16> {
    str::from_utf8(text).ok()?.trim_ascii().parse().ok()
}

/// The kernel escapes these two there, and no others (`proc_task_name`, fs/proc/array.c).
fn unescaped(name: &[u8]) -> KernelText {
    if !name.contains(&b'\\') {
        return name.into();
    }
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.iter().copied();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => rest.next().map_or(byte, |next| if next == b'n' { b'\n' } else { next }),
            byte => byte,
        });
    }
    bytes.into()
}

/// ` 12704 kB`
fn kibibytes(value: &[u8]) -> Option<u64> {
    let text = str::from_utf8(value.trim_ascii()).ok()?;
    text.strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &[u8] = b"Name:\tjava\\nx\\\\y\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t7\n\
        VmPeak:\t   55068 kB\nVmRSS:\t   12704 kB\nRssAnon:\t    9000 kB\nVmPTE:\t     128 kB\n\
        VmSwap:\t      64 kB\nHugetlbPages:\t       0 kB\nVmRSS:\t 1 kB\n";

    #[test]
    fn a_process_is_what_it_holds() {
        let mut task = Task::default();
        assert_eq!(status(STATUS, &mut task), Some(()));
        assert_eq!(task.comm.as_bytes(), b"java\nx\\y");
        assert_eq!((task.rss, task.pgtables, task.swap), (12704 << 10, 128 << 10, 64 << 10));
    }

    #[test]
    fn a_thread_of_the_kernel_holds_nothing() {
        let text = b"Name:\tkthreadd\nState:\tS (sleeping)\nTgid:\t2\nThreads:\t1\n";
        assert_eq!(status(text, &mut Task::default()), None);
    }

    #[test]
    fn the_memory_cgroup_is_found_in_both_versions() {
        let v1 = b"5:devices:/x\n4:cpu,memory:/a:b/c\n1:name=systemd:/s\n0::/u\n";
        assert_eq!(cgroup(v1, Version::V1), Some(&b"/a:b/c"[..]));
        assert_eq!(cgroup(v1, Version::V2), Some(&b"/u"[..]));
        assert_eq!(cgroup(b"0::/a (deleted)\n", Version::V2), Some(&b"/a"[..]));
        assert_eq!(cgroup(b"0::/a\n", Version::V1), None);
    }

    #[test]
    fn an_adj_may_be_negative() {
        assert_eq!(oom_score_adj(b"-998\n"), Some(-998));
        assert_eq!(oom_score_adj(b""), None);
    }
}
