//! systemd's units: a folder of the hierarchy for each (`systemd.unit(5)`, Control Groups).

/// Suffixes of the units that hold processes.
const WITH_PROCESSES: [&str; 5] = [".service", ".scope", ".socket", ".mount", ".swap"];

/// The innermost unit that holds processes.
pub(super) fn unit(parts: &[&str]) -> Option<String> {
    let is_unit = |part: &&&str| WITH_PROCESSES.iter().any(|suffix| has_name(part, suffix));
    parts.iter().rfind(is_unit).map(|part| (*part).to_owned())
}

/// The innermost slice.
pub(super) fn slice(parts: &[&str]) -> Option<String> {
    parts.iter().rfind(|part| has_name(part, ".slice")).map(|part| (*part).to_owned())
}

fn has_name(part: &str, suffix: &str) -> bool {
    part.strip_suffix(suffix).is_some_and(|name| !name.is_empty())
}
