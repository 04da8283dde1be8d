//! Configurations of people who mistype, and of those who mean ill.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use fastrand::Rng;
use oom_trace::cli::RunArgs;
use oom_trace::config::{At, ConfigError, ConfigFile, Mistake, Run};
use oom_trace::text::acts;
use toml::Value;

use crate::tries::fuzz;

/// What we ship, and each example of the documentation.
static EXAMPLES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let pages = ["README.md", "docs/delivery.md", "docs/fleet.md"].map(|name| root.join(name));
    let sinks = fs::read_dir(root.join("docs/sinks")).unwrap().map(|file| file.unwrap().path());
    let mut pages: Vec<_> = pages.into_iter().chain(sinks).collect();
    pages.sort();
    let mut examples = vec![fs::read_to_string(root.join("dist/config.toml")).unwrap()];
    for page in pages {
        let text = fs::read_to_string(page).unwrap();
        let blocks = text.split("```toml\n").skip(1);
        examples.extend(blocks.map(|block| block.split("```").next().unwrap().to_owned()));
    }
    assert!(examples.len() > 8, "{}", examples.len());
    examples
});

const TABLES: [&str; 14] = [
    "[console]",
    "[console.filter]",
    "[store]",
    "[sink]",
    "[sink.file]",
    "[[sink.file]]",
    "[[sink.syslog]]",
    "[[sink.journald]]",
    "[[sink.otlp]]",
    "[[sink.webhook]]",
    "[[sink.exec]]",
    "[sink.prometheus]",
    "[[sink.textfile]]",
    "[[sink.webhook.headers]]",
];

const KEYS: [&str; 30] = [
    "attach",
    "btf",
    "candidates",
    "debug",
    "no_cmdline",
    "redact",
    "enabled",
    "format",
    "color",
    "filter",
    "path",
    "max_age",
    "max_bytes",
    "url",
    "name",
    "listen",
    "command",
    "timeout",
    "headers",
    "body",
    "routing_key",
    "rotate",
    "scope",
    "uid",
    "comm",
    "cgroup",
    "tls.authority",
    "\"a key\"",
    "sink.file",
    "\"\\u001b[31m\\u202e\"",
];

const VALUES: [&str; 32] = [
    "true",
    "false",
    "0",
    "-1",
    "16",
    "9223372036854775807",
    "1e400",
    "nan",
    "\"auto\"",
    "\"json\"",
    "\"text\"",
    "\"never\"",
    "\"/var/log/x\"",
    "\"30d\"",
    "\"9999999999999999w\"",
    "\"10MiB\"",
    "\"99999999999TiB\"",
    "\"https://u:p@h:1/x\"",
    "\"tcp://[::1]:601\"",
    "\"127.0.0.1:9090\"",
    "[\"a*\", \"b\"]",
    "[\"a[\"]",
    "[1, \"x\", { a = 1 }]",
    "{ env = \"HOME\" }",
    "{ file = \"/dev/null\" }",
    "{ scope = [\"memcg\"], uid = [0] }",
    "{ }",
    "[[[[]]]]",
    "1979-05-27T07:32:00Z",
    "'''\n\n'''",
    "\"\\u001b]0;x\\u0007\\u202e\\n\"",
    "\"\u{9b}31m\u{2028}\"",
];

/// Pieces that mean something to TOML.
const PIECES: [&str; 22] = [
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    ".",
    ",",
    "\"",
    "'",
    "\"\"\"",
    "'''",
    "#",
    "\n",
    "\r\n",
    "\\",
    "\\x",
    "\u{1b}[2J",
    "\u{202e}",
    "\0",
    "é€\u{1f980}",
];

fn text(rng: &mut Rng) -> String {
    let mut text = String::new();
    if rng.bool() {
        text.push_str(&EXAMPLES[rng.usize(..EXAMPLES.len())]);
    }
    for _ in 0..rng.usize(..12) {
        let line = match rng.u8(..3) {
            0 => TABLES[rng.usize(..TABLES.len())].to_owned(),
            _ => {
                let (key, value) =
                    (KEYS[rng.usize(..KEYS.len())], VALUES[rng.usize(..VALUES.len())]);
                format!("{key} = {value}")
            }
        };
        let mut lines: Vec<_> = text.lines().collect();
        lines.insert(rng.usize(..=lines.len()), &line);
        text = lines.join("\n") + "\n";
    }
    if rng.u8(..3) > 0 {
        (0..rng.usize(..8)).for_each(|_| change(rng, &mut text));
    }
    text
}

fn change(rng: &mut Rng, text: &mut String) {
    let mut place = || text.floor_char_boundary(rng.usize(..=text.len()));
    let (one, other) = (place(), place());
    let (start, end) = (one.min(other), one.max(other));
    let near = text.floor_char_boundary(end.min(start + 20));
    match rng.u8(..5) {
        0 => text.replace_range(start..near, ""),
        1 => {
            let copy = text[start..near].to_owned();
            text.insert_str(end, &copy);
        }
        2 if rng.u8(..4) == 0 => text.truncate(end),
        _ => text.insert_str(start, PIECES[rng.usize(..PIECES.len())]),
    }
}

/// A value in one line.
fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(table) => {
            let entries =
                table.iter().map(|(key, value)| format!("{} = {}", quoted(key), inline(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        // With all its digits, and always as a number with some behind the point.
        Value::Float(number) if number.is_finite() => format!("{number:?}"),
        Value::Float(number) if number.is_nan() => "nan".to_owned(),
        Value::Float(number) => if *number > 0.0 { "inf" } else { "-inf" }.to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(is) => is.to_string(),
        Value::Datetime(time) => time.to_string(),
    }
}

/// JSON's escapes are TOML's, but for one character.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap().replace('\u{7f}', "\\u007f")
}

/// Its place is one of the file, and what is said of it can be shown to anyone.
fn assert_told(mistake: &Mistake, text: &str, path: &Path) {
    let said = mistake.to_string();
    assert!(!mistake.message.is_empty(), "{said:?}");
    assert!(!said.contains(|c| acts(c) && c != '\n'), "{said:?}");
    assert!(said.lines().skip(1).all(|line| line.starts_with("    ")), "{said:?}");
    let Some(At { file, line, column, key }) = &mistake.at else {
        panic!("it is told nowhere: {said}");
    };
    assert_eq!(*file, path.display().to_string());
    // TOML's lines end with a line feed.
    let lines: Vec<_> = text.split('\n').collect();
    let there = lines.get(line - 1).unwrap_or_else(|| panic!("line {line}: {said}"));
    assert!((1..=there.chars().count() + 1).contains(column), "{said}");
    assert!(!key.contains(acts), "{key:?}");
}

/// All of it is read, or it is said where it is wrong; and what is read means the same when it is
/// written in other words.
#[test]
fn a_configuration_is_read_or_told_where_it_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("config.toml");
    let read = |text: &str| {
        fs::write(&path, text).unwrap();
        ConfigFile::read(&path)
    };
    fuzz("a_configuration_is_read_or_told_where_it_is_wrong", |rng| {
        let text = text(rng);
        let found = read(&text);
        let (run, mistakes) = Run::read(RunArgs::of_file(path.clone()));
        mistakes.iter().for_each(|mistake| assert_told(mistake, &text, &path));
        let parsed = toml::from_str::<ConfigFile>(&text);
        match found {
            Ok(file) => {
                assert_eq!(Ok(&file), parsed.as_ref());
                let words: toml::Table = text.parse().unwrap();
                let lines = words
                    .iter()
                    .map(|(key, value)| format!("{} = {}\n", quoted(key), inline(value)));
                let again = read(&lines.collect::<String>()).unwrap();
                assert_eq!(again, file, "{text}");
                assert_eq!(Run::new(RunArgs::of_file(path.clone())).is_ok(), mistakes.is_empty());
                let (other, told) = Run::read(RunArgs::of_file(path.clone()));
                assert_eq!((other, told.len()), (run, mistakes.len()));
            }
            Err(ConfigError(told)) => {
                assert!(parsed.is_err(), "{told:?}");
                assert!(!told.is_empty() && told.iter().all(|it| mistakes.contains(it)));
            }
        }
    });
}
