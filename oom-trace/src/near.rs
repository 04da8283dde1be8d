//! Which of the names that there are was meant by one that there is not.

/// How far a word may be from the one that was meant: a letter, and one in three.
const LETTERS: usize = 3;

/// A shorter name is part of too many.
const SHORTEST: usize = 3;

/// A digit left out, or one too many, of so many is a slip; one in the place of another is the number of another.
const DIGITS: usize = 3;

/// What a unit's name ends in, which people leave out.
const SUFFIXES: [&str; 3] = [".service", ".scope", ".slice"];

/// How far a name is from a word: the nearest is the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Distance {
    slips: usize,
    letters: usize,
}

impl Distance {
    /// Of a name from itself.
    pub(crate) const NONE: Self = Self { slips: 0, letters: 0 };

    /// But for what people leave out it is the same.
    pub(crate) fn is_none(self) -> bool {
        self.letters == 0
    }

    /// One is part of the other, or a letter differs, of which the word has four; of eight two, and so on. Names of
    /// processes are short: ruby is not rust, and a dog no hog.
    pub(crate) fn is_slip_of(self, word: &str) -> bool {
        self.slips.saturating_mul(4) <= word.chars().count()
    }

    /// One is part of the other, or two letters differ at the most.
    pub(crate) fn is_slip(self) -> bool {
        self.slips <= 2
    }
}

/// How far a name is, if it may be meant: but for case, wildcards and a unit's suffix it is the same, one is
/// part of the other, or few letters differ. Numbers tell things apart.
pub(crate) fn distance(word: &str, name: &str) -> Option<Distance> {
    let (word, name) = (stem(word), stem(name));
    if word.is_empty() || is_another_number(&word, &name) {
        return None;
    }
    let letters = letters(&word, &name);
    let is_short = word.len().min(name.len()) < SHORTEST;
    let is_part =
        name.starts_with(&word) || (!is_short && (name.contains(&word) || word.contains(&name)));
    let most = if is_short { 0 } else { 1 + word.chars().count() / LETTERS };
    match is_part {
        true => Some(Distance { slips: letters.min(1), letters }),
        false => (letters <= most).then_some(Distance { slips: letters, letters }),
    }
}

/// How many letters differ, whether the name may be meant or not.
pub(crate) fn letters(word: &str, name: &str) -> usize {
    strsim::damerau_levenshtein(word, name)
}

/// The name that was meant, if one is near enough.
pub(crate) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = names.into_iter().filter_map(|name| Some((distance(word, name)?, name)));
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

fn stem(name: &str) -> String {
    let name = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
    name.replace(['*', '?'], "").to_lowercase()
}

fn is_another_number(word: &str, name: &str) -> bool {
    let digits = |name: &str| name.chars().filter(char::is_ascii_digit).collect::<String>();
    let (word, name) = (digits(word), digits(name));
    let is_slip = word.len().abs_diff(name.len()) == 1
        && word.len().min(name.len()) >= DIGITS
        && letters(&word, &name) == 1;
    !word.is_empty() && !name.is_empty() && word != name && !is_slip
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_what_somebody_may_have_meant() {
        let names = ["nginx.service", "grafana.service", "java", "job-4711", "/a.slice/db.service"];
        for (word, meant) in [
            ("grafan.service", Some("grafana.service")),
            ("grafaan", Some("grafana.service")),
            ("NGINX", Some("nginx.service")),
            ("Java", Some("java")),
            ("jav*", Some("java")),
            ("ja", Some("java")),
            ("jb-4711", Some("job-4711")),
            ("job-4712", None),
            ("job-471", Some("job-4711")),
            ("job-47111", Some("job-4711")),
            ("job-47", None),
            ("/db.service", Some("/a.slice/db.service")),
            ("postgres", None),
            ("x", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, names), meant, "{word}");
        }
    }
}
