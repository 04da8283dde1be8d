//! What a library says of a wrong setting, in people's words, with what was meant.

use crate::near::nearest;

/// What serde calls the types of values, and what people would write.
const TYPES: [(&str, &str); 14] = [
    ("expected a sequence", "expected a list, in [ ]"),
    ("expected path string", "expected a path, in quotes"),
    ("expected a string", "expected a text, in quotes"),
    ("expected a nonzero u8", "expected a whole number, 1 or more"),
    ("expected a nonzero u16", "expected a whole number, 1 or more"),
    ("expected a nonzero u32", "expected a whole number, 1 or more"),
    ("expected a nonzero u64", "expected a whole number, 1 or more"),
    ("expected u8", "expected a whole number, 0 or more"),
    ("expected u16", "expected a whole number, 0 or more"),
    ("expected u32", "expected a whole number, 0 or more"),
    ("expected u64", "expected a whole number, 0 or more"),
    ("expected i64", "expected a whole number"),
    ("expected a boolean", "expected true or false"),
    ("invalid socket address syntax", "expected an address and a port, such as 127.0.0.1:9717"),
];

/// What serde says of a key or a word that is not known, with the one that was meant.
#[must_use]
pub fn advise(message: &str) -> String {
    let said =
        message.replace("unknown field", "unknown key").replace("missing field", "missing key");
    let said = said.replace("unknown variant", "unknown value");
    let said = TYPES.iter().fold(said, |said, (serde, people)| said.replace(serde, people));
    let Some((unknown, known)) = said.split_once(", expected ") else { return said };
    let quoted = |text: &str| -> Vec<String> {
        text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let [word] = quoted(unknown).try_into().unwrap_or_default();
    let known = quoted(known);
    match nearest(&word, known.iter().map(String::as_str)) {
        _ if word.is_empty() || known.is_empty() => said,
        Some(nearest) => format!("{unknown}; did you mean `{nearest}`?"),
        None => format!("{unknown}; {}", list(&known)),
    }
}

fn list(known: &[String]) -> String {
    match known {
        [only] => format!("expected `{only}`"),
        several => format!("expected one of `{}`", several.join("`, `")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_with_what_was_meant() {
        for (said, better) in [
            ("unknown field `pth`, expected `path`", "unknown key `pth`; did you mean `path`?"),
            (
                "unknown variant `jsn`, expected one of `text`, `json`",
                "unknown value `jsn`; did you mean `json`?",
            ),
            (
                "unknown field `colour`, expected `x` or `y`",
                "unknown key `colour`; expected one of `x`, `y`",
            ),
            ("missing field `path`", "missing key `path`"),
            (
                "invalid type: integer `3`, expected a string",
                "invalid type: integer `3`, expected a text, in quotes",
            ),
            (
                "invalid value: integer `-1`, expected u32",
                "invalid value: integer `-1`, expected a whole number, 0 or more",
            ),
            (
                "invalid value: integer `0`, expected a nonzero u16",
                "invalid value: integer `0`, expected a whole number, 1 or more",
            ),
        ] {
            assert_eq!(advise(said), better);
        }
    }
}
