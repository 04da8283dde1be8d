//! The line of a kill (`__oom_kill_process`, mm/oom_kill.c), and those that stand in its place.

mod name;

use self::name::{CHOSEN, KILLED, REAPED, may_be_cut_in_it, way};
use super::Form;
use crate::incident::model::Memory;
use crate::kernel_log::scan::{Names, Scan, has, rsplit_once, split_once};
use crate::text::KernelText;

/// The kernel's words before `: Killed process`; none from 2.6.36 to 5.0.
pub(in crate::kernel_log) const MESSAGES: [&str; 3] =
    ["Memory cgroup out of memory", "Out of memory", "Out of memory (oom_kill_allocating_task)"];

/// `Out of memory: Killed process 95 (memhog) total-vm:25660kB, anon-rss:24224kB, file-rss:4kB,`
/// `shmem-rss:704kB, UID:1000 pgtables:84kB oom_score_adj:100`; the last three since 5.4, by parts.
/// Red Hat's 7 has `, UID 1000,` behind the name, its 6 before it. Whatever a cut left off is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
    /// What stands behind the parenthesis, where the line may end within the name: what looks like numbers may
    /// be a part of it.
    pub(in crate::kernel_log) unclear: Option<KernelText>,
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
        let is_unclear = may_be_cut_in_it(head.0, form);
        killed.unclear = is_unclear.then(|| KernelText::from(head.0));
        if is_unclear && form.cut {
            // By itself, `Killed process 7 (` may be anybody's.
            return (message.is_some() || way(head.0, KILLED, form).is_some()).then_some(killed);
        }
        let (comm, numbers) = match before_prose(head.0, form) {
            Some(comm) => (Some(comm), &b""[..]),
            None => match way(head.0, KILLED, form) {
                Some((comm, numbers)) => (Some(comm), numbers),
                None => numbers(head.0),
            },
        };
        // A name may end as this one does, and go on behind the cut, unless it is as long as names are.
        let is_longest = || way(head.0, KILLED, form).is_some();
        if let Some(comm) = comm.filter(|_| !numbers.is_empty() || !form.cut || is_longest()) {
            form.names.may_be_comm(comm).then_some(())?;
            killed.comm = form.names.read(comm);
        } else if comm.is_none() && !numbers.is_empty()
            || head.0.len() > 15 && form.names == Names::Exact
        {
            return None;
        }
        killed.numbers(numbers, form);
        Some(killed)
    }

    /// What it tells of the victim's memory.
    pub(in crate::kernel_log) fn memory(&self) -> Memory {
        Memory {
            total_vm_bytes: self.total_vm_bytes,
            anon_rss_bytes: self.anon_rss_bytes,
            file_rss_bytes: self.file_rss_bytes,
            shmem_rss_bytes: self.shmem_rss_bytes,
            swap_bytes: None,
            pgtables_bytes: self.pgtables_bytes,
        }
    }

    /// Takes the name that another line has of this thread; `is_whole` if nothing of it can be missing there.
    /// It tells in which way a line is to be read that may end within the name.
    pub(in crate::kernel_log) fn decide(&mut self, name: &KernelText, is_whole: bool) {
        let Some(unclear) = self.unclear.clone() else { return };
        let form = Form { names: Names::Exact, cut: true };
        let (text, name_text) = (unclear.as_bytes(), name.as_bytes());
        match way(text, KILLED, form) {
            Some((comm, rest)) if comm == name_text => {
                self.comm = Some(name.clone());
                self.numbers(rest, form);
            }
            _ if is_whole && name_text.starts_with(text) => {
                let Self { message, tid, uid, .. } = *self;
                let uid = uid.filter(|_| !has(text, b"UID "));
                *self = Self { message, tid, uid, comm: Some(name.clone()), ..Self::default() };
            }
            _ => {}
        }
    }

    /// Leaves its name open where it may have ended the line by a line feed of its own: nothing follows it,
    /// of a kernel that logs more.
    pub(in crate::kernel_log) fn doubt_name(&mut self) {
        if self.unclear.is_some() && self.total_vm_bytes.is_none() {
            self.comm = None;
        }
    }

    fn numbers(&mut self, text: &[u8], form: Form) {
        let mut scan = Scan(text);
        scan.separators();
        if scan.eat("UID ").is_some() {
            let uid = scan.number();
            self.uid = uid.filter(|_| !form.cut || !scan.0.is_empty()).or(self.uid);
            scan.separators();
        }
        while self.part(&mut scan, form).is_some() {
            scan.separators();
        }
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
    if let Some((comm, rest)) = rsplit_once(text, "), UID ").or(rsplit_once(text, ") , UID ")) {
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

/// Whether a line says that the kernel kills, and ends before it says whom.
pub(super) fn is_cut_before_name(text: &[u8], form: Form) -> bool {
    let ends = |verb| {
        let (message, mut scan) = begin(text, verb)?;
        scan.run(u8::is_ascii_digit);
        let is_end = b" ".starts_with(scan.0) || scan.0.starts_with(b", ");
        (message.is_some() && is_end && !scan.0.contains(&b'(')).then_some(())
    };
    let verbs = ["Killed process ", "Kill process ", "kill process "];
    form.cut && verbs.into_iter().find_map(ends).is_some()
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
    pub(super) fn parse(text: &[u8], form: Form) -> Option<Self> {
        let names = form.names;
        // 2.6.32 begins it small.
        let begun = begin(text, "Kill process ").or_else(|| begin(text, "kill process "));
        let (message, mut scan) = begun?;
        let tid = scan.number()?;
        scan.eat(" (")?;
        if form.cut && may_be_cut_in_it(scan.0, form) {
            let is_it = message.is_some() || way(scan.0, CHOSEN, form).is_some();
            return is_it.then_some(Self { message, tid, comm: None, score: None });
        }
        if let Some((comm, rest)) = way(scan.0, CHOSEN, form) {
            let mut rest = Scan(rest);
            let score = rest.eat(" score ").and_then(|()| rest.number());
            let score = score.filter(|_| !rest.0.is_empty());
            return Some(Self { message, tid, comm: names.read(comm), score });
        }
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
    pub(super) fn parse(text: &[u8], form: Form) -> Option<Self> {
        let names = form.names;
        let mut scan = Scan(text);
        scan.eat("oom_reaper: reaped process ")?;
        // 4.6 has a colon here.
        let _ = scan.eat(":");
        let tid = scan.number()?;
        scan.eat(" (")?;
        let (comm, rest) = way(scan.0, REAPED, form)?;
        if form.cut && may_be_cut_in_it(scan.0, form) {
            return None;
        }
        let mut scan = Scan(rest);
        scan.eat(", now anon-rss:").or_else(|| scan.eat(" anon-rss:"))?;
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
mod tests;
