use super::*;

const EXACT: Form = Form { names: Names::Exact, cut: false };
const LINE: &str = "Memory cgroup out of memory: Killed process 95 () total-vm:) total-vm:\
                    8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:4kB, UID:1000 pgtables:84kB \
                    oom_score_adj:-100";

fn parse(line: &str) -> Killed {
    Killed::parse(line.as_bytes(), EXACT).unwrap()
}

#[test]
fn a_name_is_no_number() {
    let killed = parse(LINE);
    assert_eq!(killed.message, Some(MESSAGES[0]));
    assert_eq!(killed.comm, Some(") total-vm:".into()));
    assert_eq!(killed.total_vm_bytes, Some(8192));
    assert_eq!((killed.uid, killed.oom_score_adj), (Some(1000), Some(-100)));
    assert!(killed.is_whole());
}

/// Nothing says that a file's last line lost its end, but that it ends with a number that is not the last.
#[test]
fn a_uid_at_the_end_of_a_line_may_be_half_of_one() {
    let killed =
        parse("Out of memory: Killed process 44 (x) total-vm:8kB, shmem-rss:4kB, UID:338737");
    assert_eq!((killed.shmem_rss_bytes, killed.uid), (Some(4096), None));
}

#[test]
fn who_was_chosen_is_known_without_the_end_of_the_name() {
    let parse =
        |line: &str| Chose::parse(line.as_bytes(), Form { names: Names::Printed, cut: false });
    let line = "Memory cgroup out of memory: Kill process 24572 (java";
    for len in line.len() - "java".len()..=line.len() {
        let chose = parse(&line[..len]).unwrap();
        assert_eq!((chose.tid, chose.comm, chose.score), (24572, None, None));
    }
    assert!(parse("Out of memory: Kill process 7 (if nothing else helps").is_none());
}

/// Whatever is read of a line that lost its end is what the whole line says.
#[test]
fn no_cut_makes_another_number() {
    let cut = Form { cut: true, ..EXACT };
    let line = "Out of memory: Killed process 95 (memhog) total-vm:8kB, anon-rss:4kB, \
                file-rss:0kB, shmem-rss:4kB, UID:1000 pgtables:84kB oom_score_adj:-100";
    for (line, comm) in [(LINE, ") total-vm:"), (line, "memhog")] {
        let mut told = 0;
        for len in 0..=line.len() {
            let Some(killed) = Killed::parse(&line.as_bytes()[..len], cut) else { continue };
            told += 1;
            assert_eq!(killed.tid, 95, "{len}");
            assert_eq!(killed.total_vm_bytes.unwrap_or(8192), 8192, "{len}");
            assert_eq!(killed.shmem_rss_bytes.unwrap_or(4096), 4096, "{len}");
            assert_eq!(killed.uid.unwrap_or(1000), 1000, "{len}");
            assert_eq!(killed.pgtables_bytes.unwrap_or(84 * 1024), 84 * 1024, "{len}");
            assert_eq!(killed.oom_score_adj, None, "{len}");
            if comm == "memhog" {
                assert_eq!(killed.comm.unwrap_or(comm.into()), comm.into(), "{len}");
            }
        }
        assert!(told > 60, "{told}");
    }
}

#[test]
fn what_old_kernels_say() {
    for (line, uid) in [
        ("Killed process 95 (java) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:4kB", None),
        ("Killed process 95 (java), UID 48, total-vm:8kB, anon-rss:4kB, file-rss:0kB", Some(48)),
        ("Killed process 95 (java) , UID 48, total-vm:8kB, anon-rss:4kB, file-rss:0kB", Some(48)),
        ("Killed process 95, UID 48, (java) total-vm:8kB, anon-rss:4kB, file-rss:0kB", Some(48)),
        ("Killed process 95 (java) vsz:8kB, anon-rss:4kB, file-rss:0kB", None),
    ] {
        let killed = parse(line);
        assert_eq!((killed.message, killed.uid, killed.pgtables_bytes), (None, uid, None));
        assert_eq!((killed.tid, killed.comm), (95, Some("java".into())), "{line}");
        assert_eq!(killed.total_vm_bytes, Some(8192), "{line}");
        assert_eq!(killed.anon_rss_bytes, Some(4096), "{line}");
    }
    let line = b"Out of memory: Kill process 7 (a) score 1) score 950 or sacrifice child";
    let chose = Chose::parse(line, EXACT).unwrap();
    assert_eq!((chose.tid, chose.comm), (7, Some("a) score 1".into())));
    let line = b"Out of memory: kill process 7 (a) score 950 or a child";
    assert_eq!(Chose::parse(line, EXACT).unwrap().tid, 7);
}

#[test]
fn a_line_that_lost_its_end_is_still_a_kill() {
    let killed = parse("Out of memory: Killed process 5017 (test)");
    assert_eq!((killed.tid, killed.comm), (5017, Some("test".into())));
    assert_eq!(killed.total_vm_bytes, None);
    let printed = Form { names: Names::Printed, cut: false };
    let line = b"Out of Memory: Killed process 5017 (test).In this instance (see above) it did";
    let killed = Killed::parse(line, printed).unwrap();
    assert_eq!((killed.tid, killed.comm), (5017, Some("test".into())));
    for line in ["Killed process 95 (memhog) , UID 1000", "Killed process 95 (memhog), UID 1000"] {
        let killed = parse(line);
        assert_eq!((killed.comm, killed.uid), (Some("memhog".into()), Some(1000)), "{line}");
    }
    let killed = parse("Out of memory: Killed process 5017 (te");
    assert_eq!((killed.tid, killed.comm), (5017, None));
}

#[test]
fn a_line_that_lost_its_beginning_is_still_a_kill() {
    let killed = parse("cgroup out of memory: Killed process 7 (a) total-vm:8kB");
    assert_eq!((killed.message, killed.tid), (Some(MESSAGES[0]), 7));
    let killed = parse("memory: Killed process 7 (a) total-vm:8kB");
    assert_eq!((killed.message, killed.comm), (None, Some("a".into())));
    let killed = parse("Out of Memory: Killed process 7 (a) total-vm:8kB");
    assert_eq!(killed.message, Some(MESSAGES[1]));
    // The end of what a cgroup's begins with, not the machine's.
    let killed = parse("out of memory: Killed process 7 (a) total-vm:8kB");
    assert_eq!(killed.message, Some(MESSAGES[0]));
}

#[test]
fn what_somebody_else_wrote_is_no_kill() {
    for line in [
        "x: Killed process 1 (a) total-vm:1kB, anon-rss:1kB, file-rss:1kB",
        "Killed process 1 (a) by hand",
        "Killed process group 1",
    ] {
        assert!(Killed::parse(line.as_bytes(), EXACT).is_none(), "{line}");
    }
}

#[test]
fn the_reapers_line_of_any_age() {
    for line in [
        "oom_reaper: reaped process 95 (a, b), now anon-rss:4kB, file-rss:0kB, shmem-rss:8kB",
        "oom_reaper: reaped process :95 (a, b) anon-rss:4kB, file-rss:0kB, shmem-rss:8kB",
    ] {
        let reaped = Reaped::parse(line.as_bytes(), EXACT).unwrap();
        assert_eq!((reaped.tid, reaped.comm), (95, Some("a, b".into())));
        assert_eq!((reaped.anon_rss_bytes, reaped.shmem_rss_bytes), (Some(4096), Some(8192)));
    }
}

/// A line of which nothing but the name of a process is left, that looks like the kernel's words.
#[test]
fn another_line_decides_where_the_name_ends() {
    let cut = Form { cut: true, ..EXACT };
    let parse = |rest: &str| {
        let line = format!("Out of memory: Killed process 7 ({rest}");
        Killed::parse(line.as_bytes(), cut).unwrap()
    };
    for (rest, name, total_vm) in [
        (") total-vm:) t", ") total-vm:", None),
        (") total-vm:8kB,", ") total-vm:8kB,", None),
        (") total-vm:8kB,", "", Some(8192)),
        ("mem", "memhog", None),
        ("), UID 5, tota", "), UID 5, total", None),
    ] {
        let mut killed = parse(rest);
        assert_eq!((&killed.comm, killed.total_vm_bytes), (&None, None), "{rest}");
        killed.decide(&name.into(), true);
        assert_eq!((killed.comm, killed.total_vm_bytes), (Some(name.into()), total_vm), "{rest}");
        assert_eq!(killed.uid, None, "{rest}");
    }
    let mut killed = parse("mem");
    // A row of a table may have lost the rest of it to a line feed.
    killed.decide(&"memhog".into(), false);
    assert_eq!(killed.comm, None);
    killed.decide(&"other".into(), true);
    assert_eq!(killed.comm, None);
}
