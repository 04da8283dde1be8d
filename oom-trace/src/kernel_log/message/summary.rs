//! The line that sums an OOM kill up, and what kernels before 5.0 had in its place.

use super::header::node_list;
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
    pub(in crate::kernel_log) pid: u32,
    /// `None` if the line may be cut.
    pub(in crate::kernel_log) uid: Option<u32>,
}

impl Summary {
    pub(super) fn parse(text: &[u8], form: Form) -> Option<Self> {
        let mut scan = Scan(text);
        scan.eat("oom-kill:constraint=")?;
        let constraint = utf8(scan.until(",nodemask=")?)?;
        let nodemask = node_list(scan.until(",cpuset=")?)?;
        let (rest, uid) = rsplit_once(scan.0, ",uid=")?;
        let (rest, pid) = rsplit_once(rest, ",pid=")?;
        let whole = |number| {
            let mut scan = Scan(number);
            let number: i64 = scan.number()?;
            scan.end()?;
            Some(number)
        };
        let names = Readings::of(rest, form.names)?;
        Some(Self {
            constraint,
            nodemask,
            cpuset: names.agreed(|it| Some(it.cpuset), form.names),
            mems_allowed: names
                .agreed(|it| Some(it.mems_allowed), Names::Exact)
                .and_then(|nodes| utf8(nodes.as_bytes())),
            oom_memcg: names.agreed(|it| it.oom_memcg, form.names),
            task_memcg: names.agreed(|it| Some(it.task_memcg), form.names),
            task: names.agreed(|it| Some(it.task), form.names),
            pid: whole(pid)?.try_into().ok()?,
            uid: Some(uid_of(whole(uid)?)?).filter(|_| !form.cut),
        })
    }
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
        assert_eq!((summary.pid, summary.uid), (95, Some(u32::MAX - 1)));
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
}
