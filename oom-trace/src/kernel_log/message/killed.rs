//! The line of a kill (`__oom_kill_process`, mm/oom_kill.c), and those that stand in its place.

use super::Form;
use crate::kernel_log::scan::{Names, Scan, rsplit_once, split_once};
use crate::text::KernelText;

/// The kernel's words before `: Killed process`; none before 5.1.
const MESSAGES: [&str; 3] =
    ["Memory cgroup out of memory", "Out of memory", "Out of memory (oom_kill_allocating_task)"];

/// `Out of memory: Killed process 95 (memhog) total-vm:25660kB, anon-rss:24224kB, file-rss:4kB,`
/// `shmem-rss:704kB, UID:1000 pgtables:84kB oom_score_adj:100`; the last three since 5.4, by parts.
#[derive(Debug)]
pub(in crate::kernel_log) struct Killed {
    pub(in crate::kernel_log) message: Option<&'static str>,
    pub(in crate::kernel_log) tid: u32,
    pub(in crate::kernel_log) comm: Option<KernelText>,
    pub(in crate::kernel_log) total_vm_bytes: u64,
    pub(in crate::kernel_log) anon_rss_bytes: u64,
    pub(in crate::kernel_log) file_rss_bytes: u64,
    pub(in crate::kernel_log) shmem_rss_bytes: Option<u64>,
    pub(in crate::kernel_log) uid: Option<u32>,
    pub(in crate::kernel_log) pgtables_bytes: Option<u64>,
    pub(in crate::kernel_log) oom_score_adj: Option<i16>,
}

impl Killed {
    pub(in crate::kernel_log) fn parse(text: &[u8], form: Form) -> Option<Self> {
        let (message, mut head) = begin(text, "Killed process ")?;
        let tid = head.number()?;
        head.eat(" (")?;
        // The numbers hold no parenthesis: from the right, a name cannot be taken for them.
        let (comm, numbers) = rsplit_once(head.0, ") total-vm:")?;
        if !form.names.may_be_comm(comm) {
            return None;
        }
        let mut scan = Scan(numbers);
        let total_vm_bytes = scan.kilobytes()?;
        scan.eat(", anon-rss:")?;
        let anon_rss_bytes = scan.kilobytes()?;
        scan.eat(", file-rss:")?;
        let file_rss_bytes = scan.kilobytes()?;
        let shmem_rss_bytes = optional(&mut scan, ", shmem-rss:", Scan::kilobytes)?;
        let uid = optional(&mut scan, ", UID:", Scan::number)?;
        let uid = uid.filter(|_| !(form.cut && scan.0.is_empty()));
        let pgtables_bytes = optional(&mut scan, " pgtables:", Scan::kilobytes)?;
        let oom_score_adj = optional(&mut scan, " oom_score_adj:", Scan::number)?;
        let oom_score_adj = oom_score_adj.filter(|_| !form.cut);
        scan.end()?;
        Some(Self {
            message,
            tid,
            comm: form.names.read(comm),
            total_vm_bytes,
            anon_rss_bytes,
            file_rss_bytes,
            shmem_rss_bytes,
            uid,
            pgtables_bytes,
            oom_score_adj,
        })
    }
}

/// A part that older kernels leave out; the outer `None` if it is there and unreadable.
fn optional<'a, T>(
    scan: &mut Scan<'a>,
    label: &str,
    value: impl Fn(&mut Scan<'a>) -> Option<T>,
) -> Option<Option<T>> {
    match scan.eat(label) {
        Some(()) => value(scan).map(Some),
        None => Some(None),
    }
}

/// The kernel's words, if any, and what follows `verb`.
fn begin<'a>(text: &'a [u8], verb: &str) -> Option<(Option<&'static str>, Scan<'a>)> {
    let (before, rest) = split_once(text, verb)?;
    if before.is_empty() {
        return Some((None, Scan(rest)));
    }
    let before = before.strip_suffix(b": ")?;
    let message = MESSAGES.into_iter().find(|message| message.as_bytes() == before)?;
    Some((Some(message), Scan(rest)))
}

/// Whether this may become one with its other lines.
pub(super) fn is_begun(text: &[u8]) -> bool {
    let digit = |scan: Scan<'_>| scan.0.first().is_some_and(u8::is_ascii_digit);
    begin(text, "Killed process ").is_some_and(|(_, scan)| digit(scan))
}

/// Before 5.1: `Out of memory: Kill process 95 (memhog) score 950 or sacrifice child`. Its child
/// may be killed in its place.
#[derive(Debug)]
pub(in crate::kernel_log) struct Chose {
    pub(in crate::kernel_log) message: Option<&'static str>,
    pub(in crate::kernel_log) tid: u32,
    pub(in crate::kernel_log) comm: Option<KernelText>,
}

impl Chose {
    pub(super) fn parse(text: &[u8], names: Names) -> Option<Self> {
        let (message, mut scan) = begin(text, "Kill process ")?;
        let tid = scan.number()?;
        scan.eat(" (")?;
        let (comm, score) = rsplit_once(scan.0, ") score ")?;
        Scan(score).number::<u32>()?;
        names.may_be_comm(comm).then(|| Self { message, tid, comm: names.read(comm) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: Form = Form { names: Names::Exact, cut: false };
    const LINE: &str = "Memory cgroup out of memory: Killed process 95 () total-vm:) total-vm:\
                        8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:4kB, UID:1000 pgtables:84kB \
                        oom_score_adj:-100";

    #[test]
    fn a_name_is_no_number() {
        let killed = Killed::parse(LINE.as_bytes(), EXACT).unwrap();
        assert_eq!(killed.message, Some(MESSAGES[0]));
        assert_eq!(killed.comm, Some(") total-vm:".into()));
        assert_eq!(killed.total_vm_bytes, 8192);
        assert_eq!((killed.uid, killed.oom_score_adj), (Some(1000), Some(-100)));
    }

    /// Whatever is read of a line that lost its end is what the whole line says.
    #[test]
    fn no_cut_makes_another_number() {
        let cut = Form { cut: true, ..EXACT };
        for len in 0..=LINE.len() {
            let Some(killed) = Killed::parse(&LINE.as_bytes()[..len], cut) else { continue };
            assert_eq!(killed.shmem_rss_bytes.unwrap_or(4096), 4096, "{len}");
            assert_eq!(killed.uid.unwrap_or(1000), 1000, "{len}");
            assert_eq!(killed.pgtables_bytes.unwrap_or(84 * 1024), 84 * 1024, "{len}");
            assert_eq!(killed.oom_score_adj, None, "{len}");
        }
    }

    #[test]
    fn what_old_kernels_say() {
        let line =
            b"Killed process 95 (java) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:4kB";
        let killed = Killed::parse(line, EXACT).unwrap();
        assert_eq!((killed.message, killed.uid, killed.pgtables_bytes), (None, None, None));
        let line = b"Out of memory: Kill process 7 (a) score 1) score 950 or sacrifice child";
        let chose = Chose::parse(line, Names::Exact).unwrap();
        assert_eq!((chose.tid, chose.comm), (7, Some("a) score 1".into())));
    }

    #[test]
    fn what_somebody_else_wrote_is_no_kill() {
        for line in [
            "x: Killed process 1 (a) total-vm:1kB, anon-rss:1kB, file-rss:1kB",
            "Killed process 1 (a)",
        ] {
            assert!(Killed::parse(line.as_bytes(), EXACT).is_none(), "{line}");
        }
    }
}
