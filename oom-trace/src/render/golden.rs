//! What each format makes of each record, kept in `golden/<record>.<format>`. With
//! `UPDATE_GOLDEN=1` the files are written anew: read the difference before it is committed.

use std::path::Path;

use super::{Format, Style, fixtures, render};

fn rendered(format: Format, style: Style) -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    fixtures::all().into_iter().map(move |(name, record)| {
        let mut out = Vec::new();
        render(&record, format, style, &mut out).unwrap();
        (name, out)
    })
}

fn check(format: Format) {
    check_style(format, Style::default(), &format.to_string());
}

fn check_style(format: Format, style: Style, ending: &str) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/render/golden");
    for (name, out) in rendered(format, style) {
        let path = golden.join(format!("{name}.{ending}"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &out).unwrap();
        }
        let expected = std::fs::read(&path).unwrap_or_default();
        assert_eq!(
            String::from_utf8_lossy(&out),
            String::from_utf8_lossy(&expected),
            "{} differs; UPDATE_GOLDEN=1 writes it",
            path.display()
        );
    }
}

#[test]
fn text() {
    check(Format::Text);
}

#[test]
fn text_in_full() {
    check_style(Format::Text, Style { verbose: true, ..Style::default() }, "verbose");
}

/// A block for people leaves the one before it on the screen.
#[test]
fn no_block_has_more_than_fourteen_lines() {
    for (name, out) in rendered(Format::Text, Style { width: 80, ..Style::default() }) {
        let lines = String::from_utf8(out).unwrap().trim_end().lines().count();
        assert!(lines <= 14, "{name}: {lines}");
    }
}

/// But for a word that is longer: a path or an argument.
#[test]
fn no_line_of_text_is_longer_than_the_terminal_is_wide() {
    for (width, verbose) in [(50, false), (80, false), (120, true)] {
        let all = rendered(Format::Text, Style { width, verbose, ..Style::default() });
        // Of the others each is one line.
        for (name, out) in all.filter(|(name, _)| !name.starts_with("exit") && *name != "agent") {
            for line in String::from_utf8(out).unwrap().lines() {
                let columns = line.chars().count();
                let words = line.trim_start().split(' ').filter(|word| !word.is_empty());
                let most = words.map(|word| word.chars().count()).max().unwrap_or(0);
                let fits = columns <= usize::from(width) || most > usize::from(width) - 40;
                assert!(fits, "{name} at {width}: {line}");
            }
        }
    }
}

#[test]
fn compact() {
    check(Format::Compact);
}

#[test]
fn json() {
    check(Format::Json);
}

#[test]
fn kernel() {
    check(Format::Kernel);
}

#[test]
fn one_line_means_one_line_and_no_format_lets_a_control_character_through() {
    for format in [Format::Text, Format::Compact, Format::Json, Format::Kernel] {
        for (name, out) in rendered(format, Style::default()) {
            let text = String::from_utf8(out).unwrap();
            let lines = text.matches('\n').count();
            if matches!(format, Format::Compact | Format::Json) {
                assert_eq!((lines, text.ends_with('\n')), (1, true), "{name}.{format}");
            }
            let acting = text.chars().find(|c| *c != '\n' && crate::text::acts(*c));
            assert_eq!(acting, None, "{name}.{format}");
        }
    }
}

#[test]
fn colour_adds_escapes_and_nothing_else() {
    for format in [Format::Text, Format::Compact] {
        let plain = rendered(format, Style::default());
        let coloured = rendered(format, Style { color: true, ..Style::default() });
        for ((name, plain), (_, coloured)) in plain.zip(coloured) {
            assert_ne!(plain, coloured, "{name}.{format}");
            let mut stripped = Vec::new();
            let mut escape = false;
            for byte in coloured {
                match byte {
                    b'\x1b' => escape = true,
                    b'm' if escape => escape = false,
                    _ if escape => {}
                    _ => stripped.push(byte),
                }
            }
            assert_eq!(stripped, plain, "{name}.{format}");
        }
    }
}

#[test]
fn a_buffer_used_again_is_appended_to_and_does_not_grow() {
    let [(_, record), ..] = fixtures::all();
    let mut out = b"before\n".to_vec();
    render(&record, Format::Text, Style::default(), &mut out).unwrap();
    assert!(out.starts_with(b"before\n20"));
    let capacity = out.capacity();
    out.clear();
    render(&record, Format::Text, Style::default(), &mut out).unwrap();
    assert_eq!(out.capacity(), capacity);
}
