//! What lib/dump_stack.c adds to a dump: who asked, and the way in.

use super::Message;
use super::header::Name;
use crate::kernel_log::scan::{Names, Scan, rsplit_once, split_once, utf8};

/// `CPU: 0 UID: 1000 PID: 157 Comm: memhog Not tainted 6.18.15 #1 PREEMPT(lazy) `; the uid since
/// 6.12, the preemption model since 6.15. Before 3.11 `Pid: 157, comm: memhog Not tainted 2.6.32`.
#[derive(Debug)]
pub(in crate::kernel_log) struct Cpu {
    pub(in crate::kernel_log) cpu: Option<u32>,
    pub(in crate::kernel_log) uid: Option<u32>,
    pub(in crate::kernel_log) tid: u32,
    pub(in crate::kernel_log) comm: Name,
    pub(in crate::kernel_log) taint: String,
    /// `None` where a cut may have taken its end.
    pub(in crate::kernel_log) release: Option<String>,
    pub(in crate::kernel_log) preempt: Option<String>,
}

impl Cpu {
    pub(super) fn parse(text: &[u8], names: Names) -> Option<Self> {
        let mut scan = Scan(text);
        let (cpu, uid, tid): (Option<u32>, Option<u32>, u32);
        if scan.eat("Pid: ").is_some() {
            (cpu, uid, tid) = (None, None, scan.number()?);
            scan.eat(", comm: ")?;
        } else {
            scan.eat("CPU: ")?;
            let processor = scan.number()?;
            let user = match scan.eat(" UID: ") {
                Some(()) => Some(scan.number()?),
                None => None,
            };
            scan.eat(" PID: ")?;
            (cpu, uid, tid) = (Some(processor), user, scan.number()?);
            scan.eat(" Comm: ")?;
        }
        // The kernel's own words come last: of a name that says otherwise they stand behind it.
        let clean = rsplit_once(scan.0, " Not tainted ");
        let tainted = rsplit_once(scan.0, " Tainted: ");
        let is_behind = |name: &[u8]| tainted.is_none_or(|(other, _)| other.len() < name.len());
        let (mut comm, taint, rest) = match clean.filter(|(name, _)| is_behind(name)) {
            Some((comm, rest)) => (comm, "Not tainted".to_owned(), rest),
            None => {
                let (comm, rest) = tainted?;
                // Flags are capitals and blanks (Red Hat's dashes among them), a release begins with a
                // digit.
                let end = rest.iter().position(u8::is_ascii_digit)?;
                let (flags, rest) = rest.split_at_checked(end)?;
                let flags = str::from_utf8(flags.strip_suffix(b" ")?).ok()?;
                (comm, format!("Tainted: {flags}"), rest)
            }
        };
        if !names.may_be_comm(comm) {
            comm = comm.strip_suffix(b" Kdump: loaded").filter(|comm| names.may_be_comm(comm))?;
        }
        // What was padded for another processor's name, by 2.6.32.
        let comm = if cpu.is_none() { comm.trim_ascii_end() } else { comm };
        let mut words = rest.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let release = Some(utf8(words.next()?)?);
        let preempt = words.find(|word| word.starts_with(b"PREEMPT")).and_then(utf8);
        let comm = Name::new(comm, names);
        Some(Self { cpu, uid, tid, comm, taint, release, preempt })
    }

    /// What of it is sure where its line lost its end: the last word may have gone on, and what looks like the
    /// kernel's words may be of the name.
    pub(super) fn before_a_cut(self, text: &[u8], names: Names) -> Option<Self> {
        let (_, named) = split_once(text, "omm: ")?;
        let is_end = |at| {
            let (name, rest) = named.split_at_checked(at)?;
            let is_words = BEHIND_NAME.iter().any(|words| words.as_bytes().starts_with(rest));
            (is_words && names.may_be_comm(name)).then_some(())
        };
        if (0..=named.len()).rev().find_map(is_end).is_some() {
            return None;
        }
        let is_whole = |word: &String| !text.ends_with(word.as_bytes());
        let Self { release, preempt, .. } = self;
        Some(Self { release: release.filter(is_whole), preempt: preempt.filter(is_whole), ..self })
    }
}

/// What the kernel says behind the name.
const BEHIND_NAME: [&str; 4] =
    [" Not tainted ", " Tainted: ", " Kdump: loaded Not tainted ", " Kdump: loaded Tainted: "];

/// Where a program entered the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::kernel_log) struct UserPc {
    /// `0x428fca`
    pub(in crate::kernel_log) at: String,
    /// Whether the machine is an x86, whose pages have 4 KiB.
    pub(in crate::kernel_log) is_x86: bool,
}

/// What stands before a program's address: on x86 with the segment of a program, elsewhere alone.
const USER_PC: [(&str, bool); 6] = [
    ("RIP: 0033:", true),
    ("RIP: 0023:", true),
    ("EIP: 0073:", true),
    ("EIP: 0023:", true),
    ("pc : ", false),
    ("epc : ", false),
];

/// `RIP: 0033:0x428fca`, before 4.10 `RIP: 0033:[<0000000000428fca>]  [<0000000000428fca>] 0x428fca`.
pub(super) fn user_pc(text: &[u8]) -> Option<UserPc> {
    let mut scan = Scan(text);
    let is_x86 = USER_PC.into_iter().find_map(|(before, is_x86)| {
        scan.eat(before)?;
        Some(is_x86)
    })?;
    let is_bracketed = scan.eat("[<").is_some();
    let _ = scan.eat("0x");
    let digits = scan.run(u8::is_ascii_hexdigit);
    if is_bracketed {
        scan.eat(">]")?;
    } else {
        scan.end()?;
    }
    let address = u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
    // The upper half is the kernel's.
    (address != 0 && address >> 63 == 0).then(|| UserPc { at: format!("{address:#x}"), is_x86 })
}

/// `RIP: 0010:rep_stos_alternative+0x57/0x80`: the lowest bits of the segment are the privilege, and the kernel's is 0.
pub(super) fn is_kernels_pc(text: &[u8]) -> bool {
    let segment = text.strip_prefix(b"RIP: ").and_then(|rest| rest.split_at_checked(4));
    segment.is_some_and(|(segment, rest)| {
        let segment = str::from_utf8(segment).ok().and_then(|it| u16::from_str_radix(it, 16).ok());
        rest.starts_with(b":") && segment.is_some_and(|segment| segment & 3 == 0)
    })
}

/// ` ? handle_mm_fault+0xed3/0x1c00 [module]`, before 4.10 behind its address,
/// ` [<ffffffff8163515c>] `. What an unwinder adds about a frame is left out: arm64 appends where it is
/// from, such as `(P)`, and a module's build id may follow its name.
pub(super) fn frame<'a>(text: &[u8]) -> Option<Message<'a>> {
    let mut scan = Scan(text);
    scan.blanks();
    if scan.eat("[<").is_some() {
        let address = scan.until(">]")?;
        address.iter().all(u8::is_ascii_hexdigit).then_some(())?;
        scan.blanks();
    }
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

    #[test]
    fn the_cpu_line_is_read_from_the_right() {
        let parse = |text: &str| Cpu::parse(text.as_bytes(), Names::Exact).unwrap();
        let cpu = parse(
            "CPU: 3 UID: 1000 PID: 157 Comm: x Not tainted  Not tainted 7.3.4+deb13 #1 PREEMPT(lazy) ",
        );
        assert_eq!((cpu.cpu, cpu.uid, cpu.tid), (Some(3), Some(1000), 157));
        assert_eq!(cpu.comm.known, Some("x Not tainted ".into()));
        assert_eq!((&*cpu.taint, cpu.release.as_deref()), ("Not tainted", Some("7.3.4+deb13")));
        assert_eq!(cpu.preempt.as_deref(), Some("PREEMPT(lazy)"));
        let cpu = parse(
            "CPU: 0 PID: 9 Comm: kworker/0:1 Kdump: loaded Tainted: PF       W  O       4.18.0-1.el8 #1",
        );
        assert_eq!(cpu.comm.known, Some("kworker/0:1".into()));
        assert_eq!(
            (&*cpu.taint, cpu.release.as_deref()),
            ("Tainted: PF       W  O      ", Some("4.18.0-1.el8"))
        );
    }

    /// Found by random input.
    #[test]
    fn a_name_that_says_otherwise_is_not_believed() {
        let parse = |text: &str| Cpu::parse(text.as_bytes(), Names::Exact).unwrap();
        for (name, taint) in [
            ("  Not tainted  ", "Tainted: G        W  "),
            ("a Tainted: G", "Not tainted"),
            ("a Not tainted", "Tainted: G        W  "),
        ] {
            let cpu = parse(&format!("CPU: 1 PID: 9 Comm: {name} {taint} 6.18.15+deb13-amd64 #1"));
            assert_eq!(cpu.comm.known, Some(name.into()), "{name:?}");
            assert_eq!((&*cpu.taint, cpu.release.as_deref()), (taint, Some("6.18.15+deb13-amd64")));
        }
    }

    #[test]
    fn the_line_of_2_6_32() {
        let line = b"Pid: 2592, comm: httpd Not tainted 2.6.32-573.el6.x86_64 #1";
        let cpu = Cpu::parse(line, Names::Exact).unwrap();
        assert_eq!(
            (cpu.cpu, cpu.tid, cpu.release.as_deref()),
            (None, 2592, Some("2.6.32-573.el6.x86_64"))
        );
        assert_eq!(cpu.comm.known, Some("httpd".into()));
    }

    #[test]
    fn where_a_program_was() {
        for (line, pc) in [
            ("RIP: 0033:0x428fca", Some("0x428fca")),
            (
                "RIP: 0033:[<00007f8c2d6e0d5a>]  [<00007f8c2d6e0d5a>] 0x7f8c2d6e0d59",
                Some("0x7f8c2d6e0d5a"),
            ),
            ("EIP: 0073:0xb7f0d549", Some("0xb7f0d549")),
            ("pc : 0000aaaac2a3f0b4", Some("0xaaaac2a3f0b4")),
            ("RIP: 0010:out_of_memory+0x1/0x2", None),
            ("pc : out_of_memory+0x1/0x2", None),
            ("pc : ffff800010081a2c", None),
        ] {
            assert_eq!(user_pc(line.as_bytes()).map(|it| it.at).as_deref(), pc, "{line}");
            assert_eq!(is_kernels_pc(line.as_bytes()), line.starts_with("RIP: 0010:"), "{line}");
        }
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
        assert_eq!(sure(" [<ffffffff8163515c>] dump_stack+0x19/0x1b"), "dump_stack+0x19/0x1b");
        assert_eq!(parse(" ? timerqueue_add+0x9a/0xb0"), Some(None));
        assert_eq!(parse(" [<ffffffff8163515c>] ? a+0x9a/0xb0"), Some(None));
        for other in [" <TASK>", " x+0x/0x1", " +0x1/0x2", " x+0x1/0x2 y", " active_file:0"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
