//! The line that sums an OOM kill up, and what kernels before 5.0 had in its place.

use super::tasks::uid_of;
use super::{Form, Message};
use crate::kernel_log::scan::{Names, Scan, is_node_list, rsplit_once, split_once, splits, utf8};
use crate::text::KernelText;

/// More ways than this to read a line are none.
const MAX_READINGS: usize = 64;

/// `oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=web,mems_allowed=0,oom_memcg=/web,`
/// `task_memcg=/web/app,task=memhog,pid=95,uid=1000` (`dump_oom_summary`, mm/oom_kill.c)
#[derive(Debug)]
pub(in crate::kernel_log) struct Summary {
    pub(in crate::kernel_log) constraint: String,
    /// `None` if nothing was bound.
    pub(in crate::kernel_log) nodemask: Option<String>,
    pub(in crate::kernel_log) cpuset: Option<KernelText>,
    pub(in crate::kernel_log) mems_allowed: Option<String>,
    pub(in crate::kernel_log) oom_memcg: Option<KernelText>,
    pub(in crate::kernel_log) task_memcg: Option<KernelText>,
    pub(in crate::kernel_log) task: Option<KernelText>,
    /// `None` if the line was cut before it.
    pub(in crate::kernel_log) pid: Option<u32>,
    /// `None` if the line may be cut.
    pub(in crate::kernel_log) uid: Option<u32>,
    /// The name and the id, where the line may end within a name that looks like both.
    unclear: Option<(KernelText, u32)>,
}

impl Summary {
    pub(super) fn parse(text: &[u8], form: Form) -> Option<Self> {
        let mut scan = Scan(text);
        scan.eat("oom-kill:constraint=")?;
        let constraint = scan.run(|byte| byte.is_ascii_uppercase() || *byte == b'_');
        let mut summary = Self {
            constraint: utf8(constraint)?,
            nodemask: None,
            cpuset: None,
            mems_allowed: None,
            oom_memcg: None,
            task_memcg: None,
            task: None,
            pid: None,
            uid: None,
            unclear: None,
        };
        if scan.eat(",nodemask=").is_none() {
            return Some(summary);
        }
        summary.nodemask = nodemask(&mut scan)?;
        // The end first: from the right, a name cannot be taken for a number.
        let ids = match ids(scan.0, form) {
            Some((rest, pid, _)) if form.cut && may_end_in_name(scan.0, form.names) => {
                let task = rsplit_once(rest, ",task=").map(|(_, task)| task);
                let task = task.and_then(|task| form.names.read(task));
                summary.unclear = task.map(|task| (task, pid));
                None
            }
            ids => ids,
        };
        let rest = match ids {
            Some((rest, pid, uid)) => {
                (summary.pid, summary.uid) = (Some(pid), uid);
                rest
            }
            None => scan.0,
        };
        let (names, is_whole) = match Readings::of(rest, form.names) {
            Some(names) if summary.pid.is_some() => (Some(names), true),
            _ => (None, summary.pid.is_some()),
        };
        match names {
            Some(names) => summary.name(&names, form.names),
            None => summary.rest(rest, is_whole, form.names),
        }
        Some(summary)
    }

    /// Takes the id that only another line confirms, by the name that this thread has there.
    pub(in crate::kernel_log) fn decide(&mut self, name_of: impl Fn(u32) -> Option<KernelText>) {
        let Some((task, pid)) = &self.unclear else { return };
        if name_of(*pid).as_ref() == Some(task) {
            (self.pid, self.task) = (Some(*pid), Some(task.clone()));
        }
    }

    fn name(&mut self, names: &Readings<'_>, printed: Names) {
        self.cpuset = names.agreed(|it| Some(it.cpuset), printed);
        self.mems_allowed = names
            .agreed(|it| Some(it.mems_allowed), Names::Exact)
            .and_then(|nodes| utf8(nodes.as_bytes()));
        self.oom_memcg = names.agreed(|it| it.oom_memcg, printed);
        self.task_memcg = names.agreed(|it| Some(it.task_memcg), printed);
        self.task = names.agreed(|it| Some(it.task), printed);
    }

    /// What there is of a kernel without cpusets or cgroups, or of a line that was cut. A name is taken
    /// where the next key follows it, once.
    fn rest(&mut self, text: &[u8], is_whole: bool, names: Names) {
        let clear = |from: &str, to: &[&str]| {
            let (_, rest) = split_once(text, from)?;
            let end = to.iter().find_map(|to| Some(split_once(rest, to)?.0));
            let name = match end {
                Some(name) => name,
                None if is_whole && from == ",task=" => rest,
                None => return None,
            };
            let is_clear = splits(text, from).count() == 1 && !name.contains(&b',');
            names.read(name).filter(|_| is_clear)
        };
        self.cpuset = clear(",cpuset=", &[",mems_allowed="]);
        let nodes = clear(",mems_allowed=", &[",oom_memcg=", ",global_oom"]);
        self.mems_allowed = nodes
            .filter(|nodes| is_node_list(nodes.as_bytes()))
            .and_then(|nodes| utf8(nodes.as_bytes()));
        self.oom_memcg = clear(",oom_memcg=", &[",task_memcg="]);
        self.task_memcg = clear(",task_memcg=", &[",task="]);
        self.task = clear(",task=", &[]);
    }
}

/// `(null)` or a list, up to the comma before the next key.
fn nodemask(scan: &mut Scan<'_>) -> Option<Option<String>> {
    if scan.eat("(null)").is_some() {
        return Some(None);
    }
    let text = scan.0;
    let list = scan.run(|byte| is_node_list(&[*byte]));
    if scan.0.is_empty() {
        return Some(None);
    }
    let nodes = list.strip_suffix(b",")?;
    // The comma belongs to what follows.
    scan.0 = text.get(nodes.len()..)?;
    Some(utf8(nodes))
}

/// `,pid=95,uid=1000` at the end, and what stands before it. Of a line that was broken in the task's name, the
/// name of the cpuset may end so.
fn ids(text: &[u8], form: Form) -> Option<(&[u8], u32, Option<u32>)> {
    let (before, uid) = rsplit_once(text, ",uid=")?;
    let (rest, pid) = rsplit_once(before, ",pid=")?;
    let mut scan = Scan(pid);
    let pid = scan.number()?;
    scan.end()?;
    let mut scan = Scan(uid);
    let uid: Option<i64> = scan.number();
    let is_done = scan.is_done(form.cut).is_some();
    let has = |text, key| split_once(text, key).is_some();
    // A name that looks like both, and the line ends behind it.
    if form.cut && !scan.0.is_empty() || scan.0.starts_with(b",p") {
        return None;
    }
    if !has(rest, ",task=") || has(scan.0, ",mems_allowed=") || has(scan.0, ",task=") {
        return None;
    }
    Some((rest, pid, uid.filter(|_| is_done).and_then(uid_of)))
}

/// Whether all that follows the last `,task=` may be the beginning of a name.
fn may_end_in_name(text: &[u8], names: Names) -> bool {
    rsplit_once(text, ",task=").is_some_and(|(_, rest)| names.may_be_comm(rest))
}

/// One way to read the names of a summary.
#[derive(Debug, Clone, Copy)]
struct Reading<'a> {
    cpuset: &'a [u8],
    mems_allowed: &'a [u8],
    oom_memcg: Option<&'a [u8]>,
    task_memcg: &'a [u8],
    task: &'a [u8],
}

/// All ways to read them.
#[derive(Debug)]
struct Readings<'a>(Vec<Reading<'a>>);

impl<'a> Readings<'a> {
    /// From the cpuset's name to the task's.
    fn of(text: &'a [u8], names: Names) -> Option<Self> {
        let mut all = Vec::new();
        let text = text.strip_prefix(b",cpuset=")?;
        for (cpuset, rest) in splits(text, ",mems_allowed=") {
            let global =
                splits(rest, ",global_oom,task_memcg=").map(|(nodes, rest)| (nodes, None, rest));
            let memcg = splits(rest, ",oom_memcg=").flat_map(|(nodes, rest)| {
                let paths = splits(rest, ",task_memcg=");
                paths.map(move |(path, rest)| (nodes, Some(path), rest))
            });
            for (mems_allowed, oom_memcg, rest) in global.chain(memcg) {
                if !is_node_list(mems_allowed) || oom_memcg.is_some_and(|path| !is_path(path)) {
                    continue;
                }
                for (task_memcg, task) in splits(rest, ",task=") {
                    if is_path(task_memcg) && names.may_be_comm(task) {
                        all.push(Reading { cpuset, mems_allowed, oom_memcg, task_memcg, task });
                    }
                    if all.len() > MAX_READINGS {
                        return None;
                    }
                }
            }
        }
        (!all.is_empty()).then_some(Self(all))
    }

    /// A part that is the same in all of them.
    fn agreed(
        &self,
        part: impl Fn(&Reading<'a>) -> Option<&'a [u8]>,
        names: Names,
    ) -> Option<KernelText> {
        let mut parts = self.0.iter().map(part);
        let first = parts.next()??;
        parts.all(|other| other == Some(first)).then(|| names.read(first))?
    }
}

fn is_path(text: &[u8]) -> bool {
    text.first() == Some(&b'/')
}

/// Before 5.0: `Task in /web/app killed as a result of limit of /web`.
pub(super) fn limit<'a>(text: &'a [u8], names: Names) -> Option<Message<'a>> {
    let rest = text.strip_prefix(b"Task in ")?;
    let separator = " killed as a result of limit of ";
    let (task_memcg, oom_memcg) = split_once(rest, separator)?;
    // A cgroup whose name holds these words leaves both unknown.
    let is_clear = split_once(oom_memcg, separator).is_none();
    let read = |path| names.read(path).filter(|_| is_clear);
    Some(Message::Limit(read(task_memcg), read(oom_memcg)))
}

/// Before 5.0: `memhog cpuset=web mems_allowed=0`.
pub(super) fn cpuset<'a>(text: &'a [u8], names: Names) -> Option<Message<'a>> {
    let (rest, nodes) = rsplit_once(text, " mems_allowed=")?;
    let nodes = nodes.trim_ascii_end();
    let (comm, cpuset) = split_once(rest, " cpuset=")?;
    if !names.may_be_comm(comm) || !is_node_list(nodes) {
        return None;
    }
    let is_clear = split_once(cpuset, " cpuset=").is_none();
    Some(Message::Cpuset(names.read(cpuset).filter(|_| is_clear), utf8(nodes)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: Form = Form { names: Names::Exact, cut: false };

    fn parse(text: &str) -> Summary {
        Summary::parse(text.as_bytes(), EXACT).unwrap()
    }

    #[test]
    fn a_name_with_a_comma_is_still_a_name() {
        let summary = parse(
            "oom-kill:constraint=CONSTRAINT_NONE,nodemask=0-1,3,cpuset=a,b,mems_allowed=0,2-3,\
             global_oom,task_memcg=/a,uid=1/b,task=x,pid=7,pid=95,uid=-2",
        );
        assert_eq!(summary.nodemask.as_deref(), Some("0-1,3"));
        assert_eq!(summary.cpuset, Some("a,b".into()));
        assert_eq!(summary.mems_allowed.as_deref(), Some("0,2-3"));
        assert_eq!(summary.oom_memcg, None);
        assert_eq!(summary.task_memcg, Some("/a,uid=1/b".into()));
        assert_eq!(summary.task, Some("x,pid=7".into()));
        assert_eq!((summary.pid, summary.uid), (Some(95), Some(u32::MAX - 1)));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_not_known() {
        let summary = parse(
            "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,\
             oom_memcg=/a,task_memcg=/a,task=x,task=y,pid=95,uid=0",
        );
        assert_eq!(summary.oom_memcg, Some("/a".into()));
        assert_eq!((summary.task_memcg, summary.task), (None, None));
        let summary = parse(
            "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,\
             oom_memcg=/a,task_memcg=/b,task_memcg=/c,task=x,pid=95,uid=0",
        );
        assert_eq!((summary.oom_memcg, summary.task_memcg), (None, None));
        assert_eq!(summary.task, Some("x".into()));
    }

    #[test]
    fn what_a_kernel_has_not_or_a_cut_left_off_is_not_known() {
        let small =
            parse("oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),task=v2 ray,pid=4541,uid=0");
        assert_eq!(
            (small.pid, small.uid, small.task),
            (Some(4541), Some(0), Some("v2 ray".into()))
        );
        assert_eq!((small.cpuset, small.task_memcg), (None, None));
        let memcg = parse(
            "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),oom_memcg=/a,task_memcg=/a/b,task=x,pid=95,uid=0",
        );
        assert_eq!((memcg.oom_memcg, memcg.task_memcg), (Some("/a".into()), Some("/a/b".into())));
        let whole = "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=0-1,3,cpuset=web,mems_allowed=0-1,\
                     oom_memcg=/web,task_memcg=/web/app,task=memhog,pid=95,uid=1000";
        for len in 21..whole.len() {
            let form = Form { names: Names::Printed, cut: true };
            let cut = Summary::parse(&whole.as_bytes()[..len], form);
            let Some(cut) = cut else { panic!("{len}") };
            assert!("CONSTRAINT_MEMCG".starts_with(&cut.constraint), "{len}");
            assert_eq!(cut.nodemask.as_deref().unwrap_or("0-1,3"), "0-1,3", "{len}");
            assert_eq!(cut.cpuset.unwrap_or("web".into()), "web".into(), "{len}");
            assert_eq!(cut.mems_allowed.as_deref().unwrap_or("0-1"), "0-1", "{len}");
            assert_eq!(cut.oom_memcg.unwrap_or("/web".into()), "/web".into(), "{len}");
            assert_eq!(cut.task_memcg.unwrap_or("/web/app".into()), "/web/app".into(), "{len}");
            assert_eq!(cut.task.unwrap_or("memhog".into()), "memhog".into(), "{len}");
            assert_eq!((cut.pid.unwrap_or(95), cut.uid), (95, None), "{len}");
        }
    }

    #[test]
    fn the_lines_of_4_18() {
        let limit = limit(b"Task in /a b/c killed as a result of limit of /a b", Names::Exact);
        let Some(Message::Limit(task, oom)) = limit else { panic!() };
        assert_eq!((task, oom), (Some("/a b/c".into()), Some("/a b".into())));
        let Some(Message::Cpuset(cpuset, nodes)) =
            cpuset(b"a b cpuset=web mems_allowed=0-1", Names::Exact)
        else {
            panic!()
        };
        assert_eq!((cpuset, &*nodes), (Some("web".into()), "0-1"));
    }

    /// The name of a cpuset, and the line ends within that of the task.
    #[test]
    fn what_a_name_says_is_no_id() {
        let cut = Form { names: Names::Printed, cut: true };
        let start = "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,\
                     global_oom,task_memcg=/g,task=";
        let whole = format!("{start},pid=1,uid=0,pid=95,uid=1000");
        for len in start.len()..whole.len() {
            let summary = Summary::parse(&whole.as_bytes()[..len], cut).unwrap();
            assert_eq!((summary.pid.unwrap_or(95), summary.uid), (95, None), "{len}");
        }
        let mut summary = Summary::parse(format!("{start}a,pid=9,uid=0").as_bytes(), cut).unwrap();
        assert_eq!(summary.pid, None);
        summary.decide(|tid| (tid == 9).then(|| "a".into()));
        assert_eq!((summary.pid, summary.task), (Some(9), Some("a".into())));
        for cpuset in [") total-vm,pid=1,uid=0,", ",task=a,pid=1,uid=0,"] {
            let line = format!(
                "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset={cpuset},mems_allowed=0,\
                 oom_memcg=/g,task_memcg=/g,task=z9[("
            );
            let form = Form { names: Names::Printed, cut: false };
            assert_eq!(Summary::parse(line.as_bytes(), form).unwrap().pid, None, "{cpuset}");
        }
    }
}
