//! The agent's system calls, by the kernel's trace events.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result};

use crate::kernel::{TRACING, nanos, write};

/// Each call of the agent's threads, as it begins and ends, from now on.
pub(crate) struct Calls;

/// A call that has returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    /// With the file it read, or the command it gave.
    pub(crate) name: String,
    /// On the boot clock.
    pub(crate) began: u64,
    pub(crate) ended: u64,
}

/// The names of its threads while it starts and while it waits for kills.
const THREADS: &str = r#"COMM == "oom-trace" || COMM == "load""#;

impl Calls {
    pub(crate) fn start() -> Result<Self> {
        write(&format!("{TRACING}/events/syscalls/filter"), THREADS)?;
        write(&format!("{TRACING}/events/syscalls/enable"), "1").map(|()| Self)
    }

    /// Those so far, in the order of their ends. What is open by now in the process gives the files
    /// their names.
    pub(crate) fn so_far(&self, pid: u32) -> Result<Vec<Call>> {
        Ok(parse(&fs::read_to_string(format!("{TRACING}/trace"))?, &files(pid)?))
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        // Left on, it would only slow down what is measured next.
        let _ = write(&format!("{TRACING}/events/syscalls/enable"), "0");
        let _ = write(&format!("{TRACING}/events/syscalls/filter"), "0");
    }
}

fn files(pid: u32) -> Result<BTreeMap<u64, String>> {
    let folder = format!("/proc/{pid}/fd");
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {folder}"))? {
        let entry = entry?;
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
        // One that was closed meanwhile has no name.
        let name = fs::read_link(entry.path()).ok();
        files.extend(number.zip(name.map(|name| name.display().to_string())));
    }
    Ok(files)
}

/// ` oom-trace-95 [000] ..... 12.000001: sys_read(fd: 4, buf: 7ffd, count: 2000)`, and later
/// ` oom-trace-95 [000] ..... 12.000009: sys_read -> 0x52`.
fn parse(trace: &str, files: &BTreeMap<u64, String>) -> Vec<Call> {
    let mut open = BTreeMap::new();
    let mut calls = Vec::new();
    for (place, event) in trace.lines().filter_map(|line| line.split_once(": sys_")) {
        let (Some((thread, _)), Some(time)) = (place.split_once(" ["), place.rsplit(' ').next())
        else {
            continue;
        };
        let (thread, Some(time)) = (thread.trim(), nanos(time)) else { continue };
        if let Some((name, arguments)) = event.split_once('(') {
            open.insert(thread, (called(name, arguments, files), time));
        } else if let Some((name, began)) = open.remove(thread) {
            calls.push(Call { name, began, ended: time });
        }
    }
    calls
}

fn called(name: &str, arguments: &str, files: &BTreeMap<u64, String>) -> String {
    let argument = |name: &str| {
        let value = arguments.split(", ").find_map(|it| it.strip_prefix(name))?;
        u64::from_str_radix(value.trim_start_matches("0x").trim_end_matches(')'), 16).ok()
    };
    match name {
        "bpf" => argument("cmd: ").map_or_else(|| name.to_owned(), |cmd| command(cmd).to_owned()),
        "read" => match argument("fd: ").and_then(|fd| files.get(&fd)) {
            Some(file) => format!("read {file}"),
            None => name.to_owned(),
        },
        _ => name.to_owned(),
    }
}

/// `enum bpf_cmd` (include/uapi/linux/bpf.h).
fn command(number: u64) -> &'static str {
    match number {
        0 => "bpf, a map",
        2 => "bpf, a map's content",
        5 => "bpf, load a program",
        15 => "bpf, the kernel's types",
        17 => "bpf, attach to a tracepoint",
        18 => "bpf, load types",
        22 => "bpf, freeze a map",
        28 => "bpf, attach",
        _ => "bpf",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "\
# tracer: nop
 oom-trace-95      [000] .....    12.000001: sys_read(fd: 4, buf: 7ffd0, count: 2000)
            load-97      [001] .....    12.000002: sys_bpf(cmd: 5, uattr: 7ffd0, size: 90)
       oom-trace-95      [000] .....    12.000009: sys_read -> 0x52
       oom-trace-95      [000] .....    12.000010: sys_read(fd: a, buf: 7ffd0, count: 2000)
           hog-98      [000] .....    12.000011: hook: (oom_kill_process+0x0/0x600)
            load-97      [001] .....    12.000400: sys_bpf -> 0x7
       oom-trace-95      [000] .....    12.000500: sys_read -> 0xfffffffffffffff5
       oom-trace-95      [000] .....    12.000600: sys_exit_group(error_code: 0)
";

    #[test]
    fn each_call_is_matched_with_its_end_by_its_thread() {
        let files = BTreeMap::from([(10, "/dev/kmsg".to_owned())]);
        let call = |name: &str, began, ended| {
            let at = |micros: u64| 12_000_000_000 + 1000 * micros;
            Call { name: name.to_owned(), began: at(began), ended: at(ended) }
        };
        assert_eq!(
            parse(TRACE, &files),
            [
                call("read", 1, 9),
                call("bpf, load a program", 2, 400),
                call("read /dev/kmsg", 10, 500)
            ]
        );
    }
}
