//! Where the usual secrets stand in an argument. In doubt it is one.

use std::ops::Range;

use super::name::{is_secret, may_hold};

/// Schemes of an `Authorization` header, which need not be hidden.
const SCHEMES: &[&[u8]] = &[b"basic", b"bearer", b"digest", b"negotiate", b"token"];

/// Whether the next argument is the value of this one.
pub(super) fn awaits(argument: &[u8]) -> bool {
    argument.starts_with(b"-") && argument.iter().all(|&byte| may_hold(byte)) && is_secret(argument)
}

/// Whether it is one rather than the value of one.
pub(super) fn is_flag(argument: &[u8]) -> bool {
    argument.starts_with(b"--") || argument.starts_with(b"-") && argument.len() <= 2
}

/// The secrets in an argument: values by their names, and passwords in URLs. `partial` is whether
/// its end is missing.
pub(super) fn find(argument: &[u8], partial: bool, found: &mut Vec<Range<usize>>) {
    let urls = memchr::memmem::find_iter(argument, "://");
    found.extend(urls.filter_map(|at| password(argument, at + 3, partial)));
    let mut at = 0;
    while let Some(name) = next_name(argument, at) {
        at = name.end;
        if argument.get(name.clone()).is_some_and(is_secret)
            && let Some(secret) = value(argument, &name)
        {
            at = secret.end;
            found.push(secret);
        }
    }
}

/// Of `user:password@host`.
fn password(text: &[u8], start: usize, partial: bool) -> Option<Range<usize>> {
    let ends = |byte: u8| byte.is_ascii_whitespace() || is_quote(byte);
    let end = until(text, start, ends);
    let colon = until(text, start, |byte| ends(byte) || matches!(byte, b':' | b'/' | b'@' | b'['));
    if text.get(colon) != Some(&b':') {
        return None;
    }
    let start = colon + 1;
    let authority = until(text, start, |byte| ends(byte) || matches!(byte, b'/' | b'?' | b'#'));
    let at = |end| Some(start + text.get(start..end)?.iter().rposition(|&byte| byte == b'@')?);
    // Some passwords hold what should be escaped; a port does not.
    let is_port = text.get(start..authority)?.iter().all(u8::is_ascii_digit);
    let end = at(authority)
        .or_else(|| at(end).filter(|_| !is_port))
        .or_else(|| (partial && authority == text.len()).then_some(authority))?;
    Some(start..end)
}

fn next_name(text: &[u8], at: usize) -> Option<Range<usize>> {
    let start = until(text, at, may_hold);
    let end = until(text, start, |byte| !may_hold(byte));
    (start < end).then_some(start..end)
}

/// What is given to a name: `name=value`, `--name value`, `"name": "value"`, `Name: value`.
fn value(text: &[u8], name: &Range<usize>) -> Option<Range<usize>> {
    let quote = until(text, name.end, |byte| byte != b'\\');
    let quoted = text.get(quote).is_some_and(|&byte| is_quote(byte));
    let closed = if quoted { quote + 1 } else { name.end };
    let sign = until(text, closed, |byte| !is_blank(byte));
    let start = until(text, sign + 1, |byte| !is_blank(byte));
    match text.get(sign)? {
        b'=' if name.start == 0 && sign == name.end => Some(sign + 1..text.len()),
        b'=' if sign == closed => Some(given(text, sign + 1)),
        b'=' => Some(given(text, start)),
        b':' if quoted => Some(given(text, start)),
        b':' if start > sign + 1 || is_header(text.get(name.clone())?) => {
            Some(rest_of_line(text, name.start, start))
        }
        _ if sign > closed && !quoted && text.get(name.start) == Some(&b'-') => {
            let word = given(text, sign);
            (!is_flag(text.get(word.clone())?)).then_some(word)
        }
        _ => None,
    }
}

/// The value that starts here, within its quotes if it has some.
fn given(text: &[u8], start: usize) -> Range<usize> {
    let quote = until(text, start, |byte| byte != b'\\');
    if let Some(&mark) = text.get(quote).filter(|&&byte| is_quote(byte)) {
        let end = until(text, quote + 1, |byte| byte == mark);
        let inner = text.get(quote + 1..end).unwrap_or_default();
        let escapes = inner.iter().rev().take_while(|&&byte| byte == b'\\').count();
        // As many as before the first quote; those beyond are the value's.
        return quote + 1..end - escapes.min(quote - start);
    }
    // A flag is no text of several words.
    let of_words = !text.starts_with(b"-");
    let mut end = start;
    loop {
        end = until(text, end, |byte| {
            matches!(byte, b'&' | b';' | b',') || of_words && byte.is_ascii_whitespace()
        });
        match text.get(end) {
            Some(b'&' | b';' | b',') if !another_follows(text, end + 1) => end += 1,
            _ => return start..end,
        }
    }
}

/// Whether the next value by its name stands here.
fn another_follows(text: &[u8], at: usize) -> bool {
    let skipped = |byte: u8| is_blank(byte) || is_quote(byte) || byte == b'\\';
    let start = until(text, at, |byte| !skipped(byte));
    let end = until(text, start, |byte| !may_hold(byte));
    let sign = until(text, end, |byte| !skipped(byte));
    end > start && matches!(text.get(sign), Some(b'=' | b':'))
}

/// A header's value, without its scheme; where the header is quoted, up to that quote.
fn rest_of_line(text: &[u8], name: usize, start: usize) -> Range<usize> {
    let before = name.checked_sub(1).and_then(|before| text.get(before)).copied();
    let mark = before.filter(|&byte| is_quote(byte));
    let end = until(text, start, |byte| matches!(byte, b'\r' | b'\n') || mark == Some(byte));
    let word = until(text, start, is_blank);
    let is_scheme = text
        .get(start..word)
        .is_some_and(|word| SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme)));
    let credentials = until(text, word, |byte| !is_blank(byte));
    if is_scheme && credentials < end { credentials..end } else { start..end }
}

/// Of `Authorization` the value may follow at once; of others this may be a version.
fn is_header(name: &[u8]) -> bool {
    name.to_ascii_lowercase().ends_with(b"authorization")
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'')
}

/// The first place from `start` on whose byte is so, else the end.
fn until(text: &[u8], start: usize, is: impl Fn(u8) -> bool) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    rest.iter().position(|&byte| is(byte)).map_or(text.len().max(start), |place| start + place)
}
