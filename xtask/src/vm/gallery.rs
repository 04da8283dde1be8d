//! docs/gallery.md: what the agent shows to people, taken from the scenarios' runs.

use std::fs;

use anyhow::{Context as _, Result};

use super::account::Account;
use super::guest::Guest;
use super::kernels::Kernel;
use super::machines::MACHINES;
use super::page::Page;
use crate::sh;

/// The kernel whose runs are shown.
pub(super) const KERNEL: &str = "6.12";
/// Where a guest leaves the blocks of its scenarios, each in a file by its name.
const FOLDER: &str = "gallery";

const PAGE: &str = "docs/gallery.md";
/// How the part begins that is of saved logs: a test of `explain` keeps it (`oom-trace/tests/history/gallery.rs`).
const LOGS: &str = "\n# Saved logs\n";

/// What is shown, in this order: a scenario, and its heading.
const SHOWN: &[(&str, &str)] = &[
    ("identity_of_the_trigger", "A process fills its own cgroup"),
    ("victim_is_not_the_trigger", "A small process asks, a big one dies"),
    ("limit_of_an_ancestor", "The limit is the parent's"),
    ("limit_two_levels_up_that_siblings_fill", "The neighbours fill the slice"),
    ("arguments_left_out", "Without the victim's command line"),
    ("adj_shields_the_hog", "oom_score_adj shields the largest process"),
    ("shared_memory_fills_the_cgroup", "Shared memory fills the cgroup"),
    ("page_tables_fill_the_cgroup", "Page tables fill the cgroup"),
    ("group_kill", "All of a cgroup dies at once"),
    ("vfork_children_die_with_the_victim", "Processes that share the victim's memory"),
    ("order_above_zero", "Slab fills the cgroup"),
    ("global_kill", "The machine runs out of memory"),
    ("overcommit_without_limit", "One process takes most of the machine's memory"),
    ("oom_kill_allocating_task", "The allocating task is killed (vm.oom_kill_allocating_task)"),
    ("swap_in_use", "Swap is full"),
    ("cpuset_kill", "A cpuset's nodes are full"),
    ("mempolicy_kill", "A memory policy's nodes are full"),
    ("sysrq_kill", "SysRq-F"),
];

/// Makes the page of the last runs on [`KERNEL`], whichever machine was run now.
pub(super) fn make() -> Result<Page> {
    let kernel = Kernel::named(KERNEL)?;
    let guests: Vec<_> = MACHINES
        .iter()
        .map(|machine| Guest { kernel, machine })
        .filter_map(|guest| Some((guest, Account::kept(&guest.account())?)))
        .collect();
    let mut text = String::new();
    for (scenario, heading) in SHOWN {
        let block = block(&guests, scenario)?;
        text.push_str(&format!("## {heading}\n\n```\n{block}\n```\n\n"));
    }
    let page =
        format!(include_str!("gallery.md"), kernel = kernel.package()?, blocks = text.trim_end());
    let old = fs::read_to_string(sh::root().join(PAGE)).unwrap_or_default();
    Ok(Page { path: PAGE, text: page + of_logs(&old) })
}

/// The part of the page that is of saved logs.
fn of_logs(page: &str) -> &str {
    page.find(LOGS).and_then(|at| page.get(at..)).unwrap_or_default()
}

/// The first block that the scenario left, in whichever guest it passed.
fn block(guests: &[(Guest, Account)], scenario: &str) -> Result<String> {
    let passed = guests.iter().filter(|(_, account)| account.has_passed(scenario));
    let file = |guest: &Guest| guest.out().join(FOLDER).join(scenario).with_extension("txt");
    let left = passed.map(|(guest, _)| file(guest)).find_map(|path| fs::read_to_string(path).ok());
    let left = left.with_context(|| format!("the scenario {scenario} left no block to show"))?;
    first_kill(&left).with_context(|| format!("the scenario {scenario} shows no kill"))
}

/// Blocks end with an empty line; what the agent says of itself is a line alone.
fn first_kill(text: &str) -> Option<String> {
    let start = text.lines().position(|line| line.contains("  OOM KILL  "))?;
    let block = text.lines().skip(start).take_while(|line| !line.is_empty());
    Some(block.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::{first_kill, of_logs};

    #[test]
    fn what_is_of_saved_logs_stays() {
        assert_eq!(
            of_logs("# Gallery\n\n## a\n\n# Saved logs\n\n## b\n"),
            "\n# Saved logs\n\n## b\n"
        );
        assert_eq!(of_logs("# Gallery\n"), "");
    }

    #[test]
    fn a_block_goes_from_the_kill_to_the_empty_line() {
        let text = "t  oom-trace started\nt  OOM KILL  a\n  why  b\n\nt  OOM KILL  c\n\n";
        assert_eq!(first_kill(text).as_deref(), Some("t  OOM KILL  a\n  why  b"));
        assert_eq!(first_kill("t  oom-trace stopped\n"), None);
    }
}
