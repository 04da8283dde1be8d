//! The words that JSON has for what can be one of several, for all who write them otherwise.

use super::{
    AgentEvent, ExitState, FreedBy, Guess, Outcome, RecordType, Scope, Source, UserAction,
};

macro_rules! names {
    ($($kind:ident { $($value:ident => $name:literal),+ $(,)? })+) => {
        $(
            impl $kind {
                /// Each there is.
                pub const ALL: &[Self] = &[$(Self::$value),+];

                /// As JSON has it.
                #[must_use]
                pub const fn name(self) -> &'static str {
                    match self {
                        $(Self::$value => $name),+
                    }
                }
            }
        )+

        #[cfg(test)]
        mod tests {
            use super::*;

            #[test]
            fn the_words_are_those_of_the_json() {
                $(
                    for value in $kind::ALL {
                        assert_eq!(serde_json::to_value(value).unwrap(), value.name());
                    }
                )+
            }
        }
    };
}

names! {
    RecordType {
        OomKill => "oom_kill",
        OomPanic => "oom_panic",
        OomFailed => "oom_failed",
        UserKill => "user_kill",
        OomExit => "oom_exit",
        Agent => "agent",
    }
    Source {
        Kprobe => "kprobe",
        Fentry => "fentry",
        Tracepoint => "tracepoint",
        KernelLog => "kernel_log",
        Pstore => "pstore",
        Log => "log",
    }
    Scope {
        Global => "global",
        Memcg => "memcg",
        Cpuset => "cpuset",
        Mempolicy => "mempolicy",
        Sysrq => "sysrq",
    }
    Outcome {
        Killed => "killed",
        AlreadyExiting => "already_exiting",
    }
    FreedBy {
        Exit => "exit",
        Reaper => "reaper",
    }
    Guess {
        Zone => "zone",
        Year => "year",
        Second => "second",
        Collected => "collected",
    }
    UserAction {
        Killed => "killed",
        Evicted => "evicted",
        RanOut => "ran_out",
        Reported => "reported",
    }
    ExitState {
        Freed => "freed",
        Stuck => "stuck",
    }
    AgentEvent {
        Started => "started",
        Degraded => "degraded",
        Gap => "gap",
        Stopped => "stopped",
    }
}
