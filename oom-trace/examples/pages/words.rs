//! What the manual says beside the help: which command answers which question, and when to use it.

/// Of one command.
pub(crate) struct Page {
    /// What it answers, in half a sentence.
    pub(crate) question: &'static str,
    /// When to use it, and when another.
    pub(crate) when: &'static str,
    /// Sections of names and what they are.
    pub(crate) more: &'static [(&'static str, &'static [(&'static str, &'static str)])],
}

const FILES: &[(&str, &str)] = &[
    (
        "/etc/oom-trace/config.toml",
        "The configuration of the service. `systemctl reload oom-trace` reads it again.",
    ),
    (
        "/etc/oom-trace/environment",
        "Secrets for the configuration of the service, one NAME=VALUE per line.",
    ),
    (
        "/var/lib/oom-trace/records.db",
        "The store of the service: its records, by default for 180 days and up to 256 MiB.",
    ),
    ("/run/oom-trace/lock", "Locked by the running agent, so that no second one starts."),
];

const ENVIRONMENT: &[(&str, &str)] = &[
    ("NO_COLOR", "Disables colours, unless --color says otherwise."),
    ("STATE_DIRECTORY", "The folder of the store. systemd sets it for the service."),
];

pub(crate) const WHOLE: Page = Page {
    question: "",
    when: "A process is gone, its exit status is 137, or a container was restarted: `oom-trace verify` \
           says whether it was the OOM killer, and `oom-trace history` shows every known kill, \
           including those from before the installation, as far as the kernel's log goes back.

           To have a complete record of the next kill, keep the service running: `systemctl enable \
           --now oom-trace`. For a machine that you cannot log in to, read its saved log with \
           `oom-trace explain`.",
    more: &[("FILES", FILES), ("ENVIRONMENT", ENVIRONMENT)],
};

pub(crate) const COMMANDS: &[(&str, Page)] = &[
    (
        "run",
        Page {
            question: "Report each kill as it happens. The default, and what the service runs.",
            when: "In a terminal while you wait for a kill to happen again, or as a service that records \
                   every kill. Run only one agent on a machine: if the service is running, watch its \
                   records with `oom-trace history --follow` instead.",
            more: &[
                (
                    "SIGNALS",
                    &[
                        ("SIGHUP", "Reopens files, and reads the configuration again."),
                        (
                            "SIGINT, SIGTERM",
                            "Detaches, delivers what is waiting, reports the totals, and exits.",
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
            question: "Can the agent run here, what will its records lack, and is its configuration right?",
            when: "Before the first start, after a kernel upgrade, and after each change to the \
                   configuration. It loads the eBPF programs for a moment and changes nothing.",
            more: &[],
        },
    ),
    (
        "history",
        Page {
            question: "What was killed? A table, one kill in full, or any format.",
            when: "After a kill. It reads the running agent's store; otherwise the service's; \
                   otherwise the kernel's log. It also reads saved logs and records of other machines. \
                   For a yes or no that can be trusted, use `oom-trace verify`; for totals and repeated \
                   kills, `oom-trace report`.",
            more: &[
                ("FILES", FILES),
                (
                    "ENVIRONMENT",
                    &[
                        (
                            "OOM_TRACE_PAGER, PAGER",
                            "The pager on a terminal, `less` if neither is set. Empty or `cat`: none.",
                        ),
                        ("NO_COLOR", "Disables colours, unless --color says otherwise."),
                    ],
                ),
            ],
        },
    ),
    (
        "explain",
        Page {
            question: "What was killed, according to a saved log?",
            when: "When all you have is part of a log: from a ticket, an email, a serial console or a web \
                   page. It needs no privileges, and nothing else from that machine.",
            more: &[],
        },
    ),
    (
        "report",
        Page {
            question: "How often, what recurs, and what should be done first?",
            when: "To look at weeks or at many machines at once, and to pass the result on as one HTML \
                   page. For a single kill, use `oom-trace history ID`.",
            more: &[],
        },
    ),
    (
        "verify",
        Page {
            question: "Was there a kill, and can a \"no\" be trusted?",
            when: "When a process ended with status 137 and you must know why, by hand or in a script. It \
                   compares the records with the kernel's own count of kills, and says so if it cannot \
                   tell.",
            more: &[],
        },
    ),
    (
        "top",
        Page {
            question: "What is nearest to its limit, and what would the kernel kill next?",
            when: "Before a kill: when memory runs short, or to see what a new oom_score_adj or limit \
                   changes. It needs no agent, and uses little memory and processor time itself. Without \
                   root it shows what the kernel lets you see. For past kills, use `oom-trace history`.",
            more: &[],
        },
    ),
    (
        "trigger",
        Page {
            question: "Does it all work? Cause one kill, of a throwaway child.",
            when: "To test alerts and dashboards end to end. The child has a cgroup of its own with a small \
                   limit; nothing else can be killed, except with --global.",
            more: &[],
        },
    ),
];
