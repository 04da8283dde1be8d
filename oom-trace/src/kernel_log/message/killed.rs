//! The line of a kill (`__oom_kill_process`, mm/oom_kill.c), and those that stand in its place.

use super::Form;
use crate::kernel_log::scan::{Names, Scan, rsplit_once, split_once};
use crate::text::KernelText;

/// The kernel's words before `: Killed process`; none from 2.6.36 to 5.0.
pub(in crate::kernel_log) const MESSAGES: [&str; 3] =
    ["Memory cgroup out of memory", "Out of memory", "Out of memory (oom_kill_allocating_task)"];

/// `Out of memory: Killed process 95 (memhog) total-vm:25660kB, anon-rss:24224kB, file-rss:4kB,`
/// `shmem-rss:704kB, UID:1000 pgtables:84kB oom_score_adj:100`; the last three since 5.4, by parts.
/// Red Hat's 7 has `, UID 1000,` behind the name, its 6 before it. Whatever a cut left off is `None`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::kernel_log) struct Killed {
    pub(in crate::kernel_log) message: Option<&'static str>,
    pub(in crate::kernel_log) tid: u32,
    pub(in crate::kernel_log) comm: Option<KernelText>,
    pub(in crate::kernel_log) total_vm_bytes: Option<u64>,
    pub(in crate::kernel_log) anon_rss_bytes: Option<u64>,
    pub(in crate::kernel_log) file_rss_bytes: Option<u64>,
    pub(in crate::kernel_log) shmem_rss_bytes: Option<u64>,
    pub(in crate::kernel_log) uid: Option<u32>,
    pub(in crate::kernel_log) pgtables_bytes: Option<u64>,
    pub(in crate::kernel_log) oom_score_adj: Option<i16>,
}

impl Killed {
    pub(in crate::kernel_log) fn parse(text: &[u8], form: Form) -> Option<Self> {
        let (message, mut head) = begin(text, "Killed process ")?;
        let tid = head.number()?;
        let mut killed = Self { message, tid, ..Self::default() };
        if head.eat(", UID ").is_some() {
            killed.uid = Some(head.number()?);
            head.eat(", (")?;
        } else {
            head.eat(" (")?;
        }
        let (comm, numbers) = match before_prose(head.0, form) {
            Some(comm) => (Some(comm), &b""[..]),
            None => numbers(head.0),
        };
        // A name may end as this one does, and go on behind the cut.
        if let Some(comm) = comm.filter(|_| !numbers.is_empty() || !form.cut) {
            form.names.may_be_comm(comm).then_some(())?;
            killed.comm = form.names.read(comm);
        } else if comm.is_none() && !numbers.is_empty()
            || head.0.len() > 15 && form.names == Names::Exact
        {
            return None;
        }
        let mut scan = Scan(numbers);
        scan.separators();
        if scan.eat("UID ").is_some() {
            killed.uid = Some(scan.number()?);
            scan.separators();
        }
        while killed.part(&mut scan, form).is_some() {
            scan.separators();
        }
        Some(killed)
    }

    /// One of its numbers; `None` where what follows is none, or may have lost its end.
    fn part(&mut self, scan: &mut Scan<'_>, form: Form) -> Option<()> {
        let label = scan.label()?;
        let place = match label {
            b"total-vm" | b"vsz" => &mut self.total_vm_bytes,
            b"anon-rss" => &mut self.anon_rss_bytes,
            b"file-rss" => &mut self.file_rss_bytes,
            b"shmem-rss" => &mut self.shmem_rss_bytes,
            b"pgtables" => &mut self.pgtables_bytes,
            b"UID" => {
                let uid = scan.number()?;
                // The kernel's line ends with no number but the last.
                scan.is_done(true)?;
                self.uid = Some(uid);
                return Some(());
            }
            b"oom_score_adj" => {
                let adj = scan.number()?;
                scan.is_done(form.cut)?;
                self.oom_score_adj = Some(adj);
                return Some(());
            }
            _ => return None,
        };
        let bytes = scan.kilobytes()?;
        // Each is there once; what follows in another line may be another's.
        place.is_none().then(|| *place = Some(bytes))
    }

    /// Whether a line of this kernel has more than was read: what is missing may be in the next line.
    pub(in crate::kernel_log) fn is_whole(&self) -> bool {
        self.file_rss_bytes.is_some()
            && (self.pgtables_bytes.is_none() || self.oom_score_adj.is_some())
    }
}

/// The name in a line of 2.6.9, `Killed process 95 (memhog).`, where somebody's words follow.
fn before_prose(text: &[u8], form: Form) -> Option<&[u8]> {
    let has_numbers = split_once(text, "-vm:").is_some() || split_once(text, "vsz:").is_some();
    if form.cut || form.names == Names::Exact || has_numbers {
        return None;
    }
    let (comm, rest) = split_once(text, ").")?;
    rest.first().is_none_or(|byte| byte.is_ascii_uppercase() || *byte == b' ').then_some(comm)
}

/// The name and what follows it. The numbers hold no parenthesis: from the right, a name cannot be taken
/// for them.
fn numbers(text: &[u8]) -> (Option<&[u8]>, &[u8]) {
    if let Some((comm, _)) = rsplit_once(text, ") total-vm:").or(rsplit_once(text, ") vsz:")) {
        return (Some(comm), text.get(comm.len() + 1..).unwrap_or_default());
    }
    // Red Hat's 7.
    if let Some((comm, rest)) = rsplit_once(text, "), UID ") {
        let uid = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if uid > 0 && rest.get(uid..).is_some_and(|rest| rest.is_empty() || rest.starts_with(b","))
        {
            return (Some(comm), text.get(comm.len() + 1..).unwrap_or_default());
        }
    }
    match rsplit_once(text, ")") {
        Some((comm, rest)) => match rest.trim_ascii() {
            b"" | b"." | b"," | b">" => (Some(comm), &[]),
            // It ends within the label of the first number, or a name has such an end.
            rest if b"total-vm".starts_with(rest) || b", UID".starts_with(rest) => (None, &[]),
            _ => (None, rest),
        },
        None => (None, &[]),
    }
}

/// `memory`, or what a cut left of it: less may be a word of anybody's.
const END_OF_WORDS: usize = "emory".len();

/// The kernel's words, if any, and what follows `verb`.
fn begin<'a>(text: &'a [u8], verb: &str) -> Option<(Option<&'static str>, Scan<'a>)> {
    let (before, rest) = split_once(text, verb)?;
    if before.is_empty() {
        return Some((None, Scan(rest)));
    }
    let before = before.strip_suffix(b": ")?;
    // 2.6.9 has `Out of Memory`. With a small first letter it is the end of another.
    let is_it = |it: &&str| {
        it.as_bytes().eq_ignore_ascii_case(before) && it.as_bytes().first() == before.first()
    };
    let whole = MESSAGES.into_iter().find(is_it);
    if whole.is_some() {
        return Some((whole, Scan(rest)));
    }
    // What lost its beginning.
    let is_end =
        |message: &&str| before.len() >= END_OF_WORDS && message.as_bytes().ends_with(before);
    let mut ends = MESSAGES.into_iter().filter(is_end);
    let message = ends.next()?;
    Some((Some(message).filter(|_| ends.next().is_none()), Scan(rest)))
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
    /// In thousandths; `None` where a cut left it off.
    pub(in crate::kernel_log) score: Option<u32>,
}

impl Chose {
    pub(super) fn parse(text: &[u8], names: Names) -> Option<Self> {
        // 2.6.32 begins it small.
        let begun = begin(text, "Kill process ").or_else(|| begin(text, "kill process "));
        let (message, mut scan) = begun?;
        let tid = scan.number()?;
        scan.eat(" (")?;
        let (comm, score) = match rsplit_once(scan.0, ") score ") {
            Some((comm, rest)) => {
                let mut rest = Scan(rest);
                let score = rest.number::<i64>()?;
                // Behind it is more, unless that was cut off.
                (comm, score.try_into().ok().filter(|_| !rest.0.is_empty()))
            }
            None => {
                // Of a name without its end nothing is sure, but whom the kernel's words name is.
                let Some((comm, rest)) = rsplit_once(scan.0, ")") else {
                    let is_it = message.is_some() && names.may_be_comm(scan.0);
                    return is_it.then_some(Self { message, tid, comm: None, score: None });
                };
                (comm, b" score ".starts_with(rest).then_some(None)?)
            }
        };
        names.may_be_comm(comm).then(|| Self { message, tid, comm: names.read(comm), score })
    }
}

/// `oom_reaper: reaped process 95 (memhog), now anon-rss:0kB, file-rss:0kB, shmem-rss:704kB`
/// (`oom_reap_task_mm`, mm/oom_kill.c).
#[derive(Debug)]
pub(in crate::kernel_log) struct Reaped {
    pub(in crate::kernel_log) tid: u32,
    pub(in crate::kernel_log) comm: Option<KernelText>,
    pub(in crate::kernel_log) anon_rss_bytes: Option<u64>,
    pub(in crate::kernel_log) file_rss_bytes: Option<u64>,
    pub(in crate::kernel_log) shmem_rss_bytes: Option<u64>,
}

impl Reaped {
    pub(super) fn parse(text: &[u8], names: Names) -> Option<Self> {
        let mut scan = Scan(text);
        scan.eat("oom_reaper: reaped process ")?;
        // 4.6 has a colon here.
        let _ = scan.eat(":");
        let tid = scan.number()?;
        scan.eat(" (")?;
        let (comm, rest) = rsplit_once(scan.0, "), now anon-rss:")
            .or_else(|| rsplit_once(scan.0, ") anon-rss:"))?;
        names.may_be_comm(comm).then_some(())?;
        let mut scan = Scan(rest);
        let anon_rss_bytes = scan.kilobytes();
        let mut part = |label| scan.eat(label).and_then(|()| scan.kilobytes());
        Some(Self {
            tid,
            comm: names.read(comm),
            anon_rss_bytes,
            file_rss_bytes: part(", file-rss:"),
            shmem_rss_bytes: part(", shmem-rss:"),
        })
    }
}

/// What the kubelet says before the name.
pub(in crate::kernel_log) const KUBELET: &str = "System OOM encountered, victim process: ";

/// What the kubelet says of what it read in `/dev/kmsg`:
/// `System OOM encountered, victim process: iptables, pid: 13778`.
pub(super) fn told_by_kubelet(text: &[u8], names: Names) -> Option<Killed> {
    let mut scan = Scan(text);
    scan.eat(KUBELET)?;
    let (comm, rest) = rsplit_once(scan.0, ", pid: ")?;
    let tid = Scan(rest).number()?;
    names.may_be_comm(comm).then_some(())?;
    let message = Some("Out of memory");
    Some(Killed { message, tid, comm: names.read(comm), ..Killed::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: Form = Form { names: Names::Exact, cut: false };
    const LINE: &str = "Memory cgroup out of memory: Killed process 95 () total-vm:) total-vm:\
                        8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:4kB, UID:1000 pgtables:84kB \
                        oom_score_adj:-100";

    fn parse(line: &str) -> Killed {
        Killed::parse(line.as_bytes(), EXACT).unwrap()
    }

    #[test]
    fn a_name_is_no_number() {
        let killed = parse(LINE);
        assert_eq!(killed.message, Some(MESSAGES[0]));
        assert_eq!(killed.comm, Some(") total-vm:".into()));
        assert_eq!(killed.total_vm_bytes, Some(8192));
        assert_eq!((killed.uid, killed.oom_score_adj), (Some(1000), Some(-100)));
        assert!(killed.is_whole());
    }

    /// Nothing says that a file's last line lost its end, but that it ends with a number that is not the last.
    #[test]
    fn a_uid_at_the_end_of_a_line_may_be_half_of_one() {
        let killed =
            parse("Out of memory: Killed process 44 (x) total-vm:8kB, shmem-rss:4kB, UID:338737");
        assert_eq!((killed.shmem_rss_bytes, killed.uid), (Some(4096), None));
    }

    #[test]
    fn who_was_chosen_is_known_without_the_end_of_the_name() {
        let parse = |line: &str| Chose::parse(line.as_bytes(), Names::Printed);
        let line = "Memory cgroup out of memory: Kill process 24572 (java";
        for len in line.len() - "java".len()..=line.len() {
            let chose = parse(&line[..len]).unwrap();
            assert_eq!((chose.tid, chose.comm, chose.score), (24572, None, None));
        }
        assert!(parse("Out of memory: Kill process 7 (if nothing else helps").is_none());
    }

    /// Whatever is read of a line that lost its end is what the whole line says.
    #[test]
    fn no_cut_makes_another_number() {
        let cut = Form { cut: true, ..EXACT };
        let line = "Out of memory: Killed process 95 (memhog) total-vm:8kB, anon-rss:4kB, \
                    file-rss:0kB, shmem-rss:4kB, UID:1000 pgtables:84kB oom_score_adj:-100";
        for (line, comm) in [(LINE, ") total-vm:"), (line, "memhog")] {
            let mut told = 0;
            for len in 0..=line.len() {
                let Some(killed) = Killed::parse(&line.as_bytes()[..len], cut) else { continue };
                told += 1;
                assert_eq!(killed.tid, 95, "{len}");
                assert_eq!(killed.total_vm_bytes.unwrap_or(8192), 8192, "{len}");
                assert_eq!(killed.shmem_rss_bytes.unwrap_or(4096), 4096, "{len}");
                assert_eq!(killed.uid.unwrap_or(1000), 1000, "{len}");
                assert_eq!(killed.pgtables_bytes.unwrap_or(84 * 1024), 84 * 1024, "{len}");
                assert_eq!(killed.oom_score_adj, None, "{len}");
                if comm == "memhog" {
                    assert_eq!(killed.comm.unwrap_or(comm.into()), comm.into(), "{len}");
                }
            }
            assert!(told > 60, "{told}");
        }
    }

    #[test]
    fn what_old_kernels_say() {
        for (line, uid) in [
            (
                "Killed process 95 (java) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:4kB",
                None,
            ),
            (
                "Killed process 95 (java), UID 48, total-vm:8kB, anon-rss:4kB, file-rss:0kB",
                Some(48),
            ),
            (
                "Killed process 95, UID 48, (java) total-vm:8kB, anon-rss:4kB, file-rss:0kB",
                Some(48),
            ),
            ("Killed process 95 (java) vsz:8kB, anon-rss:4kB, file-rss:0kB", None),
        ] {
            let killed = parse(line);
            assert_eq!((killed.message, killed.uid, killed.pgtables_bytes), (None, uid, None));
            assert_eq!((killed.tid, killed.comm), (95, Some("java".into())), "{line}");
            assert_eq!(killed.total_vm_bytes, Some(8192), "{line}");
            assert_eq!(killed.anon_rss_bytes, Some(4096), "{line}");
        }
        let line = b"Out of memory: Kill process 7 (a) score 1) score 950 or sacrifice child";
        let chose = Chose::parse(line, Names::Exact).unwrap();
        assert_eq!((chose.tid, chose.comm), (7, Some("a) score 1".into())));
        let line = b"Out of memory: kill process 7 (a) score 950 or a child";
        assert_eq!(Chose::parse(line, Names::Exact).unwrap().tid, 7);
    }

    #[test]
    fn a_line_that_lost_its_end_is_still_a_kill() {
        let killed = parse("Out of memory: Killed process 5017 (test)");
        assert_eq!((killed.tid, killed.comm), (5017, Some("test".into())));
        assert_eq!(killed.total_vm_bytes, None);
        let printed = Form { names: Names::Printed, cut: false };
        let line = b"Out of Memory: Killed process 5017 (test).In this instance (see above) it did";
        let killed = Killed::parse(line, printed).unwrap();
        assert_eq!((killed.tid, killed.comm), (5017, Some("test".into())));
        let killed = parse("Out of memory: Killed process 5017 (te");
        assert_eq!((killed.tid, killed.comm), (5017, None));
    }

    #[test]
    fn a_line_that_lost_its_beginning_is_still_a_kill() {
        let killed = parse("cgroup out of memory: Killed process 7 (a) total-vm:8kB");
        assert_eq!((killed.message, killed.tid), (Some(MESSAGES[0]), 7));
        let killed = parse("memory: Killed process 7 (a) total-vm:8kB");
        assert_eq!((killed.message, killed.comm), (None, Some("a".into())));
        let killed = parse("Out of Memory: Killed process 7 (a) total-vm:8kB");
        assert_eq!(killed.message, Some(MESSAGES[1]));
        // The end of what a cgroup's begins with, not the machine's.
        let killed = parse("out of memory: Killed process 7 (a) total-vm:8kB");
        assert_eq!(killed.message, Some(MESSAGES[0]));
    }

    #[test]
    fn what_somebody_else_wrote_is_no_kill() {
        for line in [
            "x: Killed process 1 (a) total-vm:1kB, anon-rss:1kB, file-rss:1kB",
            "Killed process 1 (a) by hand",
            "Killed process group 1",
        ] {
            assert!(Killed::parse(line.as_bytes(), EXACT).is_none(), "{line}");
        }
    }

    #[test]
    fn the_reapers_line_of_any_age() {
        for line in [
            "oom_reaper: reaped process 95 (a, b), now anon-rss:4kB, file-rss:0kB, shmem-rss:8kB",
            "oom_reaper: reaped process :95 (a, b) anon-rss:4kB, file-rss:0kB, shmem-rss:8kB",
        ] {
            let reaped = Reaped::parse(line.as_bytes(), Names::Exact).unwrap();
            assert_eq!((reaped.tid, reaped.comm), (95, Some("a, b".into())));
            assert_eq!((reaped.anon_rss_bytes, reaped.shmem_rss_bytes), (Some(4096), Some(8192)));
        }
    }
}
