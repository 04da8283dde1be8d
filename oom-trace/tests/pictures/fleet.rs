//! A made-up fleet: what its agents would have kept of two weeks. What is said of a kill is the program's own.

mod told;

use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;
use oom_trace::incident::model::Record;
use serde_json::{Value, json};

/// When the oldest of its machines was booted.
const BOOTED: &str = "2026-11-09T06:00:00Z";

/// A kill at a cgroup's limit, or where that is zero for want of the machine's memory.
struct Kill {
    host: &'static str,
    /// Days, hours and minutes since the boot.
    after: (u64, u64, u64),
    pid: u32,
    comm: &'static str,
    uid: u32,
    adj: i16,
    cgroup: &'static str,
    /// Whose limit; the closest below the root.
    limit: &'static str,
    limit_mib: u64,
    held_mib: u64,
    trigger: &'static str,
    freed_ms: Option<u64>,
    argv: &'static [&'static str],
    /// Who else was weighed: name, MiB, `oom_score_adj`.
    others: &'static [(&'static str, u64, i16)],
}

const POD: &str = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod7c6e5a0c_0f0b_4f0e_9d0a_6d1b0c9f2a11.slice";
const CONTAINER: &str = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod7c6e5a0c_0f0b_4f0e_9d0a_6d1b0c9f2a11.slice/cri-containerd-4f1a6d0b9c2e8a7f5d3c1b0e9f8a7d6c5b4e3f2a1d0c9b8e7f6a5d4c3b2e1f0a.scope";

const WORKER: Kill = Kill {
    host: "web1",
    after: (0, 0, 0),
    pid: 0,
    comm: "gunicorn",
    uid: 33,
    adj: 0,
    cgroup: "/system.slice/shop.service",
    limit: "/system.slice/shop.service",
    limit_mib: 512,
    held_mib: 431,
    trigger: "gunicorn",
    freed_ms: Some(18),
    argv: &["/usr/bin/python3", "/usr/bin/gunicorn", "--workers", "4", "shop.wsgi"],
    others: &[("gunicorn", 27, 0), ("gunicorn", 26, 0), ("gunicorn", 25, 0), ("gunicorn", 21, 0)],
};

const JAVA: Kill = Kill {
    host: "node-a",
    after: (0, 0, 0),
    pid: 0,
    comm: "java",
    uid: 1000,
    adj: 968,
    cgroup: CONTAINER,
    limit: POD,
    limit_mib: 2048,
    held_mib: 1903,
    trigger: "http-nio-8080-e",
    freed_ms: Some(212),
    argv: &["/opt/java/bin/java", "-Xmx1800m", "-jar", "/srv/checkout.jar"],
    others: &[("envoy", 118, 968), ("pause", 1, -998)],
};

const MACHINE: Kill = Kill {
    host: "db1",
    after: (0, 0, 0),
    pid: 0,
    comm: "pg_dump",
    uid: 26,
    adj: 0,
    cgroup: "/system.slice/backup.service",
    limit: "",
    limit_mib: 0,
    held_mib: 9400,
    trigger: "rsync",
    freed_ms: Some(1340),
    argv: &["/usr/bin/pg_dump", "--format=custom", "shop"],
    others: &[
        ("postgres", 4210, -900),
        ("postgres", 611, 0),
        ("postgres", 604, 0),
        ("rsync", 44, 0),
        ("node_exporter", 22, 0),
        ("sshd", 6, -1000),
    ],
};

const KILLS: [Kill; 16] = [
    Kill { after: (0, 14, 32), pid: 2210, ..WORKER },
    Kill { after: (1, 3, 5), pid: 8042, trigger: "java", ..JAVA },
    Kill { after: (3, 1, 15), pid: 1877, ..MACHINE },
    Kill { after: (4, 2, 10), pid: 3871, held_mib: 438, freed_ms: Some(22), ..WORKER },
    Kill { after: (6, 20, 44), pid: 9120, freed_ms: Some(187), ..JAVA },
    Kill { after: (7, 4, 51), pid: 5102, held_mib: 427, trigger: "nginx", ..WORKER },
    Kill { after: (9, 9, 3), pid: 6633, held_mib: 440, freed_ms: Some(25), ..WORKER },
    Kill {
        after: (10, 1, 15),
        pid: 20931,
        held_mib: 9713,
        freed_ms: Some(2210),
        trigger: "postgres",
        ..MACHINE
    },
    Kill { after: (11, 2, 40), pid: 7190, held_mib: 436, ..WORKER },
    Kill {
        host: "web1",
        after: (12, 11, 20),
        pid: 30412,
        comm: "Isolated Web Co",
        uid: 1000,
        adj: 200,
        cgroup: "/user.slice/user-1000.slice/user@1000.service/app.slice/firefox.service",
        limit: "/user.slice/user-1000.slice",
        limit_mib: 3072,
        held_mib: 902,
        trigger: "firefox",
        freed_ms: Some(64),
        argv: &["/usr/lib/firefox/firefox", "-contentproc"],
        others: &[("firefox", 811, 100), ("Isolated Web Co", 640, 200), ("code", 388, 200)],
    },
    Kill { after: (12, 16, 2), pid: 8214, held_mib: 433, freed_ms: Some(19), ..WORKER },
    Kill { after: (13, 5, 31), pid: 11544, freed_ms: None, ..JAVA },
    Kill { after: (13, 9, 12), pid: 9001, held_mib: 441, ..WORKER },
    Kill { after: (14, 3, 7), pid: 12801, freed_ms: Some(240), ..JAVA },
    Kill { after: (14, 13, 45), pid: 9544, held_mib: 437, freed_ms: Some(21), ..WORKER },
    Kill {
        after: (14, 15, 20),
        pid: 10012,
        held_mib: 439,
        trigger: "celery",
        freed_ms: Some(17),
        ..WORKER
    },
];

/// A record that a real log tells of: all of its keys are there.
static BASE: LazyLock<Value> = LazyLock::new(|| {
    let log = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/logs/6.12-memcg.log");
    let told = Command::new(env!("CARGO_BIN_EXE_oom-trace"))
        .args(["explain", "--format", "json", log])
        .output()
        .unwrap();
    serde_json::from_slice(&told.stdout).unwrap()
});

/// All that was kept, in the order of time.
pub(crate) fn records() -> Vec<Record> {
    let mut records: Vec<_> =
        ["web1", "node-a", "db1"].map(|host| agent(host, "started", 60)).into();
    for kill in &KILLS {
        let told = kill.told();
        records.push(kill.end(&told));
        records.insert(records.len() - 1, told);
    }
    records.extend(["web1", "node-a", "db1"].map(|host| agent(host, "stopped", 15 * 86_400)));
    explained(records)
}

/// The same kill, with names that somebody chose to do harm.
pub(crate) fn hostile() -> Vec<Record> {
    let names = [
        "<script>h()</sc",
        "\"><img src=//x>",
        "</style></title",
        "\u{1b}[31m\u{202e}\n\u{7}",
        "' onload=alert()",
        "{{7*7}}<!--]]>",
    ];
    let told = names.into_iter().zip(&KILLS).map(|(name, kill)| {
        let mut told = kill.told();
        let long =
            format!("{name}</pre></script><svg onload=alert(1)><a href=javascript:alert(1)>");
        told["host"] = format!("{name}<base href=//elsewhere.example>").into();
        for who in ["victim", "trigger"] {
            told[who]["comm"] = name.into();
        }
        told["victim"]["argv"] = json!([long, "--x=`'\"></script>"]);
        told["victim"]["exe"] = long.clone().into();
        told["victim"]["unit"] = format!("{name}.service").into();
        told["victim"]["cgroup"]["path"] = format!("/{long}.service").into();
        told["limit"]["cgroup"] = format!("/{long}").into();
        told["candidates"]["top"][0]["comm"] = name.into();
        told["stack"] = json!([long]);
        told["incident"] = format!("\"><script>{}", kill.pid).into();
        told
    });
    explained(told.collect())
}

/// With what the program says of each.
fn explained(records: Vec<Value>) -> Vec<Record> {
    let told = |record: Value| {
        let mut record: Record = serde_json::from_value(record).unwrap();
        if let Record::OomKill(kill) = &mut record {
            kill.why = oom_trace::why::explain(kill);
        }
        record
    };
    records.into_iter().map(told).collect()
}

/// A record of this machine, so many seconds after its boot.
fn place(record: &mut Value, host: &str, second: u64) {
    let booted: Timestamp = BOOTED.parse().unwrap();
    record["time"] = format!("{:.9}", booted + Duration::from_secs(second)).into();
    record["time_guessed"] = Value::Null;
    record["boot_ns"] = (second * 1_000_000_000).into();
    record["boot_id"] = boot_id(host).into();
    record["host"] = host.into();
    record["kernel"] = "6.12.57+deb13-amd64".into();
}

fn boot_id(host: &str) -> &'static str {
    match host {
        "web1" => "1b0e9f8a-7d6c-4b4e-8f2a-1d0c9b8e7f6a",
        "node-a" => "5d4c3b2e-1f0a-4f1a-9d0b-9c2e8a7f5d3c",
        _ => "c3ece036-0b5d-4e0c-8a57-2f6a1d0c9b8e",
    }
}

/// What an agent says of itself.
fn agent(host: &str, event: &str, second: u64) -> Value {
    let kills = match event {
        "started" => 0,
        _ => KILLS.iter().filter(|kill| kill.host == host).count(),
    };
    let mut agent = json!({
        "schema": 1, "type": "agent", "version": "0.1.0", "event": event, "message": event,
        "hooks": [], "missing": [], "kernel_kills_since_boot": kills,
        "totals": {
            "kills": 0, "kernel_kills": 0, "records": 0, "ring_lost": 0, "malformed": 0, "sink_lost": 0
        },
    });
    place(&mut agent, host, second);
    agent
}
