//! How urgent a line is, and of which facility: `<4>`, `kern.warn`, `kern  :warn  : `, `kern: warning: `.

use super::{Peeled, Speaker};
use crate::kernel_log::scan::{Scan, split_once};

/// From this on it is not the kernel who speaks (`LOG_FACILITY` above 0).
const OTHERS: u32 = 8;

/// Names of facilities, as syslog daemons have them.
const FACILITIES: [&str; 13] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "security",
];

/// Takes off `<4>`, and the version behind it in RFC 5424.
pub(super) fn priority(peeled: &mut Peeled<'_>) {
    let mut scan = Scan(peeled.text);
    let mut take = || {
        scan.eat("<")?;
        let digits = scan.run(u8::is_ascii_digit);
        let priority: u32 = str::from_utf8(digits).ok()?.parse().ok()?;
        scan.eat(">")?;
        Some(priority)
    };
    let priority = match take() {
        Some(priority) => priority,
        // RFC 5424 without it.
        None => {
            let is_version = peeled.text.starts_with(b"1 ")
                && peeled.text.get(2).is_some_and(u8::is_ascii_digit)
                && peeled.text.get(12) == Some(&b'T');
            if is_version && !peeled.has_date {
                peeled.text = peeled.text.get(2..).unwrap_or_default();
            }
            return;
        }
    };
    peeled.text = scan.0.strip_prefix(b"1 ").unwrap_or(scan.0);
    if priority >= OTHERS {
        peeled.speaker = Speaker::Other;
    }
}

/// Takes off `kern  :warn  : ` (dmesg -x: two words of a fixed width), `kern: warning: ` (talosctl, with
/// the node before it).
pub(super) fn decoded(peeled: &mut Peeled<'_>) {
    if let Some((facility, text)) = of_dmesg(peeled.text) {
        peeled.text = text;
        if facility != b"kern" {
            peeled.speaker = Speaker::Other;
        }
        return;
    }
    let mut scan = Scan(peeled.text);
    let mut host = None;
    if let Some((word, rest)) = split_once(scan.0, ": ")
        && rest.starts_with(b"kern: ")
        && !word.contains(&b' ')
    {
        host = str::from_utf8(word).ok();
        scan = Scan(rest);
    }
    let is_talos = scan.eat("kern: ").is_some() && {
        scan.blanks();
        scan.run(u8::is_ascii_alphabetic);
        scan.eat(": ").is_some() && scan.0.starts_with(b"[")
    };
    if is_talos {
        peeled.host = peeled.host.or(host);
        peeled.text = scan.0;
    }
}

fn of_dmesg(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (facility, rest) = text.split_at_checked(6)?;
    let (level, rest) = rest.strip_prefix(b":")?.split_at_checked(6)?;
    let rest = rest.strip_prefix(b": ")?;
    let is_word = |word: &[u8]| word.trim_ascii_end().iter().all(u8::is_ascii_alphanumeric);
    (is_word(facility) && is_word(level)).then(|| (facility.trim_ascii_end(), rest))
}

/// The facility of `kern.warn`.
pub(super) fn facility(word: &[u8]) -> Option<&'static str> {
    let (facility, level) = split_once(word, ".")?;
    let is_level = !level.is_empty() && level.iter().all(u8::is_ascii_alphabetic);
    let known = FACILITIES.into_iter().find(|known| known.as_bytes() == facility);
    known.or_else(|| facility.starts_with(b"local").then_some("local")).filter(|_| is_level)
}
