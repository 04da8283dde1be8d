use super::*;

fn read(text: &str) -> (Option<u64>, Option<String>, Option<String>, Speaker, String) {
    let peeled = peel(text.as_bytes(), &Zone::utc(), &mut None);
    (
        peeled.stamp.boot_ns.map(|ns| ns / 1000),
        peeled.stamp.time.map(|time| time.to_string()),
        peeled.host.map(Into::into),
        peeled.speaker,
        String::from_utf8(peeled.text.to_vec()).unwrap(),
    )
}

#[test]
fn every_way_to_begin_a_line() {
    use Speaker::{Kernel, Unsaid};
    let time = Some("2026-11-23T06:00:01Z");
    let boot = Some(3_504_669);
    for (text, expected_boot, expected_time, host, speaker) in [
        ("[    3.504669]  a b", boot, None, None, Unsaid),
        ("[    3.504669][   T95]  a b", boot, None, None, Unsaid),
        ("[    3.504669] [   T95]  a b", boot, None, None, Unsaid),
        ("<4>[    3.504669]  a b", boot, None, None, Unsaid),
        ("kern  :warn  : [    3.504669]  a b", boot, None, None, Unsaid),
        ("[Mon Nov 23 06:00:01 2026]  a b", None, time, None, Unsaid),
        ("[2026-11-23 06:00:01] [    3.504669]  a b", boot, time, None, Unsaid),
        ("[    3.504669 <    0.000020 >]  a b", boot, None, None, Unsaid),
        ("[    3.504669 <    0.000020 >] db1 kernel:  a b", boot, None, Some("db1"), Kernel),
        ("[    3.504669] db1 kernel:  a b", boot, None, Some("db1"), Kernel),
        ("2026-11-23T07:00:01,000000+01:00  a b", None, time, None, Unsaid),
        ("Nov 23 06:00:01 db1 kernel:  a b", None, time, Some("db1"), Kernel),
        ("Nov 23 06:00:01.000000 db1 kernel:  a b", None, time, Some("db1"), Kernel),
        ("Nov 23 06:00:01 kernel:  a b", None, time, None, Kernel),
        ("Nov 23 06:00:01 db1 kernel: [    3.504669]  a b", boot, time, Some("db1"), Kernel),
        ("Nov 23 06:00:01 2001:db8::17 kernel:  a b", None, time, Some("2001:db8::17"), Kernel),
        (
            "Nov 23 06:00:01 db1 kern.warn kernel: [    3.504669]  a b",
            boot,
            time,
            Some("db1"),
            Kernel,
        ),
        ("Mon Nov 23 06:00:01 2026 kern.err kernel: [    3.504669]  a b", boot, time, None, Kernel),
        ("2026-11-23T06:00:01.000000+00:00 db1 kernel:  a b", None, time, Some("db1"), Kernel),
        (
            "2026-11-23T06:00:01+00:00 192.0.2.17 [    3.504669]  a b",
            boot,
            time,
            Some("192.0.2.17"),
            Kernel,
        ),
        ("2026-11-23 06:00:01.000 db1 kernel:  a b", None, time, Some("db1"), Kernel),
        ("<4>1 2026-11-23T06:00:01Z db1 kernel - - -  a b", None, time, Some("db1"), Kernel),
        (
            "1 2026-11-23T06:00:01Z db1 kernel - - [meta x=\"]\"][a b=\"c\"]  a b",
            None,
            time,
            Some("db1"),
            Kernel,
        ),
        ("Mon 2026-11-23 07:00:01 CET db1 kernel:  a b", None, time, Some("db1"), Kernel),
        ("2026-11-23T06:00:01Z [    3.504669]  a b", boot, time, None, Unsaid),
        ("kernel:  a b", None, None, None, Kernel),
        (
            "192.0.2.80: kern:    info: [2026-11-23T06:00:01Z]:  a b",
            None,
            time,
            Some("192.0.2.80"),
            Unsaid,
        ),
        (" a b", None, None, None, Unsaid),
    ] {
        let expected = (
            expected_boot,
            expected_time.map(str::to_owned),
            host.map(str::to_owned),
            speaker,
            " a b".to_owned(),
        );
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn another_program_is_told_from_the_kernel() {
    for text in [
        "Nov 23 06:00:01 db1 app[1]: Out of memory: Killed process 1 (a)",
        "<12>[    3.504669] a",
        "user  :notice: [    3.504669] a",
        "1 2026-11-23T06:00:01Z db1 app 12 - - a",
        "10-24 14:24:26.342   710   710 I lowmemorykiller: Kill 'a' (1)",
        "Mon Nov 23 06:00:01 2026 daemon.err netifd: a",
    ] {
        assert_eq!(read(text).3, Speaker::Other, "{text}");
    }
    let kernel = read("[    3.504669] usb 1-1: new device");
    assert_eq!((kernel.3, &*kernel.4), (Speaker::Unsaid, "usb 1-1: new device"));
}

#[test]
fn a_message_is_left_as_it_is() {
    for text in [
        "[     95]  1000 95 a",
        "[T1] invoked oom-killer: x",
        "oom-kill:constraint=CONSTRAINT_NONE",
        "Out of memory: Killed process 1 (a)",
        "Mem-Info:",
        "Task in /a killed as a result of limit of /a",
        "Node 0 DMA: 1*4kB",
    ] {
        for before in ["", "[    3.504669] ", "Nov 23 06:00:01 db1 kernel: "] {
            assert_eq!(read(&format!("{before}{text}")).4, text, "{before}{text}");
        }
    }
}

#[test]
fn a_date_before_the_kernels_stamp_may_be_a_collectors() {
    let guessed = |text: &str| peel(text.as_bytes(), &Zone::utc(), &mut None).stamp.guessed;
    assert!(guessed("2026-11-23T06:00:01Z [    3.504669] a").collected);
    assert!(!guessed("2026-11-23T06:00:01Z db1 kernel: [    3.504669] a").collected);
}

#[test]
fn dmesg_h_tells_the_minute_once() {
    let mut base = None;
    let mut time = |text: &str| {
        let peeled = peel(text.as_bytes(), &Zone::utc(), &mut base);
        (peeled.stamp.time.map(|it| it.to_string()), peeled.stamp.guessed.second)
    };
    let minute = Some("2026-08-03T10:12:00Z".to_owned());
    assert_eq!(time("[Aug 3 10:12] a"), (minute.clone(), true));
    assert_eq!(time("[  +0.002367] a"), (minute, true));
}
