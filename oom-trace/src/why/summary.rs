//! The sentence: what ran short, who held it, how the machine stood.

use super::facts::{asker, by_score, free, has_plenty, is_full, is_global, is_share, later, who};
use super::filling::Filling;
use super::hit::{self, Hit, Level, Of, is_lowered};
use super::nodes::Bound;
use super::place;
use super::shortage::{self, Block, Stuck};
use super::zones::{self, OutOfReach};
use crate::incident::model::{Memory, OomKill, Outcome, Scope, System};
use crate::quote::Quoted;
use crate::text::Escaped;
use crate::units::{Size, percent};

/// Below this, memory is as good as of one kind.
const REST_PERCENT: u64 = 5;

/// More than this is most.
const HALF_PERCENT: u64 = 50;

/// What a log prints is a sum over processors that lag: by so small a part it says nothing.
const APPROXIMATE: u64 = 50;

/// What the log of a kill begins with where no cgroup's limit was hit.
const NO_LIMIT: &[u8] = b"Out of memory";

/// `None` if only the victim is known.
pub(super) fn circumstances(kill: &OomKill) -> Option<String> {
    let shortage = shortage(kill);
    let after = [filling(kill), machine(kill), earlier(kill), group(kill), exiting(kill)];
    if shortage.is_none() && after.iter().all(Option::is_none) {
        return None;
    }
    let clauses: Vec<_> = [shortage, share(kill)].into_iter().chain(after).flatten().collect();
    Some(clauses.join("; "))
}

/// What ran short.
pub(super) fn shortage(kill: &OomKill) -> Option<String> {
    match kill.shortage.scope {
        Some(Scope::Memcg) => Some(limit(kill)),
        // A line of a log without its dump: it may have been for want of a node, or by hand.
        None | Some(Scope::Global) if is_line_alone(kill) => Some(
            "most likely the machine ran out of memory (the log has only the line of the kill)"
                .to_owned(),
        ),
        Some(Scope::Global) => Some(global(kill)),
        Some(Scope::Cpuset | Scope::Mempolicy) => nodes(kill),
        Some(Scope::Sysrq) => Some("the OOM killer was triggered manually (SysRq-F)".to_owned()),
        None => None,
    }
}

/// Whether all that is known is the kernel's line about the victim.
fn is_line_alone(kill: &OomKill) -> bool {
    let has_header =
        kill.shortage.trigger.as_ref().is_some_and(|trigger| trigger.gfp_mask.is_some());
    kill.source.is_kernel_log()
        && kill.message.as_ref().is_some_and(|message| message.as_bytes() == NO_LIMIT)
        && kill.shortage.constraint.is_none()
        && !has_header
        && kill.system.is_none()
}

fn limit(kill: &OomKill) -> String {
    let place = place::of(&kill.victim);
    let Some(hit) = Hit::new(kill) else {
        return match place {
            Some(place) => format!("{place}, or a cgroup above it, hit its memory limit"),
            None => "a memory cgroup hit its limit".to_owned(),
        };
    };
    let (name, amount) = (hit.name(), hit::amount(&hit));
    if is_lowered(kill) {
        return lowered(kill, &hit, &name, amount);
    }
    let of = amount.map(|amount| format!(" of {amount}")).unwrap_or_default();
    match (hit.level, place) {
        // What its name says of all pods is between commas.
        (Level::Above, Some(place)) if matches!(hit.of, Of::Pods(_)) => {
            format!("{name} hit its memory limit{of} (the victim ran in {place})")
        }
        (Level::Above, Some(place)) => {
            format!("{name} (an ancestor of {place}) hit its memory limit{of}")
        }
        _ => format!("{name} hit its memory limit{of}"),
    }
}

fn lowered(kill: &OomKill, hit: &Hit<'_>, name: &str, amount: Option<String>) -> String {
    let mut text = format!("the memory limit of {name} was lowered");
    if let Some(asker) = asker(kill) {
        text += &format!(" by {asker}");
    }
    if let Some(amount) = amount {
        text += &format!(" to {amount}");
    }
    match (hit.limit.usage_bytes, hit.limit.max_bytes) {
        (Some(usage), Some(max)) if usage > max => {
            text += &format!(", below the {} in use", Size(usage));
        }
        _ => {}
    }
    text
}

fn global(kill: &OomKill) -> String {
    if let Some(stuck) = Stuck::of_the_machine(kill) {
        return not_for_want(kill, &stuck, "");
    }
    let system = kill.system.as_deref();
    if let Some(block) = Block::new(kill).filter(|_| free_bytes(system).is_none()) {
        // Of single pages there may have been enough.
        return format!("the kernel found no contiguous block of {block}");
    }
    match system.and_then(standing) {
        Some(standing) => format!("the machine ran out of memory: {standing}"),
        None => "the machine ran out of memory".to_owned(),
    }
}

fn free_bytes(system: Option<&System>) -> Option<u64> {
    system?.free_bytes
}

/// There was memory, but not for this allocation.
fn not_for_want(kill: &OomKill, stuck: &Stuck, place: &str) -> String {
    let later = kill.system.as_deref().map(later).unwrap_or_default();
    let free = match stuck.total {
        Some(total) => format!("{} of {} was free", Size(stuck.free), Size(total)),
        None => format!("{} was free", Size(stuck.free)),
    };
    let list = Bound::new(kill).and_then(|bound| bound.list);
    let out =
        zones::out_of_reach(kill, list).filter(|out| is_share(out.bytes, stuck.free, HALF_PERCENT));
    let reach = match out {
        Some(OutOfReach { bytes, zone: Some(zone) }) => {
            let name = Escaped(zone.name.as_bytes());
            format!(", {} of that in zone {name}, which it may not use", Size(bytes))
        }
        Some(OutOfReach { bytes, zone: None }) => {
            format!(", {} of that in CMA areas, which it may not use", Size(bytes))
        }
        None => String::new(),
    };
    match stuck.block {
        Some(block) => format!(
            "the kernel found no contiguous block of {block}{place}, although {free}{later}{reach}"
        ),
        None => format!(
            "the kernel found no page for {}{place}, although {free}{later}{reach}",
            shortage::allocation(kill)
        ),
    }
}

/// `120.0 MiB of 16.0 GiB free, no swap`
fn standing(system: &System) -> Option<String> {
    let memory = free(system.free_bytes, system.total_bytes);
    let swap = match (system.swap_total_bytes, system.swap_free_bytes) {
        (Some(0), _) => Some("no swap".to_owned()),
        (Some(total), Some(free)) if is_full(free, total) => Some("swap full".to_owned()),
        (Some(total), Some(free)) => {
            Some(format!("{} of {} of swap free", Size(free), Size(total)))
        }
        _ => None,
    };
    let clauses: Vec<_> = [memory, swap].into_iter().flatten().collect();
    (!clauses.is_empty()).then(|| clauses.join(", ") + &later(system))
}

fn nodes(kill: &OomKill) -> Option<String> {
    let bound = Bound::new(kill)?;
    let by = &bound.by;
    let name = bound.only();
    if let Some(stuck) = Stuck::of_nodes(kill, &bound) {
        let place = match name {
            Some(nodes) => format!(" on {nodes}"),
            None => format!(" on the nodes that {by} allows"),
        };
        return Some(not_for_want(kill, &stuck, &place));
    }
    let mut text = match name {
        Some(nodes) => format!("{nodes}, ran out of memory"),
        None => format!("the nodes that {by} allows ran out of memory"),
    };
    if let (Some(system), Some(free)) = (&kill.system, free(bound.free, bound.total)) {
        text += &format!(": {free}{}", later(system));
    }
    Some(text)
}

/// What the victim held.
pub(super) fn share(kill: &OomKill) -> Option<String> {
    let memory = &kill.victim.memory;
    let who = who(&kill.victim);
    if let Some(hit) = Hit::new(kill) {
        return share_of(&hit, memory, &who);
    }
    let held = memory.resident().filter(|held| *held > 0)?;
    let whole = match kill.shortage.scope {
        Some(Scope::Global | Scope::Sysrq) => kill.system.as_ref().and_then(|it| it.total_bytes),
        _ => None,
    };
    let share = whole.and_then(|whole| percent(held, whole)).filter(|it| (1..=100).contains(it));
    let share = match (share, by_score(kill)) {
        (Some(share), _) => format!(" ({share}% of memory)"),
        (None, Some(whole)) => match percent(held, whole) {
            Some(share) => format!(" (about {share}% of memory and swap)"),
            None => String::new(),
        },
        (None, None) => String::new(),
    };
    let kind = kind(memory).map(|kind| format!(", {kind}")).unwrap_or_default();
    Some(format!("{who} held {}{share}{kind}", Size(held)))
}

/// Only what is a process's own is charged where it runs for certain: of the rest no share is told.
fn share_of(hit: &Hit<'_>, memory: &Memory, who: &str) -> Option<String> {
    if hit.with_swap {
        let held = hit.held().filter(|held| *held > 0)?;
        return Some(format!("{who} held {} of memory and swap", Size(held)));
    }
    let held = memory.resident().filter(|held| *held > 0)?;
    if let Some(tables) = memory.pgtables_bytes.filter(|tables| *tables > held) {
        return Some(format!("the page tables of {who} took {}", Size(tables)));
    }
    // Of a limit that was lowered, usage is what it is.
    let used = hit.limit.usage_bytes.max(hit.max());
    let is_beyond =
        |bytes| used.is_some_and(|used| bytes > used.saturating_add(used / APPROXIMATE));
    let is_most = |own: &u64| {
        is_share(*own, held, HALF_PERCENT)
            || used.is_some_and(|used| is_share(*own, used, HALF_PERCENT))
    };
    let own = memory.anon_rss_bytes.filter(is_most);
    if own.is_some_and(is_beyond) || (own.is_none() && is_beyond(held)) {
        return Some(format!(
            "{who} held {}, some of it shared pages charged to other cgroups",
            Size(held)
        ));
    }
    let share = own.zip(used).and_then(|(own, used)| percent(own, used));
    Some(match (own, share) {
        (Some(own), _) if used.is_some_and(|used| own > used) => {
            format!("{who} held almost all of it as anonymous memory")
        }
        (Some(own), Some(share @ 1..)) => {
            let more = if is_beyond(held) {
                format!(
                    "; its RSS of {} includes shared pages charged to other cgroups",
                    Size(held)
                )
            } else {
                String::new()
            };
            format!("{who} held {} of it ({share}%) as anonymous memory{more}", Size(own))
        }
        (Some(_), _) => format!("{who} held {}, mostly anonymous memory", Size(held)),
        (None, _) => match kind(memory) {
            Some(kind) => {
                let where_ = "which may be charged to another cgroup";
                format!("{who} held {}, {kind}, {where_}", Size(held))
            }
            None => format!("{who} held {}", Size(held)),
        },
    })
}

/// What fills the limit, if that is not what processes have for themselves.
fn filling(kill: &OomKill) -> Option<String> {
    Filling::new(&Hit::new(kill)?)?.clause()
}

/// What most of it is.
fn kind(memory: &Memory) -> Option<String> {
    let whole = memory.resident()?;
    let Memory { anon_rss_bytes, file_rss_bytes, shmem_rss_bytes, .. } = *memory;
    [
        (anon_rss_bytes, "anonymous memory"),
        (file_rss_bytes, "mapped files"),
        (shmem_rss_bytes, "shared memory"),
    ]
    .into_iter()
    .find_map(|(part, what)| {
        let part = part?;
        let is_rest = |percent| is_share(whole.saturating_sub(part), whole, percent);
        let much = if part == whole {
            "all"
        } else if !is_rest(REST_PERCENT) {
            "almost all"
        } else {
            "mostly"
        };
        (whole > 0 && !is_rest(HALF_PERCENT)).then(|| format!("{much} {what}"))
    })
}

/// How the machine stood, where it was not what ran out.
fn machine(kill: &OomKill) -> Option<String> {
    let system =
        kill.system.as_ref().filter(|_| kill.shortage.scope.is_some() && !is_global(kill))?;
    let (bytes, how) = match system.available_bytes {
        Some(bytes) => (bytes, "available"),
        None => (system.free_bytes?, "free"),
    };
    let stood = if has_plenty(kill) == Some(true) { "was not short: " } else { "had " };
    Some(format!("the machine {stood}{} {how}{}", Size(bytes), later(system)))
}

/// Kills before this one, at the same limit or at one below it: the kernel counts both in each.
fn earlier(kill: &OomKill) -> Option<String> {
    let count = Hit::new(kill)?.limit.events?.oom_kill.filter(|count| *count > 0)?;
    let many = if count == 1 { "" } else { "es" };
    Some(format!("{count} process{many} had already been OOM-killed in it or below it"))
}

fn group(kill: &OomKill) -> Option<String> {
    let path = Quoted::from(kill.group.as_ref()?);
    let count = kill.victim_count;
    Some(match count {
        1 => format!("memory.oom.group of {path} is set"),
        _ => format!("{count} processes of {path} were killed together (memory.oom.group)"),
    })
}

fn exiting(kill: &OomKill) -> Option<String> {
    (kill.outcome == Some(Outcome::AlreadyExiting))
        .then(|| format!("{} was already exiting, so nothing was killed", who(&kill.victim)))
}
