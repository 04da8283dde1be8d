//! A log in capitals, as some consoles and tickets have it: the kernel's own words are known whatever their
//! letters are, and so are numbers; names are not.

use std::sync::LazyLock;

use super::words::Words;
use crate::kernel_log::scan::has;

/// Words of the kernel's that have capitals, in the order in which they are put in place.
const MIXED: [(&str, &str); 13] = [
    ("memory cgroup out of memory: kill", "Memory cgroup out of memory: Kill"),
    (
        "out of memory (oom_kill_allocating_task): kill",
        "Out of memory (oom_kill_allocating_task): Kill",
    ),
    ("out of memory: kill", "Out of memory: Kill"),
    ("out of memory and no kill", "Out of memory and no kill"),
    ("killed process ", "Killed process "),
    ("kill process ", "Kill process "),
    ("tasks in /", "Tasks in /"),
    ("task in /", "Task in /"),
    ("system oom enc", "System OOM enc"),
    (" uid:", " UID:"),
    (", uid ", ", UID "),
    ("kb,", "kB,"),
    ("kb ", "kB "),
];

/// Whether letters are what they were.
#[derive(Debug, Default)]
pub(super) struct Letters {
    are_lost: bool,
}

impl Letters {
    /// A message with the kernel's own words as it says them, if that is not how it stands.
    pub(super) fn restored(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        static SHOWN_BY: LazyLock<Words> = LazyLock::new(|| {
            Words::new([
                " INVOKED OOM-KILLER: ",
                "OOM-KILL:CONSTRAINT=",
                "OUT OF MEMORY: KILL",
                "KILLED PROCESS ",
            ])
        });
        let has_small = text.iter().any(u8::is_ascii_lowercase);
        self.are_lost = !has_small && (self.are_lost || SHOWN_BY.are_in(text));
        // A frame's function has letters that no list knows.
        let is_frame = || has(text, b"+0X");
        (self.are_lost && !is_frame()).then(|| restored(text))
    }
}

fn restored(text: &[u8]) -> Vec<u8> {
    let mut text = format!("{} ", String::from_utf8_lossy(text).to_ascii_lowercase());
    for (small, mixed) in MIXED {
        text = text.replace(small, mixed);
    }
    // Flags and constraints are capitals.
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut restored = String::with_capacity(text.len());
    for piece in text.split_inclusive(|c| !is_word(c)) {
        let is_capital = piece.contains("gfp_") && !piece.starts_with("gfp_mask")
            || piece.starts_with("constraint_");
        restored.push_str(&if is_capital { piece.to_ascii_uppercase() } else { piece.to_owned() });
    }
    restored.truncate(restored.len() - 1);
    restored.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_is_as_it_says_it() {
        let mut letters = Letters::default();
        let mut of =
            |text: &str| letters.restored(text.as_bytes()).map(|it| String::from_utf8(it).unwrap());
        assert_eq!(of("[    157]  1000   157     6415 MYSQLD"), None);
        for said in [
            "A invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL|__GFP_ZERO), order=0, oom_score_adj=100",
            "[    157]  1000   157     6415 A",
            "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/7,task=A,pid=7,uid=0",
            "Memory cgroup out of memory: Killed process 7 (A) total-vm:8kB, shmem-rss:704kB, UID:1000 pgtables:84kB oom_score_adj:100",
            "Out of memory: Kill process 7 (A) score 5 or sacrifice child",
            "Killed process 7, UID 48, (A) total-vm:8kB, anon-rss:4kB",
            "Tasks in /7 are going to be killed due to memory.oom.group set",
            "memory: usage 24576kB, limit 24576kB, failcnt 34",
        ] {
            let told = of(&said.to_ascii_uppercase()).map(|it| it.replace("(a)", "(A)"));
            let told = told.map(|it| it.replace("task=a", "task=A").replace("6415 a", "6415 A"));
            let told = told
                .map(|it| it.strip_prefix("a inv").map_or(it.clone(), |it| format!("A inv{it}")));
            assert_eq!(told.as_deref(), Some(said));
        }
        assert_eq!(of(" OUT_OF_MEMORY+0X1/0X2"), None);
        assert_eq!(of("eth0: link up"), None);
        assert_eq!(of("ACPI: SSDT"), None);
    }
}
