//! Any record at all.

use fastrand::Rng;

use super::super::testdata::{GIB, MIB, in_pod, of_a_service};
use super::super::*;
use crate::incident::model::{
    Candidate, Candidates, Limit, LimitEvents, Memory, Node, Outcome, Scope, Sharer, System,
};

/// Numbers at which something could go wrong.
const NUMBERS: [u64; 9] =
    [0, 1, 4096, 15 * MIB, 512 * MIB, 16 * GIB, u64::MAX / 2, u64::MAX - 1, u64::MAX];

/// Half of all keys are not known.
struct Chance(Rng);

impl Chance {
    fn maybe<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.0.bool() { Some(value(self)) } else { None }
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.0.usize(..from.len())].clone()
    }

    fn number(&mut self) -> Option<u64> {
        self.maybe(|chance| chance.pick(&NUMBERS))
    }

    fn text<T: for<'a> From<&'a str>>(&mut self) -> Option<T> {
        const TEXTS: [&str; 8] =
            ["", "/", "/a", "/a/b.service", "web", "\n\x1b", "0-1,3", "kubepods.slice"];
        self.maybe(|chance| T::from(chance.pick(&TEXTS)))
    }

    fn memory(&mut self) -> Memory {
        Memory {
            total_vm_bytes: self.number(),
            anon_rss_bytes: self.number(),
            file_rss_bytes: self.number(),
            shmem_rss_bytes: self.number(),
            swap_bytes: self.number(),
            pgtables_bytes: self.number(),
        }
    }

    fn candidate(&mut self) -> Candidate {
        Candidate {
            pid: self.0.u32(6..9),
            tid: 7,
            comm: self.maybe(|_| "hog".into()),
            uid: None,
            cgroup: self.maybe(|_| "/hogs".into()),
            memory: self.memory(),
            rss_bytes: self.number(),
            oom_score_adj: self.maybe(|chance| chance.0.i16(..)),
            badness: self.maybe(|chance| chance.0.i64(..)),
        }
    }

    fn limit(&mut self, depth: u32) -> Limit {
        Limit {
            cgroup: self.maybe(|chance| chance.pick(&["", "/", "/a", "/a/b.service"]).into()),
            usage_bytes: self.number(),
            max_bytes: self.number(),
            high_bytes: self.number(),
            events: self.maybe(|chance| LimitEvents {
                high: chance.number(),
                max: chance.number(),
                oom_kill: chance.number(),
                ..LimitEvents::default()
            }),
            swap_usage_bytes: self.number(),
            swap_max_bytes: self.number(),
            memsw_usage_bytes: self.number(),
            memsw_max_bytes: self.number(),
            kmem_usage_bytes: self.number(),
            ancestors: if depth == 0 { None } else { Some(vec![self.limit(depth - 1)]) },
            ..Limit::default()
        }
    }

    fn system(&mut self) -> System {
        System {
            taken_after_ms: self.number(),
            total_bytes: self.number(),
            free_bytes: self.number(),
            available_bytes: self.number(),
            slab_unreclaimable_bytes: self.number(),
            shmem_bytes: self.number(),
            page_tables_bytes: self.number(),
            swap_total_bytes: self.number(),
            swap_free_bytes: self.number(),
            committed_bytes: self.number(),
            overcommit_memory: self.maybe(|chance| chance.0.u32(..3)),
            nodes: self.maybe(|chance| {
                let node =
                    |node| Node { node, total_bytes: chance.number(), free_bytes: chance.number() };
                (0..3).map(node).collect()
            }),
            ..System::default()
        }
    }

    fn kill(&mut self) -> OomKill {
        let mut kill = if self.0.bool() { in_pod() } else { of_a_service() };
        let scopes = [Scope::Global, Scope::Memcg, Scope::Cpuset, Scope::Mempolicy, Scope::Sysrq];
        kill.shortage.scope = self.maybe(|chance| chance.pick(&scopes));
        kill.shortage.nodemask = self.text();
        kill.shortage.page_size_bytes = self.number();
        kill.shortage.totalpages = self.number();
        kill.shortage.limit = self.maybe(|chance| chance.limit(1));
        kill.shortage.stack = self.maybe(|_| vec!["memory_max_write+0x1/0x2".into()]);
        if let Some(trigger) = &mut kill.shortage.trigger {
            trigger.pid = self.maybe(|chance| chance.0.u32(6..9));
            trigger.comm = self.text();
            trigger.order = self.maybe(|chance| chance.pick(&[i32::MIN, -1, 0, 3, 63, i32::MAX]));
            trigger.cpuset = self.text();
            trigger.mems_allowed = self.text();
        }
        kill.outcome =
            self.maybe(|chance| chance.pick(&[Outcome::Killed, Outcome::AlreadyExiting]));
        kill.victim_count = self.0.u32(1..4);
        kill.message = self.maybe(|_| "Out of memory (oom_kill_allocating_task)".into());
        kill.group = self.text();
        kill.victim.comm = self.text();
        kill.victim.pid = self.maybe(|_| 7);
        kill.victim.oom_score_adj = self.maybe(|chance| chance.0.i16(..));
        kill.victim.memory = self.memory();
        kill.victim.unit = self.text();
        kill.victim.cgroup = kill.victim.cgroup.filter(|_| self.0.bool());
        kill.victim.container = kill.victim.container.filter(|_| self.0.bool());
        kill.victim.pod = kill.victim.pod.filter(|_| self.0.bool());
        kill.victim.shares_mm = self.maybe(|_| vec![Sharer { pid: 9, comm: None }]);
        let candidates = self.maybe(|chance| Candidates {
            total: chance.0.u64(..4),
            top: (0..2).map(|_| chance.candidate()).collect(),
            largest: chance.maybe(Self::candidate),
            margin: None,
            decided_by_adj: chance.maybe(|chance| chance.0.bool()),
        });
        kill.candidates = candidates.map(Into::into);
        kill.system = self.maybe(Self::system).map(Into::into);
        kill
    }
}

#[test]
fn any_record_can_be_explained_or_not() {
    const TRIES: u64 = 20_000;
    for seed in 0..TRIES {
        let kill = Chance(Rng::with_seed(seed)).kill();
        let Some(Why { summary, hints }) = explain(&kill) else { continue };
        assert!(hints.len() <= 3, "{seed}: {hints:?}");
        for text in hints.iter().chain([&summary]) {
            let is_plain = !text.is_empty() && !text.contains(char::is_control);
            assert!(is_plain && text.trim() == text && !text.contains("  "), "{seed}: {text:?}");
        }
    }
}
