//! One incident in full.

use super::super::back::Back;
use super::super::incident::Incident;
use super::super::kept::{Kept, Other};
use super::bar::{self, Bar, Part, laid};
use super::row::{Row, note};
use super::weighed::{Table, by_cgroup, by_name, processes};
use crate::incident::model::{
    Candidates, Census, Limit, OomKill, Origin, Record, Shortage, System, Victim, Why,
};
use crate::quote::{Quoted, TaskLabel};
use crate::render::{Format, Style, render};
use crate::text::{Escaped, KernelText};
use crate::units::{Age, Counted, Size};

/// The colour of the victim's part of a limit.
const VICTIM: &str = "anon";

/// Deeper levels stand below each other.
const DEEPEST: usize = 4;

/// Something known, by name.
#[derive(Debug)]
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) value: String,
}

/// A cgroup with what it used of its limit.
#[derive(Debug)]
pub(super) struct Level {
    pub(super) depth: usize,
    pub(super) name: String,
    pub(super) told: String,
    pub(super) parts: Vec<Part>,
}

/// All that the page shows of an incident.
#[derive(Debug)]
pub(super) struct Full<'a> {
    pub(super) title: String,
    pub(super) why: Option<&'a Why>,
    pub(super) facts: Vec<Fact>,
    pub(super) bars: Vec<Bar>,
    pub(super) levels: Vec<Level>,
    pub(super) tables: Vec<Table>,
    pub(super) stack: Option<&'a [String]>,
    /// The same as `--format text --verbose` prints it.
    pub(super) block: String,
}

impl<'a> Full<'a> {
    /// Whether the victim's part of a limit's bar is to be told.
    pub(super) fn knows_part(&self) -> bool {
        self.levels.iter().flat_map(|level| &level.parts).any(|part| part.class == VICTIM)
    }

    pub(super) fn of(row: &Row<'a>) -> Option<Self> {
        let kept = row.incident.full.as_deref()?;
        let mut full = Self {
            title: title(row.incident),
            why: None,
            facts: facts(row, kept),
            bars: Vec::new(),
            levels: Vec::new(),
            tables: Vec::new(),
            stack: None,
            block: block(&kept.record),
        };
        match &kept.record {
            Record::OomKill(kill) => full.of_kill(kill),
            Record::OomPanic(panic) => {
                full.of_shortage(&panic.shortage, None, panic.system.as_ref());
                full.of_all(panic.candidates.as_ref(), panic.census.as_ref());
            }
            Record::OomFailed(failed) => {
                full.of_shortage(&failed.shortage, None, failed.system.as_ref());
                full.of_all(failed.candidates.as_ref(), failed.census.as_ref());
            }
            Record::UserKill(_) | Record::OomExit(_) | Record::Agent(_) => {}
        }
        Some(full)
    }

    fn of_kill(&mut self, kill: &'a OomKill) {
        self.why = kill.why.as_ref();
        self.bars.extend(bar::of_process(&kill.victim.memory));
        let anon = kill.victim.memory.anon_rss_bytes;
        self.of_shortage(&kill.shortage, anon, kill.system.as_deref());
        let Victim { pid, comm, cgroup, .. } = &kill.victim;
        let cgroup = cgroup.as_ref().map(|cgroup| &cgroup.path);
        self.tables.extend(processes(kill.candidates.as_deref(), *pid));
        self.tables.extend(by_name(kill.census.as_deref(), comm.as_ref()));
        self.tables.extend(by_cgroup(kill.census.as_deref(), cgroup));
    }

    /// Where nobody was killed.
    fn of_all(&mut self, candidates: Option<&Candidates>, census: Option<&Census>) {
        self.tables.extend(processes(candidates, None));
        self.tables.extend(by_name(census, None));
        self.tables.extend(by_cgroup(census, None));
    }

    fn of_shortage(&mut self, shortage: &'a Shortage, anon: Option<u64>, system: Option<&System>) {
        let limit = shortage.limit.as_ref();
        self.bars.extend(limit.and_then(|limit| bar::of_stat(limit.stat.as_ref()?)));
        self.bars.extend(system.and_then(bar::of_machine));
        self.levels = limit.map(|limit| levels(limit, anon)).unwrap_or_default();
        self.stack = shortage.stack.as_deref().filter(|stack| !stack.is_empty());
    }
}

fn title(incident: &Incident) -> String {
    let process = incident.process.as_deref();
    let mut title = match (process, incident.pid) {
        (Some(process), Some(pid)) => format!("{process} (pid {pid})"),
        (Some(process), None) => process.to_owned(),
        (None, Some(pid)) => format!("pid {pid}"),
        (None, None) => "No process".into(),
    };
    if let Some((_, place)) = &incident.place {
        title = format!("{title} in {place}");
    }
    match note(incident) {
        Some(note) => format!("{title}: {note}"),
        None => title,
    }
}

fn facts(row: &Row<'_>, kept: &Kept) -> Vec<Fact> {
    let Incident { host, limit, limit_bytes, back, .. } = row.incident;
    let mut facts = Vec::new();
    let mut tell = |name, value: Option<String>| {
        facts.extend(value.filter(|value| !value.is_empty()).map(|value| Fact { name, value }));
    };
    let size = limit_bytes.map(|bytes| format!(" ({})", Size(bytes))).unwrap_or_default();
    tell("Whose memory ran out", limit.as_ref().map(|limit| format!("{limit}{size}")));
    if let Record::OomKill(kill) = &kept.record {
        for (name, value) in of_victim(kill) {
            tell(name, value);
        }
    }
    if let Record::UserKill(kill) = &kept.record {
        tell("Its log says", Some(kill.message.to_string()));
    }
    tell("Died with it", died_too(kept));
    tell("Memory freed", back.map(self::back));
    if row.of > 1 {
        let of_what = row.incident.who().map(|who| format!(" of {who}")).unwrap_or_default();
        tell("Kill no.", Some(format!("{} of {}{of_what}", row.nth, row.of)));
    }
    let Origin { kernel, .. } = kept.record.origin();
    let kernel = kernel.as_deref().map(|kernel| format!("kernel {}", Escaped(kernel.as_bytes())));
    let host = host.as_deref().map(ToOwned::to_owned);
    tell("Machine", Some([host, kernel].into_iter().flatten().collect::<Vec<_>>().join(", ")));
    facts
}

fn of_victim(kill: &OomKill) -> [(&'static str, Option<String>); 5] {
    let Victim { argv, argv_cut, exe, uid, user, age_ms, oom_score_adj, cgroup, .. } = &kill.victim;
    let words: Vec<_> = argv.iter().flatten().map(|word| Quoted::from(word).to_string()).collect();
    let cut = if *argv_cut == Some(true) { " …" } else { "" };
    let command = match words.as_slice() {
        [] => exe.as_ref().map(KernelText::to_string),
        words => Some(format!("{}{cut}", words.join(" "))),
    };
    let uid = uid.map(|uid| match user {
        Some(user) => format!("uid {uid} ({})", Quoted::from(user.as_str())),
        None => format!("uid {uid}"),
    });
    let age = age_ms.map(|ms| format!("{} old", Age(ms)));
    let adj = oom_score_adj.filter(|adj| *adj != 0).map(|adj| format!("oom_score_adj {adj}"));
    let who: Vec<_> = [uid, age, adj].into_iter().flatten().collect();
    let trigger = kill.shortage.trigger.as_ref().filter(|trigger| trigger.pid != kill.victim.pid);
    let trigger = trigger.map(|trigger| {
        TaskLabel { comm: trigger.comm.as_ref(), pid: trigger.pid, tid: trigger.tid }.to_string()
    });
    [
        ("Cgroup", cgroup.as_ref().map(|cgroup| cgroup.path.to_string())),
        ("Command", command),
        ("Process", Some(who.join(", "))),
        ("Asked for memory", trigger),
        ("Killed as a group", kill.group.as_ref().map(KernelText::to_string)),
    ]
}

fn died_too(kept: &Kept) -> Option<String> {
    let other = |other: &Other| {
        let Other { process, pid, held } = other;
        let process = process.as_deref().unwrap_or("process");
        match held {
            Some(bytes) => format!("{process} (pid {pid}, {})", Size(*bytes)),
            None => format!("{process} (pid {pid})"),
        }
    };
    let mut names: Vec<_> = kept.others.iter().map(other).collect();
    if kept.more > 0 {
        names.push(format!("{} more", kept.more));
    }
    (!names.is_empty()).then(|| names.join(", "))
}

fn back(back: Back) -> String {
    match back {
        Back::After(ms) => format!("{} after the kill", Age(ms)),
        Back::Stuck => "still held 10 s after the kill".into(),
        Back::Unseen => "yes; nobody saw when".into(),
    }
}

fn block(record: &Record) -> String {
    let mut out = Vec::new();
    let style = Style { verbose: true, ..Style::default() };
    // What cannot be rendered is no reason to have no page.
    let _ = render(record, Format::Text, style, &mut out);
    String::from_utf8_lossy(&out).trim_end().to_owned()
}

/// From the limit up. Of one with a limit the bar is what it used of that, and the victim's anonymous
/// memory of it, which is charged there and to all that is above: pages of files may be charged elsewhere,
/// and what is in swap is no part of the usage.
fn levels(limit: &Limit, anon: Option<u64>) -> Vec<Level> {
    let above = limit.ancestors.iter().flatten();
    let mut levels: Vec<_> = std::iter::once(limit)
        .chain(above)
        .filter(|level| level.usage_bytes.is_some() || level.max_bytes.is_some())
        .collect();
    // The outermost first, the inner ones within it.
    levels.reverse();
    let levels = levels.into_iter().enumerate();
    levels.map(|(depth, limit)| level(limit, anon, depth.min(DEEPEST))).collect()
}

fn level(limit: &Limit, anon: Option<u64>, depth: usize) -> Level {
    let Limit { cgroup, usage_bytes, max_bytes, failcnt, .. } = limit;
    let mut told = match (usage_bytes, max_bytes) {
        (Some(usage), Some(max)) => format!("{} of {}", Size(*usage), Size(*max)),
        (Some(usage), None) => format!("{}, no limit", Size(*usage)),
        (None, Some(max)) => format!("limit {}", Size(*max)),
        (None, None) => String::new(),
    };
    if let Some(count) = failcnt.filter(|count| *count > 0) {
        told = format!("{told}, limit hit {}", Counted(count, "time"));
    }
    let parts = match (usage_bytes, max_bytes) {
        (Some(usage), Some(max)) => {
            // The two are read one after the other.
            let own = anon.unwrap_or(0).min(*usage);
            laid([(VICTIM, "the victim", own), ("rest", "the rest", usage - own)].into_iter(), *max)
        }
        _ => Vec::new(),
    };
    let name = cgroup.as_ref().map_or_else(|| "a cgroup".to_owned(), KernelText::to_string);
    Level { depth, name, told, parts }
}
