//! Whose line it is: the name of the machine, and that of the program or of the kernel.

use super::level::facility;
use super::{Peeled, Speaker};
use crate::kernel_log::reader::shape::is_level;
use crate::kernel_log::scan::{Scan, split_once};

/// What the kernel is called, or who hands on nothing but what it says.
const KERNEL: [&str; 6] = ["kernel", "vmunix", "vmkernel", "kmsg", "klogd", "dmesg"];

/// Takes off `db1 kernel: `, `db1 kern.warn kernel: `, `db1 kernel - - - ` (RFC 5424), `kernel: `; or finds
/// that another program speaks. Whether it found anything.
pub(super) fn name(peeled: &mut Peeled<'_>) -> bool {
    let text = peeled.text;
    // `kernel: ` alone.
    if let Some((Tag::Kernel, rest)) = tag(text) {
        (peeled.speaker, peeled.text) = (Speaker::Kernel, rest);
        return true;
    }
    if !peeled.has_date && !peeled.has_uptime {
        return false;
    }
    // OpenWrt writes no name of the machine; Android's logcat neither, and numbers.
    if let Some(rest) = logcat(text).filter(|_| peeled.has_date) {
        return other(peeled, rest);
    }
    if let Some((_, rest)) = with_facility(text) {
        return other(peeled, rest);
    }
    if peeled.is_dmesgs {
        return false;
    }
    let Some((word, rest)) = split_once(text, " ") else { return false };
    let Some(host) = host(word) else {
        // The kernel's own messages have colons, too; a program has its process's id.
        let is_process = word.ends_with(b"]:");
        return peeled.has_date && is_process && other(peeled, text);
    };
    let rest = match with_facility(rest) {
        Some((_, rest)) => rest,
        None => without_level(rest),
    };
    let found = tag(rest).or_else(|| of_5424(rest));
    match found {
        Some((Tag::Kernel, text)) => {
            peeled.host = Some(host);
            (peeled.speaker, peeled.text) = (Speaker::Kernel, text);
            true
        }
        // Behind the kernel's own stamp, `usb 1-1: new device` is the kernel's.
        Some((Tag::Other(tag), text)) if peeled.has_date && !peeled.has_uptime => {
            peeled.host = Some(host);
            peeled.tag = Some(tag);
            (peeled.speaker, peeled.text) = (Speaker::Other, text);
            true
        }
        // netconsole, received by a syslog daemon: no tag.
        _ if peeled.has_date && !peeled.has_uptime && is_stamp(rest) => {
            peeled.host = Some(host);
            (peeled.speaker, peeled.text) = (Speaker::Kernel, rest);
            true
        }
        _ => false,
    }
}

/// A tag without a machine before it.
fn other<'a>(peeled: &mut Peeled<'a>, text: &'a [u8]) -> bool {
    match tag(text) {
        Some((Tag::Kernel, rest)) => {
            (peeled.speaker, peeled.text) = (Speaker::Kernel, rest);
            true
        }
        Some((Tag::Other(tag), rest)) if !peeled.has_uptime => {
            peeled.tag = Some(tag);
            (peeled.speaker, peeled.text) = (Speaker::Other, rest);
            true
        }
        _ => false,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tag<'a> {
    Kernel,
    Other(&'a [u8]),
}

/// `kernel: `, `kernel[0]: `, `app[123]: `, `app: `.
fn tag(text: &[u8]) -> Option<(Tag<'_>, &[u8])> {
    let mut scan = Scan(text);
    let word = scan.word();
    let name = match word.strip_suffix(b":") {
        Some(name) => {
            scan.0 = scan.0.strip_prefix(b" ").unwrap_or(scan.0);
            name
        }
        // Some write no blank behind it, some one before it.
        None => {
            let (name, _) = split_once(word, ":").filter(|(name, _)| is_kernel(name))?;
            scan.0 = text.get(name.len() + 1..)?;
            name
        }
    };
    let name = name.split(|byte| *byte == b'[').next()?;
    // The program of RFC 5424 in rsyslog's own forms may have a path.
    if name.is_empty() || name.len() > 64 {
        return None;
    }
    if !is_kernel(name) {
        return Some((Tag::Other(name), scan.0));
    }
    // F5's have a colon more.
    Some((Tag::Kernel, scan.0.strip_prefix(b": ").unwrap_or(scan.0)))
}

fn is_kernel(name: &[u8]) -> bool {
    KERNEL.iter().any(|kernel| name.eq_ignore_ascii_case(kernel.as_bytes()))
}

/// `kernel - - - text`, `app 123 ID47 [data@1 a="b"] text`: the process's id, that of the message, and
/// structured data.
fn of_5424(text: &[u8]) -> Option<(Tag<'_>, &[u8])> {
    let mut scan = Scan(text);
    let name = scan.word();
    scan.eat(" ")?;
    scan.word();
    scan.eat(" ")?;
    scan.word();
    scan.eat(" ")?;
    if scan.eat("-").is_none() {
        scan.0.starts_with(b"[").then_some(())?;
        while scan.eat("[").is_some() {
            // Its name is a word, and no stamp.
            let name = Scan(scan.0).run(|byte| !matches!(byte, b' ' | b']'));
            (!name.is_empty() && super::uptime(name).is_none()).then_some(())?;
            let quoted = scan.0;
            let mut is_inside = false;
            let mut before = 0;
            let end = quoted.iter().position(|byte| {
                is_inside ^= *byte == b'"' && before != b'\\';
                before = *byte;
                *byte == b']' && !is_inside
            })?;
            scan.0 = quoted.get(end + 1..)?;
        }
    }
    scan.eat(" ")?;
    let text = scan.0.strip_prefix("\u{feff}".as_bytes()).unwrap_or(scan.0);
    // A program's name and two more words also begin many a sentence.
    let is_name = name.len() <= 48 && !name.is_empty() && !name.ends_with(b":");
    is_name.then_some((if is_kernel(name) { Tag::Kernel } else { Tag::Other(name) }, text))
}

/// Without the level that F5 writes before the kernel's name: `warning kernel: `.
fn without_level(text: &[u8]) -> &[u8] {
    match split_once(text, " ") {
        Some((level, rest)) if is_level(level) && matches!(tag(rest), Some((Tag::Kernel, _))) => {
            rest
        }
        _ => text,
    }
}

/// What follows `kern.warn `.
fn with_facility(text: &[u8]) -> Option<(&'static str, &[u8])> {
    let (word, rest) = split_once(text, " ")?;
    Some((facility(word)?, rest))
}

/// ` 1310  3312 I ` of logcat.
fn logcat(text: &[u8]) -> Option<&[u8]> {
    let mut scan = Scan(text);
    for _ in 0..2 {
        scan.blanks();
        (!scan.run(u8::is_ascii_digit).is_empty()).then_some(())?;
    }
    scan.blanks();
    let level = scan.word();
    (level.len() == 1 && level.iter().all(u8::is_ascii_uppercase)).then_some(())?;
    scan.blanks();
    Some(scan.0)
}

/// A name or an address, of IPv6 as well.
fn host(word: &[u8]) -> Option<&str> {
    let is_of_it = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'.' | b'-' | b'_' | b':' | b'%' | b'/')
            || *byte >= 0x80
    };
    let ends_well = word.last().is_some_and(|byte| *byte != b':');
    (ends_well && word.iter().all(is_of_it)).then(|| str::from_utf8(word).ok()).flatten()
}

fn is_stamp(text: &[u8]) -> bool {
    let inside = text.strip_prefix(b"[").and_then(|text| split_once(text, "]"));
    inside.is_some_and(|(inside, _)| super::uptime(inside).is_some())
}
