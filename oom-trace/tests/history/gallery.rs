//! The second part of docs/gallery.md: what `explain` tells of ten real logs. `UPDATE_GOLDEN=1` writes it.

use std::fs::{self, File};
use std::path::Path;

use jiff::Timestamp;

use crate::run;

/// Logs of `testdata/cases`, and what each is.
const SHOWN: [(&str, &str); 10] = [
    ("01-k8s-el7-dmesg-T", "A Kubernetes pod, in `dmesg -T` of RHEL 7"),
    ("05-vmware-log-guest", "A guest's kernel messages in VMware's log"),
    ("15-ingress-nginx-kmem", "Kernel memory fills a pod's limit"),
    ("19-mempolicy-vllm", "A memory policy's nodes are full"),
    ("23-android-3.0-oom_adj", "An Android phone, Linux 3.0"),
    ("25-haos-journal-reversed", "A journal, newest first"),
    ("37-journal-russian-month", "Two kills within a second, in a Russian journal"),
    ("43-rpi-32bit-kill-lines", "Only the lines of the kills"),
    ("57-systemd-run-no-killable", "No process could be killed"),
    ("87-qubes-order3-fragmentation", "Fragmented memory"),
];

/// What this part begins with.
const BEGIN: &str = "\n# Saved logs\n";

#[test]
fn the_page_shows_what_is_told_of_real_logs() {
    let folder = tempfile::tempdir().unwrap();
    let mut part = format!(
        "{BEGIN}\nWhat `oom-trace explain` prints for logs that people have posted \
         (`oom-trace/testdata/cases`). If a log\nhas no year, it is guessed as of 2026-11-24.\n\
         `UPDATE_GOLDEN=1 cargo test -p oom-trace --test history gallery` writes this part.\n"
    );
    for (name, heading) in SHOWN {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let log = fs::read(manifest.join(format!("testdata/cases/{name}.log"))).unwrap();
        let path = folder.path().join(name);
        fs::write(&path, log).unwrap();
        // Of a date without a year, the year is the last in which it can have been.
        let changed: Timestamp = "2026-11-24T00:00:00Z".parse().unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(changed.into()).unwrap();
        let output = run("explain", &["--utc", path.to_str().unwrap()], b"");
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(!told.is_empty(), "{name}");
        part += &format!("\n## {heading}\n\n```\n{}\n```\n", told.trim_end());
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/gallery.md");
    let text = fs::read_to_string(&page).unwrap();
    let (scenarios, now) = text.split_at(text.find(BEGIN).unwrap_or(text.len()));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(page, format!("{scenarios}{part}")).unwrap();
        return;
    }
    assert!(now == part, "docs/gallery.md differs; UPDATE_GOLDEN=1 writes it:\n{part}");
}
