//! A log whose lines a terminal or a mailer broke at any width.

use std::fs;

use crate::cut::{excess, told};
use crate::logs;

/// Widths that are tried.
const WIDTHS: std::ops::RangeInclusive<usize> = 40..=300;

fn log(case: &str, before: &str) -> Vec<String> {
    let log = fs::read_to_string(logs().join(format!("6.12-{case}.log"))).unwrap();
    let line = |line: &str| {
        let (at, text) = line.strip_prefix('[').unwrap().split_once("] ").unwrap();
        format!("{}{text}", before.replace("{at}", at))
    };
    log.lines().map(line).collect()
}

/// As a terminal breaks it.
fn hard(line: &str, width: usize) -> String {
    let columns: Vec<_> = line.chars().collect();
    columns.chunks(width).map(|piece| piece.iter().collect::<String>() + "\n").collect()
}

/// As a mailer does: at the last blank that fits, or behind a word that does not.
fn soft(line: &str, width: usize) -> String {
    let (mut text, mut rest) = (String::new(), line);
    while rest.len() > width {
        let fits = rest[..=width].rfind(' ').filter(|at| !rest[..*at].trim().is_empty());
        let next = || rest[width..].find(' ').map(|at| width + at);
        let Some(at) = fits.or_else(next) else { break };
        text += rest[..at].trim_end();
        text += "\n";
        rest = rest[at..].trim_start();
    }
    text + rest + "\n"
}

const PREFIXES: [&str; 4] =
    ["", "[{at}] ", "Nov 23 06:00:01 db1 kernel: ", "Nov 23 06:00:01 db1 kernel: [{at}] "];

/// What is told of a log that was broken at this width, and the whole does not tell.
fn wrong(case: &str, before: &str, width: usize) -> Vec<String> {
    let lines = log(case, before);
    let whole = told((lines.join("\n") + "\n").as_bytes());
    let mut wrong = Vec::new();
    for (kind, broken) in [("hard", hard as fn(&str, usize) -> String), ("soft", soft)] {
        let log: String = lines.iter().map(|line| broken(line, width)).collect();
        let records = told(log.as_bytes());
        let excess = match records.as_slice() {
            [record] => excess("", record, &whole[0]),
            other => Some(format!("{} records", other.len())),
        };
        wrong.extend(excess.map(|it| format!("{case} {before:?} {kind} {width}: {it}")));
    }
    wrong
}

/// Each with another prefix, and of another log.
#[test]
fn no_width_makes_another_number() {
    let of = |width: usize| {
        let case = ["memcg", "global"][width / PREFIXES.len() % 2];
        wrong(case, PREFIXES[width % PREFIXES.len()], width)
    };
    let wrong: Vec<_> = WIDTHS.flat_map(of).collect();
    assert!(wrong.is_empty(), "{} of it is not so:\n{}", wrong.len(), wrong.join("\n"));
}
