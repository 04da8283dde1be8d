//! What a terminal, a web page or a mailer did to lines, undone.

use std::borrow::Cow;

use super::prefix::uptime;
use super::shape::Shape;
use super::words::speaks_of_a_kill;
use super::wraps::lacks_end;
use crate::kernel_log::message::{Form, Message};
use crate::kernel_log::scan::{Names, has, places, rsplit_once, splits};

/// Blanks at which no line is broken: mail programs and web pages put them where the kernel has blanks.
const BLANKS: [&str; 3] = ["\u{a0}", "\u{2007}", "\u{202f}"];

/// What a line of a page's source ends with. The kernel's own are capitals.
const TAGS: [&str; 11] = [
    "<br>", "<br/>", "<br />", "</li>", "</p>", "</div>", "</span>", "</td>", "</tr>", "</pre>",
    "</code>",
];

/// Borders of panes and tables, in which a terminal or a page puts each line.
const BORDERS: [&str; 4] = ["\u{2502}", "\u{2503}", "\u{2551}", "|"];

/// Without escape sequences: `dmesg --color=always`, script(1), logs of CI; with plain blanks, and without
/// what stands around it.
pub(super) fn plain(line: &[u8]) -> Cow<'_, [u8]> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    // A byte-order mark begins a file of some editors.
    let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
    let line = unquoted(unbordered(untagged(within_tags(line))));
    // Where escape sequences were copied without their first byte, each line has one that ends them.
    let has_lost_escapes = has(line, b"[0m");
    // A padded stamp of the kernel's: whoever wrote it made tabs of blanks.
    let has_tabs = has(line, b"[\t");
    if !has_lost_escapes && !has_tabs && memchr::memchr3(0x1b, 0xc2, 0xe2, line).is_none() {
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
            (b'^' | b'[', _) if has_lost_escapes && let Some(after) = colour(rest) => after,
            (b'\t', _) if has_tabs => {
                plain.push(b' ');
                after
            }
            _ => match BLANKS.iter().find_map(|blank| rest.strip_prefix(blank.as_bytes())) {
                Some(after) => {
                    plain.push(b' ');
                    after
                }
                None => {
                    plain.push(*first);
                    after
                }
            },
        };
    }
    Cow::Owned(plain)
}

/// What stands behind an escape sequence for a colour whose escape is missing, or is written out:
/// `[32m`, `^[[0;1m`.
fn colour(text: &[u8]) -> Option<&[u8]> {
    let text = text.strip_prefix(b"^[").unwrap_or(text).strip_prefix(b"[")?;
    let end = text.iter().position(|byte| !byte.is_ascii_digit() && *byte != b';')?;
    text.get(end..)?.strip_prefix(b"m")
}

/// Without the tags that end a line of a page's source.
fn untagged(line: &[u8]) -> &[u8] {
    let mut line = line;
    while line.last() == Some(&b'>')
        && let Some(rest) = TAGS.iter().find_map(|tag| line.strip_suffix(tag.as_bytes()))
    {
        line = rest;
    }
    line
}

/// Tags that a line of a page's source begins with, with a class or without: `<pre class="lang-sh"><code>`.
const OPENING: [&str; 12] =
    ["pre", "code", "p", "li", "ol", "ul", "div", "span", "td", "tr", "samp", "blockquote"];

/// Without the tags that begin a line of a page's source.
fn within_tags(line: &[u8]) -> &[u8] {
    let after_tag = |line: &'_ [u8]| -> Option<usize> {
        let rest = line.strip_prefix(b"<")?;
        let rest = OPENING.iter().find_map(|tag| {
            let rest = rest.strip_prefix(tag.as_bytes())?;
            matches!(rest.first(), Some(b'>' | b' ')).then_some(rest)
        })?;
        let end = rest.iter().position(|byte| *byte == b'>')?;
        Some(line.len() - rest.len() + end + 1)
    };
    let mut line = line;
    while let Some(rest) = after_tag(line).and_then(|len| line.get(len..)) {
        line = rest;
    }
    line
}

/// Without a border at both ends, and the blanks that pad the line up to it.
fn unbordered(line: &[u8]) -> &[u8] {
    let within = |border: &&str| {
        let rest = line.trim_ascii_start().strip_prefix(border.as_bytes())?;
        Some(rest.trim_ascii_end().strip_suffix(border.as_bytes())?.trim_ascii_end())
    };
    let Some(rest) = BORDERS.iter().find_map(within) else { return line };
    rest.strip_prefix(b" ").unwrap_or(rest)
}

/// What a text of JSON holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unescaped {
    pub(super) text: Vec<u8>,
    /// Whether its quote is missing: its end is, too.
    pub(super) cut: bool,
}

/// The message of a line of Fluent Bit's own output, which has a map in it: `…, "msg"=>"…"}]`.
pub(super) fn of_fluent_bit(line: &[u8]) -> Option<Unescaped> {
    const BETWEEN: &[u8] = b"\"=>\"";
    const KEYS: [&str; 4] = ["\"msg", "\"log", "\"message", "\"MESSAGE"];
    let is_message = |at: &usize| {
        line.get(..*at)
            .is_some_and(|before| KEYS.iter().any(|key| before.ends_with(key.as_bytes())))
    };
    let at = places(line, BETWEEN).find(is_message)? + BETWEEN.len();
    Some(of_json(line.get(at..)?))
}

/// A text of JSON that is not whole, up to its quote, without escapes.
pub(super) fn of_json(text: &[u8]) -> Unescaped {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = match (first, after) {
            (b'"', _) => return Unescaped { text: plain, cut: false },
            (b'\\', []) => break,
            (b'\\', [b'u', digits @ ..]) => {
                let code = digits.get(..4).and_then(|digits| str::from_utf8(digits).ok());
                let code = code.and_then(|digits| u32::from_str_radix(digits, 16).ok());
                // Half of a pair is none.
                let character = code.and_then(char::from_u32).unwrap_or('\u{fffd}');
                plain.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                digits.get(4..).unwrap_or_default()
            }
            (b'\\', [escaped, after @ ..]) => {
                plain.push(match escaped {
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'r' => b'\r',
                    b'b' => 8,
                    b'f' => 12,
                    other => *other,
                });
                after
            }
            _ => {
                plain.push(*first);
                after
            }
        };
    }
    Unescaped { text: plain, cut: true }
}

/// A value of CSV, or of `msg="…"`, up to its quote. One in it is doubled, or a backslash stands before it;
/// some write it as it is.
pub(super) fn of_csv(text: &[u8]) -> Unescaped {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = match (first, after) {
            (b'"', [b'"', after @ ..]) => {
                plain.push(b'"');
                after
            }
            (b'"', [] | [b',' | b';' | b'\t' | b' ' | b'}' | b']' | b')', ..]) => {
                return Unescaped { text: plain, cut: false };
            }
            (b'\\', [b'"', after @ ..]) => {
                plain.push(b'"');
                after
            }
            _ => {
                plain.push(*first);
                after
            }
        };
    }
    Unescaped { text: plain, cut: true }
}

/// Whether text in quotes has begun in what stands before a message.
pub(super) fn opens_quotes(before: &[u8]) -> bool {
    let mut is_open = false;
    let mut bytes = before.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => is_open = !is_open,
            _ => {}
        }
    }
    is_open
}

/// What is said where a quoted value of YAML, `MESSAGE: '`, has begun before it: without the quote that ends it.
pub(super) fn of_yaml<'a>(before: &[u8], text: &'a [u8]) -> &'a [u8] {
    let is_open = rsplit_once(before, ": '").is_some_and(|(_, inside)| !inside.contains(&b'\''));
    text.strip_suffix(b"'").filter(|_| is_open).unwrap_or(text)
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
    if has_two(line, &starts) {
        // What stands before the first stamp is of the first message.
        starts = starts.into_iter().skip(1).collect();
        starts.insert(0, 0);
    } else if starts.len() < 3 {
        starts = by_name(line);
    }
    if starts.len() < 2 {
        return vec![line];
    }
    let ends = starts.iter().skip(1).copied().chain([line.len()]);
    let pieces = starts.iter().zip(ends).filter_map(|(start, end)| line.get(*start..end));
    pieces.map(<[u8]>::trim_ascii_end).collect()
}

/// Whether the first of two stamps has a message of its own that is whole: a name may hold a stamp.
fn has_two(line: &[u8], starts: &[usize]) -> bool {
    let [first, second] = starts else { return false };
    let piece = line.get(*first..*second).unwrap_or_default();
    let message = splits(piece, "] ").next().map(|(_, message)| message.trim_ascii_end());
    let message = message.unwrap_or_default();
    !message.is_empty()
        && speaks_of_a_kill(message)
        && !lacks_end(message, Names::Printed)
        && Message::parse(message, Form { names: Names::Printed, cut: false }).is_some()
}

/// The same where each begins with a date and the kernel's name, as the first one does.
fn by_name(line: &[u8]) -> Vec<usize> {
    const NAME: &[u8] = b" kernel: ";
    let places: Vec<_> = places(line, NAME).map(|at| at + NAME.len()).collect();
    let Some(first) = places.first().copied().filter(|first| *first < 80 && places.len() > 1)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quote_that_ends_a_value_of_yaml_is_not_of_the_message() {
        let text = b"Hardware name: BIOS 1.16.2-1 04/01/2014'";
        let inside = &text[..text.len() - 1];
        for before in ["  MESSAGE: '", "textPayload: '[    3.507951] "] {
            assert_eq!(of_yaml(before.as_bytes(), text), inside);
            assert_eq!(of_yaml(before.as_bytes(), inside), inside);
        }
        for before in ["  MESSAGE: ", "a: 'b' [    3.507951] ", "it's [    3.507951] "] {
            assert_eq!(of_yaml(before.as_bytes(), text), text);
        }
    }

    #[test]
    fn escapes_go_and_nothing_else() {
        assert_eq!(&*plain(b"\x1b[32m[1.000001]\x1b[0m\x1b[33m a\x1b[0m\r"), b"[1.000001] a");
        assert_eq!(&*plain(b"> > a\r"), b"a");
        assert_eq!(&*plain(b"a [m b"), b"a [m b");
        assert_eq!(&*plain(b"a\x1b["), b"a");
        assert_eq!(&*plain(b"[32m[ 1.000001] [0m^[[0;33m a[0m"), b"[ 1.000001]  a");
        assert_eq!(&*plain(b"[\t1.000001] a\tb"), b"[ 1.000001] a b");
        assert_eq!(&*plain(b"a\tb"), b"a\tb");
        assert_eq!(&*plain("│[1.000001] a   │".as_bytes()), b"[1.000001] a");
        assert_eq!(&*plain(b"| [1.000001] a | b  |"), b"[1.000001] a | b");
        assert_eq!(&*plain(b"web-1 | a |"), b"web-1 | a |");
        assert_eq!(&*plain(b"<li><p>failcnt 7</p></li>"), b"failcnt 7");
        assert_eq!(&*plain(b"<pre class=\"a b\"><code>[1.000001] a"), b"[1.000001] a");
        assert_eq!(&*plain(b"<prefix> a"), b"<prefix> a");
        assert_eq!(&*plain(b"<4>[1.000001] a"), b"<4>[1.000001] a");
        assert_eq!(&*plain(b" </TASK>"), b" </TASK>");
        assert_eq!(
            &*plain("é: Killed\u{a0}process\u{202f}7".as_bytes()),
            "é: Killed process 7".as_bytes()
        );
    }

    #[test]
    fn json_that_is_cut_is_unescaped_as_far_as_it_goes() {
        let text = r#"a\n\"\u00e9b", "c""#;
        let of = |text: &[u8]| {
            let Unescaped { text, cut } = of_json(text);
            (String::from_utf8(text).unwrap(), cut)
        };
        assert_eq!(of(text.as_bytes()), ("a\n\"éb".into(), false));
        for cut in [&br"a\"[..], br"a", br"a\u00"] {
            assert!(of(cut).0.starts_with('a') && of(cut).1, "{cut:?}");
        }
        let line = br#"[0] kmsg.0: [1.0, {"priority"=>4, "msg"=>"uid=10"#;
        assert_eq!(of_fluent_bit(line), Some(Unescaped { text: b"uid=10".into(), cut: true }));
    }

    #[test]
    fn a_value_of_csv_ends_with_its_quote() {
        for (text, value, cut) in [
            (r#"a ""b"" c",warn,"d""#, r#"a "b" c"#, false),
            (r#"a \"b\" c" level=warn"#, r#"a "b" c"#, false),
            (
                r#"Killed process 7 (a"b) total-vm:8kB""#,
                r#"Killed process 7 (a"b) total-vm:8kB"#,
                false,
            ),
            ("uid=10", "uid=10", true),
        ] {
            assert_eq!(of_csv(text.as_bytes()), Unescaped { text: value.into(), cut }, "{text}");
        }
    }

    #[test]
    fn quotes_open_and_close() {
        for (before, is_open) in [
            (r#"{"log":"[1.0] "#, true),
            (r#"{"log":"a","level":4,"#, false),
            (r#"{"log":"a \"b\" "#, true),
            ("1,db1,", false),
        ] {
            assert_eq!(opens_quotes(before.as_bytes()), is_open, "{before}");
        }
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
        let pair = b"[    1.000001] Out of memory: Kill process 7 (a) score 1 or sacrifice child \
                     [    1.000002] Killed process 7 (a) total-vm:8kB, anon-rss:4kB, file-rss:0kB";
        assert_eq!(collapsed(pair).len(), 2);
        let name = b"[    1.000001] Out of memory: Killed process 7 (a [1.000002] b) total-vm:8kB";
        assert_eq!(collapsed(name), [name]);
        let two = b"[    1.000001] [    2.000001] a";
        assert_eq!(collapsed(two), [two]);
    }
}
