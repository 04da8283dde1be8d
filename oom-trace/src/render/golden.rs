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
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/render/golden");
    for (name, out) in rendered(format, Style::default()) {
        let path = golden.join(format!("{name}.{format}"));
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
        let plain = rendered(format, Style { color: false });
        let coloured = rendered(format, Style { color: true });
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
