//! Words that tell of an OOM kill, wherever they stand.

use memchr::memmem;

/// Whether a line has words that tell of an OOM kill, whoever says so.
pub(super) fn speaks_of_a_kill(line: &[u8]) -> bool {
    const WORDS: [&str; 7] = [
        " invoked oom-killer",
        " killed as a result of limit of ",
        "oom-kill:constraint=",
        "Killed process ",
        "Kill process ",
        "no killable processes",
        "panic_on_oom is enabled",
    ];
    WORDS.iter().any(|words| memmem::find(line, words.as_bytes()).is_some())
}
