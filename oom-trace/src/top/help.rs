//! What the keys and the columns are, for those who ask.

/// A heading, or a word and what it means.
pub(super) const LINES: [(&str, &str); 33] = [
    ("Keys", ""),
    ("q F10 Ctrl-C", "quit"),
    ("↑ ↓ j k", "move; also PgUp PgDn Home End"),
    ("Enter", "who would die if this cgroup ran out; again: the machine"),
    ("Tab", "go to the next pane, which gets more room"),
    ("F4 /", "list only cgroups whose path contains what you type; Esc: all"),
    ("F5 t", "tree or list; space + - fold and unfold"),
    ("F6 < >", "sort by the next or previous column; r: reverse the order"),
    ("p", "pause"),
    ("d", "seconds between updates"),
    ("Ctrl-Z", "suspend to the shell; fg comes back"),
    ("", ""),
    ("Cgroups", ""),
    ("USED", "memory.current: all memory charged to it and the cgroups below"),
    ("CACHE", "file pages in USED, which the kernel drops before it kills"),
    ("MAX HIGH", "memory.max, memory.high; – means no limit"),
    ("%MAX", "USED without CACHE, as a share of MAX"),
    ("+/MIN", "growth of USED without CACHE per minute, over the last 30 s"),
    ("FULL IN", "time until MAX is reached at that rate"),
    ("SOME% ALL%", "memory pressure (PSI): share of the last 10 s in which some"),
    ("", "or all tasks waited for memory; cgroup v1 has none"),
    ("KILLS", "oom_kill of memory.events; +N since top was started"),
    ("", ""),
    ("Next to die", ""),
    ("HELD", "resident memory, swap and page tables"),
    ("ADJ", "oom_score_adj: adds this many thousandths of the total"),
    ("BADNESS", "HELD plus what ADJ adds; the kernel kills the highest"),
    ("BY HELD", "its rank if no process had an ADJ; hidden if that is the same"),
    ("", "processes with ADJ -1000, and process 1, are never killed"),
    ("", ""),
    ("Kills", ""),
    ("", "From the agent's store, or else from the kernel's log."),
    ("", "One kill in full: oom-trace history PID"),
];

/// How many lines there are.
pub(super) const LEN: usize = LINES.len();
