//! What a key means.

use super::keys::Key;

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Quit,
    /// To the shell, until it lets the view go on.
    Suspend,
    Redraw,
    /// By so many rows.
    Move(isize),
    /// By so many pages.
    Page(isize),
    First,
    Last,
    Choose,
    Back,
    ToggleTree,
    ToggleFold,
    Fold,
    Unfold,
    Sort(bool),
    Reverse,
    Filter,
    Delay,
    Help,
    Pause,
    NextPane(bool),
}

/// As `htop`, `btop` and `less` have it.
pub(super) fn of(key: Key) -> Option<Action> {
    Some(match key {
        Key::Char('q') | Key::F(10) | Key::Ctrl('c') => Action::Quit,
        Key::Ctrl('z') => Action::Suspend,
        Key::Ctrl('l') => Action::Redraw,
        Key::Up | Key::Char('k') | Key::Ctrl('p') => Action::Move(-1),
        Key::Down | Key::Char('j') | Key::Ctrl('n') => Action::Move(1),
        Key::PageUp | Key::Ctrl('b') => Action::Page(-1),
        Key::PageDown | Key::Ctrl('f') => Action::Page(1),
        Key::Home | Key::Char('g') => Action::First,
        Key::End | Key::Char('G') => Action::Last,
        Key::Enter => Action::Choose,
        Key::Escape | Key::Backspace => Action::Back,
        Key::F(5) | Key::Char('t') => Action::ToggleTree,
        Key::Char(' ') => Action::ToggleFold,
        Key::Char('-') | Key::Left => Action::Fold,
        Key::Char('+' | '=') | Key::Right => Action::Unfold,
        Key::F(6) | Key::Char('>' | '.') => Action::Sort(true),
        Key::Char('<' | ',') => Action::Sort(false),
        Key::Char('I' | 'r') => Action::Reverse,
        Key::F(4 | 3) | Key::Char('/' | '\\') => Action::Filter,
        Key::Char('d' | 's') => Action::Delay,
        Key::F(1) | Key::Char('h' | '?') => Action::Help,
        Key::Char('p' | 'Z') => Action::Pause,
        Key::Tab => Action::NextPane(true),
        Key::BackTab => Action::NextPane(false),
        Key::Char(_) | Key::Ctrl(_) | Key::F(_) | Key::Other => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_do_what_they_do_elsewhere() {
        for (key, action) in [
            (Key::Char('q'), Some(Action::Quit)),
            (Key::F(10), Some(Action::Quit)),
            (Key::Ctrl('c'), Some(Action::Quit)),
            (Key::Char('j'), Some(Action::Move(1))),
            (Key::F(5), Some(Action::ToggleTree)),
            (Key::Char('/'), Some(Action::Filter)),
            (Key::F(6), Some(Action::Sort(true))),
            (Key::Char('?'), Some(Action::Help)),
            (Key::Char('x'), None),
            (Key::Other, None),
        ] {
            assert_eq!(of(key), action, "{key:?}");
        }
    }
}
