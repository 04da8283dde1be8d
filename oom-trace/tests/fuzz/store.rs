//! Stores that were torn, changed, or made by an enemy.

mod harm;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use oom_trace::incident::model::Record;
use oom_trace::render::Style;
use oom_trace::report::{Collector, html, text};
use oom_trace::setting::{ByteSize, ConfigDuration};
use oom_trace::store::{Archive, Retention, Store, StoreError};
use oom_trace::text::acts;
use tempfile::TempDir;

use crate::parse;
use crate::shown::assert_rendered;
use crate::tries::fuzz_some;

const BOOTS: [&str; 2] =
    ["11111111-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000002"];

/// A store is a file, and is read in all ways.
const TRIES: u64 = 40;

/// What the commands may take of memory, in KiB: what a large store of a good agent takes, and more.
const MOST_KIB: u32 = 768 << 10;

/// One in so many is also read by the commands, as people run them.
const COMMANDS: u64 = 24;

/// A store as an agent leaves it, and as it is while one runs: a log is beside it.
struct Original {
    folder: TempDir,
    /// What is told of it.
    records: BTreeSet<String>,
}

const NAME: &str = "records.db";

impl Original {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let retention = Retention {
            max_age: ConfigDuration(Duration::from_secs(100 * 365 * 86_400)),
            max_bytes: ByteSize(1 << 30),
        };
        let open = |name: &str| Store::open(&folder.path().join(name), &retention).unwrap();
        let (mut records, running) = (Vec::new(), folder.path().join("running"));
        for (turn, boot) in BOOTS.iter().enumerate() {
            for log in ["6.12-memcg", "7.3-oomgroup", "5.10-global"] {
                let path = format!("{}/testdata/logs/{log}.log", env!("CARGO_MANIFEST_DIR"));
                for mut record in parse(&fs::read(path).unwrap()) {
                    // No two are of one moment: what is put together of two is neither.
                    let second = records.len() as u64 + 1;
                    let origin = record.origin_mut();
                    origin.boot_id = Some((*boot).to_owned());
                    origin.boot_ns = Some(1_000_000_000 * second);
                    let start: Timestamp = "2026-03-01T06:00:00Z".parse().unwrap();
                    origin.time = Some(start + Duration::from_secs(turn as u64 * 86_400 + second));
                    origin.host = Some(format!("db{turn}"));
                    if let Record::OomKill(kill) = &mut record {
                        kill.incident = format!("{turn}-{}", kill.incident);
                    }
                    records.push(Arc::new(record));
                }
            }
        }
        let mut store = open(NAME);
        store.save(1, &records, &[("console", 2)]).unwrap();
        let mut left = open("left.db");
        left.save(1, &records[..3], &[]).unwrap();
        left.save(4, &records[3..], &[]).unwrap();
        fs::create_dir(&running).unwrap();
        for suffix in ["", "-wal"] {
            let from = folder.path().join(format!("left.db{suffix}"));
            fs::copy(from, running.join(format!("{NAME}{suffix}"))).unwrap();
        }
        drop((store, left));
        let json = |record: &Arc<Record>| serde_json::to_string(&**record).unwrap();
        let records: BTreeSet<_> = records.iter().map(json).collect();
        Self { folder, records }
    }

    /// A copy to be harmed.
    fn copy(&self, rng: &mut Rng) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join(NAME);
        if rng.u8(..4) == 0 {
            let from = self.folder.path().join("running");
            for suffix in ["", "-wal"] {
                let name = format!("{NAME}{suffix}");
                fs::copy(from.join(&name), folder.path().join(&name)).unwrap();
            }
        } else {
            fs::copy(self.folder.path().join(NAME), &to).unwrap();
        }
        (folder, to)
    }
}

/// What a reader answered: an error says which store, and can be shown.
fn answered<T>(path: &Path, answer: Result<T, StoreError>) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer),
        Err(error) => {
            let said = error.to_string();
            assert!(said.contains(&path.display().to_string()), "{said}");
            assert!(!said.contains(acts), "{said:?}");
            None
        }
    }
}

/// Reads all that can be asked for; answers the records with their numbers, if they can be had.
fn read(rng: &mut Rng, path: &Path) -> Option<BTreeMap<u64, String>> {
    let mut archive = Archive::at(path);
    let most = i64::MAX as u64;
    let all = answered(path, archive.from(0, most, usize::MAX >> 1, usize::MAX));
    let numbered = all.map(|all| {
        let count = all.len();
        let json = |record: &Record| serde_json::to_string(record).unwrap();
        let all: BTreeMap<_, _> = all.iter().map(|(number, it)| (*number, json(it))).collect();
        assert_eq!(all.len(), count, "a record is told twice");
        all
    });
    let mut told = Vec::new();
    let each = archive.each_since(None, None, |record| {
        told.push(record);
        Ok::<_, StoreError>(())
    });
    if answered(path, each).is_some()
        && let Some(numbered) = &numbered
    {
        let told: Vec<_> = told.iter().map(|it| serde_json::to_string(it).unwrap()).collect();
        assert_eq!(told, numbered.values().cloned().collect::<Vec<_>>());
    }
    let since = Timestamp::from_second(rng.i64(1_770_000_000..1_775_000_000)).unwrap();
    let boot = rng.bool().then(|| BOOTS[rng.usize(..2)]);
    let mut some = 0;
    let each = archive.each_since(Some(since), boot, |_| {
        some += 1;
        Ok::<_, StoreError>(())
    });
    if answered(path, each).is_some()
        && let Some(numbered) = &numbered
    {
        assert!(some <= numbered.len(), "{some} of {} since {since}", numbered.len());
    }
    answered(path, archive.kills_before(since));
    answered(path, archive.next_number());
    for boot in answered(path, archive.boots()).unwrap_or_default().iter().take(9) {
        answered(path, archive.kills(&boot.boot_id));
    }
    answered(path, archive.each_kill(|_, _, _, _| {}));
    answered(path, archive.each_word_of_agent(|_| {}));
    assert_shown(told);
    numbered
}

/// No text of it hurts whoever reads it, one by one or summed up.
fn assert_shown(records: Vec<Record>) {
    records.iter().for_each(assert_rendered);
    let (mut collector, count) = (Collector::new(5), records.len());
    records.into_iter().for_each(|record| collector.add(record));
    let report = collector.report(TimeZone::UTC);
    assert!(report.incidents() <= count, "{} of {count}", report.incidents());
    let (mut page, mut plain) = (Vec::new(), Vec::new());
    html::render(&report, &mut page).unwrap();
    text::render(&report, Style::default(), &mut plain).unwrap();
    for bytes in [page, plain] {
        let text = String::from_utf8(bytes).unwrap();
        let at = text.find(|c| acts(c) && c != '\n');
        assert!(at.is_none(), "{:?}", text.get(at.unwrap_or(0)..));
    }
}

/// As people do, in bounded memory.
fn run_commands(path: &Path, numbered: Option<&BTreeMap<u64, String>>) {
    let path = path.to_str().unwrap();
    for args in [
        &["history", "--format", "json", path][..],
        &["history", "--verbose", path],
        &["report", path],
        &["verify", "--since", "2026-03-01", "--store", path],
    ] {
        let mut sh = Command::new("sh");
        sh.args(["-c", &format!("ulimit -v {MOST_KIB}; exec \"$0\" \"$@\"")]);
        let output = sh.arg(env!("CARGO_BIN_EXE_oom-trace")).args(args).output().unwrap();
        let (out, said) = (&output.stdout, String::from_utf8_lossy(&output.stderr));
        let status = output.status;
        let is_answer = matches!(status.code(), Some(0 | 1 | 3)) && status.signal().is_none();
        assert!(is_answer, "{args:?}: {status:?}: {said}");
        let out = String::from_utf8(out.clone()).unwrap();
        for text in [&*out, &said] {
            assert!(!text.contains(|c| acts(c) && c != '\n'), "{args:?}: {text:?}");
        }
        if args[1] == "--format"
            && status.success()
            && let Some(numbered) = numbered
        {
            let count = out.lines().count();
            assert!(count <= numbered.len(), "{count} of {}", numbered.len());
        }
    }
}

/// Rows in other places, of other times, of boots that never were: what is told was there, once.
#[test]
fn a_store_that_was_changed_tells_no_kill_that_was_not_there() {
    let original = Original::new();
    fuzz_some("a_store_that_was_changed_tells_no_kill_that_was_not_there", TRIES, |rng| {
        let (_folder, path) = original.copy(rng);
        harm::move_rows(rng, &path);
        let numbered = read(rng, &path);
        let told = numbered.iter().flat_map(BTreeMap::values);
        told.for_each(|json| assert!(original.records.contains(json), "{json}"));
        if rng.u64(..COMMANDS) == 0 {
            run_commands(&path, numbered.as_ref());
        }
    });
}

/// Any bytes, and any text in the place of a record.
#[test]
fn any_store_can_be_read() {
    let original = Original::new();
    fuzz_some("any_store_can_be_read", TRIES, |rng| {
        let (_folder, path) = original.copy(rng);
        match rng.u8(..4) {
            0 => harm::rewrite_records(rng, &path),
            1 => {
                harm::rewrite_records(rng, &path);
                harm::spoil(rng, &path);
            }
            _ => harm::spoil(rng, &path),
        }
        let numbered = read(rng, &path);
        if rng.u64(..COMMANDS) == 0 {
            run_commands(&path, numbered.as_ref());
        }
    });
}
