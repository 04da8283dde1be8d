//! A line that is typed: what to look for, or how often to look.

use std::time::Duration;

use super::keys::Key;
use crate::setting::Interval;

/// Characters of a line.
const MOST: usize = 100;

/// What is being typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Edit {
    Filter {
        text: String,
        /// What it was, if this is given up.
        before: String,
    },
    /// Seconds.
    Interval(String),
}

/// What came of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Edited {
    Open(Edit),
    Filter(String),
    Interval(Duration),
    Nothing,
    Quit,
}

impl Edit {
    pub(super) fn filter(text: &str) -> Self {
        Self::Filter { text: text.to_owned(), before: text.to_owned() }
    }

    /// What it is, and what has been typed.
    pub(super) fn shown(&self) -> (&'static str, &str) {
        match self {
            Self::Filter { text, .. } => ("Filter: ", text),
            Self::Interval(text) => ("Seconds between updates: ", text),
        }
    }

    pub(super) fn press(mut self, key: Key) -> Edited {
        let (Self::Filter { text, .. } | Self::Interval(text)) = &mut self;
        match key {
            Key::Ctrl('c') => return Edited::Quit,
            Key::Char(character) if text.chars().count() < MOST => text.push(character),
            Key::Backspace => drop(text.pop()),
            Key::Ctrl('u') => text.clear(),
            Key::Escape => {
                return match self {
                    Self::Filter { before, .. } => Edited::Filter(before),
                    Self::Interval(_) => Edited::Nothing,
                };
            }
            Key::Enter => {
                return match self {
                    Self::Filter { text, .. } => Edited::Filter(text),
                    Self::Interval(text) => {
                        text.parse().map_or(Edited::Nothing, |Interval(it)| Edited::Interval(it))
                    }
                };
            }
            _ => {}
        }
        Edited::Open(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn type_into(mut edit: Edit, text: &str) -> Edit {
        for character in text.chars() {
            match edit.press(Key::Char(character)) {
                Edited::Open(open) => edit = open,
                other => panic!("{other:?}"),
            }
        }
        edit
    }

    #[test]
    fn a_filter_is_kept_or_given_up() {
        let edit = type_into(Edit::filter("a"), "bc");
        assert_eq!(edit.shown(), ("Filter: ", "abc"));
        assert_eq!(edit.clone().press(Key::Enter), Edited::Filter("abc".into()));
        assert_eq!(edit.clone().press(Key::Escape), Edited::Filter("a".into()));
        assert_eq!(edit.press(Key::Ctrl('c')), Edited::Quit);
        let shorter = type_into(Edit::filter(""), "ab").press(Key::Backspace);
        assert_eq!(shorter, Edited::Open(Edit::Filter { text: "a".into(), before: "".into() }));
    }

    #[test]
    fn an_interval_is_seconds_within_reason() {
        let typed = |text| type_into(Edit::Interval(String::new()), text).press(Key::Enter);
        assert_eq!(typed("1.5"), Edited::Interval(Duration::from_millis(1500)));
        assert_eq!(typed("soon"), Edited::Nothing);
        assert_eq!(typed("0"), Edited::Nothing);
        assert_eq!(typed("-1"), Edited::Nothing);
    }
}
