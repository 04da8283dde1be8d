//! Names of months: syslog daemons and journalctl write them in the machine's language.

/// How the name of a month begins, in small letters. Where a word of one language is the beginning of
/// another's, the longer stands first.
const BEGINNINGS: [(&str, i8); 144] = [
    // Finnish November is no March.
    ("marras", 11),
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
    // Greek.
    ("ιαν", 1),
    ("φεβ", 2),
    ("μαρ", 3),
    ("μάρ", 3),
    ("απρ", 4),
    ("μαΐ", 5),
    ("μάι", 5),
    ("ιούν", 6),
    ("ιούλ", 7),
    ("αύγ", 8),
    ("αυγ", 8),
    ("σεπ", 9),
    ("οκτ", 10),
    ("νοέ", 11),
    ("νοε", 11),
    ("δεκ", 12),
    // Hungarian, Turkish, Finnish.
    ("márc", 3),
    ("ápr", 4),
    ("máj", 5),
    ("jún", 6),
    ("júl", 7),
    ("szept", 9),
    ("tammi", 1),
    ("helmi", 2),
    ("maalis", 3),
    ("huhti", 4),
    ("touko", 5),
    ("kesä", 6),
    ("heinä", 7),
    ("elo", 8),
    ("syys", 9),
    ("loka", 10),
    ("joulu", 12),
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
    // Ukrainian, Bulgarian, Serbian.
    ("січ", 1),
    ("лют", 2),
    ("бер", 3),
    ("кві", 4),
    ("тра", 5),
    ("чер", 6),
    ("лип", 7),
    ("сер", 8),
    ("вер", 9),
    ("жов", 10),
    ("лис", 11),
    ("гру", 12),
    ("яну", 1),
    ("юни", 6),
    ("юли", 7),
    ("сеп", 9),
    ("ное", 11),
    ("јан", 1),
    ("феб", 2),
    ("мај", 5),
    ("јун", 6),
    ("јул", 7),
    ("нов", 11),
    // Russian.
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
    let first = name.bytes().next()?;
    let begins = |start: &str| start.bytes().next() == Some(first) && name.starts_with(start);
    BEGINNINGS.iter().find(|(start, _)| begins(start)).map(|(_, month)| *month)
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
            ("marras", 11),
            ("maalis", 3),
            ("лис", 11),
            ("нов", 11),
            ("Νοε", 11),
        ] {
            assert_eq!(month(name.as_bytes()), Some(number), "{name}");
        }
        for other in ["memhog", "java", "13月", "", "[", "x1"] {
            assert_eq!(month(other.as_bytes()), None, "{other}");
        }
    }
}
