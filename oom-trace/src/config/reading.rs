//! Reads the file to its end, whatever is wrong with it. serde stops at the first mistake: so that is
//! taken out, and the rest is read again.

use std::fs;
use std::path::Path;

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer, Error};

use super::file::ConfigFile;
use super::mistake::{At, ConfigError, Mistake};
use super::tree::{Span, Step, find, name, take_out};
use crate::setting::advise;
use crate::sink::KINDS;
use crate::text::Escaped;

/// What could be read of a file.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) file: ConfigFile,
    /// What could not be, in the order of the file.
    pub(super) mistakes: Vec<Mistake>,
    /// Where each sink stands, in the order of [`crate::sink::Tables::specs`].
    pub(super) sinks: Vec<At>,
    /// Where `store.enabled` does.
    pub(super) store: Option<At>,
}

impl ConfigFile {
    /// Reads it.
    ///
    /// # Errors
    /// It cannot be read, or something in it is not right: all of that.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let Reading { file, mistakes, .. } = Reading::of(path);
        if mistakes.is_empty() { Ok(file) } else { Err(ConfigError(mistakes)) }
    }
}

impl Reading {
    pub(super) fn of(path: &Path) -> Self {
        let file = Escaped(path.as_os_str().as_encoded_bytes()).to_string();
        match fs::read_to_string(path) {
            Ok(text) => Reader { file, text: &text }.read(),
            Err(error) => {
                let message = format!("cannot read {file}: {error}");
                Self { mistakes: vec![Mistake::new(None, &message)], ..Self::default() }
            }
        }
    }
}

/// A file that is read.
struct Reader<'a> {
    file: String,
    text: &'a str,
}

/// A mistake, and the way to it.
type Found = (Vec<Step>, Mistake);

impl Reader<'_> {
    fn read(&self) -> Reading {
        let (whole, broken) = DeTable::parse_recoverable(self.text);
        let mut found: Vec<Found> = Vec::new();
        for error in &broken {
            let mistake = self.mistake(whole.get_ref(), error);
            // What follows a slip in its line is of its making.
            if found.iter().all(|known| known.1.line() != mistake.1.line()) {
                found.push(mistake);
            }
        }
        // Without its header a table's keys are another's.
        let is_torn = found.iter().any(|(_, mistake)| self.is_header(mistake.line()));
        let broken_lines: Vec<_> = found.iter().map(|(_, mistake)| mistake.line()).collect();
        let mut left = whole.clone();
        let file = loop {
            let error = match ConfigFile::deserialize(Deserializer::from(left.clone())) {
                Ok(file) => break file,
                Err(error) => error,
            };
            let mistake = self.mistake(whole.get_ref(), &error);
            let is_told = !is_torn
                && !broken_lines.contains(&mistake.1.line())
                && !is_consequence(&mistake, &found, !broken_lines.is_empty());
            if is_told {
                found.push(mistake);
            }
            match error.span().and_then(|span| find(left.get_ref(), &span)) {
                Some(way) => take_out(left.get_mut(), &way),
                // A place that nobody finds: nothing can be taken out, and nothing is known.
                None => {
                    left.get_mut().clear();
                    break ConfigFile::default();
                }
            }
        };
        let sinks = self.sinks(left.get_ref());
        let way = ["store", "enabled"].map(|key| Step::Key(key.to_owned()));
        let store = left.get_ref().get("store").and_then(|store| store.get_ref().as_table());
        let enabled = store.and_then(|store| store.get("enabled"));
        let store = enabled.map(|value| self.at(&value.span(), &way));
        let mut mistakes: Vec<_> = found.into_iter().map(|(_, mistake)| mistake).collect();
        mistakes.sort_by(|one, other| one.at.cmp(&other.at));
        Reading { file, mistakes, sinks, store }
    }

    fn mistake(&self, whole: &DeTable<'_>, error: &Error) -> Found {
        let span = error.span().unwrap_or(0..0);
        let way = find(whole, &span).unwrap_or_default();
        let at = Some(self.at(&span, &way));
        (way, Mistake::new(at, &advise(error.message())))
    }

    fn at(&self, span: &Span, way: &[Step]) -> At {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        At {
            file: self.file.clone(),
            line: before.matches('\n').count() + 1,
            column: before.get(start..).map_or(0, |text| text.chars().count()) + 1,
            key: Escaped(name(way).as_bytes()).to_string(),
        }
    }

    fn is_header(&self, line: Option<usize>) -> bool {
        let line = line.and_then(|line| self.text.lines().nth(line.saturating_sub(1)));
        line.is_some_and(|line| line.trim_start().starts_with('['))
    }

    fn sinks(&self, table: &DeTable<'_>) -> Vec<At> {
        let Some(DeValue::Table(sinks)) = table.get("sink").map(Spanned::get_ref) else {
            return Vec::new();
        };
        let mut places = Vec::new();
        for kind in KINDS {
            let place = |index, value: &Spanned<DeValue<'_>>| {
                let way = [Step::Key("sink".into()), Step::Key((*kind).into()), Step::Index(index)];
                self.at(&value.span(), &way)
            };
            let Some(value) = sinks.get(*kind) else { continue };
            match value.get_ref() {
                DeValue::Array(several) => {
                    places.extend(several.iter().enumerate().map(|(at, one)| place(at, one)));
                }
                _ => places.push(place(0, value)),
            }
        }
        places
    }
}

/// Whether a mistake is no more than what another one leads to: a key is missing that is there, and
/// wrong, or misspelt.
fn is_consequence((way, mistake): &Found, found: &[Found], is_broken: bool) -> bool {
    let Some(key) = mistake.message.strip_prefix("missing key `") else { return false };
    let key = key.trim_end_matches('`');
    let here = |(other, known): &Found| match other.split_last() {
        Some((Step::Key(last), table)) if table == way.as_slice() => {
            last == key || known.message.ends_with(&format!("did you mean `{key}`?"))
        }
        _ => false,
    };
    is_broken || found.iter().any(here)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let reading = Reader { file: "f".to_owned(), text }.read();
        reading.mistakes.iter().map(Mistake::to_string).collect()
    }

    #[test]
    fn all_mistakes_are_told_in_the_order_of_the_file() {
        let text = "attach = \"kprobes\"\n\
                    candidates = 17\n\
                    [store]\n\
                    max_age = \"soon\"\n\
                    max_bytes = \"big\"\n\
                    [[sink.file]]\n\
                    pth = \"/x\"\n\
                    format = \"jsn\"\n\
                    [[sink.fil]]\n\
                    [[sink.file]]\n\
                    path = \"/y\"\n\
                    filter = { uid = [\"root\", 0, -1], scop = [] }\n\
                    [sink.exec]\n\
                    timeout = 3\n";
        let told = told(text);
        let begin = [
            "f:1:10: unknown value `kprobes`; did you mean `kprobe`?",
            "f:2:14: expected a whole number from 0 to 16",
            "f:4:11: invalid duration \"soon\"",
            "f:5:13: invalid size \"big\"",
            "f:7:1: unknown key `pth`; did you mean `path`?",
            "f:8:10: unknown value `jsn`; did you mean `json`?",
            "f:9:8: unknown key `fil`; did you mean `file`?",
            "f:12:19: invalid type: string \"root\"",
            "f:12:30: invalid value: integer `-1`",
            "f:12:35: unknown key `scop`; did you mean `scope`?",
            "f:13:1: missing key `command`",
            "f:14:11: invalid type: integer `3`",
        ];
        assert_eq!(told.len(), begin.len(), "{told:#?}");
        for (told, begin) in told.iter().zip(begin) {
            assert!(told.starts_with(begin), "{told} for {begin}");
        }
    }

    #[test]
    fn what_is_right_is_read_beside_what_is_not() {
        let text = "candidates = 3\nforma = 1\n[[sink.file]]\n[[sink.file]]\npath = \"/y\"\n";
        let reading = Reader { file: "f".to_owned(), text }.read();
        assert_eq!(reading.mistakes.len(), 2, "{:?}", reading.mistakes);
        assert_eq!(reading.file.candidates, Some(3));
        assert_eq!(reading.file.sink.specs().len(), 1);
        let [sink] = reading.sinks.as_slice() else { panic!("{:?}", reading.sinks) };
        assert_eq!((sink.line, sink.key.as_str()), (4, "sink.file[0]"));
    }

    #[test]
    fn a_place_has_a_name() {
        let text = "[[sink.file]]\npath = \"/x\"\n[[sink.file]]\npath = \"/y\"\nfilter = { uid = [1, \"a\"] }";
        let reading = Reader { file: "f".to_owned(), text }.read();
        let key = reading.mistakes[0].at.as_ref().map(|at| at.key.as_str());
        assert_eq!(key, Some("sink.file[1].filter.uid[1]"));
    }

    #[test]
    fn what_is_told_of_a_strangers_file_does_not_act() {
        let told =
            told("\"\\u001b[2J\\u202e\\n\" = 1\n[console]\nformat = \"\\u001b]0;x\\u0007\"\n");
        assert_eq!(told.len(), 2, "{told:#?}");
        assert!(told[0].starts_with("f:1:1: unknown key `\\x1b[2J\\u{202e}\n    `"), "{told:#?}");
        assert!(told[1].starts_with("f:3:10: unknown value `\\x1b]0;x\\x07`"), "{told:#?}");
    }

    #[test]
    fn a_line_that_is_not_toml_hides_no_other_mistake() {
        let told =
            told("attach = auto\ndebug = yes please\n[console]\ncolour = 1\nformat = \"xml\"\n");
        let lines: Vec<_> = told.iter().map(|told| &told[..4]).collect();
        assert_eq!(lines, ["f:1:", "f:2:", "f:4:", "f:5:"], "{told:#?}");
        // Whose keys these are nobody knows.
        let told = self::told("[store\npath = \"/x\"\nforma = 1\n");
        assert!(told.iter().all(|told| told.starts_with("f:1:")), "{told:#?}");
    }
}
