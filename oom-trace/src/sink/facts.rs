//! The key facts of a record, for destinations that have a field for each.

use std::borrow::Cow;

use crate::incident::model::{Job, Record, Scope, Source};
use crate::text::KernelText;

/// A fact, and what each destination calls it.
#[derive(Debug)]
pub(super) struct Fact {
    /// The journal's field.
    pub(super) journald: &'static str,
    /// The parameter of syslog's structured data; `None` where the message's header has it.
    pub(super) syslog: Option<&'static str>,
    /// The attribute, by OpenTelemetry's semantic conventions or below `oom_trace.`; `None` where the
    /// log record has a member for it.
    #[cfg_attr(not(feature = "network"), expect(dead_code, reason = "only OTLP has attributes"))]
    pub(super) otlp: Option<&'static str>,
    of: for<'a> fn(&'a Record) -> Option<Value<'a>>,
}

/// What is known.
#[derive(Debug, PartialEq)]
pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    /// Chosen by a process: any bytes.
    Name(&'a KernelText),
    Number(u32),
}

/// One row a fact.
pub(super) const FACTS: [Fact; 14] = [
    Fact {
        journald: "OOM_TRACE_ID",
        syslog: Some("id"),
        otlp: Some("log.record.uid"),
        of: |record| Some(Value::Text(record.id().into())),
    },
    Fact {
        journald: "OOM_TRACE_TYPE",
        syslog: None,
        otlp: None,
        of: |record| text(Some(record.kind())),
    },
    Fact {
        journald: "OOM_TRACE_INCIDENT",
        syslog: Some("incident"),
        otlp: Some("oom_trace.incident"),
        of: |record| text(record.incident()),
    },
    Fact {
        journald: "OOM_TRACE_SCOPE",
        syslog: Some("scope"),
        otlp: Some("oom_trace.scope"),
        of: |record| text(scope(record).map(Scope::name)),
    },
    Fact {
        journald: "OOM_TRACE_SOURCE",
        syslog: Some("source"),
        otlp: Some("oom_trace.source"),
        of: |record| text(source(record).map(Source::name)),
    },
    Fact {
        journald: "OOM_TRACE_VICTIM_PID",
        syslog: Some("pid"),
        otlp: Some("process.pid"),
        of: |record| pid(record).map(Value::Number),
    },
    Fact {
        journald: "OOM_TRACE_VICTIM_COMM",
        syslog: Some("comm"),
        otlp: Some("oom_trace.victim.comm"),
        of: |record| comm(record).map(Value::Name),
    },
    Fact {
        journald: "OOM_TRACE_VICTIM_UID",
        syslog: Some("uid"),
        otlp: Some("process.real_user.id"),
        of: |record| uid(record).map(Value::Number),
    },
    Fact {
        journald: "OOM_TRACE_VICTIM_CGROUP",
        syslog: Some("cgroup"),
        otlp: Some("process.linux.cgroup"),
        of: |record| cgroup(record).map(Value::Name),
    },
    Fact {
        journald: "OOM_TRACE_VICTIM_UNIT",
        syslog: Some("unit"),
        otlp: Some("oom_trace.victim.unit"),
        of: |record| text(record.kill()?.victim.unit.as_deref()),
    },
    Fact {
        journald: "OOM_TRACE_VICTIM_CONTAINER_ID",
        syslog: Some("container"),
        otlp: Some("container.id"),
        of: |record| text(record.kill()?.victim.container.as_ref().map(|it| it.id.as_str())),
    },
    Fact {
        journald: "OOM_TRACE_VICTIM_POD_UID",
        syslog: Some("pod"),
        otlp: Some("k8s.pod.uid"),
        of: |record| text(record.kill()?.victim.pod.as_ref().map(|it| it.uid.as_str())),
    },
    Fact {
        journald: "OOM_TRACE_VICTIM_JOB",
        syslog: Some("job"),
        otlp: Some("oom_trace.victim.job.id"),
        of: |record| text(record.kill()?.victim.job.as_ref().and_then(Job::key)),
    },
    Fact {
        journald: "OOM_TRACE_VICTIM_APP",
        syslog: Some("app"),
        otlp: Some("oom_trace.victim.app"),
        of: |record| text(record.kill()?.victim.app.as_deref()),
    },
];

/// Those that are known of a record.
pub(super) fn facts(record: &Record) -> impl Iterator<Item = (&'static Fact, Value<'_>)> {
    const ALL: &[Fact] = &FACTS;
    ALL.iter().filter_map(|fact| Some((fact, (fact.of)(record)?)))
}

fn text(text: Option<&str>) -> Option<Value<'_>> {
    text.map(|text| Value::Text(text.into()))
}

fn scope(record: &Record) -> Option<Scope> {
    match record {
        Record::OomKill(kill) => kill.shortage.scope,
        Record::OomPanic(panic) => panic.shortage.scope,
        Record::OomFailed(failed) => failed.shortage.scope,
        Record::UserKill(_) | Record::OomExit(_) | Record::Agent(_) => None,
    }
}

fn source(record: &Record) -> Option<Source> {
    match record {
        Record::OomKill(kill) => Some(kill.source),
        Record::OomPanic(panic) => Some(panic.source),
        Record::OomFailed(failed) => Some(failed.source),
        Record::UserKill(kill) => Some(kill.source),
        Record::OomExit(exit) => Some(exit.source),
        Record::Agent(_) => None,
    }
}

fn pid(record: &Record) -> Option<u32> {
    match record {
        Record::OomKill(kill) => kill.victim.pid,
        Record::UserKill(kill) => kill.pid,
        Record::OomExit(exit) => Some(exit.pid),
        Record::OomPanic(_) | Record::OomFailed(_) | Record::Agent(_) => None,
    }
}

fn comm(record: &Record) -> Option<&KernelText> {
    match record {
        Record::OomKill(kill) => kill.victim.comm.as_ref(),
        Record::UserKill(kill) => kill.comm.as_ref(),
        Record::OomExit(exit) => exit.comm.as_ref(),
        Record::OomPanic(_) | Record::OomFailed(_) | Record::Agent(_) => None,
    }
}

fn uid(record: &Record) -> Option<u32> {
    match record {
        Record::OomKill(kill) => kill.victim.uid,
        Record::UserKill(kill) => kill.uid,
        Record::OomPanic(_) | Record::OomFailed(_) | Record::OomExit(_) | Record::Agent(_) => None,
    }
}

/// Where the victim was.
pub(super) fn cgroup(record: &Record) -> Option<&KernelText> {
    match record {
        Record::OomKill(kill) => kill.victim.cgroup.as_ref().map(|cgroup| &cgroup.path),
        Record::UserKill(kill) => kill.cgroup.as_ref(),
        Record::OomPanic(_) | Record::OomFailed(_) | Record::OomExit(_) | Record::Agent(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixtures;

    /// Where a kill's JSON has each, and where that of the others, if elsewhere.
    const JSON: [(&str, &str); 12] = [
        ("/id", ""),
        ("/type", ""),
        ("/incident", ""),
        ("/scope", ""),
        ("/source", ""),
        ("/victim/pid", "/pid"),
        ("/victim/comm", "/comm"),
        ("/victim/uid", "/uid"),
        ("/victim/cgroup/path", "/cgroup"),
        ("/victim/unit", ""),
        ("/victim/container/id", ""),
        ("/victim/pod/uid", ""),
    ];

    #[test]
    fn a_fact_is_what_the_json_says_and_no_fact_where_that_is_null() {
        for (name, record) in fixtures::all() {
            let json = serde_json::to_value(&record).unwrap();
            for (fact, (of_kill, of_others)) in FACTS.iter().zip(JSON) {
                let place = if record.kill().is_some() || of_others.is_empty() {
                    of_kill
                } else {
                    of_others
                };
                let expected = json
                    .pointer(place)
                    .filter(|value| !value.is_null())
                    .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
                let got = (fact.of)(&record).map(|value| match value {
                    Value::Text(text) => text.into_owned(),
                    Value::Name(name) => name.to_utf8().into_owned(),
                    Value::Number(number) => number.to_string(),
                });
                assert_eq!(got, expected, "{name}: {}", fact.journald);
            }
        }
        let everything = fixtures::all().into_iter().find(|(name, _)| *name == "everything");
        assert_eq!(facts(&everything.unwrap().1).count(), FACTS.len());
    }

    #[test]
    fn the_pages_name_each_as_it_is_called_there() {
        let docs = |page| {
            let path = format!("{}/../docs/sinks/{page}.md", env!("CARGO_MANIFEST_DIR"));
            std::fs::read_to_string(path).unwrap()
        };
        let (journald, syslog, otlp) = (docs("journald"), docs("syslog"), docs("otlp"));
        for fact in &FACTS {
            let named = |page: &str, name: &str| page.contains(&format!("`{name}`"));
            assert!(named(&journald, fact.journald), "{fact:?}");
            assert!(fact.syslog.is_none_or(|name| named(&syslog, name)), "{fact:?}");
            assert!(fact.otlp.is_none_or(|name| named(&otlp, name)), "{fact:?}");
        }
    }
}
