//! A saved log.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use anyhow::{Context as _, bail};
use jiff::Timestamp;

use super::{Printer, name, say};
use crate::kernel_log::reader::{Found, Zone, read as read_log};
use crate::kernel_log::{Machine, Parser};

/// Names standard input.
pub(super) const STDIN: &str = "-";

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
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    // Nothing in it is later than its last change.
    let written = file.metadata().and_then(|data| data.modified());
    let written = written.ok().and_then(|time| Timestamp::try_from(time).ok());
    let latest = written.unwrap_or_else(Timestamp::now);
    read_from(BufReader::new(file), path, latest, printer)
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
