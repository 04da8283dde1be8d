//! A scenario under the agent's eyes and the kernel's.

use std::fs;
use std::thread;

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::support::agent::{Agent, record};
use crate::support::compare::assert_killed;
use crate::support::kernel_kills;
use crate::support::kmsg::Kmsg;
use crate::support::log::{Invoked, Line, Summary, kills, of_the_oom_killer};

pub(crate) const PAGE: u64 = 4096;

/// An agent with two outputs, JSON and the kernel's own lines, and what the kernel stood at.
#[derive(Debug)]
pub(crate) struct Watch {
    agent: Agent,
    kernel_lines: NamedTempFile,
    log: Kmsg,
    kills_before: u64,
}

/// What both saw, the same.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The agent's records of kills.
    pub(crate) records: Vec<Value>,
    /// How often the kernel killed.
    pub(crate) kills: u64,
    /// Lines of the kernel's log, and of the agent's `kernel` format.
    logged: Vec<(String, Line)>,
    printed: Vec<String>,
}

/// Of the kernel: 6.12 is `(6, 12)`.
pub(crate) fn release() -> (u32, u32) {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split('.').map(|number| number.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

impl Watch {
    pub(crate) fn start(attach: &str) -> Self {
        let kernel_lines = NamedTempFile::new().unwrap();
        let output = format!("kernel:{}", kernel_lines.path().display());
        let args = ["--attach", attach, "--format", "json", "--output", &output];
        let agent = Agent::start(&args);
        Self { agent, kernel_lines, log: Kmsg::from_now(), kills_before: kernel_kills() }
    }

    /// Waits for the records of this many victims, and stops the agent: not a kill more or less
    /// than the kernel counted, and each as the kernel logged it.
    pub(crate) fn finish(mut self, victims: usize) -> Seen {
        let records = self.agent.kills(victims);
        let kills_now = kernel_kills() - self.kills_before;
        let lines = self.log.until(|lines| kills(lines).len() as u64 == kills_now);
        let logged = of_the_oom_killer(lines);
        let killed = kills(lines);

        let stopped = self.agent.stop();
        let rest: Vec<_> = stopped.lines.iter().map(|line| record(line)).collect();
        let [.., end] = rest.as_slice() else { panic!("no record of the end") };
        assert!(rest.iter().all(|record| record["type"] == "agent"), "{rest:#?}");
        assert_eq!(end["event"], "stopped", "{}", stopped.stderr);
        assert_eq!(end["totals"]["kills"], kills_now, "{end:#}");
        assert_eq!(end["totals"]["kernel_kills"], kills_now, "{end:#}");
        for lost in ["ring_lost", "malformed", "sink_lost"] {
            assert_eq!(end["totals"][lost], 0, "{end:#}");
        }

        for record in &records {
            let own = killed.iter().filter(|(_, killed)| record["victim"]["tid"] == killed.pid);
            let own: Vec<_> = own.map(|(_, killed)| killed.clone()).collect();
            assert_killed(record, &own);
            assert_exact(record);
            for missing in end["missing"].as_array().unwrap() {
                let key = format!("/{}", missing["field"].as_str().unwrap().replace('.', "/"));
                assert!(record.pointer(&key).is_none_or(Value::is_null), "{missing}: {record:#}");
            }
        }
        let printed = fs::read_to_string(&self.kernel_lines).unwrap();
        let printed: Vec<_> = printed.lines().map(str::to_owned).collect();
        let text = |killed: Vec<_>| killed.into_iter().map(|(text, _)| text).collect::<Vec<_>>();
        assert_eq!(text(kills(&printed)), text(killed));
        Seen { records, kills: kills_now, logged, printed }
    }
}

impl Seen {
    /// The one record there is.
    pub(crate) fn only(&self) -> &Value {
        let [record] = self.records.as_slice() else { panic!("{:#?}", self.records) };
        record
    }

    /// Holds what is said beside the kill itself against the log, too. The kernel limits how often
    /// it says that, so it is not for a storm.
    pub(crate) fn assert_context(&self, source: &str) {
        let logged: Vec<_> = self.logged.iter().map(|(text, _)| text).collect();
        assert_eq!(self.printed.iter().collect::<Vec<_>>(), logged);

        let mut incidents: Vec<_> = self.records.iter().collect();
        incidents.dedup_by_key(|record| &record["incident"]);
        let lines = || self.logged.iter().map(|(_, line)| line);
        let invoked: Vec<_> =
            lines().filter_map(|l| if let Line::Invoked(l) = l { Some(l) } else { None }).collect();
        let summaries: Vec<_> =
            lines().filter_map(|l| if let Line::Summary(l) = l { Some(l) } else { None }).collect();
        assert_eq!((incidents.len(), incidents.len()), (invoked.len(), summaries.len()));
        for ((record, invoked), summary) in incidents.iter().zip(invoked).zip(summaries) {
            assert_invoked(record, invoked);
            assert_summary(record, summary);
        }
        for record in &self.records {
            assert_eq!(record["source"], source, "{record:#}");
            assert_eq!(record["outcome"], "killed", "{record:#}");
        }
    }
}

/// What the kernel logs is its exact sum but from 6.2 to 6.19, where each processor may hold back
/// a batch of pages (`percpu_counter_batch`).
fn assert_exact(record: &Value) {
    let [exact, logged] = [&record["victim"]["memory"], &record["victim"]["memory_logged"][0]];
    let held_back = if (6, 2) <= release() && release() < (7, 0) { batches() } else { 0 };
    for key in ["anon_rss_bytes", "file_rss_bytes", "shmem_rss_bytes"] {
        let [exact, logged] = [exact, logged].map(|memory| memory[key].as_u64().unwrap());
        assert!(exact.abs_diff(logged) <= held_back, "{key}: {record:#}");
    }
    for key in ["total_vm_bytes", "pgtables_bytes"] {
        assert_eq!(exact[key], logged[key], "{record:#}");
    }
}

/// The pages, in bytes, that all processors may hold back.
fn batches() -> u64 {
    let processors = thread::available_parallelism().unwrap().get() as u64;
    processors * 32.max(2 * processors) * PAGE
}

fn assert_invoked(record: &Value, invoked: &Invoked) {
    let Invoked { comm, gfp_mask, gfp_flags, order, oom_score_adj } = invoked;
    let trigger = &record["trigger"];
    assert_eq!(trigger["comm"], comm.as_str(), "{record:#}");
    assert_eq!(trigger["gfp_mask"], gfp_mask.as_str(), "{record:#}");
    assert_eq!(trigger["gfp_flags"], json!(gfp_flags.split('|').collect::<Vec<_>>()), "{record:#}");
    assert_eq!(trigger["order"], *order, "{record:#}");
    assert_eq!(trigger["oom_score_adj"], *oom_score_adj, "{record:#}");
}

fn assert_summary(record: &Value, summary: &Summary) {
    let Summary { constraint, nodemask, cpuset, mems_allowed, oom_memcg, .. } = summary;
    let Summary { task_memcg, task, pid, uid, .. } = summary;
    assert_eq!(record["constraint"], constraint.as_str(), "{record:#}");
    assert_eq!(record["nodemask"], json!(nodemask), "{record:#}");
    assert_eq!(record["trigger"]["cpuset"], cpuset.as_str(), "{record:#}");
    assert_eq!(record["trigger"]["mems_allowed"], mems_allowed.as_str(), "{record:#}");
    let scope = if oom_memcg.is_some() { "memcg" } else { "global" };
    assert_eq!(record["scope"], scope, "{record:#}");
    assert_eq!(record["limit"]["cgroup"], json!(oom_memcg), "{record:#}");
    let chosen = json!({ "tid": pid, "comm": task, "uid": uid, "cgroup": task_memcg });
    assert_eq!(record["chosen"], chosen, "{record:#}");
}
