//! What dmesg(1) puts before a message, in each of its formats, and what the kernel does on a
//! console.

use super::clock::{Zone, month};
use super::kmsg::caller;
use crate::kernel_log::scan::{Scan, split_once};
use crate::kernel_log::{Entry, Stamp};

/// Takes off what tells who speaks: `<4>` (dmesg --raw), `kern  :warn  : ` (dmesg -x). `None` if it
/// is not the kernel.
pub(super) fn priority(line: Entry<'_>) -> Option<Entry<'_>> {
    let mut scan = Scan(line.text);
    if scan.eat("<").is_some()
        && let Some(priority) = scan.number::<u32>()
        && scan.eat(">").is_some()
    {
        return (priority < 8).then_some(Entry { text: scan.0, ..line });
    }
    match decoded(line.text) {
        Some((b"kern", text)) => Some(Entry { text, ..line }),
        Some(_) => None,
        None => Some(line),
    }
}

/// `kern  :warn  : `: two words of a fixed width.
fn decoded(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (facility, rest) = text.split_at_checked(6)?;
    let (level, rest) = rest.strip_prefix(b":")?.split_at_checked(6)?;
    let rest = rest.strip_prefix(b": ")?;
    let is_word = |word: &[u8]| word.trim_ascii_end().iter().all(u8::is_ascii_alphanumeric);
    (is_word(facility) && is_word(level)).then(|| (facility.trim_ascii_end(), rest))
}

/// Takes off when it was, `[    3.504669] ` or `[Mon Nov 23 06:00:01 2026] ` or
/// `2026-11-23T06:00:01,123456+00:00 `, and who the kernel says it was: `[   T95] `.
pub(super) fn stamp<'a>(line: Entry<'a>, zone: &Zone) -> Entry<'a> {
    let iso = || {
        let (time, text) = split_once(line.text, " ")?;
        Some((Stamp { time: Some(zone.iso(time)?), ..line.stamp }, text))
    };
    let found = bracket(line.text).and_then(|(inside, rest)| {
        let stamp = match uptime(inside) {
            Some(boot_ns) => Stamp { boot_ns: Some(boot_ns), ..line.stamp },
            None => Stamp { time: Some(readable(inside, zone)?), ..line.stamp },
        };
        Some((stamp, rest))
    });
    let Some((stamp, rest)) = found.or_else(iso) else { return line };
    // The kernel leaves no blank before a caller; a task could be called `[T1]`.
    let callers =
        bracket(rest).and_then(|(inside, rest)| Some((caller(inside.trim_ascii())?, rest)));
    let (caller, rest) = match callers {
        Some((caller, rest)) => (Some(caller), rest),
        None => (line.caller, rest),
    };
    Entry { stamp, caller, text: rest.strip_prefix(b" ").unwrap_or(rest), ..line }
}

fn bracket(text: &[u8]) -> Option<(&[u8], &[u8])> {
    split_once(text.strip_prefix(b"[")?, "]")
}

/// Seconds and, always, microseconds; in nanoseconds.
fn uptime(text: &[u8]) -> Option<u64> {
    let mut scan = Scan(text.trim_ascii_start());
    let seconds: u64 = scan.number()?;
    scan.eat(".")?;
    if scan.0.len() != 6 || !scan.0.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let micros: u64 = scan.number()?;
    seconds.checked_mul(1_000_000)?.checked_add(micros)?.checked_mul(1000)
}

/// dmesg -T: `Mon Nov 23 06:00:01 2026`, by this machine's zone.
fn readable(text: &[u8], zone: &Zone) -> Option<jiff::Timestamp> {
    let mut scan = Scan(text);
    scan.until(" ")?;
    let month = month(scan.until(" ")?)?;
    scan.blanks();
    let day = scan.number()?;
    scan.eat(" ")?;
    let time = Zone::time_of_day(&mut scan)?;
    scan.eat(" ")?;
    let year = scan.number()?;
    scan.end()?;
    zone.local(jiff::civil::Date::new(year, month, day).ok()?.to_datetime(time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel_log::{Caller, Names};

    fn line(text: &str) -> Entry<'_> {
        Entry {
            stamp: Stamp::default(),
            caller: None,
            host: None,
            boot_id: None,
            names: Names::Printed,
            cut: false,
            text: text.as_bytes(),
        }
    }

    fn read(text: &str) -> Option<(Stamp, Option<Caller>, String)> {
        let entry = stamp(priority(line(text))?, &Zone::utc());
        Some((entry.stamp, entry.caller, String::from_utf8(entry.text.to_vec()).unwrap()))
    }

    #[test]
    fn every_way_to_print_a_line() {
        let boot = Stamp { boot_ns: Some(3_504_669_000), time: None };
        let wall = |time: &str| Stamp { boot_ns: None, time: Some(time.parse().unwrap()) };
        let thread = Some(Caller::Thread(95));
        for (text, expected) in [
            ("[    3.504669]  a", (boot, None, " a")),
            ("[    3.504669][   T95] a", (boot, thread, "a")),
            ("[    3.504669] [   T95] a", (boot, None, "[   T95] a")),
            ("<4>[    3.504669] a", (boot, None, "a")),
            ("kern  :warn  : [    3.504669] a", (boot, None, "a")),
            ("[Mon Nov  3 06:00:01 2026] a", (wall("2026-11-03T06:00:01Z"), None, "a")),
            (
                "2026-11-23T06:00:01,123456+01:00 a",
                (wall("2026-11-23T05:00:01.123456Z"), None, "a"),
            ),
            ("a b", (Stamp::default(), None, "a b")),
        ] {
            let (stamp, caller, text_left) = read(text).unwrap();
            assert_eq!((stamp, caller, &*text_left), expected, "{text}");
        }
        assert_eq!(read("<12>[    3.504669] a"), None);
        assert_eq!(read("user  :notice: [    3.504669] a"), None);
    }
}
