//! What `dump_header` (mm/oom_kill.c) begins with.

use super::Form;
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
    pub(super) fn new(text: &[u8], names: Names) -> Self {
        Self { logged: KernelText::from(text), known: names.read(text) }
    }
}

/// `memhog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=100`. Before 4.6
/// without the flags' names, from 4.6 to 4.20 with a nodemask, before or after the rest, before 3.7 with
/// `oom_adj`.
#[derive(Debug)]
pub(in crate::kernel_log) struct Header {
    pub(in crate::kernel_log) comm: Name,
    pub(in crate::kernel_log) gfp_mask: Option<String>,
    pub(in crate::kernel_log) gfp_flags: Option<Vec<String>>,
    /// Before 5.0 only: newer kernels have it in their summary.
    pub(in crate::kernel_log) nodemask: Option<String>,
    pub(in crate::kernel_log) order: Option<i32>,
    pub(in crate::kernel_log) oom_score_adj: Option<i16>,
}

/// What follows the trigger's name.
pub(in crate::kernel_log) const INVOKED: &str = " invoked oom-killer: ";

impl Header {
    pub(super) fn parse(text: &[u8], form: Form) -> Option<Self> {
        let (comm, rest) = rsplit_once(text, INVOKED)?;
        if !form.names.may_be_comm(comm) || !rest.starts_with(b"gfp_mask=") {
            return None;
        }
        let mut header = Self {
            comm: Name::new(comm, form.names),
            gfp_mask: None,
            gfp_flags: None,
            nodemask: None,
            order: None,
            oom_score_adj: None,
        };
        let mut scan = Scan(rest);
        while header.part(&mut scan, form).is_some() {
            scan.separators();
        }
        Some(header)
    }

    /// One of its parts; `None` where what follows is none, or may have lost its end.
    fn part(&mut self, scan: &mut Scan<'_>, form: Form) -> Option<()> {
        if scan.eat("gfp_mask=").is_some() {
            let mask = utf8(scan.run(|byte| byte.is_ascii_hexdigit() || *byte == b'x'))?;
            if scan.eat("(").is_some() {
                let flags = utf8(scan.until(")")?)?;
                let flags = flags.split('|').filter(|flag| !flag.is_empty());
                self.gfp_flags = Some(flags.map(Into::into).collect());
            } else {
                scan.is_done(true)?;
            }
            self.gfp_mask = Some(mask);
        } else if scan.eat("nodemask=").is_some() {
            self.nodemask = match scan.eat("(null)") {
                Some(()) => None,
                None => {
                    let list = scan.run(|byte| is_node_list(&[*byte]));
                    scan.is_done(form.cut)?;
                    utf8(list.strip_suffix(b",").unwrap_or(list)).filter(|list| !list.is_empty())
                }
            };
        } else if scan.eat("order=").is_some() {
            let order = scan.number()?;
            scan.is_done(true)?;
            self.order = Some(order);
        } else if scan.eat("oom_score_adj=").is_some() {
            let adj = scan.number()?;
            scan.is_done(form.cut)?;
            self.oom_score_adj = Some(adj);
        } else {
            // Another scale, which `oom_score_adj` beside it replaced.
            scan.eat("oom_adj=")?;
            scan.number::<i16>()?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: Form = Form { names: Names::Exact, cut: false };

    fn parse(text: &str, form: Form) -> Header {
        Header::parse(text.as_bytes(), form).unwrap()
    }

    #[test]
    fn a_header_of_any_age() {
        let new = "a ) b\n invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=-1, oom_score_adj=-1000";
        let new = parse(new, EXACT);
        assert_eq!(new.comm.known, Some("a ) b\n".into()));
        assert_eq!(new.gfp_flags.unwrap(), ["GFP_HIGHUSER_MOVABLE", "__GFP_COMP"]);
        assert_eq!((new.order, new.oom_score_adj), (Some(-1), Some(-1000)));
        let old =
            "java invoked oom-killer: gfp_mask=0x0(), nodemask=0-1,3,  order=2, oom_score_adj=0";
        let cut = parse(old, Form { cut: true, ..EXACT });
        assert_eq!(cut.nodemask.as_deref(), Some("0-1,3"));
        assert!(cut.gfp_flags.unwrap().is_empty());
        assert_eq!((cut.order, cut.oom_score_adj), (Some(2), None));
        let last = "python invoked oom-killer: gfp_mask=0x600040(GFP_NOFS), order=0, oom_score_adj=994, nodemask=(null)";
        let last = parse(last, EXACT);
        assert_eq!((last.order, last.oom_score_adj), (Some(0), Some(994)));
        let android =
            "a invoked oom-killer: gfp_mask=0x200da, order=0, oom_adj=-17, oom_score_adj=-1000";
        let android = parse(android, EXACT);
        assert_eq!(android.gfp_mask.as_deref(), Some("0x200da"));
        assert_eq!((android.gfp_flags, android.oom_score_adj), (None, Some(-1000)));
        let oldest = parse("a invoked oom-killer: gfp_mask=0xd0, order=1, oom_adj=0", EXACT);
        assert_eq!((oldest.order, oldest.oom_score_adj), (Some(1), None));
    }

    #[test]
    fn a_number_that_may_have_lost_its_end_is_not_known() {
        let line = "a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=10, oom_score_adj=100";
        for len in 31..line.len() {
            let header = parse(&line[..len], Form { cut: true, ..EXACT });
            assert_eq!(header.gfp_mask.as_deref().unwrap_or("0xcc0"), "0xcc0", "{len}");
            assert_eq!(header.order.unwrap_or(10), 10, "{len}");
            assert_eq!(header.oom_score_adj, None, "{len}");
        }
        let paged = parse("a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=1>", EXACT);
        assert_eq!(paged.order, None);
    }
}
