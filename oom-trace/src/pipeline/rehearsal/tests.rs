use std::collections::BTreeSet;

use oom_trace_common::record::{End, LEVELS, kind};

use super::events::{VICTIMS, all, record};
use super::*;
use crate::enrich::command::Redactor;
use crate::enrich::host::Host;
use crate::incident::assemble::Logged;
use crate::kernel::gfp::GfpNames;
use crate::release::Release;
use crate::text::KernelText;

fn enricher() -> Enricher {
    let release = Release::new("6.12.0");
    let gfp_names = GfpNames::new(release.version(), |_| None);
    let redactor = Redactor { tells: true, usual: true, patterns: Vec::new() };
    Enricher::here(Host::here().unwrap(), release, gfp_names, (redactor, 16), true)
}

/// A kind that is new makes this match incomplete, and then the test fail.
#[test]
fn every_kind_of_record_is_in_it() {
    const KINDS: u32 = 9;
    let kind_of = |event: &Event| match event {
        Event::Incident(_) => kind::INCIDENT,
        Event::Victim(_) => kind::VICTIM,
        Event::End(_) => kind::END,
        Event::Sharer(_) => kind::SHARER,
        Event::Group(_) => kind::GROUP,
        Event::NoVictim(_) => kind::NO_VICTIM,
        Event::Printed(_) => kind::PRINTED,
        Event::Command(..) => kind::COMMAND,
        Event::Freed(_) => kind::FREED,
    };
    // Each can be decoded: what cannot be is left out of the walk.
    let kinds: BTreeSet<_> = all().iter().map(|bytes| kind_of(&decode(bytes).unwrap())).collect();
    assert_eq!(kinds, (1..=KINDS).collect());
    assert!(decode(&record(KINDS + 1, |_: &mut End| {}, &[])).is_err());
}

/// As the log's lines tell of them.
fn look_up(incident: &mut Incident) {
    incident.described = dump::records(&Machine::default()).into_iter().find_map(|it| match it {
        Record::OomKill(kill) => Some(kill),
        _ => None,
    });
    for victim in &mut incident.victims {
        let (us, again, memory) = (Some(1), Vec::new(), Vec::new());
        victim.logged = Logged::Killed { us, uid: None, again, memory, message: None };
    }
}

#[test]
fn what_is_rehearsed_reaches_the_records() {
    let (mut kills, mut exits) = (Vec::new(), 0);
    walk(&mut enricher(), look_up, |record| match record {
        Record::OomKill(kill) => kills.push(kill.clone()),
        Record::OomExit(_) => exits += 1,
        _ => {}
    });
    assert_eq!(kills.len(), VICTIMS as usize);
    assert_eq!(exits, 1);
    // Only the dump has these.
    assert!(kills[0].system.as_ref().unwrap().zones.is_some());
    assert!(kills[0].shortage.limit.as_ref().unwrap().stat.is_some());
    for kill in kills {
        assert_eq!(kill.victim_count, VICTIMS);
        assert!(kill.group.is_some() && kill.candidates.is_some() && kill.system.is_some());
        let victim = &kill.victim;
        assert!(victim.cgroup.is_some() && victim.exe.is_some() && victim.argv.is_some());
        let limit = kill.shortage.limit.as_ref().unwrap();
        assert_eq!(limit.ancestors.as_ref().map(Vec::len), Some(LEVELS as usize - 1));
    }
}

/// Each line of the dump is one that the parser takes.
#[test]
fn the_dump_is_read_to_its_end() {
    let records = dump::records(&Machine::default());
    let [Record::OomKill(kill), Record::OomKill(_)] = &records[..] else { panic!("{records:#?}") };
    assert_eq!(kill.victim.comm.as_ref().map(KernelText::as_bytes), Some(&b"one"[..]));
    assert!(kill.candidates.is_some() && kill.census.is_some());
    let shortage = &kill.shortage;
    let trigger = shortage.trigger.as_ref().unwrap();
    assert!(shortage.build.hardware.is_some() && shortage.stack.is_some());
    assert!(trigger.user_pc.is_some());
    let system = kill.system.as_ref().unwrap();
    assert!(system.huge_pages.is_some() && system.zones.is_some());
}
