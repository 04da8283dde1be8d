//! What the manual says beside the flags: which command answers which question, and how it is asked.

/// Of one command.
pub(crate) struct Page {
    /// What it answers, in half a sentence.
    pub(crate) question: &'static str,
    /// When to use it, and when another.
    pub(crate) when: &'static str,
    /// For those whose `--help` has none.
    pub(crate) examples: &'static str,
    /// Sections of names and what they are.
    pub(crate) more: &'static [(&'static str, &'static [(&'static str, &'static str)])],
}

const FILES: &[(&str, &str)] = &[
    (
        "/etc/oom-trace/config.toml",
        "The configuration of the service. It is read again by `systemctl reload oom-trace`.",
    ),
    ("/etc/oom-trace/environment", "Secrets for the configuration, a NAME=VALUE a line."),
    ("/var/lib/oom-trace/records.db", "The store of the service: every record, for 180 days."),
    ("/run/oom-trace/lock", "Held by the agent that runs, so that there is one."),
];

const ENVIRONMENT: &[(&str, &str)] = &[
    ("NO_COLOR", "Disables colours, unless --color says otherwise."),
    ("STATE_DIRECTORY", "Where the store is kept, as systemd sets it for a service."),
];

pub(crate) const WHOLE: Page = Page {
    question: "",
    when: "A process is gone, its exit status is 137, or a container was restarted: `oom-trace verify` \
           says whether it was the OOM killer, and `oom-trace history` shows every kill that is known, \
           also those from before the program was installed, as far as the kernel's log has them.

           To know of the next kill at once and completely, keep the service running: `systemctl enable \
           --now oom-trace`. On a machine that is not yours, read its saved log with `oom-trace explain`.",
    examples: "\
oom-trace                                   a block for each victim, until Ctrl-C
oom-trace --demo                            cause one kill, show its record, and leave
oom-trace --format json --output /tmp/oom   JSON on the terminal and in a file
oom-trace check                             what this machine offers
oom-trace history --since yesterday         what died",
    more: &[("FILES", FILES), ("ENVIRONMENT", ENVIRONMENT)],
};

pub(crate) const COMMANDS: &[(&str, Page)] = &[
    (
        "run",
        Page {
            question: "Tell of each kill as it comes. The default, and what the service runs.",
            when: "In a terminal while you wait for a kill to come again, or as a service for all that is \
                   to come. Only one agent runs on a machine; where the service runs, watch its records \
                   with `oom-trace history --follow` instead.",
            examples: "\
oom-trace run                                    a block for each victim
oom-trace run --verbose --store records.db       all that is known, and keep it
oom-trace run --config /etc/oom-trace/config.toml
oom-trace run --filter '{ scope = [\"memcg\"] }'   only kills at a limit
oom-trace run --quiet --sink 'syslog:{ url = \"tcp://log:601\" }'",
            more: &[
                (
                    "SIGNALS",
                    &[
                        ("SIGHUP", "Reopens files, and reads the configuration again."),
                        (
                            "SIGINT, SIGTERM",
                            "Detaches, delivers what waits, reports the totals, and exits.",
                        ),
                    ],
                ),
                ("FILES", FILES),
                ("ENVIRONMENT", ENVIRONMENT),
            ],
        },
    ),
    (
        "check",
        Page {
            question: "Does it run here, what will records lack, and is the configuration right?",
            when: "Before the first start, after an upgrade of the kernel, and after each change of the \
                   configuration. It loads the programs for a moment and changes nothing.",
            examples: "\
oom-trace check                                        this machine
oom-trace check --config /etc/oom-trace/config.toml    and each destination
oom-trace check --json                                 for other programs",
            more: &[(
                "EXIT STATUS",
                &[
                    ("0", "All is well."),
                    ("1", "It cannot run here, or a destination cannot be reached."),
                    ("2", "The configuration has errors, or a flag is wrong."),
                ],
            )],
        },
    ),
    (
        "history",
        Page {
            question: "What was killed? A table, one kill in full, or any format.",
            when: "After the fact: it reads the service's store, or without one the kernel's log, and \
                   saved logs and records of other machines, too. For a yes or no that can be trusted use \
                   `oom-trace verify`, for sums and recurrences `oom-trace report`.",
            examples: "",
            more: &[
                ("FILES", FILES),
                ("ENVIRONMENT", &[("PAGER", "Shows what is longer than the terminal.")]),
            ],
        },
    ),
    (
        "explain",
        Page {
            question: "What was killed, by a saved log from anywhere?",
            when: "You have a piece of a log and nothing else: from a ticket, a mail, a serial console, \
                   a web page. It needs no privilege, and nothing of the machine that it is from.",
            examples: "\
oom-trace explain dmesg.txt                   one log
oom-trace explain /var/log/kern.log*          several, compressed ones too
dmesg | oom-trace explain                     from a pipe
oom-trace explain --format json kern.log.gz   as JSON Lines",
            more: &[],
        },
    ),
    (
        "report",
        Page {
            question: "How often, what recurs, and what should be done first?",
            when: "To look at weeks or at many machines at once, and to hand the result on as one page of \
                   HTML. For a single kill use `oom-trace history ID`.",
            examples: "",
            more: &[],
        },
    ),
    (
        "verify",
        Page {
            question: "Was there a kill, and can a \"no\" be trusted?",
            when: "When a process ended with status 137 and you must know why, by hand or in a script. It \
                   holds the records against the kernel's own count, and says so when it cannot know.",
            examples: "",
            more: &[],
        },
    ),
    (
        "top",
        Page {
            question: "What is nearest to its limit, and whom would the kernel kill next?",
            when: "Before a kill: on a machine that runs short, or to see what a new oom_score_adj or limit \
                   changes. It needs no agent and as little as may be; without root it shows what the kernel \
                   lets you see. For kills that were, use `oom-trace history`.",
            examples: "",
            more: &[],
        },
    ),
    (
        "trigger",
        Page {
            question: "Cause one kill, of a throwaway child, to see that all of it works.",
            when: "To test alerts and dashboards end to end. The child has a cgroup of its own with a small \
                   limit; nothing else can be killed.",
            examples: "\
oom-trace trigger                 a child that may use 32 MiB
oom-trace trigger --memory 64M    or more",
            more: &[],
        },
    ),
];
