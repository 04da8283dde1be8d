//! Kills as a kernel and the programs that keep its log would write them.

use std::fmt::Write as _;

use fastrand::Rng;
use jiff::Timestamp;
use oom_trace::incident::model::{OomKill, Record};
use oom_trace::render::{Format, Style, render};

use crate::random::Incident;

/// Messages of others.
const NOISE: &[&str] = &[
    "audit: type=1400 apparmor=\"DENIED\" comm=\"x\"",
    "oom_reaper: reaped process 7 (a), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB",
    "memory: usage unknown",
    "eth0: link up, 1000Mbps",
    "Out of memory: the printer",
];

/// What one of them says, line by line, between those.
const WARNING: &[&str] = &[
    "------------[ cut here ]------------",
    "CPU: 1 PID: 77 Comm: other Tainted: G        W          6.0.0 #1",
    "Hardware name: QEMU Standard PC, BIOS 1.16 04/01/2014",
    "RIP: 0010:other_function+0x1/0x20",
    "Call Trace:",
    " out_of_memory+0x1/0x20",
    " other_function+0x1/0x20",
    "---[ end trace 0000000000000000 ]---",
];

/// Dumps that the kernel lets through.
pub(crate) const DUMPS: usize = 10;

/// Where a log is kept.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Kmsg,
    Dmesg,
    Syslog,
    Journal,
}

/// A log.
pub(crate) struct Log {
    pub(crate) bytes: Vec<u8>,
    /// Whether all of it is there.
    pub(crate) is_whole: bool,
    /// Whether others had their say in it.
    pub(crate) is_noisy: bool,
}

/// A log of these incidents in some form.
pub(crate) fn log(rng: &mut Rng, incidents: &[Incident]) -> Log {
    let form = [Form::Kmsg, Form::Dmesg, Form::Syslog, Form::Journal][rng.usize(..4)];
    let has_callers = rng.bool() && matches!(form, Form::Kmsg | Form::Dmesg);
    let is_noisy = rng.bool();
    let mut lines = Vec::new();
    let (mut sequence, mut micros) = (rng.u64(..1000), rng.u64(..1 << 40));
    let mut warning = [].iter();
    for (index, incident) in incidents.iter().enumerate() {
        let caller = 1 + rng.u32(..1000);
        // The dumps are rate-limited, the kills are not.
        for text in messages(rng, incident, index < DUMPS) {
            while is_noisy && rng.u8(..6) == 0 {
                let noise = warning.next().unwrap_or(&NOISE[rng.usize(..NOISE.len())]);
                if warning.len() == 0 && rng.u8(..20) == 0 {
                    warning = WARNING.iter();
                }
                micros += rng.u64(1..200);
                let other = has_callers.then_some(caller + 1);
                lines.push(line(form, &mut sequence, micros, other, noise));
            }
            micros += rng.u64(1..200);
            lines.push(line(form, &mut sequence, micros, has_callers.then_some(caller), &text));
        }
        // Nobody takes seconds for a warning.
        for noise in warning.by_ref() {
            micros += rng.u64(1..200);
            let other = has_callers.then_some(caller + 1);
            lines.push(line(form, &mut sequence, micros, other, noise));
        }
        let pause = if incidents.len() > DUMPS { 100_000 } else { 30_000_000 };
        micros += rng.u64(1..pause);
    }
    let mut is_whole = true;
    if form == Form::Kmsg && rng.u8(..4) == 0 {
        // What is overwritten is missed: its numbers are. Of a storm whose beginning is missing,
        // nobody knows that it is one.
        let at = rng.usize(usize::from(incidents.len() > DUMPS)..lines.len());
        let end = (at + rng.usize(1..40)).min(lines.len());
        lines.drain(at..end);
        is_whole = false;
    }
    let mut bytes = lines.concat();
    if rng.u8(..3) == 0 {
        is_whole = false;
        if incidents.len() <= DUMPS {
            let mut start = rng.usize(..=bytes.len());
            if form == Form::Journal {
                // What is left of a line of JSON nobody can tell from text with escapes in it.
                let rest = bytes.get(start..).unwrap_or_default();
                start += rest.iter().position(|byte| *byte == b'{').unwrap_or(rest.len());
            }
            bytes.drain(..start);
        }
        bytes.truncate(rng.usize(..=bytes.len()));
    }
    Log { bytes, is_whole, is_noisy }
}

/// The messages of one incident, as `/dev/kmsg` escapes them.
fn messages(rng: &mut Rng, incident: &Incident, is_dumped: bool) -> Vec<String> {
    let mut text = Vec::new();
    for kill in incident {
        let record = Record::OomKill(Box::new(kill.clone()));
        render(&record, Format::Kernel, Style::default(), &mut text).unwrap();
    }
    let text = String::from_utf8(text).unwrap();
    let mut messages: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.starts_with("oom-kill:") && rng.bool() {
            messages.extend(table(incident));
        }
        messages.push(line.to_owned());
    }
    if !is_dumped {
        let end = messages.iter().position(|line| line.starts_with("oom-kill:")).unwrap();
        messages.drain(..=end);
    }
    messages
}

/// The table of tasks has the victims and some more.
fn table(incident: &Incident) -> Vec<String> {
    let head = "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name";
    let row = |kill: &OomKill| {
        let victim = &kill.victim;
        let (tid, uid) = (victim.tid, victim.uid.unwrap().cast_signed());
        let (pages, adj) =
            (victim.memory.total_vm_bytes.unwrap() / 4096, victim.oom_score_adj.unwrap());
        let (tables, swap) =
            (victim.memory.pgtables_bytes.unwrap(), victim.memory.swap_bytes.unwrap() / 4096);
        let name = escape(victim.comm.as_ref().unwrap().as_bytes());
        format!(
            "[{tid:7}] {uid:5} {tid:5} {pages:8} {pages:8} {tables:8} {swap:8}         {adj:5} {name}"
        )
    };
    let others = (0..2).map(|pid| {
        format!("[{pid:7}]     0 {pid:5}        9        9     4096        0             0 [] y")
    });
    [head.to_owned()].into_iter().chain(others).chain(incident.iter().map(row)).collect()
}

fn line(form: Form, sequence: &mut u64, micros: u64, caller: Option<u32>, text: &str) -> Vec<u8> {
    let raw = unescape(text);
    *sequence += 1;
    match form {
        Form::Kmsg => {
            let caller = caller.map(|id| format!(",caller=T{id}")).unwrap_or_default();
            format!("4,{sequence},{micros},-{caller};{text}\n").into_bytes()
        }
        Form::Dmesg => {
            let caller = caller.map(|id| format!("[{:>6}]", format!("T{id}"))).unwrap_or_default();
            let stamp = format!("[{:5}.{:06}]{caller} ", micros / 1_000_000, micros % 1_000_000);
            // A line of its own for each in the message.
            let lines = raw.split(|byte| *byte == b'\n');
            lines.flat_map(|line| format!("{stamp}{}\n", printed(line)).into_bytes()).collect()
        }
        Form::Syslog => {
            let text: String = String::from_utf8_lossy(&raw)
                .chars()
                .map(|it| match it {
                    _ if it.is_ascii_control() => format!("#{:03o}", u32::from(it)),
                    _ => it.to_string(),
                })
                .collect();
            let second = Timestamp::from_second(1_795_413_601 + (micros / 1_000_000).cast_signed());
            let time = second.unwrap().strftime("%FT%T+00:00");
            format!("{time} db1 kernel: {text}\n").into_bytes()
        }
        Form::Journal => {
            let message = match String::from_utf8(raw.clone()) {
                Ok(text) if !text.contains('\u{1b}') => serde_json::to_string(&text).unwrap(),
                _ => serde_json::to_string(&raw).unwrap(),
            };
            format!(
                "{{\"__REALTIME_TIMESTAMP\":\"{micros}\",\"_SOURCE_MONOTONIC_TIMESTAMP\":\
                 \"{micros}\",\"_TRANSPORT\":\"kernel\",\"MESSAGE\":{message}}}\n"
            )
            .into_bytes()
        }
    }
}

fn escape(name: &[u8]) -> String {
    let mut text = String::new();
    for byte in name {
        match byte {
            b' '..=b'~' if *byte != b'\\' => text.push(char::from(*byte)),
            _ => write!(text, "\\x{byte:02x}").unwrap(),
        }
    }
    text
}

fn unescape(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    bytes
}

/// As dmesg(1) writes what a terminal cannot show.
fn printed(line: &[u8]) -> String {
    let mut text = String::new();
    for character in String::from_utf8_lossy(line).chars() {
        if character.is_ascii_control() {
            write!(text, "\\x{:02x}", u32::from(character)).unwrap();
        } else {
            text.push(character);
        }
    }
    text
}
