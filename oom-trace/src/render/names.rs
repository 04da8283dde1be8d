//! The model's words as JSON has them, for the other formats.

use crate::incident::model::{AgentEvent, FreedBy, Outcome, Scope, Source};

pub(super) fn source(source: Source) -> &'static str {
    match source {
        Source::Kprobe => "kprobe",
        Source::Fentry => "fentry",
        Source::Tracepoint => "tracepoint",
        Source::KernelLog => "kernel_log",
    }
}

pub(super) fn scope(scope: Scope) -> &'static str {
    match scope {
        Scope::Global => "global",
        Scope::Memcg => "memcg",
        Scope::Cpuset => "cpuset",
        Scope::Mempolicy => "mempolicy",
        Scope::Sysrq => "sysrq",
    }
}

pub(super) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Killed => "killed",
        Outcome::AlreadyExiting => "already_exiting",
    }
}

pub(super) fn freed_by(by: FreedBy) -> &'static str {
    match by {
        FreedBy::Exit => "exit",
        FreedBy::Reaper => "reaper",
    }
}

pub(super) fn event(event: AgentEvent) -> &'static str {
    match event {
        AgentEvent::Started => "started",
        AgentEvent::Degraded => "degraded",
        AgentEvent::Gap => "gap",
        AgentEvent::Stopped => "stopped",
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    fn assert_same<T: Serialize + Copy>(all: &[T], name: fn(T) -> &'static str) {
        for value in all {
            assert_eq!(serde_json::to_value(value).unwrap(), name(*value));
        }
    }

    #[test]
    fn the_words_are_those_of_the_json() {
        assert_same(
            &[Source::Kprobe, Source::Fentry, Source::Tracepoint, Source::KernelLog],
            source,
        );
        assert_same(
            &[Scope::Global, Scope::Memcg, Scope::Cpuset, Scope::Mempolicy, Scope::Sysrq],
            scope,
        );
        assert_same(&[Outcome::Killed, Outcome::AlreadyExiting], outcome);
        assert_same(&[FreedBy::Exit, FreedBy::Reaper], freed_by);
        use AgentEvent::{Degraded, Gap, Started, Stopped};
        assert_same(&[Started, Degraded, Gap, Stopped], event);
    }
}
