//! The kernel's stack by names, and what it tells where no probe saw what led there.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;

use crate::incident::model::{Outcome, Scope};
use crate::kernel::kallsyms;
use crate::wire::{Frame, Names};

const KALLSYMS: &str = "/proc/kallsyms";

/// Addresses remembered: a stack to the OOM killer has some twenty, and there are a few dozen ways.
const REMEMBERED: usize = 4096;

/// Names the frames of stacks. From 5.13 on the kernel does it, and tells each name once; before that
/// `/proc/kallsyms`, which is read from its start to its end for addresses that are new.
#[derive(Debug, Default)]
pub struct StackReader {
    told: Names,
    found: HashMap<u64, String>,
}

impl StackReader {
    /// Adds the names that the kernel told before, and remembers those that it told now. Each record that it
    /// has sent must come by here, in their order.
    pub fn complete(&mut self, frames: &mut [Frame]) {
        self.told.complete(frames);
    }

    /// The frames by name; `None` if there are none, or the kernel does not tell their names.
    pub fn frames(&mut self, frames: &[Frame]) -> Option<Vec<String>> {
        if self.found.len() > REMEMBERED {
            self.found.clear();
        }
        let is_known =
            |frame: &Frame| frame.symbol.is_some() || self.found.contains_key(&frame.address);
        if !frames.iter().all(is_known) {
            let addresses: Vec<_> = frames.iter().map(|frame| frame.address).collect();
            let list = BufReader::new(File::open(KALLSYMS).ok()?);
            let names = kallsyms::symbols(list, &addresses).ok()?;
            let named = addresses.into_iter().zip(names);
            self.found.extend(named.filter_map(|(address, name)| Some((address, name?))));
        }
        let name = |frame: &Frame| {
            frame.symbol.clone().or_else(|| self.found.get(&frame.address).cloned())
        };
        let names: Option<Vec<_>> = frames.iter().map(name).collect();
        names.filter(|names| !names.is_empty())
    }
}

/// The frames from the caller of `oom_kill_process` on: those below it are the hooks' own way.
pub(super) fn callers(frames: &[String]) -> Vec<String> {
    let start = frames.iter().position(|frame| function(frame) == "out_of_memory");
    frames.iter().skip(start.unwrap_or(0)).cloned().collect()
}

/// Whether the kernel killed the task that it marked; `None` if there is no stack.
pub(super) fn outcome(frames: &[String]) -> Option<Outcome> {
    let killed = contains(frames, "__oom_kill_process")?;
    Some(if killed { Outcome::Killed } else { Outcome::AlreadyExiting })
}

/// Whether it was a cgroup's memory that ran out; of another shortage it does not tell which.
pub(super) fn scope(frames: &[String]) -> Option<Scope> {
    contains(frames, "mem_cgroup_out_of_memory")?.then_some(Scope::Memcg)
}

fn contains(frames: &[String], name: &str) -> Option<bool> {
    (!frames.is_empty()).then(|| frames.iter().any(|frame| function(frame) == name))
}

/// `function.cold+0xoff/0xsize [module]` without what follows the function's name.
fn function(frame: &str) -> &str {
    let name = frame.split_once('+').map_or(frame, |(name, _)| name);
    name.strip_suffix(".cold").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(frames: &[&str]) -> Vec<String> {
        frames.iter().map(|&frame| frame.to_owned()).collect()
    }

    #[test]
    fn the_stack_tells() {
        let killed = stack(&[
            "bpf_trace_run2+0x10/0x20",
            "mark_oom_victim+0x9/0x90",
            "__oom_kill_process.cold+0x1/0x2",
            "out_of_memory+0x219/0x4b0",
            "mem_cgroup_out_of_memory+0x12b/0x140",
        ]);
        assert_eq!(outcome(&killed), Some(Outcome::Killed));
        assert_eq!(scope(&killed), Some(Scope::Memcg));
        assert_eq!(callers(&killed), killed[3..]);
        let exiting = stack(&["mark_oom_victim+0x9/0x90", "out_of_memory+0x29/0x4b0"]);
        assert_eq!(outcome(&exiting), Some(Outcome::AlreadyExiting));
        assert_eq!(scope(&exiting), None);
        assert_eq!(outcome(&[]), None);
        let elsewhere = stack(&["x+0x1/0x2"]);
        assert_eq!(callers(&elsewhere), elsewhere);
    }

    fn frame(address: u64, symbol: Option<&str>) -> Frame {
        Frame { address, symbol: symbol.map(Into::into) }
    }

    #[test]
    fn what_the_kernel_named_is_taken_as_it_is() {
        let named = [frame(1, Some("out_of_memory+0x219/0x4b0"))];
        let names = stack(&["out_of_memory+0x219/0x4b0"]);
        assert_eq!(StackReader::default().frames(&named), Some(names));
        assert_eq!(StackReader::default().frames(&[]), None);
    }
}
