//! What a name may do to a page: nothing.

use std::fmt::{self, Write};

use askama::filters::Escaper;

use crate::text::acts;

/// How the templates escape all that they print, for text and for attributes in quotes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hostile;

impl Escaper for Hostile {
    fn write_escaped_str<W: Write>(&self, mut dest: W, string: &str) -> fmt::Result {
        let mut plain = 0;
        for (at, character) in string.char_indices() {
            let entity = match character {
                '<' => "&lt;",
                '>' => "&gt;",
                '&' => "&amp;",
                '"' => "&quot;",
                '\'' => "&#39;",
                _ if acts(character) => "",
                _ => continue,
            };
            dest.write_str(string.get(plain..at).unwrap_or_default())?;
            if entity.is_empty() {
                write!(dest, "\\u{{{:x}}}", u32::from(character))?;
            } else {
                dest.write_str(entity)?;
            }
            plain = at + character.len_utf8();
        }
        dest.write_str(string.get(plain..).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_quotes_and_what_acts_are_escaped_and_the_rest_is_kept() {
        let escaped = |text: &str| {
            let mut out = String::new();
            Hostile.write_escaped_str(&mut out, text).unwrap();
            out
        };
        assert_eq!(escaped("<b a='\"'>&é"), "&lt;b a=&#39;&quot;&#39;&gt;&amp;é");
        assert_eq!(escaped("a\u{202e}b\u{2066}\n\u{feff}"), r"a\u{202e}b\u{2066}\u{a}\u{feff}");
        assert_eq!(escaped(""), "");
    }
}
