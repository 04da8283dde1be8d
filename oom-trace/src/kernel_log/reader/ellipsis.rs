//! Lines that did not fit a terminal: journalctl(1) leaves off the end, or all but the beginning and the last
//! tenth, and puts an ellipsis in its place.

use crate::kernel_log::scan::places;

const ELLIPSIS: &[u8] = "\u{2026}".as_bytes();

/// What stands before the ellipsis; `None` if nothing was left off.
pub(super) fn beginning(text: &[u8]) -> Option<&[u8]> {
    let at = places(text, ELLIPSIS).next_back()?;
    let (beginning, rest) = text.split_at_checked(at)?;
    let rest = rest.get(ELLIPSIS.len()..)?.trim_ascii_end();
    // Where people left off a part by hand, more follows.
    let is_tenth = rest.len() * 7 <= text.len();
    is_tenth.then_some(beginning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_off_is_missing() {
        let before =
            |text: &'static str| beginning(text.as_bytes()).map(|it| str::from_utf8(it).unwrap());
        assert_eq!(before("Killed process 7 (a) total-v…"), Some("Killed process 7 (a) total-v"));
        assert_eq!(
            before("Killed process 7 (a) total-v…adj:0"),
            Some("Killed process 7 (a) total-v")
        );
        assert_eq!(before("Killed process 7 (a)"), None);
        assert_eq!(before("(…) total-vm:8kB, anon-rss:4kB"), None);
        assert_eq!(before("task_memcg=/system.slice/docker-0074….scope,task=a,pid=7,uid=0"), None);
    }
}
