//! What it takes to tell the kills of a large saved log.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use xtask::measure::{Quantity, Sheet, Subject};

use crate::usage;

/// One kill, as a kernel logged it.
pub(crate) const REPORT: &str = include_str!("../../../../oom-trace/testdata/logs/6.12-memcg.log");
/// What else is in a log, for each kill.
const OTHER_LINES: usize = 500;
const LOG: &str = "/tmp/log";
const SIZE: u64 = 16 << 20;
const ROUNDS: usize = 3;

pub(crate) fn measure(sheet: &mut Sheet) -> Result<()> {
    write_log(SIZE / 4).context("cannot write the log")?;
    let quarter = peak()?;
    let kills = write_log(SIZE).context("cannot write the log")?;
    for _ in 0..ROUNDS {
        let explain = time(&["/bin/oom-trace", "explain", LOG])?;
        sheet.note(Quantity::LogTime, Subject::OomTrace, explain);
        let grep = time(&["/usr/bin/grep", "-c", "Killed process", LOG])?;
        sheet.note(Quantity::LogTime, Subject::Grep, grep);
    }
    let told =
        Command::new("/bin/oom-trace").args(["explain", "--format", "json", LOG]).output()?;
    let told = String::from_utf8_lossy(&told.stdout).matches(r#""type":"oom_kill""#).count();
    ensure!(told == kills, "{told} of {kills} kills were told");
    let whole = peak()?;
    sheet.note(Quantity::LogPeak, Subject::OomTrace, whole);
    sheet.note(Quantity::LogGrowth, Subject::OomTrace, whole / quarter);
    Ok(fs::remove_file(LOG)?)
}

/// Writes so much of a log, and the rest of its last report; answers the number of kills in it.
fn write_log(size: u64) -> Result<usize> {
    let mut log = BufWriter::new(File::create(LOG)?);
    let (mut written, mut lines, mut kills) = (0, 0_u64, 0_usize);
    while written < size {
        let report = REPORT.lines().filter_map(|line| Some(line.split_once("] ")?.1.to_owned()));
        let others = (0..OTHER_LINES).map(|number| {
            format!("audit: type=1400 audit(1764100000.{number}:{kills}): apparmor=\"ALLOWED\"")
        });
        for text in report.chain(others) {
            lines += 1;
            // No two at the same time, as the kernel has it.
            let line = format!("[{:>5}.{:06}] {text}\n", lines / 10_000, lines % 10_000 * 100);
            log.write_all(line.as_bytes())?;
            written += u64::try_from(line.len())?;
        }
        kills += 1;
    }
    log.flush()?;
    Ok(kills)
}

/// The most memory that the command takes for the log, in bytes. It reads the log from a pipe that stays
/// open until it has been looked at.
fn peak() -> Result<f64> {
    let mut explain = Command::new("/bin/oom-trace")
        .args(["explain", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    let mut pipe = explain.stdin.take().context("no pipe")?;
    io::copy(&mut File::open(LOG)?, &mut pipe)?;
    let peak = usage::peak(explain.id())?;
    drop(pipe);
    ensure!(explain.wait()?.success(), "explain failed");
    #[expect(clippy::cast_precision_loss, reason = "far below what a float holds exactly")]
    Ok(peak as f64)
}

/// How long the command takes, in nanoseconds. What it prints is read: grep ends at the first match where that
/// goes to /dev/null.
fn time(command: &[&str]) -> Result<f64> {
    let [program, args @ ..] = command else { bail!("no command") };
    let begin = Instant::now();
    let output = Command::new(program).args(args).stderr(Stdio::inherit()).output()?;
    let taken = begin.elapsed();
    ensure!(output.status.success(), "{}: {}", command.join(" "), output.status);
    Ok(taken.as_secs_f64() * 1e9)
}
