//! What a mailer or a terminal broke into lines, put together.

use crate::kernel_log::message::{Form, Message, is_table_broken, table_goes_on};
use crate::kernel_log::scan::{Names, Scan, has, split_once};

/// What the line of a kill begins with, up to the number.
const HEADS: [&str; 8] = [
    "Out of memory: Killed process ",
    "Memory cgroup out of memory: Killed process ",
    "Out of memory (oom_kill_allocating_task): Killed process ",
    "Out of memory: Kill process ",
    "Memory cgroup out of memory: Kill process ",
    "Out of memory (oom_kill_allocating_task): Kill process ",
    "Killed process ",
    "Kill process ",
];

/// Whether a line ends within the words before a number, where a mailer breaks it: at a blank.
fn ends_in_head(text: &[u8]) -> bool {
    let text = text.trim_ascii_end();
    let is_beginning = |head: &&str| {
        let rest = head.as_bytes().strip_prefix(text);
        rest.is_some_and(|rest| rest.starts_with(b" ")) && text.len() >= "Out of".len()
    };
    HEADS.iter().any(is_beginning)
        || text.ends_with(b" invoked oom-killer:")
        || text.ends_with(b" invoked")
}

/// Whether both lines together are those words and a number, or a header.
fn is_head(begun: &[u8], rest: &[u8]) -> bool {
    let joined = [begun.trim_ascii_end(), b" ", rest].concat();
    let is_kill = HEADS.iter().any(|head| {
        let number = joined.strip_prefix(head.as_bytes());
        number.and_then(|number| number.first()).is_some_and(u8::is_ascii_digit)
    });
    is_kill || begun.ends_with(b" invoked") && rest.starts_with(b"oom-killer: gfp_mask=")
}

/// Behind the name in the line of the trigger: `Not tainted`, `Tainted: G`.
const TAINT: &[u8] = b"ainted";

/// Whether the line of the trigger, `CPU: 0 PID: 7 Comm: a Not tainted 6.12.0 #1 …`, ends before it is whole.
fn lacks_taint(text: &[u8]) -> bool {
    text.starts_with(b"CPU: ") && has(text, b" PID: ") && !(is_cpu(text) && has(text, b" #"))
}

fn is_cpu(text: &[u8]) -> bool {
    matches!(
        Message::parse(text, Form { names: Names::Printed, cut: false }),
        Some(Message::Cpu(_))
    )
}

/// The same of `memory: usage 8kB, limit 8kB, failcnt 7`.
fn lacks_failcnt(text: &[u8]) -> bool {
    ["memory:", "memory+swap:", "swap:", "kmem:"].iter().any(|what| {
        let rest = text.strip_prefix(what.as_bytes()).map(<[u8]>::trim_ascii);
        rest.is_some_and(|rest| {
            (rest.is_empty() || rest.starts_with(b"usage"))
                && !rest.last().is_some_and(u8::is_ascii_digit)
        })
    })
}

/// Whether a line of a kill ends before the name: `Killed process 95, UID 48,`.
fn lacks_name(text: &[u8]) -> bool {
    let is_one = |head: &&str| {
        let rest = text.strip_prefix(head.as_bytes());
        rest.is_some_and(|rest| {
            rest.first().is_some_and(u8::is_ascii_digit) && !rest.contains(&b'(')
        })
    };
    HEADS.iter().any(is_one)
}

/// Whether a word is whole, of lines that tell how memory stood: `free:3340kB`, `1*4kB`, `(UM)`, `=`, `hugepages_free=0`.
fn is_word(word: &[u8]) -> bool {
    let is_size = |word: &[u8]| {
        let mut scan = Scan(word);
        !scan.run(u8::is_ascii_digit).is_empty() && matches!(scan.0, b"" | b"kB" | b"KB")
    };
    let is_types = || {
        let inside = word.strip_prefix(b"(").and_then(|word| word.strip_suffix(b")"));
        inside.is_some_and(|types| types.iter().all(u8::is_ascii_uppercase))
    };
    is_size(word)
        || matches!(word, b"=" | b"all_unreclaimable?" | b"yes" | b"no")
        || is_types()
        || [":", "*", "="].iter().any(|between| {
            split_once(word, between).is_some_and(|(name, size)| !name.is_empty() && is_size(size))
        })
}

/// Whether both lines have nothing but such words, each whole: then no word was broken.
fn are_words(begun: &[u8], rest: &[u8]) -> bool {
    let mut words = rest.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).peekable();
    let last = begun.rsplit(u8::is_ascii_whitespace).find(|word| !word.is_empty());
    let first = *words.peek().unwrap_or(&&b""[..]);
    let is_value = first.first().is_some_and(u8::is_ascii_digit) && !first.contains(&b'*');
    let ends_well = match last {
        Some(last) if last.ends_with(b":") => true,
        Some(b"=") => is_value,
        Some(b"all_unreclaimable?") => matches!(first, b"yes" | b"no"),
        // A number that would be two.
        Some(last) => is_word(last) && !is_value,
        None => false,
    };
    ends_well && words.all(is_word)
}

/// Lines that are longer than most: of a node or, where there is one, of a zone.
fn tells_of_memory(text: &[u8]) -> bool {
    const ZONES: [&str; 4] = ["DMA", "Normal", "HighMem", "Movable"];
    let is_zone = |zone: &&str| {
        text.starts_with(zone.as_bytes()) && (has(text, b" free:") || has(text, b"*"))
    };
    text.starts_with(b"Node ") || ZONES.iter().any(is_zone)
}

/// Whether the end of a message may stand in the next line: a mailer wraps what is long.
pub(super) fn lacks_end(text: &[u8], names: Names) -> bool {
    if ends_in_head(text)
        || lacks_name(text)
        || is_table_broken(text)
        || lacks_taint(text)
        || lacks_failcnt(text)
    {
        return true;
    }
    match Message::parse(text, Form { names, cut: false }) {
        Some(Message::Header(header)) => header.order.is_none() || header.oom_score_adj.is_none(),
        Some(message) => message.may_go_on(),
        None => false,
    }
}

/// Whether more of a message may stand in the next line, though it says nothing that is not whole: each kernel
/// puts more into it.
pub(super) fn may_have_more(text: &[u8], names: Names) -> bool {
    tells_of_memory(text)
        || lacks_end(text, names)
        || matches!(
            Message::parse(text, Form { names, cut: false }),
            Some(Message::Killed(killed)) if killed.oom_score_adj.is_none()
        )
}

/// Whether a line without a prefix can be the end of such a message, and what stood between; in a table of so
/// many columns.
pub(super) fn goes_on(begun: &[u8], rest: &[u8], columns: Option<usize>) -> Option<&'static [u8]> {
    const KEYS: [&str; 22] = [
        "gfp_mask=",
        "nodemask=",
        "order=",
        "oom_score_adj=",
        "total-vm:",
        "anon-rss:",
        "file-rss:",
        "shmem-rss:",
        "UID:",
        "UID ",
        "pgtables:",
        "oom_score_adj:",
        "cpuset=",
        "mems_allowed=",
        "oom_memcg=",
        "global_oom",
        "task_memcg=",
        "task=",
        "pid=",
        "uid=",
        "(",
        "__GFP",
    ];
    let is_key = |text: &[u8]| KEYS.iter().any(|key| text.starts_with(key.as_bytes()));
    if begun.starts_with(b"oom-kill:") {
        let bare = rest.strip_prefix(b",").unwrap_or(rest);
        let is_rest = is_key(bare) || !rest.contains(&b' ') && rest.contains(&b',');
        return is_rest.then_some(b"");
    }
    if lacks_taint(begun) {
        let is_rest = match is_cpu(begun) {
            true => rest.starts_with(b"#"),
            false => has(rest, TAINT) || is_cpu(&[begun.trim_ascii_end(), b" ", rest].concat()),
        };
        return is_rest.then_some(b" ");
    }
    if lacks_failcnt(begun) {
        let is_rest = rest.first().is_some_and(u8::is_ascii_digit)
            || ["usage ", "limit ", "failcnt "]
                .iter()
                .any(|word| rest.starts_with(word.as_bytes()));
        return is_rest.then_some(b" ");
    }
    if is_table_broken(begun) {
        return table_goes_on(begun, rest, columns);
    }
    let begun = begun.trim_ascii_end();
    if ends_in_head(begun) && !begun.ends_with(b" invoked oom-killer:") {
        return is_head(begun, rest).then_some(b" ");
    }
    if tells_of_memory(begun) {
        return are_words(begun, rest).then_some(b" ");
    }
    if begun.ends_with(b"|") {
        return rest.starts_with(b"__GFP").then_some(b"");
    }
    is_key(rest).then_some(b" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With this line, and not with another's.
    fn assert_goes_on(begun: &str, rest: &str) {
        assert!(lacks_end(begun.as_bytes(), Names::Printed), "{begun}");
        assert_eq!(goes_on(begun.as_bytes(), rest.as_bytes(), None), Some(&b" "[..]), "{begun}");
        assert_eq!(goes_on(begun.as_bytes(), b"eth0: link up", None), None, "{begun}");
    }

    #[test]
    fn what_a_mailer_wrapped_goes_on() {
        let killed = b"Out of memory: Killed process 7 (a) total-vm:8kB,";
        assert!(lacks_end(killed, Names::Printed));
        assert_eq!(goes_on(killed, b"anon-rss:4kB, file-rss:0kB", None), Some(&b" "[..]));
        assert_eq!(goes_on(killed, b"eth0: link up", None), None);
        for (begun, rest) in [
            ("Out of memory: Killed process", "7 (a) total-vm:8kB,"),
            ("Out of memory: Killed", "process 7 (a) total-vm:8kB,"),
            ("Out of", "memory: Killed process 7 (a) total-vm:8kB,"),
            ("Killed process 7, UID 48,", "(a) total-vm:8kB,"),
            ("Killed process 7,", "UID 48, (a) total-vm:8kB,"),
            ("a invoked oom-killer:", "gfp_mask=0xcc0(GFP_KERNEL), order=0,"),
            ("a invoked", "oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0,"),
        ] {
            assert_goes_on(begun, rest);
        }
        assert!(!lacks_end(b"eth0: link up", Names::Printed));
        let summary =
            b"oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,";
        assert!(lacks_end(summary, Names::Printed));
        assert_eq!(goes_on(summary, b"global_oom,task_memcg=/a", None), Some(&b""[..]));
    }

    #[test]
    fn what_stands_before_the_table_goes_on() {
        for (begun, rest) in [
            ("CPU: 0 UID: 1000 PID: 157 Comm:", "a b Not tainted 6.12.0 #1"),
            ("CPU: 0 PID: 157 Comm: a", "Tainted: G           O      6.1.1"),
            ("memory: usage 24576kB, limit", "24576kB, failcnt 78"),
            ("memory+swap: usage 24576kB,", "limit 24576kB, failcnt 78"),
        ] {
            assert_goes_on(begun, rest);
        }
        for whole in
            ["memory: usage 8kB, limit 8kB, failcnt 7", "CPU: 0 PID: 7 Comm: a Not tainted 6.1 #1"]
        {
            assert!(!lacks_end(whole.as_bytes(), Names::Printed), "{whole}");
        }
    }

    #[test]
    fn a_row_of_the_table_goes_on() {
        let row = b"[    157]  1000   157     6415     6257     6112";
        assert_eq!(
            goes_on(row, b"0       145    86016        0           100 memhog", None),
            Some(&b" "[..])
        );
        assert_eq!(
            goes_on(b"[    157]  1000   157  6415  6257  86016  0  100", b"memhog", None),
            Some(&b" "[..])
        );
        let head = b"[  pid  ]   uid  tgid total_vm      rss";
        assert_eq!(
            goes_on(head, b"pgtables_bytes swapents oom_score_adj name", None),
            Some(&b" "[..])
        );
        for (begun, rest) in [(&row[..], &b"eth0: link up"[..]), (&head[..], b"eth0: link up")] {
            assert!(lacks_end(begun, Names::Printed));
            assert_eq!(goes_on(begun, rest, None), None);
        }
        assert!(!lacks_end(
            b"[    157]  1000   157     6415     6257  86016  0  100 memhog",
            Names::Printed
        ));
        assert!(!lacks_end(b"[  157] x", Names::Printed));
    }
}
