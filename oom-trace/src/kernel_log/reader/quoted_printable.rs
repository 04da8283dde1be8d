//! Mail whose lines are encoded for seven bits (RFC 2045, section 6.7): none has more than 76 characters, one
//! that ends with `=` goes on, and `=3D` is a byte.

use std::borrow::Cow;

use crate::kernel_log::scan::has;

/// The longest line, with the sign that it goes on.
const LONGEST: usize = 76;

/// From here on such a line is broken for its length.
const LONG: usize = 70;

const DECLARED: &[u8] = b"content-transfer-encoding: quoted-printable";

/// A line that goes on for longer is none: each has to end.
const LONGEST_WHOLE: usize = 64 * 1024;

/// What a mail has for each equals sign.
const EQUALS: &[u8] = b"=3D";

/// Reads the lines of what may be a mail.
#[derive(Debug, Default)]
pub(super) struct Mail {
    is_encoded: bool,
    /// A line that goes on.
    begun: Vec<u8>,
    /// A line that would, in a mail: the next one tells.
    doubtful: Option<Vec<u8>>,
}

impl Mail {
    /// Lines as they were; none if this one goes on.
    pub(super) fn decode<'a>(&mut self, line: &'a [u8]) -> [Option<Cow<'a, [u8]>>; 2] {
        let text = line.strip_suffix(b"\r").unwrap_or(line);
        let doubtful = self.doubtful.take();
        if self.is_encoded {
            self.is_encoded = text.len() <= LONGEST && self.begun.len() <= LONGEST_WHOLE;
        } else {
            let is_short = text.len() <= LONGEST && has(text, EQUALS);
            self.is_encoded = doubtful.is_some() && is_short || text.eq_ignore_ascii_case(DECLARED);
        }
        if !self.is_encoded {
            let before = doubtful.map(Cow::Owned);
            if text.ends_with(b"=") && (LONG..=LONGEST).contains(&text.len()) {
                self.doubtful = Some(text.to_vec());
                return [before, None];
            }
            let begun = std::mem::take(&mut self.begun);
            let begun = Some(begun).filter(|begun| !begun.is_empty()).map(Cow::Owned);
            return [before.or(begun), Some(Cow::Borrowed(line))];
        }
        if let Some(before) = doubtful {
            decode(before.strip_suffix(b"=").unwrap_or(&before), &mut self.begun);
        }
        match text.strip_suffix(b"=") {
            Some(text) => {
                decode(text, &mut self.begun);
                [None, None]
            }
            None => {
                let mut whole = std::mem::take(&mut self.begun);
                decode(text, &mut whole);
                [None, Some(Cow::Owned(whole))]
            }
        }
    }

    /// Whether a line is kept until the next one.
    pub(super) fn is_waiting(&self) -> bool {
        self.doubtful.is_some() || !self.begun.is_empty()
    }

    /// What is left at the end.
    pub(super) fn end(&mut self) -> Option<Vec<u8>> {
        let begun = std::mem::take(&mut self.begun);
        self.doubtful.take().or(Some(begun)).filter(|line| !line.is_empty())
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
        let mut found = Vec::new();
        for line in lines {
            found.extend(mail.decode(line.as_bytes()).into_iter().flatten().map(Cow::into_owned));
        }
        found.extend(mail.end());
        found.into_iter().map(|line| String::from_utf8(line).unwrap()).collect()
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
        assert_eq!(decoded(&[&long, "=3D", &longer]), [format!("{}gfp=", "x".repeat(72)), longer]);
    }

    /// A file of nothing but such lines takes no more memory than one line may.
    #[test]
    fn what_does_not_end_is_given_up() {
        let mut mail = Mail { is_encoded: true, ..Mail::default() };
        let line = format!("{}=", "x".repeat(75));
        let mut handed_on = 0;
        for _ in 0..10_000 {
            handed_on += mail.decode(line.as_bytes()).iter().flatten().count();
            assert!(mail.begun.len() <= LONGEST_WHOLE + LONGEST);
        }
        assert!(handed_on > 0);
    }

    /// A name may end with the sign, and the line be as long as one of a mail.
    #[test]
    fn what_only_looks_like_a_mail_is_left() {
        let name = format!("{} Killed process 221 (=", "x".repeat(50));
        let rest = "kBkworker) total-vm:8kB";
        assert_eq!(decoded(&[&name, rest, "a=3Db"]), [&name, rest, "a=3Db"]);
        assert_eq!(decoded(&[&name]), [&name[..]]);
    }
}
