//! What a reader makes of a whole log.

use serde_json::Value;

use super::{Found, Zone, read};
use crate::kernel_log::{Machine, Parser};

const NUMBERS: &str = "total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB";

/// The records of a log.
fn told(log: &str) -> (Vec<Value>, Found) {
    let (mut records, zone) = (Vec::new(), Zone::utc());
    let found = read(log.as_bytes(), Parser::new(Machine::default()), &zone, |record| {
        records.push(serde_json::to_value(record).unwrap());
        Ok::<_, std::io::Error>(())
    });
    (records, found.unwrap())
}

fn victims(log: &str) -> Vec<(u64, String)> {
    let one = |record: &Value| {
        let comm = record["victim"]["comm"].as_str().unwrap_or_default().to_owned();
        (record["victim"]["tid"].as_u64().unwrap_or_default(), comm)
    };
    told(log).0.iter().map(one).collect()
}

#[test]
fn a_line_broken_before_the_number_is_a_kill() {
    let start = "May  5 10:00:01 h kernel: [    4.563721] ";
    for (first, second) in [
        ("Out of memory: Killed process", "7 (a) "),
        ("Out of memory: Killed", "process 7 (a) "),
        ("Out of", "memory: Killed process 7 (a) "),
        ("Killed process 7, UID 0,", "(a) "),
    ] {
        let (records, found) = told(&format!("{start}{first}\n{second}{NUMBERS}\n"));
        let [record] = records.as_slice() else { panic!("{first}: {records:?}") };
        assert_eq!(record["victim"]["comm"], "a", "{first}");
        assert_eq!(record["victim"]["memory"]["anon_rss_bytes"], 4096, "{first}");
        assert!(!record["time"].is_null(), "{first}");
        assert_eq!(found.untold.count, 0, "{first}");
    }
    let header = "a invoked oom-killer:\ngfp_mask=0xcc0(GFP_KERNEL), order=3, oom_score_adj=0\n";
    let (records, _) = told(&format!("{header}Out of memory: Killed process 7 (a) {NUMBERS}\n"));
    assert_eq!(records[0]["trigger"]["order"], 3);
}

#[test]
fn blanks_of_a_web_page_are_blanks() {
    let line = format!("Out of memory: Killed process 7 (a) {NUMBERS}\n").replace(' ', "\u{a0}");
    assert_eq!(victims(&line), [(7, "a".to_owned())]);
}

#[test]
fn a_list_in_json_of_many_lines_is_a_log() {
    let log = format!(
        "{{\n  \"rc\": 0,\n  \"stdout_lines\": [\n    \"a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), \
         order=2, oom_score_adj=0\",\n    \"Out of memory: Killed process 7 (a) {NUMBERS}\"\n  ]\n}}\n"
    );
    let (records, _) = told(&log);
    let [record] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((&record["victim"]["tid"], &record["trigger"]["order"]), (&7.into(), &2.into()));
}

#[test]
fn what_only_a_kill_is_preceded_by_is_no_silence() {
    for line in [
        "Task in /a/b killed as a result of limit of /a",
        "memory: usage 8kB, limit 8kB, failcnt 3",
        "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name",
        "[    142]  1000   142      785      610    49152        3             0 a b",
        "Tasks in /x are going to be killed due to memory.oom.group set",
    ] {
        let (records, found) = told(&format!("{line}\n"));
        assert!(records.is_empty(), "{records:?}");
        assert_eq!(found.untold.count, 1, "{line}");
        assert!(found.untold.first.unwrap().unended, "{line}");
    }
}

#[test]
fn a_table_without_its_head_still_tells_who_was_killed() {
    let log = format!(
        "[    142]  1000   141      785      610    49152        3             0 a b\n\
         Out of memory: Killed process 142 (a b) {NUMBERS}\n"
    );
    let (records, _) = told(&log);
    let victim = &records[0]["victim"];
    assert_eq!((&victim["pid"], &victim["uid"]), (&141.into(), &1000.into()));
    assert!(records[0]["candidates"].is_null());
    // Another's row says nothing of it.
    let (records, _) = told(&log.replace("process 142", "process 143"));
    assert_eq!(records[0]["victim"]["tid"], 143);
    assert!(records[0]["victim"]["pid"].is_null());
}

fn dump(host: &str, comm: &str, group: &str, pid: u32) -> [String; 3] {
    let start = format!("May  5 10:00:01 {host} kernel: ");
    [
        format!(
            "{start}{comm} invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n"
        ),
        format!(
            "{start}oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,\
             oom_memcg={group},task_memcg={group}/x,task={comm},pid={pid},uid=0\n"
        ),
        format!("{start}Memory cgroup out of memory: Killed process {pid} ({comm}) {NUMBERS}\n"),
    ]
}

/// Line by line of two machines, whose victims even have the same number.
#[test]
fn machines_do_not_mix() {
    for second in [7, 8] {
        let (a, b) = (dump("db1", "one", "/a", 7), dump("db2", "two", "/b", second));
        let log: String = a.iter().zip(&b).flat_map(|(a, b)| [a.clone(), b.clone()]).collect();
        let (records, found) = told(&log);
        assert_eq!((records.len(), found.untold.count), (2, 0), "{records:?}");
        for (record, (host, comm, group)) in
            records.iter().zip([("db1", "one", "/a"), ("db2", "two", "/b")])
        {
            assert_eq!(record["host"], host);
            assert_eq!(record["victim"]["comm"], comm);
            assert_eq!(record["limit"]["cgroup"], group);
            assert_eq!(record["trigger"]["order"], 0);
        }
    }
}

#[test]
fn labels_before_each_line_keep_machines_apart() {
    let line = |line: &String, label: &str| {
        let (_, text) = line.split_once("kernel: ").unwrap();
        format!("{label}: [    4.563721] {text}")
    };
    let (a, b) = (dump("", "one", "/a", 7), dump("", "two", "/b", 8));
    let log: String =
        a.iter().zip(&b).flat_map(|(a, b)| [line(a, "web1"), line(b, "web2")]).collect();
    let (records, _) = told(&log);
    let groups: Vec<_> = records.iter().map(|it| it["limit"]["cgroup"].as_str().unwrap()).collect();
    assert_eq!(groups, ["/a", "/b"]);
}

#[test]
fn like_kills_of_two_machines_are_two() {
    let line = |second, host| {
        format!(
            "May  5 10:00:0{second} {host} kernel: Out of memory: Killed process 7 (a) {NUMBERS}\n"
        )
    };
    assert_eq!(victims(&[line(1, "db1"), line(2, "db2")].concat()).len(), 2);
    assert_eq!(victims(&[line(1, "db1"), line(2, "db1")].concat()).len(), 1);
}

#[test]
fn what_the_kubelet_has_from_the_kernel_is_told_once() {
    let kubelet = "System OOM encountered, victim process: a, pid: 7\n";
    let kernel = format!("Out of memory: Killed process 7 (a) {NUMBERS}\n");
    for log in [format!("{kubelet}{kernel}"), format!("{kernel}{kubelet}")] {
        let (records, _) = told(&log);
        assert_eq!(records.len(), 1, "{records:?}");
        assert_eq!(records[0]["victim"]["memory"]["anon_rss_bytes"], 4096);
    }
    assert_eq!(victims(kubelet), [(7, "a".to_owned())]);
    assert_eq!(victims(&format!("{kubelet}{}", kernel.replace("(a)", "(b)"))).len(), 2);
}

#[test]
fn a_slow_console_does_not_cut_a_dump() {
    let log = |seconds: u32| {
        format!(
            "[   10.000001] a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n\
             [{seconds:5}.000001] Out of memory: Killed process 7 (a) {NUMBERS}\n"
        )
    };
    let (records, found) = told(&log(40));
    assert_eq!((&records[0]["trigger"]["order"], found.untold.count), (&0.into(), 0));
    // An hour later it may be another's.
    let (records, found) = told(&log(3610));
    assert_eq!((records[0]["trigger"].is_null(), found.untold.count), (true, 1));
}

/// However long the table and whatever lies between its rows: newest first, all of it is read.
#[test]
fn a_long_dump_is_whole_newest_first() {
    let row = |pid| {
        format!(
            "[    4.563721] [{pid:7}]     0 {pid:5}      785      610    49152        0             0 a\n"
        )
    };
    let head = "[    4.563721] a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n\
                [    4.563721] [  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name\n";
    let rows: String = (1..3000).map(row).collect();
    let end = format!(
        "[    4.563721] oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,\
         task_memcg=/a,task=a,pid=7,uid=0\n[    4.563722] Out of memory: Killed process 7 (a) {NUMBERS}\n"
    );
    let log = [head, &rows, &end].concat();
    let reversed: String = log.lines().rev().flat_map(|line| [line, "\n"]).collect();
    let (records, _) = told(&reversed);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["candidates"]["total"], 2999);
    assert_eq!(records[0]["trigger"]["order"], 0);
}

#[test]
fn whom_an_old_kernel_chose_is_told_where_the_kill_is_missing() {
    let line = |pid: u32| {
        format!(
            "[{pid:5}.000001] Out of memory: Kill process {pid} (a) score 5 or sacrifice child\n"
        )
    };
    let (records, found) = told(&[line(12), line(13)].concat());
    assert_eq!((records.len(), found.untold.count), (2, 0), "{records:?}");
    for (record, pid) in records.iter().zip([12, 13]) {
        assert_eq!(
            (&record["victim"]["tid"], &record["chosen"]["score"]),
            (&pid.into(), &5.into())
        );
        assert!(record["outcome"].is_null());
    }
    let kill = format!("[   12.000002] Killed process 12 (a) {NUMBERS}\n");
    let (records, _) = told(&[line(12), kill].concat());
    assert_eq!((records.len(), &records[0]["outcome"]), (1, &"killed".into()));
}

#[test]
fn two_messages_in_a_line_are_two() {
    let log = format!(
        "[    1.000001] Out of memory: Kill process 7 (a) score 1 or sacrifice child \
         [    1.100001] Killed process 7 (a) {NUMBERS}\n"
    );
    let (records, found) = told(&log);
    assert_eq!((records.len(), found.untold.count), (1, 0));
    assert_eq!(records[0]["chosen"]["score"], 1);
    let log = "Jul 19 05:19:24 h kernel: Out of Memory: Killed process 7 (a). \
               Jul 19 05:19:25 h kernel: Out of Memory: Killed process 8 (b).\n";
    assert_eq!(victims(log), [(7, "a".to_owned()), (8, "b".to_owned())]);
}

#[test]
fn prefixes_of_android_are_no_message() {
    for before in [
        "[    4.563721] (CPU:1-pid:157:a b) ",
        "<4>[    4.563721]-(1)[157:a b]",
        "[    4.563721] [0:            a b:  157] ",
    ] {
        let log = format!(
            "{before}a b invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=2, oom_score_adj=0\n\
             {before}Out of memory: Killed process 7 (a) {NUMBERS}\n"
        );
        let (records, found) = told(&log);
        assert_eq!((records.len(), found.untold.count), (1, 0), "{before}");
        assert_eq!(records[0]["trigger"]["order"], 2, "{before}");
        assert_eq!(records[0]["boot_ns"], 4_563_721_000_u64, "{before}");
    }
}

#[test]
fn a_panic_without_its_dots_is_one() {
    for dots in ["...", ""] {
        let line =
            format!("Kernel panic - not syncing: Out of memory and no killable processes{dots}\n");
        assert_eq!(told(&line).0[0]["type"], "oom_panic", "{dots}");
    }
}

#[test]
fn the_triggers_name_is_found_behind_what_no_family_knows() {
    let before = "2026-11-23T06:00:01Z stdout F ";
    let log = format!(
        "{before}a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=2, oom_score_adj=0\n\
         {before}CPU: 1 PID: 9 Comm: a Not tainted 6.1.0 #1\n\
         {before}Out of memory: Killed process 7 (a) {NUMBERS}\n"
    );
    let (records, _) = told(&log);
    assert_eq!(
        (&records[0]["trigger"]["comm"], &records[0]["trigger"]["tid"]),
        (&"a".into(), &9.into())
    );
}

/// In a large log all that is told among few lines is told among many.
#[test]
fn lines_of_no_interest_hide_nothing() {
    let noise = "May  5 09:00:00 h app[1]: nothing to see in room 7\n".repeat(700);
    for text in [
        &*dump("h", "a", "/a", 7).concat(),
        // What is left of a dump whose end is missing.
        "May  5 10:00:01 h kernel: memory: usage 8kB, limit 8kB, failcnt 3\n",
        "May  5 10:00:03 h kernel: Out of memory: Kill process 8 (b) score 5 or sacrifice child\n",
        "May  5 10:00:04 h kernel: dump_header: 12 callbacks suppressed\n",
        "May  5 10:00:05 h systemd[1]: a.service: Failed with result 'oom-kill'.\n",
    ] {
        let (records, found) = told(text);
        let (among, found_among) = told(&[&*noise, text, &*noise].concat());
        assert_eq!(among, records, "{text}");
        let what = |found: &Found| {
            (found.untold.count, found.hearsay.as_ref().map(|it| it.text.clone()), found.suppressed)
        };
        assert_eq!(what(&found_among), what(&found), "{text}");
        assert_ne!((records.len(), what(&found)), (0, (0, None, 0)), "{text}");
    }
}

/// A dump that begins shortly after a kill is read from its beginning, with what lies between its lines.
#[test]
fn a_dump_soon_after_a_kill_is_whole() {
    let noise = "May  5 10:00:01 h app[1]: nothing to see here\n";
    let row = "May  5 10:00:01 h kernel: [    142]  1000   142      785      610    49152        3             0 b\n";
    let head = "May  5 10:00:01 h kernel: [  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name\n";
    for between in [0, 20, 40, 300] {
        let [header, summary, kill] = dump("h", "b", "/b", 142);
        let first = dump("h", "a", "/a", 7).concat();
        let lines = [&header, head, row, row, row, &summary, &kill];
        let second: String = lines
            .into_iter()
            .flat_map(|line| [&*noise.repeat(between), line].map(str::to_owned))
            .collect();
        let (records, found) = told(&[first, second].concat());
        assert_eq!((records.len(), found.untold.count), (2, 0), "{between}");
        assert_eq!(records[1]["candidates"]["total"], 3, "{between}");
        assert_eq!(records[1]["trigger"]["order"], 0, "{between}");
    }
}

/// A name holds a line feed, and what looks like the end of the line stands before it.
#[test]
fn ids_in_a_name_are_no_ids() {
    let start = "[   20.129722] ";
    let log = format!(
        "[   20.128633] a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n\
         {start}oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/g,\
         task_memcg=/g,task=,pid=1,uid=0)\n{start} (,pid=289,uid=7\n\
         {start}Memory cgroup out of memory: Killed process 289 (,pid=1,uid=0)\n{start} () {NUMBERS}\n"
    );
    let (records, _) = told(&log);
    let [record] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((&record["victim"]["tid"], &record["chosen"]["uid"]), (&289.into(), &7.into()));
}

/// A log ends within the line of a victim that is named ` b)` + line feed + `]`: of its first half alone nobody
/// knows whether that is all, but where the same kernel logged more of another.
#[test]
fn a_name_is_open_where_a_line_feed_in_it_may_have_ended_the_log() {
    let whole = format!("[    1.000001] Out of memory: Killed process 7 (a) {NUMBERS}\n");
    let torn = "[    9.000001] Out of memory: Killed process 9 ( b)\n";
    let ends = "[    9.000001] ]) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB, UID:1 pgtables:4kB oom";
    let boot = "[    0.000000] Linux version 6.12.1 (a@b) (gcc) #1 SMP\n";
    let [a, of_line, open] =
        [(7, "a"), (9, " b"), (9, "")].map(|(tid, comm)| (tid, comm.to_owned()));
    for (log, expected) in [
        (torn.to_owned(), vec![of_line.clone()]),
        (format!("{whole}{torn}"), vec![a.clone(), open.clone()]),
        (format!("{whole}{torn}{ends}"), vec![a.clone(), open]),
        (format!("{whole}{boot}{torn}"), vec![a, of_line]),
    ] {
        assert_eq!(victims(&log), expected, "{log}");
    }
    let (records, _) = told(&format!("{whole}{torn}{ends}"));
    assert_eq!(records[1]["victim"]["uid"], 1);
}
