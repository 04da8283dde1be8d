//! What the kernel's log was when the kernel panicked, as pstore keeps it over the reboot.
//!
//! The kernel writes the end of its log to firmware, or to memory that a reboot leaves alone, in one part or
//! more, the newest first; after the next boot each is a file that begins with a line such as `Panic#1 Part1`
//! (`pstore_dump`, fs/pstore/platform.c). systemd-pstore moves them away early at boot, and puts together those
//! whose parts are many.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::reader::uptime;
use super::scan::split_once;

/// Where the kernel shows what it kept, and where systemd moves that.
pub(crate) const PLACES: [&str; 2] = ["/sys/fs/pstore", "/var/lib/systemd/pstore"];

/// How files begin that hold the log, not what programs wrote or what was on the console.
const PREFIX: &str = "dmesg";

/// Compressed by a method that this kernel does not know.
const COMPRESSED: &str = ".enc.z";

/// What systemd puts together.
const WHOLE: &str = "dmesg.txt";

/// Of a longer dump the newest parts are left out: no firmware keeps as much.
const MOST_BYTES: u64 = 4 << 20;

/// More than the first line of a part has.
const MOST_HEADER: u64 = 64;

/// More files than any firmware has room for.
const MOST_FILES: usize = 1024;

/// Folders in one another: systemd's have two levels.
const MOST_LEVELS: usize = 3;

/// By how much the times of one dump's parts may differ.
const APART: Duration = Duration::from_secs(120);

/// The end of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dump {
    /// Its parts, oldest first.
    files: Vec<PathBuf>,
    /// When the kernel wrote it.
    pub(crate) written: Option<Timestamp>,
}

/// A file.
struct Part {
    path: PathBuf,
    /// Without their numbers, the names of the parts of one dump.
    place: PathBuf,
    number: u32,
    written: Option<Timestamp>,
}

/// All dumps below these folders, oldest first; a folder that is not there has none.
///
/// # Errors
/// What is there cannot be read.
pub(crate) fn dumps<'a>(places: impl IntoIterator<Item = &'a Path>) -> io::Result<Vec<Dump>> {
    let mut files = Vec::new();
    for place in places {
        list(place, MOST_LEVELS, &mut files)?;
    }
    let parts =
        files.iter().filter_map(|file| part(file).transpose()).collect::<io::Result<_>>()?;
    let mut dumps = together(parts);
    dumps.sort_by_key(|dump| dump.written);
    Ok(dumps)
}

fn list(folder: &Path, levels: usize, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    let (mut here, mut inside) = (Vec::new(), Vec::new());
    for entry in entries.take(MOST_FILES) {
        let entry = entry?;
        let (kind, name) = (entry.file_type()?, entry.file_name());
        let is_log = |name: &str| name.starts_with(PREFIX) && !name.ends_with(COMPRESSED);
        if kind.is_dir() && levels > 1 {
            inside.push(entry.path());
        } else if kind.is_file() && name.to_str().is_some_and(is_log) {
            here.push(entry.path());
        }
    }
    // What it is made of lies beside it.
    if here.iter().any(|file| file.file_name() == Some(OsStr::new(WHOLE))) {
        here.retain(|file| file.file_name() == Some(OsStr::new(WHOLE)));
    }
    here.sort_unstable();
    inside.sort_unstable();
    files.extend(here);
    inside.iter().try_for_each(|folder| list(folder, levels - 1, files))
}

/// `None` if it is gone by now: systemd may be moving it.
fn part(path: &Path) -> io::Result<Option<Part>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let written = file.metadata()?.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
    let mut begin = Vec::new();
    file.take(MOST_HEADER).read_to_end(&mut begin)?;
    let number = begin.split(|&byte| byte == b'\n').next().and_then(header).unwrap_or(1);
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let place = path.with_file_name(name.trim_end_matches(|c: char| c.is_ascii_digit()));
    Ok(Some(Part { path: path.to_owned(), place, number, written }))
}

/// The number in a part's first line: `REASON#COUNT PartNUMBER`.
fn header(line: &[u8]) -> Option<u32> {
    let (reason, part) = str::from_utf8(line).ok()?.trim_end().split_once(" Part")?;
    let (why, count) = reason.split_once('#')?;
    let is_word = !why.is_empty() && why.bytes().all(|byte| byte.is_ascii_alphabetic());
    (is_word && count.parse::<u32>().is_ok()).then(|| part.parse().ok()).flatten()
}

/// Parts of one dump follow one another in time; where a number comes again, another dump begins.
fn together(mut parts: Vec<Part>) -> Vec<Dump> {
    parts.sort_by_key(|part| (part.written, part.number));
    let mut open: BTreeMap<PathBuf, BTreeMap<u32, Part>> = BTreeMap::new();
    let mut dumps = Vec::new();
    for part in parts {
        let of_place = open.entry(part.place.clone()).or_default();
        let goes_on = of_place.values().next().is_none_or(|first| {
            let apart =
                first.written.zip(part.written).map(|(one, other)| other.duration_since(one));
            apart.is_none_or(|apart| apart.unsigned_abs() <= APART)
        });
        if !goes_on || of_place.contains_key(&part.number) {
            dumps.extend(dump(std::mem::take(of_place)));
        }
        of_place.insert(part.number, part);
    }
    dumps.extend(open.into_values().filter_map(dump));
    dumps
}

fn dump(parts: BTreeMap<u32, Part>) -> Option<Dump> {
    let written = parts.values().filter_map(|part| part.written).min();
    let files: Vec<_> = parts.into_values().rev().map(|part| part.path).collect();
    (!files.is_empty()).then_some(Dump { files, written })
}

impl Dump {
    /// Its lines, oldest first, without those that say which part it is.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn text(&self) -> io::Result<Vec<u8>> {
        let (mut text, mut left) = (Vec::new(), MOST_BYTES);
        for path in &self.files {
            let mut bytes = Vec::new();
            File::open(path)?.take(left).read_to_end(&mut bytes)?;
            left = left.saturating_sub(bytes.len() as u64);
            let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
            for line in lines.filter(|line| header(line).is_none()) {
                text.extend_from_slice(line);
                text.push(b'\n');
            }
        }
        Ok(text)
    }
}

/// The stamp of the last line that has one, since its boot; suspension is not counted.
pub(crate) fn last_stamp(text: &[u8]) -> Option<Duration> {
    text.rsplit(|&byte| byte == b'\n').find_map(stamp)
}

/// `<LEVEL>[SECONDS.MICROSECONDS] …`
fn stamp(line: &[u8]) -> Option<Duration> {
    let (_, line) = split_once(line.strip_prefix(b"<")?, ">[")?;
    let (stamp, _) = split_once(line, "]")?;
    uptime(stamp).map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(folder: &Path, name: &str, text: &str, at: u64) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        let time = std::time::UNIX_EPOCH + Duration::from_secs(at);
        File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    }

    fn texts(folder: &Path) -> Vec<String> {
        let dumps = dumps([folder]).unwrap();
        dumps.iter().map(|dump| String::from_utf8(dump.text().unwrap()).unwrap()).collect()
    }

    /// As ramoops and efi_pstore leave them, in two panics.
    #[test]
    fn the_parts_of_a_dump_are_put_in_order_and_two_dumps_are_two() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        put(at, "dmesg-efi_pstore-170000000001001", "Panic#1 Part1\n<0>[  9.000000] c", 1000);
        put(at, "dmesg-efi_pstore-170000000002001", "Panic#1 Part2\n<4>[  8.000000] b\n", 1000);
        put(at, "dmesg-efi_pstore-170000000103001", "Panic#1 Part3\n<4>[  7.000000] a\n", 1001);
        put(at, "dmesg-efi_pstore-170000900001001", "Panic#1 Part1\n<0>[  5.000000] d\n", 9000);
        put(at, "dmesg-ramoops-0", "Oops#2 Part1\n<4>[  3.500000] e\n", 500);
        put(at, "console-ramoops-0", "f\n", 500);
        put(at, "dmesg-ramoops-1.enc.z", "Panic#1 Part1\ng\n", 500);
        let expected = [
            "<4>[  3.500000] e\n",
            "<4>[  7.000000] a\n<4>[  8.000000] b\n<0>[  9.000000] c\n",
            "<0>[  5.000000] d\n",
        ];
        assert_eq!(texts(at), expected);
        let dumps = dumps([at]).unwrap();
        assert_eq!(last_stamp(&dumps[1].text().unwrap()), Some(Duration::from_secs(9)));
        assert_eq!(dumps[1].written.unwrap().as_second(), 1000);
    }

    #[test]
    fn what_systemd_put_together_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let whole = "Panic#1 Part2\n<4>[  8.000000] b\nPanic#1 Part1\n<0>[  9.000000] c\n";
        put(at, "1700000000/001/dmesg.txt", whole, 1000);
        put(at, "1700000000/001/dmesg-efi_pstore-170000000001001", "Panic#1 Part1\nc\n", 1000);
        assert_eq!(texts(at), ["<4>[  8.000000] b\n<0>[  9.000000] c\n"]);
        assert_eq!(dumps([at.join("none").as_path()]).unwrap(), []);
    }

    #[test]
    fn only_a_parts_own_first_line_is_left_out() {
        for (line, number) in [
            ("Panic#1 Part12\n", Some(12)),
            ("Emergency Restart#1 Part1\n", None),
            ("<4>[ 1.000000] Panic#1 Part1\n", None),
            ("Panic# Part1\n", None),
            ("Panic#1 Part\n", None),
        ] {
            assert_eq!(header(line.as_bytes()), number, "{line}");
        }
        assert_eq!(stamp(b"<4>[   12.000345] x"), Some(Duration::from_micros(12_000_345)));
        assert_eq!(stamp(b"[   12.000345] x"), None);
    }
}
