//! What it takes to find a few kills in a file of what all programs of a machine said, too large to be kept in
//! the guest: each reader has it from a pipe.

use std::io::{self, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use xtask::measure::{Quantity, Sheet, Subject};

use crate::log::REPORT;
use crate::usage;

const SIZE: usize = 1 << 30;
/// A piece of it without a kill, and how many of them there are for each kill.
const PIECE: usize = 1 << 20;
const PIECES: usize = 32;
const ROUNDS: usize = 3;

/// What other programs say, and the kernel of other things.
const OTHERS: [&str; 8] = [
    "systemd[1]: Started Session 1041 of user deploy.",
    "sshd[8120]: Failed password for invalid user admin from 203.0.113.7 port 51612 ssh2",
    "CRON[8155]: (root) CMD (   cd / && run-parts --report /etc/cron.hourly)",
    "kernel: [81234.120417] [UFW BLOCK] IN=eth0 OUT= SRC=198.51.100.7 DST=192.0.2.5 LEN=40 TTL=243 PROTO=TCP",
    "kernel: [81234.120533] audit: type=1400 audit(1764100000.417:91): apparmor=\"ALLOWED\" operation=\"open\" \
     profile=\"/usr/sbin/mysqld\" name=\"/proc/812/oom_score_adj\" pid=812 comm=\"mysqld\"",
    "nginx: 192.0.2.17 - - \"GET /api/rooms/17/zoom?skill=3 HTTP/1.1\" 200 5120 \"-\" \"Mozilla/5.0\"",
    "systemd[1]: app.service: Main process exited, code=killed, status=9/KILL",
    "dockerd[812]: time=\"2026-11-23T06:00:01.417Z\" level=info msg=\"ignoring event\" module=libcontainerd",
];

pub(crate) fn measure(sheet: &mut Sheet) -> Result<()> {
    let readers: [(Subject, &[&str]); 3] = [
        (Subject::OomTrace, &["/bin/oom-trace", "explain", "--format", "json", "-"]),
        (Subject::Grep, &["/usr/bin/grep", "-c", "Killed process"]),
        (Subject::OomAnalyze, &["/bin/oom-analyze", "-"]),
    ];
    for _ in 0..ROUNDS {
        for (subject, command) in readers {
            let Read { nanos, peak, output } = read(command)?;
            sheet.note(Quantity::SyslogTime, subject, nanos);
            sheet.note(Quantity::SyslogPeak, subject, peak);
            let told = match subject {
                Subject::OomTrace => output.matches(r#""type":"oom_kill""#).count(),
                Subject::Grep => output.trim().parse()?,
                _ => continue,
            };
            ensure!(told == KILLS, "{command:?}: {told} of {KILLS} kills");
        }
    }
    Ok(())
}

const KILLS: usize = SIZE / PIECE / PIECES;

/// What became of one reading.
struct Read {
    nanos: f64,
    /// In bytes.
    peak: f64,
    output: String,
}

/// Feeds it the log. Its memory is looked at when it has taken all but the last piece.
fn read(command: &[&str]) -> Result<Read> {
    let (program, args) = command.split_first().context("no command")?;
    let begin = Instant::now();
    let mut child =
        Command::new(program).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut output = child.stdout.take().context("no output")?;
    // Who writes while nobody reads waits for ever.
    let output = thread::spawn(move || io::read_to_string(&mut output));
    let peak = feed(&mut child)?;
    let status = child.wait()?;
    let nanos = begin.elapsed().as_secs_f64() * 1e9;
    ensure!(status.success(), "{}: {status}", command.join(" "));
    let output = output.join().ok().context("its output was not read")??;
    #[expect(clippy::cast_precision_loss, reason = "far below what a float holds exactly")]
    Ok(Read { nanos, peak: peak as f64, output })
}

fn feed(child: &mut Child) -> Result<u64> {
    let mut pipe = child.stdin.take().context("no pipe")?;
    let piece: String =
        OTHERS.iter().cycle().map(|text| line(text)).scan(0, up_to_a_piece).collect();
    for kill in 0..KILLS {
        for _ in 0..PIECES {
            pipe.write_all(piece.as_bytes())?;
        }
        let report = REPORT.lines().filter_map(|line| Some(line.split_once("] ")?.1));
        // No two at the same time, as the kernel has it.
        let stamped = report.map(|text| line(&format!("kernel: [{kill:>5}.504669] {text}")));
        pipe.write_all(stamped.collect::<String>().as_bytes())?;
    }
    let peak = usage::peak(child.id())?;
    drop(pipe);
    Ok(peak)
}

fn line(text: &str) -> String {
    format!("Nov 23 06:00:01 db1 {text}\n")
}

/// Lines until there are enough.
fn up_to_a_piece(size: &mut usize, line: String) -> Option<String> {
    *size += line.len();
    (*size <= PIECE).then_some(line)
}
