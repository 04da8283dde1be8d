//! What the kernel logged of a kill, taken apart. It shares no code with the agent.

pub(crate) mod line;

pub(crate) use self::line::{Killed, Line};

/// The `Killed process` lines of a log, each with its text.
pub(crate) fn kills(lines: &[String]) -> Vec<(String, Killed)> {
    let lines = lines.iter().filter(|line| line.contains(": Killed process "));
    let killed = |line: &String| match Line::parse(line)? {
        Line::Killed(killed) => Some((line.clone(), killed)),
        _ => None,
    };
    lines.filter_map(killed).collect()
}

/// Bytes that some process chose, as the agent's JSON has them: UTF-8, and `\xNN` for each byte that
/// is none.
pub(crate) fn json_text(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}
