//! What anyone is shown of a record.

use oom_trace::incident::model::Record;
use oom_trace::render::{Format, Style, render};
use oom_trace::text::acts;

/// As text of a format.
pub(crate) fn written(record: &Record, format: Format, style: Style) -> String {
    let mut out = Vec::new();
    render(record, format, style, &mut out).unwrap();
    String::from_utf8(out).unwrap_or_else(|error| panic!("{error}: {record:?}"))
}

/// It can be read again, has the lines that its format has, and hurts nobody's terminal.
pub(crate) fn assert_rendered(record: &Record) {
    let plain = Style::default();
    let json = written(record, Format::Json, plain);
    // What the store has is told as it was.
    let read: Record = serde_json::from_str(&json).unwrap();
    assert_eq!(written(&read, Format::Json, plain), json);
    assert_eq!(json.matches('\n').count(), 1, "{json}");
    assert!(!json.trim_end().contains(acts), "{json}");
    assert!(written(record, Format::Compact, plain).lines().count() <= 1, "{record:?}");
    for style in [
        plain,
        Style { verbose: true, ..plain },
        Style { verbose: true, width: 20, ..plain },
        Style { verbose: true, color: true, ..plain },
    ] {
        for format in [Format::Text, Format::Compact, Format::Kernel] {
            let text = written(record, format, style);
            let hurts = |c: char| acts(c) && c != '\n' && !(style.color && c == '\x1b');
            assert!(!text.contains(hurts), "{format}: {text:?}");
        }
    }
}
