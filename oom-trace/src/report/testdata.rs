//! Records of a fleet, for tests.

use jiff::{SignedDuration, Timestamp};

use super::Collector;
use crate::incident::model::{
    Agent, AgentEvent, Cgroup, ExitState, Limit, Memory, OomExit, OomExitType, OomKill, Outcome,
    Record, SCHEMA, Scope, Shortage, Source, Victim, Why,
};
use crate::render::fixtures::{self, unknown};

pub(super) const START: &str = "2026-11-01T00:30:00Z";

/// After so many minutes.
pub(super) fn at(minutes: i64) -> Timestamp {
    START.parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
}

/// A kill at a unit's limit.
pub(super) fn kill(host: &str, unit: &str, minutes: i64) -> OomKill {
    let base = unknown();
    let path = format!("/system.slice/{unit}");
    let limit = Limit {
        cgroup: Some(path.as_str().into()),
        usage_bytes: Some(512 << 20),
        max_bytes: Some(512 << 20),
        ..Limit::default()
    };
    let mut origin = base.origin.clone();
    origin.host = Some(host.into());
    origin.time = Some(at(minutes));
    OomKill {
        incident: format!("{host}-{minutes}"),
        origin,
        outcome: Some(Outcome::Killed),
        shortage: Shortage {
            scope: Some(Scope::Memcg),
            limit: Some(limit),
            ..base.shortage.clone().into_inner()
        }
        .into(),
        victim: Victim {
            pid: Some(157),
            tid: 157,
            comm: Some("worker".into()),
            unit: Some(unit.into()),
            cgroup: Some(Cgroup { path: path.as_str().into(), id: None }),
            memory: Memory {
                anon_rss_bytes: Some(500 << 20),
                file_rss_bytes: Some(0),
                shmem_rss_bytes: Some(0),
                swap_bytes: Some(1 << 20),
                ..Memory::default()
            },
            ..Victim::default()
        },
        why: Some(Why {
            summary: format!("worker filled the 512.0 MiB that {unit} may use"),
            hints: vec![format!("raise the limit: systemctl edit {unit}, MemoryMax=1G")],
        }),
        ..base
    }
}

/// What became of it.
pub(super) fn exit(kill: &OomKill, freed_after_ms: Option<u64>) -> Record {
    let is_freed = freed_after_ms.is_some();
    Record::OomExit(Box::new(OomExit {
        schema: SCHEMA,
        kind: OomExitType::OomExit,
        incident: kill.incident.clone(),
        origin: kill.origin.clone(),
        source: Source::Kprobe,
        pid: 157,
        tid: kill.victim.tid,
        comm: None,
        state: if is_freed { ExitState::Freed } else { ExitState::Stuck },
        freed_after_ms,
        stuck_for_ms: (!is_freed).then_some(10_000),
        by: None,
        left: None,
        kill_missing: false,
    }))
}

/// What an agent says of itself, when the kernel had counted so many kills.
pub(super) fn agent(event: AgentEvent, minutes: i64, count: u64) -> Agent {
    let mut said = fixtures::all().into_iter().filter_map(|(_, record)| match record {
        Record::Agent(agent) => Some(*agent),
        _ => None,
    });
    let mut agent = said.next().unwrap();
    (agent.event, agent.kernel_kills_since_boot) = (event, Some(count));
    agent.origin.time = Some(at(minutes));
    agent.origin.boot_ns = u64::try_from(minutes * 60_000_000_000).ok();
    agent
}

pub(super) fn record(kill: OomKill) -> Record {
    Record::OomKill(Box::new(kill))
}

pub(super) fn collected(whole: usize, records: impl IntoIterator<Item = Record>) -> Collector {
    let mut collector = Collector::new(whole);
    for record in records {
        collector.add(record);
    }
    collector
}
