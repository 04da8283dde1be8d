//! A saved log, or a store.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Seek as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use jiff::Timestamp;

use super::here::read_store;
use super::{Printer, name};
use crate::kernel_log::reader::{Found, Zone, read as read_log};
use crate::kernel_log::{Machine, Parser};
use crate::say::say;

/// Names standard input.
pub(super) const STDIN: &str = "-";

/// First bytes of a store.
const STORE: &[u8] = b"SQLite format 3\0";

/// First bytes of files that hold a log in a form that other programs undo, and how.
const WRAPPED: [(&[u8], &str, &str); 4] = [
    (b"\x1f\x8b", "compressed", "zcat"),
    (b"\xfd7zXZ", "compressed", "xzcat"),
    (b"\x28\xb5\x2f\xfd", "compressed", "zstdcat"),
    (b"LPKSHHRH", "a binary journal", "journalctl -k -o json --file"),
];

pub(super) fn read(path: &Path, printer: &mut Printer) -> anyhow::Result<()> {
    if path == Path::new(STDIN) {
        return read_from(io::stdin().lock(), path, Timestamp::now(), printer);
    }
    let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    if starts_with(&mut file, STORE).with_context(|| format!("cannot read {}", path.display()))? {
        return read_store(path, printer);
    }
    // Nothing in it is later than its last change.
    let written = file.metadata().and_then(|data| data.modified());
    let written = written.ok().and_then(|time| Timestamp::try_from(time).ok());
    let latest = written.unwrap_or_else(Timestamp::now);
    read_from(BufReader::new(file), path, latest, printer)
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
    mut input: impl BufRead,
    path: &Path,
    latest: Timestamp,
    printer: &mut Printer,
) -> anyhow::Result<()> {
    let name = name(path);
    let start = input.fill_buf().with_context(|| format!("cannot read {name}"))?;
    let is_binary = memchr::memchr(0, start).is_some();
    if let Some((_, what, undo)) = WRAPPED.into_iter().find(|(magic, ..)| start.starts_with(magic))
    {
        bail!("{name} is {what}; try: {undo} {} | oom-trace history -", path.display());
    }
    let parser = Parser::new(Machine::default());
    let found = read_log(input, parser, &Zone::here(latest), |record| printer.print(&record));
    let Found { lines, logged, records, lost } =
        found.with_context(|| format!("cannot read {name}"))?;
    if lost > 0 {
        say(format_args!("{name} lacks {lost} messages: kills among them are not shown"));
    }
    if records == 0 && lines > 0 && (is_binary || logged == 0) {
        bail!(
            "{name} is no log of a kernel: none of its {lines} lines is one of dmesg, journalctl, \
             syslog or /dev/kmsg"
        );
    }
    Ok(())
}
