//! Names of months: syslog daemons and journalctl write them in the machine's language.

/// How the name of a month begins, in small letters. Where a word of one language is the beginning of
/// another's, the longer stands first.
const BEGINNINGS: [(&str, i8); 93] = [
    // English, and who shares its words.
    ("jan", 1),
    ("feb", 2),
    ("mar", 3),
    ("apr", 4),
    ("may", 5),
    ("jun", 6),
    ("jul", 7),
    ("aug", 8),
    ("sep", 9),
    ("oct", 10),
    ("nov", 11),
    ("dec", 12),
    // German, Dutch, Danish, Norwegian, Swedish.
    ("mär", 3),
    ("mrt", 3),
    ("mrz", 3),
    ("mai", 5),
    ("maj", 5),
    ("mei", 5),
    ("okt", 10),
    ("dez", 12),
    ("des", 12),
    // French.
    ("fév", 2),
    ("avr", 4),
    ("juin", 6),
    ("juil", 7),
    ("aoû", 8),
    ("déc", 12),
    // Spanish, Portuguese, Italian, Romanian.
    ("ene", 1),
    ("gen", 1),
    ("ian", 1),
    ("fev", 2),
    ("abr", 4),
    ("mag", 5),
    ("giu", 6),
    ("iun", 6),
    ("lug", 7),
    ("iul", 7),
    ("ago", 8),
    ("set", 9),
    ("out", 10),
    ("ott", 10),
    ("noi", 11),
    ("dic", 12),
    // Polish, Czech.
    ("sty", 1),
    ("led", 1),
    ("lut", 2),
    ("úno", 2),
    ("bře", 3),
    ("kwi", 4),
    ("dub", 4),
    ("kvě", 5),
    ("cze", 6),
    ("čec", 7),
    ("čen", 6),
    ("lip", 7),
    ("sie", 8),
    ("srp", 8),
    ("wrz", 9),
    ("zář", 9),
    ("paź", 10),
    ("říj", 10),
    ("lis", 11),
    ("gru", 12),
    ("pro", 12),
    // Hungarian, Turkish, Finnish.
    ("márc", 3),
    ("ápr", 4),
    ("máj", 5),
    ("jún", 6),
    ("júl", 7),
    ("szept", 9),
    ("oca", 1),
    ("şub", 2),
    ("nis", 4),
    ("haz", 6),
    ("tem", 7),
    ("ağu", 8),
    ("eyl", 9),
    ("eki", 10),
    ("kas", 11),
    ("ara", 12),
    // Russian, Ukrainian.
    ("янв", 1),
    ("фев", 2),
    ("мар", 3),
    ("апр", 4),
    ("май", 5),
    ("мая", 5),
    ("июн", 6),
    ("июл", 7),
    ("авг", 8),
    ("сен", 9),
    ("окт", 10),
    ("ноя", 11),
    ("дек", 12),
];

/// The longest abbreviation has so many characters: `szept.`
const LONGEST: usize = 9;

/// `Nov` is 11, as are `nov.`, `лист`, `11月`.
pub(super) fn month(name: &[u8]) -> Option<i8> {
    let name = str::from_utf8(name).ok()?;
    if let Some(number) = name.strip_suffix(['月', '월']) {
        return number.trim().parse().ok().filter(|month| (1..=12).contains(month));
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    if !name.chars().all(char::is_alphabetic) || name.chars().count() > LONGEST {
        return None;
    }
    let name = name.to_lowercase();
    BEGINNINGS.into_iter().find(|(start, _)| name.starts_with(start)).map(|(_, month)| month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_of_many_languages() {
        for (name, number) in [
            ("Nov", 11),
            ("sept.", 9),
            ("июл", 7),
            ("avril", 4),
            ("juil.", 7),
            ("juin", 6),
            ("Mär", 3),
            ("5月", 5),
            ("12월", 12),
            ("lis", 11),
            ("Şub", 2),
        ] {
            assert_eq!(month(name.as_bytes()), Some(number), "{name}");
        }
        for other in ["memhog", "java", "13月", "", "[", "x1"] {
            assert_eq!(month(other.as_bytes()), None, "{other}");
        }
    }
}
