//! The answer for scripts.

use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::evidence::{Evidence, InCgroup};
use super::Answer;
use crate::incident::model::{OomKill, Record};
use crate::sink::{ContainerPattern, Filter, NamePattern, PathPattern, UnitPattern};

impl Answer<'_> {
    pub(in super::super) fn json(&self, out: &mut impl Write) -> io::Result<()> {
        let Evidence { kills, user_kills, doubtful, cgroup, ground, meant, .. } = self.evidence;
        let holes = self.holes().iter().map(|it| {
            let (reason, kills) = it.why.code();
            json!({
                "from": stamp(it.from), "until": stamp(it.until),
                "reason": reason, "kills_missing": kills,
                "counted_from": stamp(it.counted.0), "counted_until": stamp(it.counted.1),
                "message": it.told(*ground),
            })
        });
        let proven = self
            .proven
            .iter()
            .map(|(from, until)| json!({ "from": stamp(*from), "until": stamp(*until) }));
        let doubts = doubtful.iter().map(|(doubt, kill)| {
            json!({ "unknown": doubt.name(), "message": doubt.told(kill), "record": **kill })
        });
        let cgroup = cgroup.as_ref().map(|InCgroup { counter, told, told_since: _ }| {
            json!({
                "path": counter.cgroup, "since": stamp(counter.since),
                "oom_kill": counter.kills, "recorded": told,
                "missing": self.cgroup_missing.unwrap_or(0),
            })
        });
        let meant = meant.unsure().map(|asked| {
            let kills =
                asked.kills().map(|(by, name, kills)| json!({ by.name(): name, "kills": kills }));
            json!({
                "asked": asked.name, "known": asked.is_known, "similar": kills.collect::<Vec<_>>(),
            })
        });
        let beside = self.evidence.meant.unfound().flat_map(|asked| {
            let places = asked.elsewhere().into_iter();
            places.map(
                |(by, name, kills)| json!({ "asked": asked.name, by.name(): name, "kills": kills }),
            )
        });
        let kills = kills.iter().map(|(_, kill)| record(kill));
        let Filter { cgroup: paths, unit, pod, container, comm, .. } = &self.question.filter;
        let asked = json!({
            "cgroup": paths.iter().map(PathPattern::text).collect::<Vec<_>>(),
            "unit": unit.iter().map(UnitPattern::text).collect::<Vec<_>>(),
            "pod": pod.iter().map(NamePattern::text).collect::<Vec<_>>(),
            "container": container.iter().map(ContainerPattern::text).collect::<Vec<_>>(),
            "comm": comm.iter().map(NamePattern::text).collect::<Vec<_>>(),
            "pid": self.question.pid,
        });
        let answer = json!({
            "verdict": self.verdict.name(),
            "filter": asked,
            "since": stamp(self.question.since),
            "until": stamp(self.question.until),
            "kernel_kills": self.counted(),
            "recorded_kills": self.recorded,
            "kills": kills.collect::<Vec<_>>(),
            "user_kills": user_kills,
            "doubtful": doubts.collect::<Vec<_>>(),
            "unproven": holes.collect::<Vec<_>>(),
            "proven": proven.collect::<Vec<_>>(),
            "cgroup": cgroup,
            "meant": meant.collect::<Vec<_>>(),
            "not_found": self.evidence.meant.unfound().map(|it| &it.name).collect::<Vec<_>>(),
            "beside": beside.collect::<Vec<_>>(),
            "message": self.headline(),
        });
        writeln!(out, "{answer}")
    }
}

fn record(kill: &OomKill) -> Value {
    let record = Record::OomKill(Box::new(kill.clone()));
    serde_json::to_value(record).unwrap_or(Value::Null)
}

fn stamp(time: Timestamp) -> String {
    format!("{time:.9}")
}
