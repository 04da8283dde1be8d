//! The sentence: what ran short, who held it, how the machine stood.

use super::facts::{asker, free, is_full, is_global, later, percent, who};
use super::hit::{self, Hit, Level, is_lowered};
use super::nodes::Bound;
use super::place;
use crate::incident::model::{Memory, OomKill, Outcome, Scope, System};
use crate::units::{Size, resident};
use crate::word::Word;

/// Below this, memory is of one kind.
const REST_PERCENT: u64 = 1;

/// More than this is most.
const HALF_PERCENT: u64 = 50;

/// `None` if only the victim is known.
pub(super) fn circumstances(kill: &OomKill) -> Option<String> {
    let shortage = shortage(kill);
    let after = [machine(kill), earlier(kill), group(kill), asked(kill), exiting(kill)];
    if shortage.is_none() && after.iter().all(Option::is_none) {
        return None;
    }
    let clauses: Vec<_> = [shortage, share(kill)].into_iter().chain(after).flatten().collect();
    Some(clauses.join("; "))
}

/// What ran short.
fn shortage(kill: &OomKill) -> Option<String> {
    Some(match kill.shortage.scope? {
        Scope::Memcg => limit(kill),
        Scope::Global => match kill.system.as_deref().and_then(standing) {
            Some(standing) => format!("the machine ran out of memory: {standing}"),
            None => "the machine ran out of memory".to_owned(),
        },
        Scope::Cpuset | Scope::Mempolicy => nodes(kill)?,
        Scope::Sysrq => "the OOM killer was called by hand (sysrq f)".to_owned(),
    })
}

fn limit(kill: &OomKill) -> String {
    let Some(hit) = Hit::new(kill) else { return "a memory cgroup hit its limit".to_owned() };
    let (name, amount) = (hit.name(), hit::amount(&hit));
    if is_lowered(kill) {
        return lowered(kill, &hit, &name, amount);
    }
    let of = amount.map(|amount| format!(" of {amount}")).unwrap_or_default();
    match (hit.level, place::of(&kill.victim)) {
        (Level::Own, _) => format!("{name} hit its own limit{of}"),
        (Level::Above, Some(place)) => format!("{name}, above {place}, hit its limit{of}"),
        _ => format!("{name} hit its limit{of}"),
    }
}

fn lowered(kill: &OomKill, hit: &Hit<'_>, name: &str, amount: Option<String>) -> String {
    let mut text = format!("the limit of {name} was lowered");
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
    let mut text = match bound.name() {
        Some(nodes) => format!("{nodes}, all that {by} allows, ran out of memory"),
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
    let hit = Hit::new(kill);
    let with_swap = hit.as_ref().is_some_and(|hit| hit.with_swap);
    let held = match &hit {
        Some(hit) => hit.held(),
        None => resident(memory),
    };
    let held = held.filter(|held| *held > 0)?;
    let (whole, of) = match (hit, kill.shortage.scope) {
        (Some(hit), _) => (hit.max(), "it"),
        (None, Some(Scope::Global | Scope::Sysrq)) => {
            (kill.system.as_deref().and_then(|system| system.total_bytes), "the machine's memory")
        }
        _ => (None, ""),
    };
    // More than all: pages that it shares are charged to others.
    let share = whole.and_then(|whole| percent(held, whole)).filter(|it| (1..=100).contains(it));
    let held = match share {
        Some(share) => format!("{share} % of {of}"),
        None => Size(held).to_string(),
    };
    let kind = kind(memory).filter(|_| !with_swap).map(|kind| format!(", {kind}"));
    Some(format!("{} held {held}{}", who(&kill.victim), kind.unwrap_or_default()))
}

/// What most of it is.
fn kind(memory: &Memory) -> Option<String> {
    let whole = resident(memory)?;
    let Memory { anon_rss_bytes, file_rss_bytes, shmem_rss_bytes, .. } = *memory;
    [
        (anon_rss_bytes, "anonymous memory"),
        (file_rss_bytes, "mapped files"),
        (shmem_rss_bytes, "shared memory"),
    ]
    .into_iter()
    .find_map(|(part, what)| {
        let part = part?;
        let rest = percent(whole.saturating_sub(part), whole)?;
        let much = if rest < REST_PERCENT { "all" } else { "mostly" };
        (rest < HALF_PERCENT).then(|| format!("{much} {what}"))
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
    Some(format!("the machine had {} {how}{}", Size(bytes), later(system)))
}

/// Kills at the same limit before this one.
fn earlier(kill: &OomKill) -> Option<String> {
    let count = Hit::new(kill)?.limit.events?.oom_kill.filter(|count| *count > 0)?;
    let (many, were) = if count == 1 { ("", "was") } else { ("es", "were") };
    Some(format!("{count} process{many} {were} killed in it before"))
}

fn group(kill: &OomKill) -> Option<String> {
    let path = Word::from(kill.group.as_ref()?);
    let count = kill.victim_count;
    Some(match count {
        1 => format!("memory.oom.group of {path} is set"),
        _ => format!("all of {path} was killed, {count} processes (memory.oom.group)"),
    })
}

fn asked(kill: &OomKill) -> Option<String> {
    let by_hand = kill.shortage.scope == Some(Scope::Sysrq);
    let asker = asker(kill).filter(|_| !by_hand && !is_lowered(kill))?;
    Some(format!("{asker} had asked for more"))
}

fn exiting(kill: &OomKill) -> Option<String> {
    (kill.outcome == Some(Outcome::AlreadyExiting)).then(|| {
        format!("{} was exiting already, so that nothing had to be killed", who(&kill.victim))
    })
}
