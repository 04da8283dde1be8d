use super::*;

fn find(lines: &[&str]) -> Vec<String> {
    let zone = Zone::utc();
    let mut finder = Finder::new(&zone);
    let text = |line: &&str| {
        let spoken = finder.find(1, line.as_bytes(), false, true);
        String::from_utf8(spoken.text).unwrap()
    };
    lines.iter().map(text).collect()
}

#[test]
fn a_prefix_is_learned_and_then_demanded() {
    let found = find(&[
        "web-1 | CPU: 0 PID: 7 Comm: a Not tainted 6.1",
        "web-1 |  dump_stack+0x1/0x2",
        "web-2 says | x",
        "web-1 | Out of memory: Killed process 7 (a)",
    ]);
    let expected = [
        "CPU: 0 PID: 7 Comm: a Not tainted 6.1",
        " dump_stack+0x1/0x2",
        "web-2 says | x",
        "Out of memory: Killed process 7 (a)",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_value_ends_with_its_quote() {
    let line = r#"2026-11-23T06:00:01Z,db1,"Out of memory: Killed process 7 (a)",warn"#;
    assert_eq!(find(&[line]), ["Out of memory: Killed process 7 (a)"]);
}

#[test]
fn old_words_begin_where_the_verb_does() {
    assert_eq!(
        find(&["x> Killed process 7 (a) total-vm:8kB"]),
        ["Killed process 7 (a) total-vm:8kB"]
    );
    assert_eq!(bare(b"Killed process group"), None);
}
