//! A realistic record for each kind of program.

use super::super::testdata::{
    GIB, MIB, candidate, candidates, held, in_pod, of_a_service, of_the_machine,
};
use super::*;
use crate::incident::model::{Candidate, Scope, Source};

fn service(comm: &str, argv: &[&str], max: u64, own: u64) -> OomKill {
    let mut kill = of_a_service();
    kill.victim.comm = Some(comm.into());
    kill.victim.argv =
        (!argv.is_empty()).then(|| argv.iter().map(|&argument| argument.into()).collect());
    kill.shortage.limit.as_mut().unwrap().max_bytes = Some(max);
    kill.shortage.limit.as_mut().unwrap().usage_bytes = Some(max);
    held(&mut kill, own / MIB);
    kill
}

fn named(comm: &str, pid: u32, mib: u64) -> Candidate {
    Candidate { comm: Some(comm.into()), ..candidate(pid, mib) }
}

fn says(kill: &OomKill, text: &str) {
    let advice = advice(kill).unwrap();
    assert!(advice.contains(text), "{advice}");
}

#[test]
fn a_heap_that_fills_the_limit() {
    let java = |argv: &[&str], own| service("java", argv, 2 * GIB, own);
    says(
        &java(&["java", "-Xms2g", "-Xmx2g", "-jar", "app.jar"], 2000 * MIB),
        "lower -Xmx (2.0 GiB): it is 100% of the limit of 2.0 GiB, which must leave room for metaspace",
    );
    says(&java(&["java", "-Xmx1g", "App"], 1900 * MIB), "-Xmx is 1.0 GiB, but java held 1.9 GiB");
    says(&java(&["java", "-Xmx1g", "App"], 1900 * MIB), "-XX:MaxDirectMemorySize");
    says(&java(&["java", "-XX:MaxRAMPercentage=90", "App"], 1900 * MIB), "MaxRAMPercentage=90");
    says(&java(&["java", "App"], 1900 * MIB), "the command line has neither");
    says(&java(&[], 1900 * MIB), "check -Xmx or -XX:MaxRAMPercentage against the limit of 2.0 GiB");
    assert_eq!(advice(&java(&["java", "-Xmx2g", "App"], 200 * MIB)), None);
    let mut cut = java(&["java", "-cp", "a:b"], 1900 * MIB);
    cut.victim.argv_cut = Some(true);
    assert_eq!(advice(&cut), None);
    let elastic = ["java", "-Xmx15g", "org.elasticsearch.bootstrap.Elasticsearch"];
    let mut kill = of_the_machine();
    kill.victim.argv = Some(elastic.iter().map(|&argument| argument.into()).collect());
    says(&kill, "94% of the machine's 16.0 GiB");
    says(&kill, "at most half of the memory");
}

#[test]
fn a_heap_of_node() {
    let node = |argv: &[&str]| service("node", argv, 615 * MIB, 600 * MIB);
    says(
        &node(&["node", "--max-old-space-size=4096", "x.js"]),
        "lower --max-old-space-size (4.0 GiB)",
    );
    says(&node(&["node", "--max-old-space-size", "300", "x.js"]), "is 300.0 MiB of the limit");
    says(&node(&["node", "server.js"]), "set --max-old-space-size to about three quarters");
    says(&node(&[]), "check --max-old-space-size");
}

#[test]
fn go_is_known_by_name_alone() {
    says(
        &service("apid", &[], 40 * MIB, 36 * MIB),
        "GOMEMLIMIT to about 90% of the limit of 40.0 MiB",
    );
    assert_eq!(advice(&service("myserver", &[], 40 * MIB, 36 * MIB)), None);
}

#[test]
fn workers_times_their_size() {
    let mut kill = service("php-fpm8.2", &["php-fpm: pool www"], 512 * MIB, 60 * MIB);
    assert_eq!(advice(&kill), None);
    let pool: Vec<_> = (7..15).map(|pid| named("php-fpm8.2", pid, 60)).collect();
    kill.candidates = Some(candidates(&pool));
    assert_eq!(
        advice(&kill).unwrap(),
        "lower pm.max_children: 8 processes held 480.0 MiB of private memory, 60.0 MiB each on \
         average, and 8 of that size would fill the limit of 512.0 MiB"
    );
    kill.candidates.as_mut().unwrap().total = 40;
    says(&kill, "at least 8 processes");
    // What an old log has.
    for one in &mut kill.candidates.as_mut().unwrap().top {
        (one.memory.anon_rss_bytes, one.rss_bytes) = (None, Some(60 * MIB));
    }
    says(&kill, "60.0 MiB each on average (shared memory counts in each)");
    for (comm, setting) in [("apache2", "MaxRequestWorkers"), ("gunicorn", "--workers")] {
        let mut kill = service(comm, &[], 512 * MIB, 60 * MIB);
        let pool: Vec<_> = (7..15).map(|pid| named(comm, pid, 60)).collect();
        kill.candidates = Some(candidates(&pool));
        says(&kill, setting);
    }
}

/// Of five one holds most: fewer would hold hardly less.
#[test]
fn one_worker_that_holds_most_is_looked_at() {
    let mut kill = service("gunicorn", &["gunicorn: worker"], 512 * MIB, 411 * MIB);
    let mut pool: Vec<_> = (8..12).map(|pid| named("gunicorn", pid, 23)).collect();
    pool.push(named("gunicorn", 7, 411));
    kill.candidates = Some(candidates(&pool));
    assert_eq!(
        advice(&kill).unwrap(),
        "find out what the largest worker was doing (a large request, or a leak, which gunicorn's \
         --max-requests limits): one of 5 processes held 411.0 MiB of their 503.0 MiB"
    );
    // It was another that died.
    held(&mut kill, 23);
    says(&kill, "one of 5 processes held 411.0 MiB of their 503.0 MiB");
    // There are others, of which nothing is known.
    kill.candidates.as_mut().unwrap().total = 40;
    says(&kill, "at least 5 processes held 503.0 MiB of private memory, 100.6 MiB each");
    let mut kill = of_the_machine();
    kill.victim.comm = Some("cc1plus".into());
    held(&mut kill, 8000);
    let jobs = [named("cc1plus", 7, 8000), named("cc1plus", 8, 500)];
    kill.candidates = Some(candidates(&jobs));
    says(&kill, "in smaller units: one of 2 processes held 7.8 GiB of their 8.3 GiB");
}

#[test]
fn databases() {
    let mut kill = service("postgres", &["postgres: app shop [local] SELECT"], GIB, 900 * MIB);
    says(&kill, "one backend alone held 900.0 MiB of the limit of 1.0 GiB");
    held(&mut kill, 117);
    let pool: Vec<_> = (7..15).map(|pid| named("postgres", pid, 117)).collect();
    kill.candidates = Some(candidates(&pool));
    says(&kill, "lower work_mem or max_connections");
    kill.candidates = None;
    assert_eq!(advice(&kill), None);
    kill.victim.memory.shmem_rss_bytes = Some(600 * MIB);
    says(&kill, "lower shared_buffers");

    let redis = |argv: &[&str]| service("redis-server", argv, GIB, 900 * MIB);
    says(&redis(&["redis-server *:6379"]), "check maxmemory against the limit of 1.0 GiB");
    says(&redis(&["redis-server", "--maxmemory", "1gb"]), "lower maxmemory (1.0 GiB): it is 100%");
    says(&redis(&["redis-server", "--maxmemory", "400mb"]), "on top of maxmemory (400.0 MiB)");
    says(
        &service("memcached", &["memcached", "-m", "1000"], GIB, 900 * MIB),
        "(1000.0 MiB): it is 98%",
    );
    let mysql = ["mysqld", "--innodb-buffer-pool-size=1G"];
    says(&service("mysqld", &mysql, GIB, 900 * MIB), "lower innodb_buffer_pool_size (1.0 GiB)");
}

#[test]
fn parallel_builds() {
    let mut kill = of_the_machine();
    kill.victim.comm = Some("cc1plus".into());
    says(&kill, "one cc1plus alone held");
    held(&mut kill, 1500);
    let jobs: Vec<_> = (7..15).map(|pid| named("cc1plus", pid, 1500)).collect();
    kill.candidates = Some(candidates(&jobs));
    says(
        &kill,
        "lower the number of parallel jobs (-j, CARGO_BUILD_JOBS): 8 processes held 11.7 GiB",
    );
}

#[test]
fn browsers() {
    let mut kill = of_the_machine();
    kill.victim.comm = Some("Isolated Web Co".into());
    says(&kill, "the browser itself is still running");
    kill.victim.comm = Some("chrome".into());
    assert_eq!(advice(&kill), None);
    kill.victim.oom_score_adj = Some(300);
    says(&kill, "the browser itself is still running");
    let mut kill = in_pod();
    kill.victim.comm = Some("chrome".into());
    kill.victim.oom_score_adj = Some(985);
    assert_eq!(advice(&kill), None);
}

#[test]
fn a_virtual_machine_is_named() {
    let mut kill = of_the_machine();
    kill.victim.comm = Some("qemu-system-x86".into());
    let argv =
        ["/usr/bin/qemu-system-x86_64", "-name", "guest=web1,debug-threads=on", "-m", "size=12G"];
    kill.victim.argv = Some(argv.iter().map(|&argument| argument.into()).collect());
    says(&kill, "give VM web1 less memory (its -m is 12.0 GiB), or the host more: it held 9.9 GiB");
    kill.victim.argv = None;
    says(&kill, "give the VM less memory, or the host more");
}

#[test]
fn a_script_is_named_or_what_would_name_it() {
    let python = |argv: &[&str]| service("python3", argv, GIB, 900 * MIB);
    says(&python(&["python3", "-u", "/srv/train.py", "--all"]), "what grows in /srv/train.py");
    says(&python(&["python3", "-m", "jobs.import"]), "what grows in jobs.import");
    let mut young = python(&["python3", "/srv/train.py"]);
    young.victim.age_ms = Some(233);
    says(&young, "what /srv/train.py allocates when it starts: it was killed after 233 ms");
    assert_eq!(advice(&python(&["python3", "-c", "x"])), None);
    let mut kill = of_the_machine();
    kill.victim.comm = Some("python".into());
    assert_eq!(advice(&kill), None);
    kill.source = Source::KernelLog;
    says(&kill, "the log has no command line");
}

#[test]
fn where_it_was_about_something_else_nothing_is_said() {
    let mut kill = in_pod();
    kill.victim.comm = Some("java".into());
    assert!(advice(&kill).is_some());
    kill.shortage.scope = Some(Scope::Sysrq);
    assert_eq!(advice(&kill), None);
    let mut kill = of_the_machine();
    assert!(advice(&kill).is_some());
    kill.system.as_mut().unwrap().free_bytes = Some(8 * GIB);
    assert_eq!(advice(&kill), None);
}
