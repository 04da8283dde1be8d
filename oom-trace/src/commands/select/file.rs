//! A file: a saved log, a store, or JSON Lines.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read as _, Seek as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use jiff::Timestamp;

use super::here::read_store;
use super::progress::Progress;
use super::taker::{Ended, Taker};
use super::unpack::{Counted, unpack};
use super::{json_lines, name};
use crate::kernel_log::reader::{Found, Zone, read_new};
use crate::kernel_log::{Machine, Mention, Parser};
use crate::say::say;

/// Names standard input.
pub(super) const STDIN: &str = "-";

/// Bytes that tell what a file is.
const START: usize = 16 << 10;

/// First bytes of a store.
const STORE: &[u8] = b"SQLite format 3\0";

pub(super) fn read(path: &Path, taker: &mut Taker<'_>) -> anyhow::Result<()> {
    if path == Path::new(STDIN) {
        return read_from(io::stdin().lock(), path, Timestamp::now(), None, taker);
    }
    let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    if starts_with(&mut file, STORE).with_context(|| format!("cannot read {}", path.display()))? {
        return read_store(path, taker);
    }
    // Nothing in it is later than its last change.
    let metadata = file.metadata().ok();
    let written =
        metadata.as_ref().and_then(|data| Timestamp::try_from(data.modified().ok()?).ok());
    let latest = written.unwrap_or_else(Timestamp::now);
    let size = metadata.filter(std::fs::Metadata::is_file).map(|data| data.len());
    read_from(file, path, latest, size, taker)
}

/// Whether it is a store.
pub(super) fn is_store(path: &Path) -> bool {
    File::open(path).and_then(|mut file| starts_with(&mut file, STORE)).unwrap_or(false)
}

/// A pipe or a device is none of these files: nothing is taken from it.
fn starts_with(file: &mut File, magic: &[u8]) -> io::Result<bool> {
    if !file.metadata()?.is_file() {
        return Ok(false);
    }
    let mut start = Vec::new();
    file.take(magic.len() as u64).read_to_end(&mut start)?;
    file.rewind()?;
    Ok(start == magic)
}

fn read_from(
    input: impl io::Read,
    path: &Path,
    latest: Timestamp,
    size: Option<u64>,
    taker: &mut Taker<'_>,
) -> anyhow::Result<()> {
    let name = name(path);
    let mut progress = size.filter(|_| io::stderr().is_terminal()).and_then(Progress::of);
    let tell = |read| {
        if let Some(progress) = &mut progress {
            progress.at(read);
        }
    };
    let cannot_read = || format!("cannot read {name}");
    let input = unpack(Counted::new(input, tell)).with_context(cannot_read)?;
    let mut input = BufReader::with_capacity(START, input);
    if json_lines::begins_with_record(input.fill_buf().with_context(cannot_read)?) {
        return json_lines::read(&mut input, &name, taker);
    }
    let parser = Parser::new(Machine::default());
    let mut seen = std::mem::take(&mut taker.seen);
    let zone = Zone::here(latest);
    let found = read_new(input, parser, &zone, &mut seen, |record| taker.take_logged(record));
    taker.seen = seen;
    let Found { lines, logged, records, kernel, lost, untold, hearsay, suppressed } = match found {
        Err(error) if error.is::<Ended>() => return Err(error),
        found => found.with_context(cannot_read)?,
    };
    taker.told.kernel += kernel;
    if lost > 0 {
        say(format_args!("{name}: {lost} messages are missing; kills among them are not shown"));
    }
    if suppressed > 0 {
        say(format_args!(
            "{name}: the kernel suppressed {suppressed} dumps (rate limit); less is known about those kills"
        ));
    }
    if let Some(Mention { line, text, .. }) = hearsay.filter(|_| kernel == 0 && untold.count == 0) {
        taker.told.untold += 1;
        say(format_args!(
            "{name}: line {line} says that the kernel killed a process, but the kernel's own messages are \
             not in this log: {text}; on that machine, try: journalctl -k | oom-trace explain, or: dmesg | oom-trace explain"
        ));
        return Ok(());
    }
    if let Some(Mention { line, text, unended }) = untold.first {
        taker.told.untold += untold.count;
        let more = match untold.count {
            1 => String::new(),
            count => format!(" (the first of {count} such lines)"),
        };
        let what = match unended {
            true => "mentions an OOM kill, but the log ends or is cut before the kill itself",
            false => "mentions an OOM kill but could not be understood",
        };
        say(format_args!("{name}: line {line} {what}{more}: {text}"));
        return Ok(());
    }
    if records == 0 && lines > 0 && logged == 0 {
        let what = match lines {
            1 => "its line is not".to_owned(),
            lines => format!("none of its {lines} lines is"),
        };
        bail!(
            "{name} is not a kernel log: {what} in a format of dmesg, journalctl, syslog or /dev/kmsg"
        );
    }
    Ok(())
}
