//! Stamps in brackets: the kernel's own on a console, and what dmesg(1) and journalctl put in its place.

use super::Peeled;
use crate::kernel_log::reader::clock::{Zone, date};
use crate::kernel_log::reader::months::month;
use crate::kernel_log::scan::{Scan, rsplit_once, split_once};
use crate::kernel_log::{Caller, Guesses, Stamp};

/// The kernel pads a caller to this width.
const CALLER: usize = 6;

/// Takes off `[    3.504669] `, `[Mon Nov 23 06:00:01 2026] `, `[  +0.002367] `, `[Aug 3 10:12] `,
/// `[44165.840001 <    0.000020 >] `, `[2025-05-18T15:40:20.65Z]: `, and who the kernel says it was:
/// `[   T95] `, behind the stamp or, on consoles of old kernels, behind a blank.
pub(super) fn stamp(peeled: &mut Peeled<'_>, zone: &Zone, base: &mut Option<Stamp>) {
    let Some((inside, rest)) = bracket(peeled.text) else { return };
    if let Some(boot_ns) = uptime(inside).or_else(|| delta(inside)).filter(|_| !peeled.has_uptime) {
        peeled.stamp.boot_ns = Some(boot_ns);
        peeled.has_uptime = true;
    } else if let Some(stamp) = readable(inside, zone, base).filter(|_| !peeled.has_date) {
        peeled.stamp = Stamp { boot_ns: peeled.stamp.boot_ns, ..stamp };
        peeled.has_date = true;
        peeled.is_dmesgs = true;
    } else if let Some(caller) = caller(inside).filter(|_| peeled.caller.is_none()) {
        peeled.caller = Some(caller);
    } else {
        return;
    }
    let rest = rest.strip_prefix(b":").unwrap_or(rest);
    if let Some((caller, rest)) = android(rest).filter(|_| peeled.has_uptime) {
        peeled.caller = peeled.caller.or(Some(caller));
        peeled.text = rest;
        return;
    }
    // Only behind the stamp a caller needs no width of its own.
    let callers = bracket(rest).and_then(|(inside, rest)| Some((callers(inside)?, rest)));
    let rest = match callers.filter(|_| peeled.caller.is_none()) {
        Some((caller, rest)) => {
            peeled.caller = Some(caller);
            rest
        }
        None => rest,
    };
    peeled.text = rest.strip_prefix(b" ").unwrap_or(rest);
}

fn bracket(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (inside, rest) = split_once(text.strip_prefix(b"[")?, "]")?;
    (inside.len() <= 48).then_some((inside, rest))
}

/// Seconds and, always, microseconds; in nanoseconds.
pub(in crate::kernel_log) fn uptime(text: &[u8]) -> Option<u64> {
    let mut scan = Scan(text.trim_ascii_start());
    let digits = scan.run(u8::is_ascii_digit);
    let seconds: u64 = str::from_utf8(digits).ok()?.parse().ok()?;
    scan.eat(".")?;
    if scan.0.len() != 6 || !scan.0.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let micros: u64 = scan.number()?;
    seconds.checked_mul(1_000_000)?.checked_add(micros)?.checked_mul(1000)
}

/// `44165.840001 <    0.000020 >`: dmesg -d, journalctl -o short-delta.
fn delta(text: &[u8]) -> Option<u64> {
    let (stamp, since) = split_once(text, " <")?;
    uptime(since.trim_ascii_start().strip_suffix(b">")?.trim_ascii())?;
    uptime(stamp)
}

/// A caller of its width, `  T95`; a task could be called `[T1]`.
fn caller(inside: &[u8]) -> Option<Caller> {
    (inside.len() >= CALLER).then(|| callers(inside)).flatten()
}

/// Who logged it, as vendors of Android have their kernels write it behind the stamp:
/// ` (CPU:1-pid:157:memhog) `, `-(1)[157:memhog]`, `.(1)[157:memhog]`, ` [pid:157,cpu1,memhog]`,
/// ` I[0:         memhog:  157] `, `c1    157 `, `c1 [memhog, 157]`.
fn android(text: &[u8]) -> Option<(Caller, &[u8])> {
    const BEFORE_TID: [[&str; 3]; 5] = [
        [" (CPU:", "-pid:", ") "],
        ["-(", ")[", "]"],
        [".(", ")[", "]"],
        [" (", ")[", "]"],
        [" [pid:", "", "]"],
    ];
    let number = |digits: &[u8]| str::from_utf8(digits).ok()?.trim().parse::<u32>().ok();
    let mut scan = Scan(text);
    let form = BEFORE_TID.iter().find(|[begin, ..]| scan.eat(begin).is_some());
    if let Some([_, before_tid, end]) = form {
        if !before_tid.is_empty() {
            number(scan.run(u8::is_ascii_digit))?;
            scan.eat(before_tid)?;
        }
        let tid = number(scan.run(u8::is_ascii_digit))?;
        scan.eat(":").or_else(|| scan.eat(",cpu"))?;
        scan.until(end)?;
        return Some((Caller::Thread(tid), scan.0));
    }
    let is_apart = scan.eat(" ").is_some();
    if scan.eat("c").is_some() {
        number(scan.run(u8::is_ascii_digit))?;
        scan.eat(" ")?;
        scan.blanks();
        if scan.eat("[").is_some() {
            let (_, tid) = rsplit_once(scan.until("]")?, ", ")?;
            return Some((Caller::Thread(number(tid)?), scan.0));
        }
        let tid = number(scan.run(u8::is_ascii_digit))?;
        scan.eat(" ")?;
        return Some((Caller::Thread(tid), scan.0));
    }
    is_apart.then_some(())?;
    scan.blanks();
    // How urgent it is.
    if scan.0.get(1) == Some(&b'[') && scan.0.first().is_some_and(u8::is_ascii_uppercase) {
        scan.0 = scan.0.get(1..)?;
    }
    scan.eat("[")?;
    number(scan.run(u8::is_ascii_digit))?;
    scan.eat(":")?;
    // The name is padded, and so is the number behind it.
    let inside = scan.until("] ")?;
    let (comm, tid) = inside.split_at_checked(inside.len().checked_sub(5)?)?;
    comm.ends_with(b":").then_some(())?;
    Some((Caller::Thread(number(tid)?), scan.0))
}

/// `T95` or `C0`.
pub(in crate::kernel_log::reader) fn callers(text: &[u8]) -> Option<Caller> {
    let (kind, id) = text.trim_ascii().split_at_checked(1)?;
    let mut scan = Scan(id);
    let id = scan.run(u8::is_ascii_digit);
    scan.end()?;
    let id = str::from_utf8(id).ok()?.parse().ok()?;
    match kind {
        b"T" => Some(Caller::Thread(id)),
        b"C" => Some(Caller::Cpu(id)),
        _ => None,
    }
}

/// A date: dmesg -T, `Mon Nov 23 06:00:01 2026`; a console's, `2025-02-19 05:55:58`; or dmesg -H, which
/// tells the minute once, `Aug 3 10:12`, and after it how long after the line before, `+0.002367`.
fn readable(text: &[u8], zone: &Zone, base: &mut Option<Stamp>) -> Option<Stamp> {
    let text = text.trim_ascii();
    if let Some(since) = text.strip_prefix(b"+") {
        uptime(since).or_else(|| uptime(since.trim_ascii()))?;
        return Some(base.unwrap_or_default());
    }
    if let Some((stamp, rest)) = date(text, zone) {
        return rest.is_empty().then_some(stamp);
    }
    // The month and the day may stand together: `Aug13`.
    let mut scan = Scan(text);
    let month = month(scan.run(|byte| !byte.is_ascii_whitespace() && !byte.is_ascii_digit()))?;
    scan.blanks();
    let day = scan.number()?;
    scan.eat(" ")?;
    let minutes = [scan.0, b":00"].concat();
    let mut scan = Scan(&minutes);
    let time = Zone::time_of_day(&mut scan)?;
    scan.end()?;
    let stamp = zone.yearless(month, day, time)?;
    let stamp = Stamp { guessed: Guesses { second: true, ..stamp.guessed }, ..stamp };
    *base = Some(stamp);
    Some(stamp)
}
