//! What people see of a real log: a block that leaves room for the next.

use std::fs;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use oom_trace::kernel_log::reader::{Zone, read};
use oom_trace::kernel_log::{Machine, Parser};
use oom_trace::render::{Format, Style, render};

use crate::cases::folder;
use crate::{cases as kernels, log};

fn blocks(log: &[u8]) -> Vec<String> {
    let mut blocks = Vec::new();
    let zone = Zone::new(TimeZone::UTC, "2026-11-24T00:00:00Z".parse::<Timestamp>().unwrap());
    read(log, Parser::new(Machine::default()), &zone, |record| {
        let mut out = Vec::new();
        render(&record, Format::Text, Style { width: 80, ..Style::default() }, &mut out)?;
        blocks.push(String::from_utf8(out).unwrap());
        Ok::<_, std::io::Error>(())
    })
    .unwrap();
    blocks
}

#[test]
fn no_block_has_more_than_fourteen_lines() {
    let real = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let real = real.filter(|path| path.is_file()).map(|path| fs::read(path).unwrap());
    let ours = kernels().map(|(kernel, case)| log(kernel, case, "kmsg"));
    let mut count = 0;
    for block in real.chain(ours).flat_map(|log| blocks(&log)) {
        let lines = block.trim_end().lines().count();
        assert!(lines <= 14, "{lines} lines:\n{block}");
        count += 1;
    }
    assert!(count > 60, "{count}");
}
