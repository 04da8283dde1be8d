//! A child that died in the place of the process that the kernel had chosen, as before Linux 5.1
//! (`oom_kill_process`, mm/oom_kill.c): "Kill process 7 (httpd) score 970 or sacrifice child".

use super::super::facts::{name, weighed, who};
use crate::incident::model::OomKill;
use crate::units::Size;

/// Where to look: the child may have held nearly nothing.
pub(super) fn sacrificed(kill: &OomKill) -> Option<String> {
    // Only those kernels print the score; of a whole group others than the chosen one die as well.
    let chosen = kill.chosen.as_ref().filter(|_| kill.group.is_none())?;
    let score = chosen.score?;
    let victim = kill.victim.pid?;
    // The log names threads: it may be another of the same process, which its row tells.
    let all = &kill.candidates.as_ref()?.top;
    let parent = all.iter().find(|it| it.tid == chosen.tid).filter(|it| it.pid != victim)?;
    let held = weighed(&parent.memory);
    let held = held.map_or_else(String::new, |held| format!(" and held {}", Size(held)));
    all.iter().any(|it| it.pid == victim).then(|| {
        let (parent, child) = (name(chosen.comm.as_ref(), "the parent"), who(&kill.victim));
        format!(
            "look at {parent} (pid {}) first: it had the highest score ({score}){held}; this kernel killed \
             {child}, a child of it, in its place",
            chosen.tid
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testdata::{candidate, candidates, of_the_machine};
    use super::*;
    use crate::incident::model::Chosen;

    #[test]
    fn the_parent_is_named() {
        let mut kill = of_the_machine();
        let pid = kill.victim.pid.unwrap();
        let chosen = |tid, score| {
            Some(Chosen { tid, comm: Some("httpd".into()), score, uid: None, cgroup: None })
        };
        kill.chosen = chosen(4000, Some(970));
        kill.candidates = Some(candidates(&[candidate(4000, 496), candidate(pid, 1)]));
        let told = sacrificed(&kill).unwrap();
        assert!(
            told.starts_with(
                "look at httpd (pid 4000) first: it had the highest score (970) and held 496.0 MiB;"
            ),
            "{told}"
        );
        kill.chosen = chosen(pid, Some(970));
        assert_eq!(sacrificed(&kill), None);
        kill.chosen = chosen(4000, None);
        assert_eq!(sacrificed(&kill), None);
        // Another thread of the victim's.
        kill.chosen = chosen(4000, Some(970));
        let mut thread = candidate(pid, 496);
        thread.tid = 4000;
        kill.candidates = Some(candidates(&[thread]));
        assert_eq!(sacrificed(&kill), None);
    }
}
