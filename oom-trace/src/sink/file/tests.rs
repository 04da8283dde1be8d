use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_string, fsmount,
    fsopen,
};

use super::super::compliance::{self, Bench};
use super::*;

fn sink(path: impl AsRef<Path>) -> Result<FileSink, SinkError> {
    FileSink::open(&FileConfig::new(Format::Json, path.as_ref()))
}

fn record() -> Arc<Record> {
    let [record, ..] = compliance::records();
    record
}

fn line() -> String {
    format!("{}\n", serde_json::to_string(&*record()).unwrap())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn complies() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("oom.json");
    let mut seen = 0;
    compliance::check(Bench {
        working: Box::new(sink(&path).unwrap()),
        arrived: Box::new(move |_| {
            let all = fs::read(&path).unwrap();
            let new = compliance::lines(&all[seen..]);
            seen = all.len();
            new
        }),
        broken: Some(Box::new(sink("/dev/full").unwrap())),
    });
}

#[test]
fn a_store_is_no_file_to_append_to() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    fs::write(&path, crate::files::STORE).unwrap();
    let error = sink(&path).unwrap_err().to_string();
    assert!(error.contains("it is a store of oom-trace's records; name another file"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), crate::files::STORE);
}

#[test]
fn a_new_file_is_not_for_everyone_and_an_old_one_keeps_its_mode_and_content() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new");
    sink(&path).unwrap();
    assert_eq!(mode(&path) & !0o640, 0);
    let path = dir.path().join("old");
    fs::write(&path, "before\n").unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o604)).unwrap();
    sink(&path).unwrap().deliver(&[record()]).unwrap();
    assert_eq!(mode(&path), 0o604);
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("before\n{}", line()));
}

#[test]
fn what_a_crash_left_of_a_line_does_not_swallow_the_next_record() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("oom.json");
    fs::write(&path, "{\"schema\":").unwrap();
    sink(&path).unwrap().deliver(&[record()]).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{{\"schema\":\n{}", line()));
}

#[test]
fn after_a_rotation_records_go_to_a_new_file() {
    let dir = tempfile::tempdir().unwrap();
    let (path, moved) = (dir.path().join("oom.json"), dir.path().join("oom.json.1"));
    let mut sink = sink(&path).unwrap();
    sink.deliver(&[record()]).unwrap();
    fs::rename(&path, &moved).unwrap();
    sink.deliver(&[record()]).unwrap();
    sink.reopen().unwrap();
    sink.deliver(&[record()]).unwrap();
    assert_eq!(fs::read_to_string(&moved).unwrap(), line());
    assert_eq!(fs::read_to_string(&path).unwrap(), line().repeat(2));
    fs::remove_file(&path).unwrap();
    sink.reopen().unwrap();
    assert_eq!(mode(&path) & !0o640, 0);
}

#[test]
fn where_no_new_file_can_be_made_the_old_one_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (inner, moved) = (dir.path().join("log"), dir.path().join("old"));
    fs::create_dir(&inner).unwrap();
    let mut sink = sink(inner.join("oom.json")).unwrap();
    fs::rename(&inner, &moved).unwrap();
    let error = sink.reopen().unwrap_err().to_string();
    assert!(error.contains("cannot open anew") && error.contains("mkdir -p"), "{error}");
    sink.deliver(&[record()]).unwrap();
    assert_eq!(fs::read_to_string(moved.join("oom.json")).unwrap(), line());
}

#[test]
fn what_nobody_could_read_any_more_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("log");
    fs::create_dir(&inner).unwrap();
    let mut sink = sink(inner.join("oom.json")).unwrap();
    fs::remove_dir_all(&inner).unwrap();
    let error = sink.deliver(&[record()]).unwrap_err().to_string();
    assert!(error.contains("mkdir -p"), "{error}");
    fs::create_dir(&inner).unwrap();
    sink.deliver(&[record()]).unwrap();
    assert_eq!(fs::read_to_string(inner.join("oom.json")).unwrap(), line());
}

#[test]
fn a_path_that_cannot_work_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    for (path, advice) in [
        (dir.path().to_owned(), "; specify a file in this directory"),
        (dir.path().join("missing/oom.json"), "; create its directory first (mkdir -p)"),
        (file.join("oom.json"), "; a component of this path is not a directory"),
    ] {
        let error = sink(&path).unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()) && error.contains(advice), "{error}");
    }
}

#[test]
fn a_fifo_needs_a_reader_and_does_not_hold_the_agent() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fifo");
    mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let error = sink(&path).unwrap_err().to_string();
    assert!(error.contains("start the reader of this FIFO first"), "{error}");

    let reading = std::thread::spawn({
        let path = path.clone();
        move || fs::read_to_string(path).unwrap()
    });
    // The reader's open waits for ours: take turns until both are there.
    let mut sink = loop {
        match sink(&path) {
            Ok(sink) => break sink,
            Err(_) => std::thread::yield_now(),
        }
    };
    for _ in 0..100 {
        sink.deliver(&[record()]).unwrap();
    }
    drop(sink);
    assert_eq!(reading.join().unwrap(), line().repeat(100));
}

/// A file system of 64 KiB that no directory shows, gone with its descriptor.
fn tiny() -> Result<OwnedFd, Errno> {
    let fs = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&fs, "size", "64k")?;
    fsconfig_create(&fs)?;
    fsmount(&fs, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
}

#[test]
fn a_full_disk_never_holds_half_a_record_and_is_written_again_when_there_is_room() {
    let root = tiny().expect("cannot mount a tmpfs: this test needs root");
    let dir = PathBuf::from(format!("/proc/self/fd/{}", root.as_raw_fd()));
    let (path, ballast) = (dir.join("oom.json"), dir.join("ballast"));
    fs::write(&ballast, [0; 16 << 10]).unwrap();
    let mut sink = sink(&path).unwrap();
    let mut delivered = 0;
    let error = loop {
        match sink.deliver(&[record()]) {
            Ok(()) => delivered += 1,
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("make room"), "{error}");
    assert!(sink.deliver(&[record()]).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), line().repeat(delivered));
    assert!(delivered > 10, "the last write was not a short one: {delivered}");

    fs::remove_file(&ballast).unwrap();
    sink.deliver(&[record()]).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), line().repeat(delivered + 1));
}

#[test]
fn a_file_that_is_full_is_put_away_and_no_record_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("oom.json");
    let size = line().len();
    let table = |more: &str| {
        let rotate = format!("rotate = {{ max_bytes = {}{more} }}", 2 * size);
        compliance::open::<FileConfig>(&format!("{{ path = {path:?}, {rotate} }}")).unwrap()
    };
    let count = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap().lines().count();
    let mut sink = table("");
    for _ in 0..5 {
        sink.deliver(&[record()]).unwrap();
    }
    assert_eq!(["oom.json", "oom.json.1", "oom.json.2"].map(count), [1, 2, 2]);
    // Another start goes on in it, and keeps no more than it is told.
    let mut sink = table(", keep = 1");
    for _ in 0..2 {
        sink.deliver(&[record()]).unwrap();
    }
    assert_eq!(["oom.json", "oom.json.1", "oom.json.2"].map(count), [1, 2, 2]);
}

#[test]
fn a_file_that_is_old_is_put_away() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("oom.json");
    let table = format!("{{ path = {path:?}, rotate = {{ max_age = \"0s\" }} }}");
    let mut sink = compliance::open::<FileConfig>(&table).unwrap();
    for _ in 0..10 {
        sink.deliver(&[record()]).unwrap();
    }
    // Seven old ones, and the last.
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 8);
}

#[test]
fn a_file_that_was_deleted_or_cut_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("oom.json");
    let mut sink = sink(&path).unwrap();
    sink.deliver(&[record()]).unwrap();
    fs::remove_file(&path).unwrap();
    sink.deliver(&[record()]).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), line());
    // As logrotate's copytruncate does.
    File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    sink.deliver(&[record()]).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), line());
}
