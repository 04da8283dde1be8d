//! Records for tests of whatever renders or delivers them.

mod everything;
mod exit;
mod others;
mod shortage;
mod system;

use self::everything::everything;
use self::shortage::{of_the_cgroup, of_the_machine};
use crate::incident::model::{
    Agent, AgentEvent, AgentType, Candidate, Candidates, Cgroup, Chosen, Job, KilledAgain, Limit,
    Memory, Missing, OomKill, OomPanic, OomPanicType, Origin, Outcome, Pod, Process, Record,
    SCHEMA, Shared, Sharer, Shortage, Source, Totals, Trigger, Victim,
};

/// One record for each shape that a kill can take, by name.
pub(crate) fn all() -> [(&'static str, Record); 19] {
    let kill = |kill| Record::OomKill(Box::new(kill));
    let panic = |panic| Record::OomPanic(Box::new(panic));
    let exit = |exit| Record::OomExit(Box::new(exit));
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
        ("failed", Record::OomFailed(Box::new(others::failed()))),
        ("failed_unknown", Record::OomFailed(Box::new(others::failed_unknown()))),
        ("user_kill", Record::UserKill(Box::new(others::user_kill()))),
        ("user_kill_unknown", Record::UserKill(Box::new(others::user_kill_unknown()))),
        ("exit", exit(exit::by_exit())),
        ("exit_reaper", exit(exit::by_reaper())),
        ("exit_stuck", exit(exit::stuck())),
        ("exit_unknown", exit(exit::unknown())),
        ("agent", Record::Agent(Box::new(agent()))),
    ]
}

fn origin() -> Origin {
    Origin {
        time: "2026-11-23T03:08:07.012345678Z".parse().ok(),
        time_guessed: None,
        boot_ns: Some(4_572_744_000),
        boot_id: Some("7c6e5a0c-0f0b-4f0e-9d0a-6d1b0c9f2a11".into()),
        host: Some("db1".into()),
        kernel: Some("6.12.107+deb13-cloud-amd64".into()),
    }
}

/// What a log tells of a kill whose dump it has not, and less.
fn from_log() -> OomKill {
    OomKill {
        incident: "log-157".into(),
        origin: Origin::default(),
        source: Source::KernelLog,
        shortage: Shortage::default().into(),
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
        incident: "7c6e5a0c-4572744000".into(),
        shortage: Shortage { page_size_bytes: Some(4096), ..Shortage::default() }.into(),
        victim: victim(157),
        ..OomKill::unknown(origin(), Source::Tracepoint)
    }
}

pub(crate) fn victim(tid: u32) -> Victim {
    Victim { tid, ..Victim::default() }
}

/// The container `main` of a pod whose names are known.
pub(crate) fn pod(namespace: &str, name: &str) -> Pod {
    Pod {
        uid: "u-1".into(),
        namespace: Some(namespace.into()),
        name: Some(name.into()),
        container: Some("main".into()),
        qos: None,
    }
}

/// A job of Slurm's, with all that a job may have.
pub(crate) fn job() -> Job {
    Job {
        system: "slurm".into(),
        id: Some("4711".into()),
        step: Some("0".into()),
        task: Some("2".into()),
        project: Some("shop".into()),
        runner: Some("build-1".into()),
    }
}

pub(crate) fn limit(path: &str) -> Limit {
    Limit { cgroup: Some(path.into()), ..Limit::default() }
}

pub(crate) fn memcg() -> OomKill {
    let logged = memory([25660, 24448, 0, 580, 0, 84]);
    OomKill {
        source: Source::Kprobe,
        outcome: Some(Outcome::Killed),
        kill_count: Some(1),
        message: Some("Memory cgroup out of memory".into()),
        shortage: of_the_cgroup().into(),
        chosen: Some(Chosen {
            tid: 157,
            comm: Some("memhog".into()),
            score: None,
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
        message: "Out of memory: system-wide panic_on_oom is enabled".into(),
        shortage: of_the_machine(),
        candidates: None,
        census: None,
        system: None,
        why: None,
    }
}

/// A panic of which only the least is known, and one of which everything is.
fn panics() -> [OomPanic; 2] {
    let kill = everything();
    let unknown = OomPanic {
        incident: "log-0".into(),
        origin: Origin::default(),
        shortage: Shortage::default(),
        ..panic()
    };
    let whole = OomPanic {
        shortage: kill.shortage.into_inner(),
        candidates: kill.candidates.map(Shared::into_inner),
        census: kill.census.map(Shared::into_inner),
        system: kill.system.map(Shared::into_inner),
        why: kill.why,
        ..panic()
    };
    [unknown, whole]
}

pub(crate) fn global() -> OomKill {
    let kill = memcg();
    let logged = memory([633_916, 632_320, 0, 580, 0, 1280]);
    OomKill {
        message: Some("Out of memory".into()),
        shortage: of_the_machine().into(),
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
            exe: Some("/usr/lib/jvm/bin/java".into()),
            argv: Some(vec![
                "java".into(),
                "-cp".into(),
                format!("/srv/app.jar{}", ":/srv/lib/é.jar".repeat(40)).into(),
                "shop.Main".into(),
            ]),
            argv_cut: Some(false),
            parents: Some(vec![
                Process { pid: 90, comm: Some("sh".into()) },
                Process { pid: 80, comm: None },
            ]),
            cgroup: Some(Cgroup { path: "/batch/job1".into(), id: None }),
            shares_mm: Some(vec![Sharer { pid: 172, comm: Some("java-helper".into()) }]),
            ..kill.victim
        },
        candidates: Some(weighed(logged).into()),
        system: Some(system::idle().into()),
        ..kill
    }
}

/// The largest is spared, and one asked to go first.
fn weighed(memory: Memory) -> Candidates {
    let java = Candidate {
        pid: 169,
        tid: 171,
        comm: Some("java".into()),
        uid: Some(1000),
        cgroup: Some("/batch/job1".into()),
        memory,
        rss_bytes: None,
        oom_score_adj: Some(0),
        badness: Some(158_545),
    };
    let db = Candidate {
        pid: 66,
        tid: 66,
        comm: Some("postgres".into()),
        uid: None,
        cgroup: Some("/db".into()),
        memory: self::memory([2_097_152, 1_048_576, 10_240, 65_536, 4096, 2500]),
        rss_bytes: None,
        oom_score_adj: Some(-1000),
        badness: None,
    };
    let asked = Candidate { pid: 70, tid: 70, badness: Some(i64::MAX), ..java.clone() };
    Candidates {
        total: 31,
        top: vec![asked, java],
        largest: Some(db),
        margin: None,
        decided_by_adj: Some(true),
    }
}

/// The first victim of a group: killed twice.
fn group() -> OomKill {
    let kill = memcg();
    let logged = kill.victim.memory_logged.repeat(2);
    OomKill {
        victim_count: 5,
        kill_count: Some(2),
        killed_again: vec![KilledAgain { tid: 158, log_us: Some(4_573_101) }],
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
pub(crate) fn hostile() -> OomKill {
    let kill = memcg();
    let path = b"/\x1b]0;owned\x07/x pid=1 \xff\xe2\x80\xae";
    OomKill {
        shortage: Shortage {
            trigger: Some(Trigger {
                comm: Some("a\nOOM-KILL b=1".into()),
                ..kill.shortage.trigger.clone().unwrap()
            }),
            ..kill.shortage.into_inner()
        }
        .into(),
        chosen: Some(Chosen { cgroup: Some(path.into()), ..kill.chosen.unwrap() }),
        victim: Victim {
            comm: Some("x (pid 1)\\ \"\x1b[".into()),
            parent_comm: Some(b"caf\xc3\xa9\xc2\x9b1m".into()),
            cgroup: Some(Cgroup { path: path.into(), id: Some(7) }),
            unit: Some("evil\nunit".into()),
            argv: Some(vec!["sh".into(), "-c".into(), "rm -rf '\r'".into(), "".into()]),
            exe: Some("/tmp/\x1b[31mx: y".into()),
            user: Some("al) (pid 1\n".into()),
            login_uid: Some(0),
            login_user: Some("root\u{202e}".into()),
            parents: Some(vec![
                Process { pid: 90, comm: Some(b"caf\xc3\xa9\xc2\x9b1m".into()) },
                Process { pid: 1, comm: Some("< init".into()) },
            ]),
            ..kill.victim
        },
        system: Some(system::hostile().into()),
        ..kill
    }
}

fn agent() -> Agent {
    Agent {
        schema: SCHEMA,
        kind: AgentType::Agent,
        origin: origin(),
        version: "0.1.0".into(),
        event: AgentEvent::Degraded,
        message: "records lack the allocation: kprobes are not permitted".into(),
        hooks: vec!["raw_tp:mark_victim".into()],
        missing: vec![Missing {
            field: "trigger.order".into(),
            reason: "kprobes are not permitted".into(),
        }],
        totals: Totals { kernel_kills: Some(0), ..Totals::default() },
        kernel_kills_since_boot: Some(3),
    }
}
