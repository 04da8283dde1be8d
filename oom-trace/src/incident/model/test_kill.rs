//! Kills that oom-trace itself causes, to be seen: by `trigger` and `--demo`.

use super::OomKill;

/// How the name of the cgroup begins that is made for one; it is at the top.
pub(crate) const TEST_CGROUP: &str = "oom-trace-trigger-";

/// What the child calls itself that is to be killed.
pub(crate) const TEST_VICTIM: &str = "oom-victim";

impl OomKill {
    /// Whether it is one: by its cgroup, and where nothing tells that, by its name. Only root makes a cgroup at
    /// the top.
    #[must_use]
    pub fn is_test(&self) -> bool {
        let Self { victim, shortage, .. } = self;
        let cgroup = victim.cgroup.as_ref().map(|cgroup| &cgroup.path);
        let limit = || shortage.limit.as_ref()?.cgroup.as_ref();
        match cgroup.or_else(limit) {
            Some(path) => path
                .as_bytes()
                .strip_prefix(b"/")
                .is_some_and(|path| path.starts_with(TEST_CGROUP.as_bytes())),
            None => {
                victim.comm.as_ref().is_some_and(|comm| comm.as_bytes() == TEST_VICTIM.as_bytes())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::model::{Cgroup, Limit, Origin, Source};

    #[test]
    fn a_cgroup_tells_of_a_test_and_without_one_the_name() {
        let is = |comm: &str, cgroup: Option<&str>, limit: Option<&str>| {
            let mut kill = OomKill::unknown(Origin::default(), Source::Kprobe);
            kill.victim.comm = Some(comm.into());
            kill.victim.cgroup = cgroup.map(|path| Cgroup { path: path.into(), id: None });
            kill.shortage.limit =
                limit.map(|path| Limit { cgroup: Some(path.into()), ..Limit::default() });
            kill.is_test()
        };
        assert!(is("worker", Some("/oom-trace-trigger-7/child"), None));
        assert!(is("oom-victim", None, None));
        assert!(is("worker", None, Some("/oom-trace-trigger-7")));
        // Only root makes a cgroup at the top; a name, anybody takes.
        assert!(!is("oom-victim", Some("/user.slice/oom-trace-trigger-7"), None));
        assert!(!is("oom-victim", None, Some("/system.slice/app.service")));
        assert!(!is("worker", None, None));
    }
}
