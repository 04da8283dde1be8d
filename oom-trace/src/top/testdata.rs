//! A machine with a leak, a full cache, a tree of containers, and names that somebody chose to do harm.

use std::time::Duration;

use super::kills::Kills;
use super::model::Model;
use super::rows::Listing;
use super::sample::{Cgroup, Machine, Sample, Task};
use crate::incident::model::{Cgroup as VictimCgroup, Pressure, Record, System};
use crate::render::fixtures;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// A name that would colour, re-order and end a line.
const HOSTILE: &str = "/system.slice/\u{1b}[31mred\n\u{202e}evil.service";

fn cgroup(path: &str, used: u64, cache: u64, max: u64) -> Cgroup {
    Cgroup {
        path: path.into(),
        used: Some(used * MIB),
        cache: Some(cache * MIB),
        max: Some(max * MIB).filter(|max| *max > 0),
        some: Some(0.0),
        full: Some(0.0),
        kills: Some(0),
        is_whole: true,
        ..Cgroup::default()
    }
}

fn task(pid: u32, comm: &str, mib: u64, adj: i16, cgroup: &str) -> Task {
    Task {
        pid,
        comm: comm.into(),
        rss: mib * MIB,
        swap: 0,
        pgtables: mib * MIB / 512 / 4096 * 4096,
        oom_score_adj: adj,
        cgroup: cgroup.into(),
    }
}

/// How it stands after so many seconds.
pub(super) fn sample(second: u64) -> Sample {
    let pressure = |avg10| Some(Pressure { avg10, avg60: avg10 / 2.0, avg300: avg10 / 4.0 });
    let system = System {
        total_bytes: Some(16 * GIB),
        available_bytes: Some(5 * GIB),
        swap_total_bytes: Some(2 * GIB),
        swap_free_bytes: Some(GIB),
        pressure_some: pressure(3.4),
        pressure_full: pressure(0.4),
        ..System::default()
    };
    let machine = Machine {
        is_first_pid_namespace: true,
        system,
        oom_kills: Some(3),
        kills_allocating_task: false,
        uptime: Some(Duration::from_secs(3 * 86_400 + 4 * 3600)),
    };
    let app = "/system.slice/app.service";
    let pod = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod7c6e.slice";
    let worker = format!("{pod}/cri-containerd-4f1a.scope");
    let cgroups = vec![
        Cgroup { max: None, ..cgroup("/", 11 * 1024, 3000, 0) },
        cgroup("/system.slice", 6000, 2500, 0),
        // It leaks 12 MiB a minute.
        Cgroup {
            some: Some(12.3),
            full: Some(1.5),
            kills: Some(if second >= 30 { 3 } else { 2 }),
            high: Some(500 * MIB),
            ..cgroup(app, 460 + second / 5, 10, 512)
        },
        // Full of files that are dropped when need be.
        cgroup("/system.slice/backup.service", 1020, 960, 1024),
        cgroup("/system.slice/nginx.service", 120, 20, 1024),
        cgroup(HOSTILE, 50, 0, 64),
        cgroup("/kubepods.slice", 3000, 400, 8192),
        cgroup("/kubepods.slice/kubepods-burstable.slice", 3000, 400, 0),
        cgroup(pod, 1500, 100, 2048),
        Cgroup { dies_whole: true, ..cgroup(&worker, 1500, 100, 2048) },
        Cgroup {
            some: None,
            full: None,
            kills: None,
            cache: None,
            ..cgroup("/user.slice", 900, 0, 0)
        },
    ];
    let tasks = vec![
        task(1, "systemd", 12, 0, "/init.scope"),
        task(650, "sshd", 8, -1000, "/system.slice/ssh.service"),
        task(4711, "java", 400 + second / 5, 0, app),
        task(4712, "logger", 30, 300, app),
        task(4713, "tmux: server", 5, 0, app),
        task(8100, "postgres", 3600, -900, "/system.slice/postgres.service"),
        task(9000, "python3", 1300, 992, &worker),
        task(9001, "\u{1b}[2Jx\n\u{202e}y", 45, 0, HOSTILE),
        task(9100, "firefox", 800, 100, "/user.slice"),
    ];
    Sample { at: Duration::from_secs(second), machine, cgroups, tasks, hidden_tasks: 0 }
}

/// What is shown after forty seconds.
pub(super) fn model(listing: Listing) -> Model {
    let mut old = fixtures::memcg();
    old.victim.cgroup = Some(VictimCgroup { path: "/system.slice/app.service".into(), id: None });
    let place = "the store of the running agent (pid 871)".to_owned();
    let kills = Kills::new(place, None, &[Record::OomKill(Box::new(old.clone()))]);
    let mut model = Model::new("web1".into(), Duration::from_secs(2), listing, kills);
    model.is_live = true;
    model.set_heights([8, 4, 3], 24);
    let mut new = old;
    new.incident = "2".into();
    for second in (0..=40).step_by(2) {
        let came = (second == 30).then(|| Record::OomKill(Box::new(new.clone())));
        model.take(sample(second), came.as_slice());
    }
    model
}
