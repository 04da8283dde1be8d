//! One kill in every form that a log has been seen in: what is told of it is the same.

use std::fs;

use serde_json::{Value, json};

use crate::written::{AROUND, COLLECTORS, PREFIXES};
use crate::{logged, records, run};

/// The stamps and messages of a real log.
fn messages() -> Vec<(String, String)> {
    let log = fs::read_to_string(logged("6.12-memcg.log")).unwrap();
    let part = |line: &str| {
        let (stamp, text) = line.split_once("] ").unwrap();
        (stamp.trim_start_matches('[').to_owned(), text.to_owned())
    };
    log.lines().map(part).collect()
}

fn around(before: &str, after: &str) -> String {
    let line =
        |(at, text): (String, String)| format!("{}{text}{after}\n", before.replace("{at}", &at));
    messages().into_iter().map(line).collect()
}

/// What must be the same in all.
fn told(log: &str) -> [Value; 6] {
    let output = run("explain", &["--format", "json"], log.as_bytes());
    let found = records(&output);
    let [record] = found.as_slice() else { panic!("{found:#?} of\n{log}") };
    ["victim", "limit", "trigger", "stack", "candidates", "chosen"].map(|key| record[key].clone())
}

#[test]
fn every_prefix_gives_the_same_record() {
    let plain = told(&around("[{at}] ", ""));
    assert_eq!(plain[1]["stat"].as_object().unwrap().len(), 60);
    for prefix in PREFIXES {
        assert_eq!(told(&around(prefix, "")), plain, "{prefix:?}");
    }
    for (before, after) in AROUND {
        assert_eq!(told(&around(before, after)), plain, "{before:?} {after:?}");
    }
}

/// What was done to whole lines: by PowerShell's `>`, by mailers, by a spreadsheet.
#[test]
fn every_encoding_and_every_wrap_gives_the_same_record() {
    let log = around("Nov 23 06:00:01 db1 kernel: [{at}] ", "");
    let plain = told(&log);
    let units: Vec<u8> =
        ["\u{feff}", &log].concat().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16 = records(&run("explain", &["--format", "json"], &units));
    assert_eq!(utf16[0]["victim"], plain[0]);
    assert_eq!(told(&quoted_printable(&log)), plain);
    assert_eq!(told(&log.replace("  ", "\t")), plain);
    for width in [72, 78] {
        for indent in ["", "    "] {
            let wrapped: String = log.lines().map(|line| wrapped(line, width, indent)).collect();
            let mut told = told(&wrapped);
            // A long line of the stack's registers is not put together.
            told[3].clone_from(&plain[3]);
            assert_eq!(told, plain, "{width} {indent:?}");
        }
    }
}

/// As a mailer has it: no line of more than 76 characters.
fn quoted_printable(log: &str) -> String {
    let line = |line: &str| {
        let line = line.replace('=', "=3D");
        let mut lines = Vec::new();
        let mut rest = line.as_str();
        while rest.len() > 76 {
            let at = rest[..75].rfind('=').filter(|at| *at > 72).unwrap_or(75);
            lines.push(format!("{}=\n", &rest[..at]));
            rest = &rest[at..];
        }
        lines.push(format!("{rest}\n"));
        lines.concat()
    };
    log.lines().map(line).collect()
}

/// Broken at blanks.
fn wrapped(line: &str, width: usize, indent: &str) -> String {
    let (mut text, mut rest) = (String::new(), line);
    while rest.len() > width {
        let Some(at) = rest[..width].rfind(' ').filter(|at| *at > 45) else { break };
        text += rest[..at].trim_end();
        text += "\n";
        text += indent;
        rest = rest[at..].trim_start();
    }
    text + rest + "\n"
}

#[test]
fn every_record_of_a_collector_gives_the_same_record() {
    let plain = told(&around("[{at}] ", ""));
    for (name, form) in COLLECTORS {
        let entries: Vec<_> = messages().iter().map(|(at, text)| form(at, text)).collect();
        let lines: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
        assert_eq!(told(&lines), plain, "{name}");
        let pretty: Vec<_> =
            entries.iter().map(|entry| serde_json::to_string_pretty(entry).unwrap()).collect();
        assert_eq!(told(&(pretty.join("\n") + "\n")), plain, "{name}, pretty");
        let list = serde_json::to_string(&json!({ "list": entries })).unwrap();
        assert_eq!(told(&list), plain, "{name}, in one line");
    }
}

#[test]
fn newest_first_and_all_in_one_line() {
    let plain = told(&around("[{at}] ", ""));
    for prefix in ["[{at}] ", "Nov 23 06:00:01 db1 kernel: ", "[Mon Nov 23 06:00:01 2026] "] {
        let log = around(prefix, "");
        let reversed: String = log.lines().rev().map(|line| format!("{line}\n")).collect();
        assert_eq!(told(&reversed), plain, "{prefix:?} reversed");
    }
    for prefix in ["[{at}] ", "Nov 23 06:00:01 db1 kernel: "] {
        let collapsed = around(prefix, "").replace('\n', "   ");
        assert_eq!(told(&collapsed), plain, "{prefix:?} collapsed");
    }
}

/// Whether nothing is told that the whole does not tell: a part of it may be missing.
fn is_part_of(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Null, _) => true,
        (Value::Object(part), Value::Object(whole)) => part
            .iter()
            .all(|(key, part)| whole.get(key).is_some_and(|whole| is_part_of(part, whole))),
        (Value::Array(part), Value::Array(whole)) => {
            part.iter().all(|part| whole.iter().any(|whole| is_part_of(part, whole)))
        }
        (part, whole) => part == whole,
    }
}

#[test]
fn what_a_terminal_broke_at_its_width_gives_the_same_record() {
    let log = around("Nov 23 06:00:01 db1 kernel: [{at}] ", "");
    let plain = told(&log);
    for width in [80, 97, 120] {
        let broken = |line: &str| {
            let columns: Vec<_> = line.chars().collect();
            let pieces = columns.chunks(width).map(|piece| piece.iter().collect::<String>() + "\n");
            pieces.collect::<String>()
        };
        assert_eq!(told(&log.lines().map(broken).collect::<String>()), plain, "{width}");
    }
}

/// journalctl leaves off the end, or what stands before the last tenth.
#[test]
fn what_did_not_fit_a_terminal_is_not_known() {
    let log = around("Nov 23 06:00:01 db1 kernel: [{at}] ", "");
    let [whole] =
        <[Value; 1]>::try_from(records(&run("explain", &["--format", "json"], log.as_bytes())))
            .unwrap();
    let mut kills = 0;
    let prefix = log.find("memhog").unwrap();
    let tails = |width: usize| [(width, 0), (width, (width - prefix) / 10)];
    for (width, tail) in (60..240).step_by(20).flat_map(tails) {
        let cut = |line: &str| match line.len() > width {
            true => format!("{}…{}\n", &line[..width - tail - 1], &line[line.len() - tail..]),
            false => format!("{line}\n"),
        };
        let cut: String = log.lines().map(cut).collect();
        let output = run("explain", &["--format", "json"], cut.as_bytes());
        let found = str::from_utf8(&output.stdout).unwrap().lines();
        let found: Vec<Value> = found.map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(found.len() == 1 || output.status.code() == Some(1), "{width} {tail}: a silent no");
        for record in &found {
            kills += 1;
            for key in ["victim", "limit", "trigger", "chosen", "stack", "hardware", "kernel"] {
                let (part, whole) = (&record[key], &whole[key]);
                assert!(is_part_of(part, whole), "{width} {tail} {key}: {part:#} of {whole:#}");
            }
        }
    }
    assert!(kills > 8, "{kills}");
}

#[test]
fn numbers_are_told_of_a_log_in_capitals_and_names_are_not() {
    let log = around("Nov 23 06:00:01 db1 kernel: [{at}] ", "");
    let plain = told(&log);
    let found = told(&log.to_uppercase());
    // Victim, limit, trigger, stack, candidates, chosen.
    for (part, whole) in found.iter().zip(&plain) {
        assert!(is_part_of(part, whole), "{part:#} of {whole:#}");
    }
    let [victim, limit, trigger, stack, candidates, chosen] = found;
    for key in ["pid", "uid", "oom_score_adj", "memory"] {
        assert_eq!(victim[key], plain[0][key], "{key}");
    }
    assert_eq!(limit["max_bytes"], plain[1]["max_bytes"]);
    assert_eq!(trigger["gfp_flags"], plain[2]["gfp_flags"]);
    assert_eq!(candidates["total"], plain[4]["total"]);
    assert!(victim["comm"].is_null() && chosen["comm"].is_null() && stack.is_null());
}

#[test]
fn the_source_of_a_page_gives_the_same_record() {
    let log = around("Nov 23 06:00:01 db1 kernel: [{at}] ", "");
    let source = log.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    for blanks in [(" ", "&nbsp;"), ("  ", "&nbsp; "), ("  ", " &#160;")] {
        assert_eq!(told(&source.replace(blanks.0, blanks.1)), told(&log), "{blanks:?}");
    }
}
