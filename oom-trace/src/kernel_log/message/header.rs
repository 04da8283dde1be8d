//! What `dump_header` (mm/oom_kill.c) begins with, and the stack that lib/dump_stack.c adds.

use super::{Form, Message};
use crate::kernel_log::scan::{Names, Scan, is_node_list, rsplit_once, utf8};
use crate::text::KernelText;

/// A task's name, twice in a dump: the second confirms the first.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::kernel_log) struct Name {
    /// As the log has it.
    pub(in crate::kernel_log) logged: KernelText,
    /// As the kernel has it, if that is sure.
    pub(in crate::kernel_log) known: Option<KernelText>,
}

impl Name {
    fn new(text: &[u8], names: Names) -> Self {
        Self { logged: KernelText::from(text), known: names.read(text) }
    }
}

/// `memhog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=100`
#[derive(Debug)]
pub(in crate::kernel_log) struct Header {
    pub(in crate::kernel_log) comm: Name,
    pub(in crate::kernel_log) gfp_mask: String,
    pub(in crate::kernel_log) gfp_flags: Vec<String>,
    /// Before 5.0 only: newer kernels have it in their summary.
    pub(in crate::kernel_log) nodemask: Option<String>,
    pub(in crate::kernel_log) order: i32,
    /// `None` if the line may be cut.
    pub(in crate::kernel_log) oom_score_adj: Option<i16>,
}

impl Header {
    pub(super) fn parse(text: &[u8], form: Form) -> Option<Self> {
        let (comm, rest) = rsplit_once(text, " invoked oom-killer: gfp_mask=")?;
        if !form.names.may_be_comm(comm) {
            return None;
        }
        let mut scan = Scan(rest);
        let gfp_mask = utf8(scan.until("(")?)?;
        let flags = utf8(scan.until("), ")?)?;
        let nodemask = match scan.eat("nodemask=") {
            Some(()) => node_list(scan.until(", order=")?)?,
            None => {
                scan.eat("order=")?;
                None
            }
        };
        let order = scan.number()?;
        scan.eat(", oom_score_adj=")?;
        let oom_score_adj = scan.number()?;
        scan.end()?;
        Some(Self {
            comm: Name::new(comm, form.names),
            gfp_mask,
            gfp_flags: flags.split('|').filter(|flag| !flag.is_empty()).map(Into::into).collect(),
            nodemask,
            order,
            oom_score_adj: (!form.cut).then_some(oom_score_adj),
        })
    }
}

/// `(null)` where nothing is bound; `None` if the text is no list of nodes.
pub(super) fn node_list(text: &[u8]) -> Option<Option<String>> {
    if matches!(text, b"(null)" | b"(null") {
        return Some(None);
    }
    is_node_list(text).then(|| utf8(text))
}

/// `CPU: 0 UID: 1000 PID: 157 Comm: memhog Not tainted 6.18.15 #1 PREEMPT(lazy) `; the uid since
/// 6.12, the preemption model since 6.15.
#[derive(Debug)]
pub(in crate::kernel_log) struct Cpu {
    pub(in crate::kernel_log) cpu: u32,
    pub(in crate::kernel_log) uid: Option<u32>,
    pub(in crate::kernel_log) tid: u32,
    pub(in crate::kernel_log) comm: Name,
    pub(in crate::kernel_log) taint: String,
    pub(in crate::kernel_log) release: String,
    pub(in crate::kernel_log) preempt: Option<String>,
}

impl Cpu {
    pub(super) fn parse(text: &[u8], names: Names) -> Option<Self> {
        let mut scan = Scan(text);
        scan.eat("CPU: ")?;
        let cpu = scan.number()?;
        let uid = match scan.eat(" UID: ") {
            Some(()) => Some(scan.number()?),
            None => None,
        };
        scan.eat(" PID: ")?;
        let tid = scan.number()?;
        scan.eat(" Comm: ")?;
        // The kernel's own words come last.
        let (mut comm, taint, rest) = match rsplit_once(scan.0, " Not tainted ") {
            Some((comm, rest)) => (comm, "Not tainted".to_owned(), rest),
            None => {
                let (comm, rest) = rsplit_once(scan.0, " Tainted: ")?;
                // Flags are capitals and blanks, a release begins with a digit.
                let end = rest.iter().position(u8::is_ascii_digit)?;
                let (flags, rest) = rest.split_at_checked(end)?;
                let flags = str::from_utf8(flags.strip_suffix(b" ")?).ok()?;
                (comm, format!("Tainted: {flags}"), rest)
            }
        };
        if !names.may_be_comm(comm) {
            comm = comm.strip_suffix(b" Kdump: loaded").filter(|comm| names.may_be_comm(comm))?;
        }
        let mut words = rest.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let release = utf8(words.next()?)?;
        let preempt = words.find(|word| word.starts_with(b"PREEMPT")).and_then(utf8);
        let comm = Name::new(comm, names);
        Some(Self { cpu, uid, tid, comm, taint, release, preempt })
    }
}

/// ` ? handle_mm_fault+0xed3/0x1c00 [module]`. What an unwinder adds about a frame is left out:
/// arm64 appends where it is from, such as `(P)`, and a module's build id may follow its name.
pub(super) fn frame<'a>(text: &[u8]) -> Option<Message<'a>> {
    let mut scan = Scan(text);
    scan.blanks();
    let is_sure = scan.eat("? ").is_none();
    let place = str::from_utf8(scan.word()).ok()?;
    let (function, offsets) = place.rsplit_once("+0x")?;
    let (offset, size) = offsets.split_once("/0x")?;
    let is_hex =
        |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if function.is_empty() || !is_hex(offset) || !is_hex(size) {
        return None;
    }
    let mut frame = place.to_owned();
    if scan.eat(" [").is_some() {
        let mut inside = Scan(scan.until("]")?);
        frame = format!("{frame} [{}]", str::from_utf8(inside.word()).ok()?);
    }
    if scan.eat(" (").is_some() {
        scan.until(")")?;
    }
    scan.end()?;
    Some(Message::Frame(is_sure.then_some(frame)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: Form = Form { names: Names::Exact, cut: false };

    #[test]
    fn a_header_of_either_age() {
        let new = b"a ) b\n invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=-1, oom_score_adj=-1000";
        let new = Header::parse(new, EXACT).unwrap();
        assert_eq!(new.comm.known, Some("a ) b\n".into()));
        assert_eq!(new.gfp_flags, ["GFP_HIGHUSER_MOVABLE", "__GFP_COMP"]);
        assert_eq!((new.order, new.oom_score_adj), (-1, Some(-1000)));
        let old =
            b"java invoked oom-killer: gfp_mask=0x0(), nodemask=0-1,3, order=2, oom_score_adj=0";
        let cut = Header::parse(old, Form { cut: true, ..EXACT }).unwrap();
        assert_eq!(cut.nodemask.as_deref(), Some("0-1,3"));
        assert!(cut.gfp_flags.is_empty());
        assert_eq!(cut.oom_score_adj, None);
    }

    #[test]
    fn the_cpu_line_is_read_from_the_right() {
        let parse = |text: &str| Cpu::parse(text.as_bytes(), Names::Exact).unwrap();
        let cpu = parse(
            "CPU: 3 UID: 1000 PID: 157 Comm: x Not tainted  Not tainted 7.3.4+deb13 #1 PREEMPT(lazy) ",
        );
        assert_eq!((cpu.cpu, cpu.uid, cpu.tid), (3, Some(1000), 157));
        assert_eq!(cpu.comm.known, Some("x Not tainted ".into()));
        assert_eq!((&*cpu.taint, &*cpu.release), ("Not tainted", "7.3.4+deb13"));
        assert_eq!(cpu.preempt.as_deref(), Some("PREEMPT(lazy)"));
        let cpu = parse(
            "CPU: 0 PID: 9 Comm: kworker/0:1 Kdump: loaded Tainted: PF       W  O       4.18.0-1.el8 #1",
        );
        assert_eq!(cpu.comm.known, Some("kworker/0:1".into()));
        assert_eq!((&*cpu.taint, &*cpu.release), ("Tainted: PF       W  O      ", "4.18.0-1.el8"));
    }

    #[test]
    fn frames_are_what_the_unwinder_says() {
        let parse = |text: &str| match frame(text.as_bytes()) {
            Some(Message::Frame(frame)) => Some(frame),
            _ => None,
        };
        let sure = |text: &str| parse(text).unwrap().unwrap();
        assert_eq!(
            sure(" __alloc_pages_slowpath.constprop.0+0xc02/0xcc0"),
            "__alloc_pages_slowpath.constprop.0+0xc02/0xcc0"
        );
        assert_eq!(sure(" ext4_x+0x1/0x2 [ext4 0123abcd]"), "ext4_x+0x1/0x2 [ext4]");
        assert_eq!(sure(" el0t_64_sync+0x1a0/0x1b0 (P)"), "el0t_64_sync+0x1a0/0x1b0");
        assert_eq!(parse(" ? timerqueue_add+0x9a/0xb0"), Some(None));
        for other in [" <TASK>", " x+0x/0x1", " +0x1/0x2", " x+0x1/0x2 y", " active_file:0"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
