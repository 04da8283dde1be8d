//! What a terminal, a web page or a mailer did to lines, undone.

use std::borrow::Cow;

use super::prefix::uptime;
use super::shape::Shape;
use crate::kernel_log::message::{Form, Message};
use crate::kernel_log::scan::Names;

/// Without escape sequences: `dmesg --color=always`, script(1), logs of CI.
pub(super) fn plain(line: &[u8]) -> Cow<'_, [u8]> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    // A byte-order mark begins a file of some editors.
    let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
    let line = unquoted(line);
    if memchr::memchr(0x1b, line).is_none() {
        return Cow::Borrowed(line);
    }
    let mut plain = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((first, after)) = rest.split_first() {
        rest = match (first, after) {
            (0x1b, [b'[', parameters @ ..]) => {
                let end = parameters.iter().position(|byte| (0x40..=0x7e).contains(byte));
                end.and_then(|end| parameters.get(end + 1..)).unwrap_or_default()
            }
            _ => {
                plain.push(*first);
                after
            }
        };
    }
    Cow::Owned(plain)
}

/// Without the marks of a quotation, as mail and Markdown have them.
fn unquoted(line: &[u8]) -> &[u8] {
    let mut rest = line;
    while let Some(after) = rest.trim_ascii_start().strip_prefix(b">") {
        rest = after.strip_prefix(b" ").unwrap_or(after);
    }
    rest
}

/// The messages of a line in which a whole log stands, its line feeds lost: each begins with its stamp.
pub(super) fn collapsed(line: &[u8]) -> Vec<&[u8]> {
    let mut starts = Vec::new();
    for at in memchr::memchr_iter(b'[', line) {
        let is_first = line.get(..at).is_some_and(|before| before.trim_ascii().is_empty());
        let is_after_blank = at > 0 && line.get(at - 1).is_some_and(u8::is_ascii_whitespace);
        let inside = line.get(at + 1..).and_then(|rest| rest.split(|byte| *byte == b']').next());
        if (is_first || is_after_blank) && inside.is_some_and(|inside| uptime(inside).is_some()) {
            starts.push(at);
        }
    }
    // Two stamps may stand before one message.
    if starts.len() < 3 {
        starts = by_name(line);
    }
    if starts.len() < 3 {
        return vec![line];
    }
    let ends = starts.iter().skip(1).copied().chain([line.len()]);
    let pieces = starts.iter().zip(ends).filter_map(|(start, end)| line.get(*start..end));
    pieces.map(<[u8]>::trim_ascii_end).collect()
}

/// The same where each begins with a date and the kernel's name, as the first one does.
fn by_name(line: &[u8]) -> Vec<usize> {
    const NAME: &[u8] = b" kernel: ";
    let places: Vec<_> = memchr::memmem::find_iter(line, NAME).map(|at| at + NAME.len()).collect();
    let Some(first) = places.first().copied().filter(|first| *first < 80 && places.len() > 2)
    else {
        return Vec::new();
    };
    let Some(shape) = line.get(..first).and_then(Shape::of) else { return Vec::new() };
    let mut starts = vec![0];
    for end in places.into_iter().skip(1) {
        // A number may have a digit more or less.
        let from = end.saturating_sub(first + 4).max(1);
        let fits = |start: &usize| {
            let is_after_blank = line.get(start - 1).is_some_and(u8::is_ascii_whitespace);
            let rest = line.get(*start..).filter(|_| is_after_blank);
            rest.and_then(|rest| shape.len_in(rest)).is_some_and(|len| start + len == end)
        };
        starts.extend((from..end).find(fits));
    }
    starts
}

/// Whether the end of a message may stand in the next line: a mailer wraps what is long.
pub(super) fn lacks_end(text: &[u8], names: Names) -> bool {
    match Message::parse(text, Form { names, cut: false }) {
        Some(Message::Header(header)) => header.order.is_none() || header.oom_score_adj.is_none(),
        Some(message) => message.may_go_on(),
        None => false,
    }
}

/// Whether a line without a prefix can be the end of such a message; and what stood between.
pub(super) fn goes_on(begun: &[u8], rest: &[u8]) -> Option<&'static [u8]> {
    const KEYS: [&str; 21] = [
        "gfp_mask=",
        "nodemask=",
        "order=",
        "oom_score_adj=",
        "total-vm:",
        "anon-rss:",
        "file-rss:",
        "shmem-rss:",
        "UID:",
        "pgtables:",
        "oom_score_adj:",
        "cpuset=",
        "mems_allowed=",
        "oom_memcg=",
        "global_oom",
        "task_memcg=",
        "task=",
        "pid=",
        "uid=",
        "(",
        "__GFP",
    ];
    let is_key = |text: &[u8]| KEYS.iter().any(|key| text.starts_with(key.as_bytes()));
    if begun.starts_with(b"oom-kill:") {
        let bare = rest.strip_prefix(b",").unwrap_or(rest);
        let is_rest = is_key(bare) || !rest.contains(&b' ') && rest.contains(&b',');
        return is_rest.then_some(b"");
    }
    is_key(rest).then_some(b" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_go_and_nothing_else() {
        assert_eq!(&*plain(b"\x1b[32m[1.000001]\x1b[0m\x1b[33m a\x1b[0m\r"), b"[1.000001] a");
        assert_eq!(&*plain(b"> > a\r"), b"a");
        assert_eq!(&*plain(b"a [m b"), b"a [m b");
        assert_eq!(&*plain(b"a\x1b["), b"a");
    }

    #[test]
    fn a_log_in_one_line_is_taken_apart() {
        let line = b"[    1.000001] a b [    1.000002] c   [    1.000003]  d";
        let expected: [&[u8]; 3] =
            [b"[    1.000001] a b", b"[    1.000002] c", b"[    1.000003]  d"];
        assert_eq!(collapsed(line), expected);
        let named = b"May 13 10:10:27 h kernel: a b May 13 10:10:27 h kernel:  c  May 13 10:10:28 h kernel: d";
        let expected: [&[u8]; 3] = [
            b"May 13 10:10:27 h kernel: a b",
            b"May 13 10:10:27 h kernel:  c",
            b"May 13 10:10:28 h kernel: d",
        ];
        assert_eq!(collapsed(named), expected);
        let two = b"[    1.000001] [    2.000001] a";
        assert_eq!(collapsed(two), [two]);
    }

    #[test]
    fn what_a_mailer_wrapped_goes_on() {
        let killed = b"Out of memory: Killed process 7 (a) total-vm:8kB,";
        assert!(lacks_end(killed, Names::Printed));
        assert_eq!(goes_on(killed, b"anon-rss:4kB, file-rss:0kB"), Some(&b" "[..]));
        assert_eq!(goes_on(killed, b"eth0: link up"), None);
        let summary =
            b"oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,";
        assert!(lacks_end(summary, Names::Printed));
        assert_eq!(goes_on(summary, b"global_oom,task_memcg=/a"), Some(&b""[..]));
    }
}
