//! The source of a page: blanks at which no line is broken, and signs that would be markup, by their names.

use std::borrow::Cow;

use crate::kernel_log::scan::has;

/// The names, and what they stand for.
const NAMES: [(&str, char); 6] =
    [("nbsp", ' '), ("lt", '<'), ("gt", '>'), ("amp", '&'), ("quot", '"'), ("apos", '\'')];

/// What shows that a log is such a source: nothing else has these.
const SHOWN_BY: [&str; 6] =
    ["&nbsp;", "&#160;", "&#xa0;", "&lt;TASK&gt;", "&lt;/TASK&gt;", "[&lt;ffff"];

/// What does where a line begins with it: a sign, or what a log stands in.
const BEGUN_BY: [&str; 9] =
    ["&gt;", "&lt;", "&#39;", "&#x27;", "&quot;", "&#34;", "<pre>", "<pre ", "<code"];

/// Reads the lines of what may be one.
#[derive(Debug, Default)]
pub(super) struct Page {
    is_source: bool,
}

impl Page {
    /// The line as a browser shows it.
    pub(super) fn decode<'a>(&mut self, line: &'a [u8]) -> Cow<'a, [u8]> {
        let start = line.trim_ascii_start();
        if matches!(start.first(), Some(b'&' | b'<')) {
            let begins = |sign: &&str| start.starts_with(sign.as_bytes());
            self.is_source = self.is_source || BEGUN_BY.iter().any(begins);
        }
        let Some(first) = memchr::memchr(b'&', line) else { return Cow::Borrowed(line) };
        let shows = |sign: &&str| has(line, sign.as_bytes());
        self.is_source = self.is_source || SHOWN_BY.iter().any(shows);
        if !self.is_source {
            return Cow::Borrowed(line);
        }
        let (before, mut rest) = line.split_at_checked(first).unwrap_or((&[], line));
        let mut plain = before.to_vec();
        while let Some((byte, after)) = rest.split_first() {
            rest = match character(rest) {
                Some((character, after)) => {
                    plain.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    after
                }
                None => {
                    plain.push(*byte);
                    after
                }
            };
        }
        Cow::Owned(plain)
    }
}

/// `&amp;`, `&#38;` or `&#x26;` at the beginning, and what follows it.
fn character(text: &[u8]) -> Option<(char, &[u8])> {
    const LONGEST: usize = 8;
    let text = text.strip_prefix(b"&")?;
    let end = text.iter().take(LONGEST).position(|byte| *byte == b';')?;
    let (name, rest) = text.split_at_checked(end)?;
    let name = str::from_utf8(name).ok()?;
    let number =
        match name.strip_prefix('#').map(|number| number.strip_prefix(['x', 'X']).ok_or(number)) {
            Some(Ok(hex)) => u32::from_str_radix(hex, 16).ok(),
            Some(Err(decimal)) => decimal.parse().ok(),
            None => None,
        };
    let named = || NAMES.iter().find(|(known, _)| *known == name).map(|(_, character)| *character);
    let character = number.and_then(char::from_u32).or_else(named)?;
    Some((if character == '\u{a0}' { ' ' } else { character }, rest.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_may_show_by_its_beginning_that_it_is_a_source() {
        for (line, plain) in [
            ("&gt; [1.000001] it&#39;s", "> [1.000001] it's"),
            ("&#39;[1.000001] a&#39;", "'[1.000001] a'"),
            ("<pre><code>[1.000001] a &amp; b", "<pre><code>[1.000001] a & b"),
            ("[1.000001]  [&lt;ffffffff8163515c&gt;] a", "[1.000001]  [<ffffffff8163515c>] a"),
            ("a &#39;", "a &#39;"),
        ] {
            assert_eq!(&*Page::default().decode(line.as_bytes()), plain.as_bytes(), "{line}");
        }
    }

    #[test]
    fn names_are_signs_in_the_source_of_a_page_alone() {
        let mut page = Page::default();
        let mut decoded =
            |line: &str| String::from_utf8(page.decode(line.as_bytes()).into_owned()).unwrap();
        assert_eq!(decoded("a &amp; b &lt;c&gt;"), "a &amp; b &lt;c&gt;");
        assert_eq!(decoded("[&nbsp; 4.5]&nbsp;&lt;TASK&gt;"), "[  4.5] <TASK>");
        assert_eq!(decoded("a &amp;lt; &#60;&#x3e; &quot;&apos;&#39;"), "a &lt; <> \"''");
        assert_eq!(decoded("a &b; &; &#x; &#1114112; & &lt"), "a &b; &; &#x; &#1114112; & &lt");
    }
}
