//! Lines no longer than a terminal is wide.

/// What units begin with: a number stays with its own.
const UNITS: &str = "KMGTPEB%";

/// Lines of a label and what is said of it, none longer than `width` if it can be wrapped at a blank; what
/// does not fit goes on below, behind `indent` blanks.
#[must_use]
pub fn wrapped(lines: &str, indent: usize, width: u16) -> String {
    let mut out = Vec::with_capacity(lines.len());
    for (index, line) in lines.lines().enumerate() {
        if index > 0 {
            out.push(b'\n');
        }
        let start = out.len();
        out.extend_from_slice(line.as_bytes());
        wrap(&mut out, start, indent, width.into());
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Wraps the line that begins at `start`, at blanks; what does not fit goes on below, behind `indent`
/// blanks. Words are left whole: a path that is broken cannot be pasted.
pub(super) fn wrap(out: &mut Vec<u8>, start: usize, indent: usize, width: usize) {
    let line = out.get(start..).unwrap_or_default().to_vec();
    let Ok(line) = std::str::from_utf8(&line) else { return };
    if columns(line) <= width {
        return;
    }
    out.truncate(start);
    let mut at = 0;
    let mut is_first = true;
    for word in words(line) {
        let long = columns(word.trim_end_matches(' '));
        if at + long > width && !is_first && at > indent {
            while out.last() == Some(&b' ') {
                out.pop();
            }
            out.push(b'\n');
            out.resize(out.len() + indent, b' ');
            at = indent;
        }
        out.extend_from_slice(word.as_bytes());
        at += columns(word);
        is_first = false;
    }
}

/// Each word with the blanks behind it. The label and what stands first are one.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    let label = line.len() - line.trim_start_matches(' ').len();
    let mut is_first = label > 0;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut from = 0;
        if is_first {
            // The label's own blanks.
            is_first = false;
            from = label + rest.get(label..)?.find("  ").unwrap_or(0);
            from += rest.get(from..)?.len() - rest.get(from..)?.trim_start_matches(' ').len();
        }
        let end = loop {
            let Some(blank) = rest.get(from..)?.find(' ').map(|blank| from + blank) else {
                break rest.len();
            };
            let blanks = rest.get(blank..)?;
            let after = blank + blanks.len() - blanks.trim_start_matches(' ').len();
            if is_number_with_unit(rest.get(..blank)?, rest.get(after..)?) {
                from = after;
            } else {
                break after;
            }
        };
        let (word, more) = rest.split_at_checked(end)?;
        rest = more;
        Some(word)
    })
}

/// `12.0 MiB`, `4m 10s`, `(pid 7)`.
fn is_number_with_unit(before: &str, after: &str) -> bool {
    if before.ends_with("pid") {
        return true;
    }
    let is_digit = |c: char| c.is_ascii_digit();
    let is_part =
        |unit| before.strip_suffix(unit).is_some_and(|number: &str| number.ends_with(is_digit));
    match before.ends_with(is_digit) {
        true => after.starts_with(|c| UNITS.contains(c)),
        false => ['d', 'h', 'm'].into_iter().any(is_part) && after.starts_with(is_digit),
    }
}

/// How many columns it takes, without what colours it.
fn columns(text: &str) -> usize {
    let mut is_escape = false;
    let mut columns = 0;
    for character in text.chars() {
        match character {
            '\x1b' => is_escape = true,
            'm' if is_escape => is_escape = false,
            _ if is_escape => {}
            _ => columns += 1,
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    fn wrapped(line: &str, indent: usize, width: u16) -> String {
        let all = super::wrapped(&format!("before\n{line}"), indent, width);
        all.strip_prefix("before\n").unwrap().to_owned()
    }

    #[test]
    fn what_does_not_fit_goes_on_below() {
        let line = "  why   one two three four";
        assert_eq!(wrapped(line, 8, 80), line);
        assert_eq!(wrapped(line, 8, 16), "  why   one two\n        three\n        four");
        assert_eq!(wrapped(line, 8, 15), "  why   one two\n        three\n        four");
        assert_eq!(wrapped(line, 8, 5), "  why   one\n        two\n        three\n        four");
    }

    #[test]
    fn a_number_stays_with_its_unit_and_a_path_whole() {
        assert_eq!(wrapped("  a  held 12.0 MiB of", 5, 14), "  a  held\n     12.0 MiB\n     of");
        assert_eq!(wrapped("  a  is 4m 10s old", 5, 13), "  a  is\n     4m 10s\n     old");
        assert_eq!(wrapped("  a  /a/long/path b", 5, 8), "  a  /a/long/path\n     b");
        assert_eq!(wrapped("head one two", 2, 9), "head one\n  two");
        assert_eq!(wrapped("a b (pid 7), c", 2, 9), "a b\n  (pid 7),\n  c");
    }

    #[test]
    fn colours_take_no_room() {
        let line = "\x1b[2mab\x1b[0m cd";
        assert_eq!(wrapped(line, 2, 5), line);
        assert_eq!(wrapped(line, 2, 4), "\x1b[2mab\x1b[0m\n  cd");
    }
}
