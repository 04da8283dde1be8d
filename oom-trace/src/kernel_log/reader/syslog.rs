//! Lines of syslog files and of journalctl: a time, the machine's name, and whose line it is.

use super::clock::{Zone, month};
use crate::kernel_log::scan::{Scan, split_once};
use crate::kernel_log::{Entry, Stamp};

/// Takes off what stands before the kernel's message; a line without it is left as it is. `None`
/// if another program wrote it.
pub(super) fn line<'a>(line: Entry<'a>, zone: &Zone) -> Option<Entry<'a>> {
    let Some((stamp, rest)) = time(line.text, zone) else { return Some(line) };
    let stamp = Stamp { boot_ns: stamp.boot_ns.or(line.stamp.boot_ns), time: stamp.time };
    let Some((host, rest)) = host(rest) else { return Some(line) };
    let Some((tag, text)) = tag(rest) else { return Some(line) };
    (tag == b"kernel").then_some(Entry { stamp, host: Some(host), text, ..line })
}

/// The time that a line begins with:
/// - `Nov 23 06:00:01 ` (RFC 3164, journalctl -o short), with a fraction for short-precise;
/// - `2026-11-23T06:00:01.123456+00:00 ` (rsyslog's own format, journalctl -o short-iso);
/// - `1 2026-11-23T06:00:01Z ` (RFC 5424);
/// - `Mon 2026-11-23 06:00:01 UTC ` (journalctl -o short-full).
fn time<'a>(text: &'a [u8], zone: &Zone) -> Option<(Stamp, &'a [u8])> {
    let wall = |time| Stamp { boot_ns: None, time: Some(time) };
    let mut scan = Scan(text.strip_prefix(b"1 ").unwrap_or(text));
    let word = scan.until(" ")?;
    // With a comma it is dmesg's, and a message follows.
    if let Some(time) = zone.iso(word).filter(|_| !word.contains(&b',')) {
        return Some((wall(time), scan.0));
    }
    if let Some(month) = month(word) {
        scan.blanks();
        let day = scan.number()?;
        scan.eat(" ")?;
        let time = zone.yearless(month, day, Zone::time_of_day(&mut scan)?)?;
        scan.eat(" ")?;
        return Some((wall(time), scan.0));
    }
    if word.len() == 3 {
        let (date, time) = (scan.until(" ")?, scan.until(" ")?);
        let (of_zone, rest) = split_once(scan.0, " ")?;
        let iso = [date, b"T", time].concat();
        // Of the names of zones, only this one means the same everywhere.
        let time = match of_zone {
            b"UTC" => zone.iso(&[&iso[..], b"Z"].concat()),
            _ => zone.iso(&iso),
        };
        return Some((wall(time?), rest));
    }
    None
}

fn host(text: &[u8]) -> Option<(&str, &[u8])> {
    let (host, rest) = split_once(text, " ")?;
    let host = str::from_utf8(host).ok()?;
    (!host.is_empty() && !host.contains(['[', ':'])).then_some((host, rest))
}

/// `kernel: ` or `app[123]: `; in RFC 5424 `kernel - - - `.
fn tag(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (word, rest) = split_once(text, " ")?;
    if let Some(tag) = word.strip_suffix(b":") {
        return Some((tag.split(|byte| *byte == b'[').next()?, rest));
    }
    // The id of the process, that of the message, and its structured data, which the kernel's has
    // not.
    let text = rest.strip_prefix(b"- - - ")?;
    Some((word, text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel_log::Names;

    fn read(text: &str) -> Option<(Option<String>, Option<String>, String)> {
        let plain = Entry {
            stamp: Stamp::default(),
            caller: None,
            host: None,
            boot_id: None,
            names: Names::Printed,
            cut: false,
            text: text.as_bytes(),
        };
        let entry = line(plain, &Zone::utc())?;
        Some((
            entry.stamp.time.map(|time| time.to_string()),
            entry.host.map(Into::into),
            String::from_utf8(entry.text.to_vec()).unwrap(),
        ))
    }

    #[test]
    fn every_way_to_begin_a_line() {
        for text in [
            "Nov 23 06:00:01 db1 kernel:  a b",
            "Nov 23 06:00:01.000000 db1 kernel:  a b",
            "2026-11-23T06:00:01.000000+00:00 db1 kernel:  a b",
            "2026-11-23T07:00:01+0100 db1 kernel:  a b",
            "1 2026-11-23T06:00:01Z db1 kernel - - -  a b",
            "Mon 2026-11-23 06:00:01 UTC db1 kernel:  a b",
        ] {
            let expected = (Some("2026-11-23T06:00:01Z".into()), Some("db1".into()), " a b".into());
            assert_eq!(read(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn others_are_passed_over_and_what_is_no_syslog_is_left_alone() {
        assert_eq!(read("Nov 23 06:00:01 db1 app[1]: Out of memory: Killed process 1 (a)"), None);
        for text in ["a invoked oom-killer: x", "Nov 23 x", "[    3.504669] a", ""] {
            assert_eq!(read(text), Some((None, None, text.into())), "{text}");
        }
    }
}
