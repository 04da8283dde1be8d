use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::incident::model::{OomKill, OomPanic};
use crate::render::fixtures;
use crate::setting::{ByteSize, ConfigDuration};
use crate::store::{Retention, Store};

const BOOT: &str = "7c6e5a0c-0f0b-4f0e-9d0a-6d1b0c9f2a11";
const SECOND: u64 = 1_000_000_000;

const KILL: &str = "<3>[  100.000003] Memory cgroup out of memory: Killed process 7 (a) total-vm:8kB, \
                    anon-rss:4kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:4kB oom_score_adj:0\n";
const PANIC: &str = "<4>[  200.000000] b invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|\
                     __GFP_COMP), order=0, oom_score_adj=0\n\
                     <0>[  200.000100] Kernel panic - not syncing: Out of memory: system-wide \
                     panic_on_oom is enabled\n\
                     <4>[  201.000000] Kernel Offset: disabled\n";

/// A store, a folder of pstore's, and the clock of the boot that reads it.
struct Scene {
    folder: TempDir,
    clock: Clock,
    panicked: Timestamp,
}

impl Scene {
    /// A panic an hour before this boot began, in two parts.
    fn new() -> Self {
        let clock = Clock::now();
        Self::of(clock, clock.wall(0) - Duration::from_secs(3600))
    }

    fn of(clock: Clock, panicked: Timestamp) -> Self {
        let scene = Self { folder: tempfile::tempdir().unwrap(), clock, panicked };
        fs::create_dir(scene.pstore()).unwrap();
        scene.put("dmesg-efi_pstore-170000000002001", &format!("Panic#1 Part2\n{KILL}"));
        scene.put("dmesg-efi_pstore-170000000001001", &format!("Panic#1 Part1\n{PANIC}"));
        scene
    }

    fn pstore(&self) -> PathBuf {
        self.folder.path().join("pstore")
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("records.db")
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.pstore().join(name);
        fs::write(&path, text).unwrap();
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(self.panicked.into()).unwrap();
    }

    fn save(&self, number: u64, record: Record) {
        let keep = Retention {
            max_age: ConfigDuration(Duration::from_secs(1 << 40)),
            max_bytes: ByteSize(1 << 30),
        };
        let mut store = Store::open(&self.store(), &keep).unwrap();
        store.save(number, &[Arc::new(record)], &[]).unwrap();
    }

    fn lacking(&self) -> Vec<Record> {
        let host = Host { boot_id: "of-now".into(), name: "db1".into(), kernel: "6.12".into() };
        let mut found = Vec::new();
        let pstore = self.pstore();
        lacking(&[&pstore], &host, &mut Archive::at(&self.store()), self.clock, |record| {
            found.push(record);
            Ok(())
        })
        .unwrap();
        found
    }
}

/// What an agent of that boot saved: another kill, by which the store knows when the boot began.
fn saved(scene: &Scene, tid: u32, log_us: u64) -> OomKill {
    let mut kill = fixtures::unknown();
    kill.victim.tid = tid;
    kill.log_us = Some(log_us);
    kill.kill_count = Some(1);
    kill.origin.boot_id = Some(BOOT.into());
    kill.origin.boot_ns = Some(log_us * 1000);
    let start = scene.panicked - Duration::from_secs(201);
    kill.origin.time = Some(start + Duration::from_micros(log_us));
    kill
}

fn split(records: &[Record]) -> (Vec<&OomKill>, Vec<&OomPanic>) {
    let panics = records.iter().filter_map(|record| match record {
        Record::OomPanic(panic) => Some(&**panic),
        _ => None,
    });
    (records.iter().filter_map(Record::kill).collect(), panics.collect())
}

#[test]
fn a_panic_is_told_with_its_boot_and_its_time_and_once() {
    let scene = Scene::new();
    scene.save(1, Record::OomKill(Box::new(saved(&scene, 3, 50_000_000))));
    let records = scene.lacking();
    let (kills, panics) = split(&records);
    let ([kill], [panic]) = (&kills[..], &panics[..]) else { panic!("{records:#?}") };
    assert_eq!((kill.source, panic.source), (Source::Pstore, Source::Pstore));
    assert_eq!(records[0].id(), "7c6e5a0c-100000003us-7");
    assert!(kill.backfilled);
    assert_eq!(panic.origin.boot_id.as_deref(), Some(BOOT));
    assert_eq!(panic.origin.host.as_deref(), Some("db1"));
    assert_eq!(panic.origin.time, Some(scene.panicked - Duration::from_secs(1)));
    assert_eq!(panic.origin.boot_ns, Some(200 * SECOND));
    assert!(panic.message.to_string().contains("system-wide panic_on_oom"), "{panic:#?}");
    for (number, record) in (2..).zip(records) {
        scene.save(number, record);
    }
    assert_eq!(scene.lacking(), []);
}

/// The agent saved the kill; only the panic it could not.
#[test]
fn what_was_saved_is_not_told_again() {
    let scene = Scene::new();
    scene.save(1, Record::OomKill(Box::new(saved(&scene, 7, 100_000_003))));
    let records = scene.lacking();
    let (kills, panics) = split(&records);
    assert_eq!((kills.len(), panics.len()), (0, 1), "{records:#?}");
}

#[test]
fn of_a_boot_that_the_store_does_not_know_all_is_told_once() {
    let scene = Scene::new();
    let mut other = saved(&scene, 7, 100_000_003);
    // That one began a minute later.
    other.origin.time = other.origin.time.map(|time| time + Duration::from_secs(60));
    scene.save(1, Record::OomKill(Box::new(other)));
    let records = scene.lacking();
    assert_eq!(records.len(), 2, "{records:#?}");
    assert!(records.iter().all(|record| record.origin().boot_id.is_none()));
    for (number, record) in (2..).zip(records) {
        scene.save(number, record);
    }
    assert_eq!(scene.lacking(), []);
}

#[test]
fn an_oops_that_this_boot_survived_is_in_its_log() {
    let clock = Clock::now();
    let scene = Scene::of(clock, clock.wall(clock.boot_ns()));
    scene.save(1, Record::OomKill(Box::new(saved(&scene, 3, 50_000_000))));
    assert_eq!(scene.lacking(), []);
}
