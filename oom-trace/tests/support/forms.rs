//! One message in every form that a log has been seen in.

use serde_json::{Value, json};

/// What stands before each message: `{at}` is the kernel's stamp.
pub(crate) const PREFIXES: &[&str] = &[
    "",
    "[{at}] ",
    "<4>[{at}] ",
    "kern  :warn  : [{at}] ",
    "kern  :warn  : [Mon Nov 23 06:00:01 2026] ",
    "[Mon Nov 23 06:00:01 2026] ",
    "[Mon Nov 23 06:00:01 2026][  T157] ",
    "[{at}][  T157] ",
    "[{at}] [  T157] ",
    "[  T157] [{at}] ",
    "[{at} <    0.000020>] ",
    "2026-11-23T06:00:01,123456+01:00 ",
    "Nov 23 06:00:01 db1 kernel: ",
    "Nov 23 06:00:01.123456 db1 kernel: [{at}] ",
    "Nov 23 06:00:01 kernel: ",
    "Nov 23 06:00:01 2001:db8::17 kernel: ",
    "Nov 23 06:00:01 db1 kern.warn kernel: [{at}] ",
    "Mon Nov 23 06:00:01 2026 kern.warn kernel: [{at}] ",
    "нояб. 23 06:00:01 db1 kernel: ",
    "11月 23 06:00:01 db1 kernel: ",
    "2026-11-23T06:00:01+0100 db1 kernel: ",
    "2026-11-23T06:00:01.25+00:00 db1 kernel: [{at}] ",
    "2026-11-23T06:00:01+00:00 192.0.2.17 [{at}] ",
    "2026-11-23 06:00:01.123 db1 kernel: ",
    "Mon 2026-11-23 06:00:01 CET db1 kernel: ",
    "1795413601.123456 db1 kernel: ",
    "[{at}] db1 kernel: ",
    "[{at} <    0.000020 >] db1 kernel: ",
    "<4>1 2026-11-23T06:00:01Z db1 kernel - - - ",
    "<4>1 2026-11-23T06:00:01Z db1 kernel - - [meta sequenceId=\"1\"] ",
    "kernel: ",
    "kernel:[{at}] ",
    "[2026-11-23 06:00:01] [{at}] ",
    "2026-11-23T06:00:01.1234567Z [{at}] ",
    "2026-11-23T06:00:01.123456789Z stdout F [{at}] ",
    "2026-11-23T06:00:01.123Z In(05) vcpu-5 - Guest: <4>[{at}] ",
    "2026-11-23 06:00:01.123+0000: [{at}] ",
    "192.0.2.80: kern: warning: [2026-11-23T06:00:01.653516542Z]: ",
    "web-1  | [{at}] ",
    "web-1  | ",
    "pod-abc12 container [{at}] ",
    "> [{at}] ",
    "> > Nov 23 06:00:01 db1 kernel: ",
    "      [{at}] ",
    "\t",
    "Nov 23 06:00:01 db1 kernel:  ",
    "Nov 23 06:00:01 db1 kernel: : [{at}] ",
    "[32m[{at}] [0m[33m",
    "^[[32m[{at}] ^[[0m^[[33m",
    "\x1b[32m[{at}]\x1b[0m\x1b[33m ",
    "2026-11-23T06:00:01.123456Z 00O [{at}] ",
    "2026-11-23T06:00:01.123456Z 00O ",
    "Nov 23 06:00:01 bigip1 warning kernel: : [{at}] ",
    "2026-11-23T06:00:01.123Z node1 kmsg: ",
    "Nov 23 06:00:01 db1 klogd: [{at}] ",
    "/var/log/messages:Nov 23 06:00:01 db1 kernel: ",
    "kern.log.1:1234:[{at}] ",
    "12: [{at}] ",
    "06:00:01  [{at}] ",
    "23/11/2026 06:00:01 db1 kernel: ",
    "2026 Nov 23 06:00:01 sw %KERN-4-SYSTEM_MSG: [{at}] ",
    "6.12.107,4,349,4563721,-;",
    "<4>[{at}] c0    157 ",
    "<4>[{at}]c0 [memhog, 157]",
    "<4>[{at}].(0)[157:memhog]",
    "[{at}] (0)[157:memhog]",
    "<4>[{at}] I[0:         memhog:  157] ",
    "[{at}] [pid:157,cpu0,memhog]",
];

/// What stands around them.
pub(crate) const AROUND: &[(&str, &str)] = &[
    ("1795413601000,\"[{at}] ", "\""),
    ("\"2026-11-23T06:00:01Z\",\"db1\",\"kernel: ", "\",\"warn\""),
    ("<li>[{at}] ", "</li>"),
    ("[0] kmsg.0: [1714903201.000000000, {\"priority\"=>4, \"msg\"=>\"", "\"}]"),
    ("| [{at}] ", " |"),
    ("| [{at}] ", "                      |"),
    ("\u{2502}[{at}] ", "   \u{2502}"),
    ("[{at}] ", "        "),
    ("[{at}] ", "\r"),
    ("[{at}] ", "\n"),
];

/// A record of a collector: from the kernel's stamp and the message.
pub(crate) type Collector = fn(&str, &str) -> Value;

/// Collectors and whatever else writes JSON.
pub(crate) const COLLECTORS: [(&str, Collector); 8] = [
    ("journal", |_, text| journal(text, "_TRANSPORT", "kernel")),
    ("fields", |_, text| journal(text, "_HOSTNAME", "db1")),
    (
        "cloudwatch",
        |at, text| json!({"timestamp": 1_795_413_601_000_i64, "message": format!("[{at}] {text}")}),
    ),
    ("loki", |at, text| {
        let line = format!("[{at}] {text}");
        json!({"stream": {"host": "n"}, "values": [["1795413601000000000", line]]})
    }),
    ("docker", |at, text| {
        let line = format!("[{at}] {text}\n");
        json!({"log": line, "stream": "stdout", "time": "2026-11-23T06:00:01.1Z"})
    }),
    ("gcp", |_, text| {
        let payload = json!({"MESSAGE": text, "_TRANSPORT": "kernel"});
        json!({"jsonPayload": payload, "timestamp": "2026-11-23T06:00:01Z"})
    }),
    ("fluent-bit", |_, text| json!({"date": 1_795_413_601.5, "priority": 4, "msg": text})),
    ("dmesg", |at, text| json!({"pri": 4, "time": at.trim().parse::<f64>().unwrap(), "msg": text})),
];

fn journal(text: &str, key: &str, value: &str) -> Value {
    let mut entry = json!({
        "__REALTIME_TIMESTAMP": "1795413601000000",
        "_BOOT_ID": "7c6e5a0c0f0b4f0e9d0a6d1b0c9f2a11",
        "MESSAGE": text,
    });
    entry[key] = value.into();
    entry
}
