//! Attributes by the semantic conventions of OpenTelemetry: process, container, k8s, log; what has no
//! convention is below `oom_trace.`. What is not known is not there. The key facts come first.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};

use crate::incident::model::{
    Agent, Container, Job, Limit, Memory, OomExit, OomKill, OomPanic, Pod, Record, Shortage, Victim,
};
use crate::sink::facts::{Value, facts};
use crate::text::KernelText;

/// A list that grows by what is known.
#[derive(Debug, Default)]
pub(super) struct Attributes(Vec<KeyValue>);

impl Attributes {
    fn add(&mut self, key: &str, value: Option<Any>) {
        if value.is_some() {
            let value = Some(AnyValue { value });
            self.0.push(KeyValue { key: key.into(), value, ..KeyValue::default() });
        }
    }

    pub(super) fn text(&mut self, key: &str, text: Option<&str>) {
        self.add(key, text.map(|text| Any::StringValue(text.into())));
    }

    fn name(&mut self, key: &str, name: Option<&KernelText>) {
        self.add(key, name.map(|name| Any::StringValue(name.to_utf8().into_owned())));
    }

    /// The protocol has no greater ones.
    fn number(&mut self, key: &str, number: Option<impl TryInto<i64>>) {
        let number = number.and_then(|number| number.try_into().ok());
        self.add(key, number.map(Any::IntValue));
    }

    fn names(&mut self, key: &str, names: Option<&[KernelText]>) {
        let text = |name: &KernelText| AnyValue {
            value: Some(Any::StringValue(name.to_utf8().into_owned())),
        };
        let list = |names: &[KernelText]| ArrayValue { values: names.iter().map(text).collect() };
        self.add(key, names.map(|names| Any::ArrayValue(list(names))));
    }

    pub(super) fn done(self) -> Vec<KeyValue> {
        self.0
    }
}

pub(super) fn attributes(record: &Record) -> Vec<KeyValue> {
    let mut all = Attributes::default();
    for (fact, value) in facts(record) {
        let Some(key) = fact.otlp else { continue };
        match value {
            Value::Text(text) => all.text(key, Some(&text)),
            Value::Name(name) => all.name(key, Some(name)),
            Value::Number(number) => all.number(key, Some(number)),
        }
    }
    all.text("oom_trace.boot_id", record.origin().boot_id.as_deref());
    all.text("oom_trace.kernel.release", record.origin().kernel.as_deref());
    match record {
        Record::OomKill(kill) => of_kill(kill, &mut all),
        Record::OomPanic(panic) => of_panic(panic, &mut all),
        Record::OomFailed(failed) => {
            all.name("oom_trace.message", Some(&failed.message));
            of_shortage(&failed.shortage, &mut all);
        }
        Record::UserKill(kill) => {
            all.text("oom_trace.by", Some(&kill.by));
        }
        Record::OomExit(exit) => of_exit(exit, &mut all),
        Record::Agent(agent) => of_agent(agent, &mut all),
    }
    all.done()
}

fn of_kill(kill: &OomKill, all: &mut Attributes) {
    all.text("oom_trace.outcome", kill.outcome.map(|outcome| outcome.name()));
    all.number("oom_trace.victim.index", Some(kill.victim_index));
    all.number("oom_trace.victim.count", Some(kill.victim_count));
    all.text("oom_trace.why", kill.why.as_ref().map(|why| why.summary.as_str()));
    of_shortage(&kill.shortage, all);
    of_victim(&kill.victim, all);
}

fn of_panic(panic: &OomPanic, all: &mut Attributes) {
    all.text("oom_trace.message", Some(&panic.message));
    of_shortage(&panic.shortage, all);
}

fn of_exit(exit: &OomExit, all: &mut Attributes) {
    all.number("oom_trace.victim.tid", Some(exit.tid));
    all.text("oom_trace.exit.state", Some(exit.state.name()));
    all.number("oom_trace.exit.freed_after_ms", exit.freed_after_ms);
    all.number("oom_trace.exit.stuck_for_ms", exit.stuck_for_ms);
    all.text("oom_trace.exit.by", exit.by.map(|by| by.name()));
}

fn of_agent(agent: &Agent, all: &mut Attributes) {
    all.text("oom_trace.agent.event", Some(agent.event.name()));
    all.text("oom_trace.agent.message", Some(&agent.message));
}

fn of_shortage(shortage: &Shortage, all: &mut Attributes) {
    let Shortage { constraint, trigger, limit, .. } = shortage;
    all.text("oom_trace.constraint", constraint.as_deref());
    if let Some(trigger) = trigger {
        all.number("oom_trace.trigger.pid", trigger.pid);
        all.name("oom_trace.trigger.comm", trigger.comm.as_ref());
        all.number("oom_trace.trigger.order", trigger.order);
        all.text("oom_trace.trigger.gfp_mask", trigger.gfp_mask.as_deref());
    }
    if let Some(Limit { cgroup, usage_bytes, max_bytes, .. }) = limit {
        all.name("oom_trace.limit.cgroup", cgroup.as_ref());
        all.number("oom_trace.limit.usage_bytes", *usage_bytes);
        all.number("oom_trace.limit.max_bytes", *max_bytes);
    }
}

fn of_victim(victim: &Victim, all: &mut Attributes) {
    all.number("process.parent_pid", victim.ppid);
    all.text("process.executable.name", victim.exe.as_ref().map(base_name).as_deref());
    all.name("process.executable.path", victim.exe.as_ref());
    all.names("process.command_args", victim.argv.as_deref());
    all.text("process.owner", victim.user.as_deref());
    all.number("process.vpid", victim.ns_pid);
    let started = victim.started.map(|started| started.to_string());
    all.text("process.creation.time", started.as_deref());
    all.number("oom_trace.victim.tid", Some(victim.tid));
    all.number("oom_trace.victim.badness", victim.badness);
    all.number("oom_trace.victim.oom_score_adj", victim.oom_score_adj);
    let Memory {
        total_vm_bytes,
        anon_rss_bytes,
        file_rss_bytes,
        shmem_rss_bytes,
        swap_bytes,
        pgtables_bytes,
    } = victim.memory;
    for (what, bytes) in [
        ("total_vm", total_vm_bytes),
        ("anon_rss", anon_rss_bytes),
        ("file_rss", file_rss_bytes),
        ("shmem_rss", shmem_rss_bytes),
        ("swap", swap_bytes),
        ("pgtables", pgtables_bytes),
    ] {
        all.number(&format!("oom_trace.victim.memory.{what}_bytes"), bytes);
    }
    if let Some(Container { id: _, runtime, name, image }) = &victim.container {
        all.text("container.name", name.as_deref());
        all.text("container.image.name", image.as_deref());
        all.text("container.runtime.name", runtime.as_deref());
    }
    if let Some(Pod { uid: _, namespace, name, container, qos: _ }) = &victim.pod {
        all.text("k8s.pod.name", name.as_deref());
        all.text("k8s.namespace.name", namespace.as_deref());
        all.text("k8s.container.name", container.as_deref());
    }
    // Its identifier is a key fact.
    if let Some(Job { system, id: _, step, task, project, runner }) = &victim.job {
        all.text("oom_trace.victim.job.system", Some(system));
        all.text("oom_trace.victim.job.step", step.as_deref());
        all.text("oom_trace.victim.job.task", task.as_deref());
        all.text("oom_trace.victim.job.project", project.as_deref());
        all.text("oom_trace.victim.job.runner", runner.as_deref());
    }
}

fn base_name(path: &KernelText) -> String {
    let path = path.to_utf8();
    path.rsplit_once('/').map_or(&*path, |(_, name)| name).to_owned()
}
