//! Records for tests of whatever renders or delivers them.

mod shortage;

use self::shortage::{build, of_the_cgroup, of_the_machine};
use crate::incident::model::{
    Agent, AgentEvent, AgentType, Build, Candidate, Candidates, Cgroup, Chosen, Container, Limit,
    Memory, Missing, OomKill, OomKillType, OomPanic, OomPanicType, Origin, Outcome, Pod, Record,
    SCHEMA, Scope, Sharer, Shortage, Source, System, Totals, Trigger, Victim, Why,
};

/// One record for each shape that a kill can take, by name.
pub(crate) fn all() -> [(&'static str, Record); 11] {
    let kill = |kill| Record::OomKill(Box::new(kill));
    let panic = |panic| Record::OomPanic(Box::new(panic));
    let [panic_unknown, panic_everything] = panics();
    [
        ("memcg", kill(memcg())),
        ("global", kill(global())),
        ("group", kill(group())),
        ("already_exiting", kill(already_exiting())),
        ("unknown", kill(from_log())),
        ("hostile", kill(hostile())),
        ("everything", kill(everything())),
        ("panic", panic(self::panic())),
        ("panic_unknown", panic(panic_unknown)),
        ("panic_everything", panic(panic_everything)),
        ("agent", Record::Agent(Box::new(agent()))),
    ]
}

fn origin() -> Origin {
    Origin {
        time: "2026-11-23T03:08:07.012345678Z".parse().ok(),
        boot_ns: Some(4_572_744_000),
        boot_id: Some("7c6e5a0c-0f0b-4f0e-9d0a-6d1b0c9f2a11".into()),
        host: Some("db1".into()),
        kernel: Some("6.12.107+deb13-cloud-amd64".into()),
    }
}

/// What a log without stamps tells.
const NOWHERE: Origin =
    Origin { time: None, boot_ns: None, boot_id: None, host: None, kernel: None };

/// What a log tells of a kill whose dump it has not, and less.
fn from_log() -> OomKill {
    OomKill {
        incident: "log-157".into(),
        origin: NOWHERE,
        source: Source::KernelLog,
        shortage: Shortage::default(),
        ..unknown()
    }
}

pub(crate) fn memory(kib: [u64; 6]) -> Memory {
    let [total_vm, anon, file, shmem, swap, pgtables] = kib.map(|kib| Some(kib * 1024));
    Memory {
        total_vm_bytes: total_vm,
        anon_rss_bytes: anon,
        file_rss_bytes: file,
        shmem_rss_bytes: shmem,
        swap_bytes: swap,
        pgtables_bytes: pgtables,
    }
}

/// What the raw tracepoint of an old kernel tells: a thread id.
pub(crate) fn unknown() -> OomKill {
    OomKill {
        schema: SCHEMA,
        kind: OomKillType::OomKill,
        incident: "7c6e5a0c-4572744000".into(),
        origin: origin(),
        source: Source::Tracepoint,
        outcome: None,
        victim_index: 1,
        victim_count: 1,
        kill_count: None,
        message: None,
        shortage: Shortage { page_size_bytes: Some(4096), ..Shortage::default() },
        chosen: None,
        victim: victim(157),
        group: None,
        candidates: None,
        system: None,
        why: None,
    }
}

pub(crate) fn victim(tid: u32) -> Victim {
    Victim {
        pid: None,
        tid,
        ns_pid: None,
        comm: None,
        uid: None,
        gid: None,
        ppid: None,
        parent_comm: None,
        oom_score_adj: None,
        badness: None,
        threads: None,
        started: None,
        age_ms: None,
        exe: None,
        argv: None,
        argv_cut: None,
        user: None,
        login_uid: None,
        login_user: None,
        parents: None,
        memory: Memory::default(),
        memory_logged: Vec::new(),
        cgroup: None,
        unit: None,
        slice: None,
        container: None,
        pod: None,
        shares_mm: None,
    }
}

pub(crate) fn limit(path: &str) -> Limit {
    Limit { cgroup: Some(path.into()), ..Limit::default() }
}

fn memcg() -> OomKill {
    let logged = memory([25660, 24448, 0, 580, 0, 84]);
    OomKill {
        source: Source::Kprobe,
        outcome: Some(Outcome::Killed),
        kill_count: Some(1),
        message: Some("Memory cgroup out of memory".into()),
        shortage: of_the_cgroup(),
        chosen: Some(Chosen {
            tid: 157,
            comm: Some("memhog".into()),
            uid: Some(1000),
            cgroup: Some("/web/app.service".into()),
        }),
        victim: Victim {
            pid: Some(157),
            ns_pid: Some(157),
            comm: Some("memhog".into()),
            uid: Some(1000),
            gid: Some(1000),
            ppid: Some(90),
            parent_comm: Some("sh".into()),
            oom_score_adj: Some(100),
            badness: Some(7101),
            threads: Some(1),
            started: Some("2026-11-23T03:03:57Z".parse().unwrap()),
            age_ms: Some(250_012),
            memory: memory([25660, 24464, 0, 580, 0, 84]),
            memory_logged: vec![logged],
            cgroup: Some(Cgroup { path: "/web/app.service".into(), id: Some(1297) }),
            ..victim(157)
        },
        ..unknown()
    }
}

fn panic() -> OomPanic {
    OomPanic {
        schema: SCHEMA,
        kind: OomPanicType::OomPanic,
        incident: "7c6e5a0c-4572744000".into(),
        origin: origin(),
        source: Source::Kprobe,
        message: "Out of memory: system-wide panic_on_oom is enabled",
        shortage: of_the_machine(),
    }
}

/// A panic of which only the least is known, and one of which everything is.
fn panics() -> [OomPanic; 2] {
    let kill = everything();
    let unknown = OomPanic {
        incident: "log-0".into(),
        origin: NOWHERE,
        shortage: Shortage::default(),
        ..panic()
    };
    [unknown, OomPanic { shortage: kill.shortage, ..panic() }]
}

fn global() -> OomKill {
    let kill = memcg();
    let logged = memory([633_916, 632_320, 0, 580, 0, 1280]);
    OomKill {
        message: Some("Out of memory".into()),
        shortage: of_the_machine(),
        chosen: Some(Chosen {
            tid: 169,
            comm: Some("java".into()),
            cgroup: Some("/batch/job1".into()),
            ..kill.chosen.unwrap()
        }),
        victim: Victim {
            pid: Some(169),
            tid: 169,
            ns_pid: Some(7),
            comm: Some("java".into()),
            oom_score_adj: Some(0),
            badness: Some(158_545),
            threads: Some(23),
            memory: logged,
            memory_logged: vec![logged],
            cgroup: Some(Cgroup { path: "/batch/job1".into(), id: None }),
            shares_mm: Some(vec![Sharer { pid: 172, comm: Some("java-helper".into()) }]),
            ..kill.victim
        },
        ..kill
    }
}

/// The first victim of a group: killed twice.
fn group() -> OomKill {
    let kill = memcg();
    let logged = kill.victim.memory_logged.repeat(2);
    OomKill {
        victim_count: 5,
        kill_count: Some(2),
        group: Some("/web".into()),
        victim: Victim { memory_logged: logged, ..kill.victim },
        ..kill
    }
}

fn already_exiting() -> OomKill {
    let kill = memcg();
    OomKill {
        outcome: Some(Outcome::AlreadyExiting),
        kill_count: Some(0),
        victim: Victim { memory_logged: Vec::new(), ..kill.victim },
        ..kill
    }
}

/// Names that would end a line, colour it, or pass for a field, were they printed as they are.
fn hostile() -> OomKill {
    let kill = memcg();
    let path = b"/\x1b]0;owned\x07/x pid=1 \xff\xe2\x80\xae";
    OomKill {
        shortage: Shortage {
            trigger: Some(Trigger {
                comm: Some("a\nOOM-KILL b=1".into()),
                ..kill.shortage.trigger.unwrap()
            }),
            ..kill.shortage
        },
        chosen: Some(Chosen { cgroup: Some(path.into()), ..kill.chosen.unwrap() }),
        victim: Victim {
            comm: Some("x (pid 1)\\ \"\x1b[".into()),
            parent_comm: Some(b"caf\xc3\xa9\xc2\x9b1m".into()),
            cgroup: Some(Cgroup { path: path.into(), id: Some(7) }),
            unit: Some("evil\nunit".into()),
            argv: Some(vec!["sh".into(), "-c".into(), "rm -rf '\r'".into(), "".into()]),
            ..kill.victim
        },
        ..kill
    }
}

/// Every key has a value.
fn everything() -> OomKill {
    let kill = memcg();
    let parent = Limit {
        usage_bytes: Some(40 << 20),
        max_bytes: None,
        swap_usage_bytes: None,
        ancestors: Some(vec![Limit { ancestors: None, ..limit("/") }]),
        ..limit("/kubepods.slice")
    };
    let candidate = Candidate {
        pid: 157,
        tid: 157,
        comm: Some("memhog".into()),
        cgroup: Some("/web/app.service".into()),
        memory: kill.victim.memory,
        oom_score_adj: Some(100),
        badness: Some(7101),
    };
    OomKill {
        source: Source::Fentry,
        group: Some("/web".into()),
        shortage: Shortage {
            scope: Some(Scope::Mempolicy),
            constraint: Some("CONSTRAINT_MEMORY_POLICY"),
            nodemask: Some("0-1".into()),
            limit: Some(Limit {
                memsw_usage_bytes: Some(32 << 20),
                memsw_max_bytes: Some(64 << 20),
                memsw_failcnt: Some(0),
                kmem_usage_bytes: Some(1 << 20),
                kmem_max_bytes: Some(2 << 20),
                kmem_failcnt: Some(3),
                ancestors: Some(vec![parent]),
                ..kill.shortage.limit.unwrap()
            }),
            build: Build {
                preempt: Some("PREEMPT(lazy)".into()),
                taint: Some("Tainted: G        W         ".into()),
                ..build()
            },
            ..kill.shortage
        },
        victim: Victim {
            exe: Some("/usr/bin/memhog".into()),
            argv: Some(vec!["memhog".into(), "--size".into(), "512M".into()]),
            unit: Some("app.service".into()),
            slice: Some("kubepods-burstable.slice".into()),
            container: Some(Container {
                id: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef".into(),
                runtime: Some("containerd".into()),
                name: Some("web".into()),
            }),
            pod: Some(Pod {
                uid: "5f0e6f3a-8f63-4f0c-8d3a-2f8d4a3c9b10".into(),
                namespace: Some("shop".into()),
                name: Some("cart-0".into()),
                container: Some("app".into()),
                qos: Some("burstable".into()),
            }),
            shares_mm: Some(vec![Sharer { pid: 160, comm: Some("helper".into()) }]),
            ..kill.victim
        },
        candidates: Some(Candidates {
            total: 5,
            largest: Some(candidate.clone()),
            margin: Some(6907),
            decided_by_adj: Some(false),
            top: vec![
                candidate.clone(),
                Candidate {
                    pid: 101,
                    tid: 101,
                    comm: Some("sh".into()),
                    memory: memory([2560, 96, 640, 0, 0, 40]),
                    oom_score_adj: Some(0),
                    badness: Some(194),
                    ..candidate
                },
            ],
        }),
        system: Some(System {
            total_bytes: Some(32 << 30),
            free_bytes: Some(300 << 20),
            available_bytes: Some(12 << 30),
            swap_total_bytes: Some(2 << 30),
            swap_free_bytes: Some(0),
            ..System::default()
        }),
        why: Some(Why {
            summary: "memhog filled the 32.0 MiB that /web may use".into(),
            hints: vec!["raise memory.max of /web".into(), "or find what grew".into()],
        }),
        ..kill
    }
}

fn agent() -> Agent {
    Agent {
        schema: SCHEMA,
        kind: AgentType::Agent,
        origin: origin(),
        version: "0.1.0",
        event: AgentEvent::Degraded,
        message: "records lack the allocation: kprobes are not permitted".into(),
        hooks: vec!["raw_tp:mark_victim".into()],
        missing: vec![Missing {
            field: "trigger.order".into(),
            reason: "kprobes are not permitted".into(),
        }],
        totals: Totals { kernel_kills: Some(0), ..Totals::default() },
    }
}
