//! What the keys and the columns are, for those who ask.

/// A heading, or a word and what it means.
pub(super) const LINES: [(&str, &str); 33] = [
    ("Keys", ""),
    ("q F10 Ctrl-C", "quit"),
    ("↑ ↓ j k", "move; PgUp PgDn Home End too"),
    ("Enter", "who would die if this cgroup ran out; again: the machine"),
    ("Tab", "the next pane gets the keys, and more room"),
    ("F4 /", "list only cgroups whose path has this in it; Esc: all"),
    ("F5 t", "tree or list; space + - fold and unfold"),
    ("F6 < >", "sort by another column; r: the other way round"),
    ("p", "pause"),
    ("d", "seconds between two looks"),
    ("Ctrl-Z", "to the shell; fg comes back"),
    ("", ""),
    ("Cgroups", ""),
    ("USED", "memory.current: all that is charged to it and below"),
    ("CACHE", "of that, file pages, which are dropped before anybody dies"),
    ("MAX HIGH", "memory.max, memory.high; – is none"),
    ("%MAX", "USED without CACHE, of MAX"),
    ("+/MIN", "growth of USED without CACHE, over the last 30 s"),
    ("FULL IN", "time until MAX at that rate"),
    ("SOME% ALL%", "PSI: time in the last 10 s that some or all tasks waited"),
    ("", "for memory; cgroup v1 has none"),
    ("KILLS", "oom_kill of memory.events; +N since this was started"),
    ("", ""),
    ("Next to die", ""),
    ("HELD", "resident memory, swap and page tables"),
    ("ADJ", "oom_score_adj: adds so many thousandths of the total"),
    ("BADNESS", "HELD and what ADJ adds; the kernel kills the highest"),
    ("BY HELD", "its place if nobody had an ADJ; left out where all are the same"),
    ("", "ADJ -1000 and process 1 are never killed"),
    ("", ""),
    ("Kills", ""),
    ("", "From the agent's store, or without one from the kernel's log."),
    ("", "All of one: oom-trace history PID"),
];

/// How many lines there are.
pub(super) const LEN: usize = LINES.len();
