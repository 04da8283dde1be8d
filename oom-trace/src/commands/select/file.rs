//! A file: a saved log, a store, or JSON Lines.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use jiff::Timestamp;

use super::here::read_store;
use super::progress::Progress;
use super::taker::{Ended, Taker};
use super::unpack::{Metered, unpack};
use super::{json_lines, name, stdin};
use crate::files::{STORE, begins_with};
use crate::kernel_log::reader::{Found, Zone, read_new};
use crate::kernel_log::{Machine, Mention, Parser};
use crate::near::{Distance, distance, nearest};
use crate::say::say;
use crate::units::Counted;

/// Bytes that tell what a file is.
const START: usize = 16 << 10;

pub(super) fn read(path: &Path, taker: &mut Taker<'_>) -> anyhow::Result<()> {
    if path == Path::new(stdin::NAME) {
        stdin::tell_of_waiting();
        return read_from(io::stdin().lock(), path, Timestamp::now(), None, taker);
    }
    let mut file = open(path)?;
    if begins_with(&mut file, STORE).with_context(|| format!("cannot read {}", path.display()))? {
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

fn open(path: &Path) -> anyhow::Result<File> {
    let shown = path.display();
    if path.is_dir() {
        let store = path.join("records.db");
        let inside = if store.exists() { store } else { path.join("*") };
        bail!("{shown} is a directory; give a file in it: {}", inside.display());
    }
    File::open(path).with_context(|| format!("cannot open {shown}")).map_err(|error| {
        match instead_of(path) {
            Some(instead) => anyhow!("{error:#}; {instead}"),
            None => error,
        }
    })
}

/// What is meant by what is no file, as a question.
pub(crate) fn instead_of(path: &Path) -> Option<String> {
    if path.exists() {
        return None;
    }
    let beside = beside(path).map(|name| format!("did you mean {}?", name.display()));
    beside.or_else(|| filter_for(path).map(|filter| format!("or did you mean {filter}?")))
}

/// The file beside one that is not there whose name is nearly the same.
fn beside(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = folder.read_dir().ok()?.filter_map(Result::ok);
    let names: Vec<_> = entries.filter_map(|it| it.file_name().into_string().ok()).collect();
    let is_slip = |it: &&str| distance(name, it).is_some_and(Distance::is_slip);
    let near = nearest(name, names.iter().map(String::as_str).filter(is_slip))?;
    Some(path.with_file_name(near))
}

/// The filter for what is no file and looks like the name of a process, a unit or a cgroup.
pub(crate) fn filter_for(path: &Path) -> Option<String> {
    let name = path.to_str().filter(|_| !path.exists())?;
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '@');
    let suffix = name.rsplit_once('.').map(|(_, suffix)| suffix);
    match suffix {
        Some("service" | "scope" | "slice") if name.contains('/') => {
            Some(format!("--cgroup {name}"))
        }
        Some("service" | "scope" | "slice") => Some(format!("--unit {name}")),
        _ if name.parse::<u32>().is_ok() => Some(format!("oom-trace history {name}")),
        _ if !name.is_empty() && name.chars().all(is_of_name) => {
            Some(format!("--comm {name}, --unit {name} or --cgroup {name}"))
        }
        _ => None,
    }
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
    let input = unpack(Metered::new(input, tell)).with_context(cannot_read)?;
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
        say(format_args!(
            "{name}: {} missing; any kill among them is not shown",
            Counted(lost, "message")
        ));
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
    if let Some(Mention { line, text, unended, is_ours }) = untold.first {
        taker.told.untold += untold.count;
        if is_ours {
            say(format_args!(
                "{name}: line {line} is what oom-trace prints for people, which it cannot read back; keep records \
                 with --format json or in a store: {text}"
            ));
            return Ok(());
        }
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
    if lines == 0 && taker.selection.files.len() == 1 {
        bail!("{name} is empty");
    }
    if records == 0 && lines > 0 && logged == 0 {
        let what = match lines {
            1 => "its only line is in none".to_owned(),
            lines => format!("none of its {lines} lines is in any"),
        };
        bail!(
            "{name} is not a kernel log: {what} of the formats of dmesg, journalctl, syslog and /dev/kmsg"
        );
    }
    Ok(())
}
