//! Mail whose lines are encoded for seven bits (RFC 2045, section 6.7): none has more than 76 characters, one
//! that ends with `=` goes on, and `=3D` is a byte.

use std::borrow::Cow;

/// The longest line, with the sign that it goes on.
const LONGEST: usize = 76;

/// From here on such a line is broken for its length.
const LONG: usize = 70;

const DECLARED: &[u8] = b"content-transfer-encoding: quoted-printable";

/// Reads the lines of what may be a mail.
#[derive(Debug, Default)]
pub(super) struct Mail {
    is_encoded: bool,
    /// A line that goes on.
    begun: Vec<u8>,
}

impl Mail {
    /// A line as it was; `None` if it goes on.
    pub(super) fn decode<'a>(&mut self, line: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let text = line.strip_suffix(b"\r").unwrap_or(line);
        if !self.is_encoded {
            let is_broken = text.ends_with(b"=") && (LONG..=LONGEST).contains(&text.len());
            self.is_encoded = is_broken || text.eq_ignore_ascii_case(DECLARED);
        } else if text.len() > LONGEST {
            self.is_encoded = false;
        }
        if !self.is_encoded && self.begun.is_empty() {
            return Some(Cow::Borrowed(line));
        }
        match text.strip_suffix(b"=").filter(|_| self.is_encoded) {
            Some(text) => {
                decode(text, &mut self.begun);
                None
            }
            None => {
                let mut whole = std::mem::take(&mut self.begun);
                decode(text, &mut whole);
                Some(Cow::Owned(whole))
            }
        }
    }
}

fn decode(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let byte =
            after.split_at_checked(2).filter(|_| *first == b'=').and_then(|(digits, after)| {
                let digits =
                    str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
                Some((u8::from_str_radix(digits, 16).ok()?, after))
            });
        let (byte, after) = byte.unwrap_or((*first, after));
        out.push(byte);
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(lines: &[&str]) -> Vec<String> {
        let mut mail = Mail::default();
        let text = |line: &&str| {
            let line = mail.decode(line.as_bytes())?;
            Some(String::from_utf8(line.into_owned()).unwrap())
        };
        lines.iter().filter_map(text).collect()
    }

    #[test]
    fn lines_of_a_mail_are_put_together() {
        let long = format!("{}gfp=", "x".repeat(72));
        let found = decoded(&["a=3Db", &long, "_mask=3D0x1 =c3=a9 =zz =", "b", "c"]);
        let whole = format!("{}gfp_mask=0x1 é =zz b", "x".repeat(72));
        assert_eq!(found, ["a=3Db", &whole, "c"]);
        let found = decoded(&["Content-Transfer-Encoding: Quoted-Printable", "", "a=3Db=", "c"]);
        assert_eq!(found[2], "a=bc");
        // No line of a mail is so long.
        let longer = format!("{}=3D", "y".repeat(80));
        assert_eq!(decoded(&[&long, "a", &longer])[1..], [&longer[..]]);
    }
}
