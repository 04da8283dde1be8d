//! Words that a line is looked through for.

use std::sync::LazyLock;

use aho_corasick::packed::Searcher;
use memchr::memmem;

use crate::kernel_log::untold::OURS;

/// A list of words: all are looked for at once, as many bytes at a time as the processor has. With more than
/// 32 that is half as fast.
#[derive(Debug)]
pub(super) struct Words {
    all: Vec<&'static str>,
    /// `None` on a processor without vectors.
    searcher: Option<Searcher>,
}

impl Words {
    pub(super) fn new(all: impl IntoIterator<Item = &'static str>) -> Self {
        let all: Vec<_> = all.into_iter().collect();
        Self { searcher: Searcher::new(&all), all }
    }

    /// Where the first of them begins.
    pub(super) fn find(&self, text: &[u8]) -> Option<usize> {
        match &self.searcher {
            Some(searcher) => searcher.find(text).map(|found| found.start()),
            None => self.all.iter().filter_map(|word| memmem::find(text, word.as_bytes())).min(),
        }
    }

    /// Whether one of them stands anywhere.
    pub(super) fn are_in(&self, text: &[u8]) -> bool {
        self.find(text).is_some()
    }
}

/// One of them is in some line of whatever is told, near its beginning. None is part of a word that other
/// lines are full of (`room`, `skill`, `killed, status=9/KILL`): each costs a look at the lines before it.
pub(super) static OF_INTEREST: LazyLock<Words> = LazyLock::new(|| {
    Words::new([
        "oom-kill",
        "oom_reap",
        "oom_kill",
        "oomd kill",
        ".oom.group",
        "_oom",
        "_adj name",
        "OOM",
        "Kill process",
        "Killed",
        "KILLED",
        "illing process",
        "ut of memory",
        "no killable",
        "result of limit of",
        "Memory cgroup stats",
        "dump_header: ",
        "failcnt ",
        "deadlocked on",
        "MemoryError",
        "bad_alloc",
        "allocate memory",
        "memory allocation of",
        "low on resource",
        "lowmemory",
        "lmkd",
        "evicted succ",
        "sending SIG",
        "to the victim",
        "Linux version ",
        "-- Reboot",
        "-- Boot ",
    ])
});

/// Whether a line has words that tell of an OOM kill, whoever says so.
pub(super) fn speaks_of_a_kill(line: &[u8]) -> bool {
    KILL.are_in(line)
}

/// Whether a line that lost its end may have had such words there.
pub(super) fn begins_to_speak_of_one(line: &[u8]) -> bool {
    const WORDS: [&str; 4] = [
        " invoked oom-killer",
        "oom-kill:constraint=",
        "Out of memory: Kill",
        "Memory cgroup out of memory: Kill",
    ];
    // Less of them may be of anything.
    const LEAST: usize = 9;
    let line = line.trim_ascii_end();
    WORDS.iter().any(|words| {
        let mut beginnings = (LEAST..=words.len()).filter_map(|len| words.get(..len));
        beginnings.any(|words| line.ends_with(words.trim_ascii_end().as_bytes()))
    })
}

static KILL: LazyLock<Words> = LazyLock::new(|| {
    Words::new([
        " invoked oom-killer",
        " killed as a result of limit of ",
        "oom-kill:constraint=",
        "Killed process ",
        "Kill process ",
        "no killable processes",
        "panic_on_oom is enabled",
        OURS[0],
        OURS[1],
    ])
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_several_words_is_found() {
        for words in
            [Words::new(["cd", "bc"]), Words { searcher: None, ..Words::new(["cd", "bc"]) }]
        {
            for text in ["abcd", &"abcd".repeat(50)] {
                assert_eq!(words.find(text.as_bytes()), Some(1), "{text}");
            }
            assert!(!words.are_in("ab".repeat(200).as_bytes()));
        }
    }

    #[test]
    fn what_tells_of_a_kill_is_of_interest_and_what_only_looks_like_it_is_not() {
        for word in &KILL.all {
            assert!(OF_INTEREST.are_in(word.as_bytes()), "{word}");
        }
        for other in ["GET /rooms/zoom?skill=7", "Main process exited, code=killed, status=9/KILL"]
        {
            assert!(!OF_INTEREST.are_in(other.as_bytes()), "{other}");
        }
    }
}
