use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::incident::model::{Limit, OomFailed, OomKill, Outcome, Scope, Shortage};
use crate::render::fixtures::unknown;

/// A victim of an incident at one of some limits. Some incidents have several victims, some two of the same
/// time, and they come in no order.
fn victim(number: u32) -> Record {
    let at = number * 7919 % 5000;
    let incident = at / 3;
    let base = unknown();
    let mut origin = base.origin.clone();
    let begin: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
    origin.time = Some(begin + SignedDuration::from_secs((at / 2).into()));
    let cgroup = format!("/system.slice/web-{}.service", incident % 7);
    let limit = Limit { cgroup: Some(cgroup.as_str().into()), ..Limit::default() };
    let shortage = Shortage {
        scope: Some(Scope::Memcg),
        limit: Some(limit),
        ..base.shortage.clone().into_inner()
    };
    let mut kill =
        OomKill { incident: incident.to_string(), origin, shortage: shortage.into(), ..base };
    kill.victim.tid = number;
    Record::OomKill(Box::new(kill))
}

fn lines(most: Option<usize>, reverse: bool) -> Vec<Vec<String>> {
    let mut listed = Listed::new(most, reverse, false, &[]);
    (0..5000).for_each(|number| listed.take(&victim(number), None));
    assert!(most.is_none_or(|most| listed.rows.len() <= most + SLACK), "they are all kept");
    let text = String::from_utf8(listed.show(Style::default()).unwrap()).unwrap();
    text.lines().skip(1).map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

#[test]
fn the_newest_are_those_of_the_whole_list() {
    let all = lines(None, false);
    assert_eq!(all.len(), 5000);
    for most in [0, 1, 20, 3000] {
        assert_eq!(lines(Some(most), false), all[5000 - most..], "{most}");
    }
    let mut newest = all[4980..].to_vec();
    newest.reverse();
    assert_eq!(lines(Some(20), true), newest);
}

#[test]
fn one_that_comes_later_goes_on_counting() {
    let mut listed = Listed::new(Some(3), false, false, &[]);
    (0..4000).for_each(|number| listed.take(&victim(number), None));
    listed.show(Style::default()).unwrap();
    let mut all = Listed::new(None, false, false, &[]);
    (0..4000).for_each(|number| all.take(&victim(number), None));
    all.show(Style::default()).unwrap();
    for number in 4000..4010 {
        let next = |listed: &mut Listed| {
            let mut out = Vec::new();
            listed.show_next(&victim(number), Style::default(), &mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            text.split_whitespace().last().map(str::to_owned)
        };
        assert_eq!(next(&mut listed), next(&mut all), "{number}");
    }
}

/// At a limit at which nobody could be killed for an hour, the first kill is the first.
#[test]
fn only_kills_are_numbered() {
    let Record::OomKill(kill) = victim(1) else { panic!() };
    let failed = crate::render::fixtures::all().into_iter().find_map(|(_, record)| match record {
        Record::OomFailed(failed) => Some(failed),
        _ => None,
    });
    let shortage = kill.shortage.clone().into_inner();
    let failed = OomFailed { incident: "2".to_owned(), shortage, ..*failed.unwrap() };
    let marked = OomKill { outcome: Some(Outcome::AlreadyExiting), ..(*kill).clone() };
    let mut listed = Listed::new(None, false, false, &[]);
    listed.take(&Record::OomFailed(Box::new(failed)), None);
    listed.take(&Record::OomKill(Box::new(marked)), None);
    listed.take(&Record::OomKill(kill), None);
    let text = String::from_utf8(listed.show(Style::default()).unwrap()).unwrap();
    assert_eq!(text.matches("1st").count(), 1, "{text}");
    assert!(!text.contains("2nd") && !text.contains("3rd"), "{text}");
}

/// Where others are waited for, a size that comes later is not cut.
#[test]
fn there_is_room_for_what_comes_later() {
    let of = |rss: Option<u64>, max: Option<u64>| {
        let Record::OomKill(mut kill) = victim(1) else { panic!() };
        let memory = &mut kill.victim.memory;
        (memory.anon_rss_bytes, memory.file_rss_bytes) = (rss, rss.map(|_| 0));
        memory.shmem_rss_bytes = rss.map(|_| 0);
        let mut shortage = kill.shortage.clone().into_inner();
        shortage.limit.as_mut().unwrap().max_bytes = max;
        kill.shortage = shortage.into();
        Record::OomKill(kill)
    };
    let style = Style { width: 200, ..Style::default() };
    let mut listed = Listed::new(None, false, true, &[]);
    listed.take(&of(None, None), None);
    listed.show(style).unwrap();
    let mut out = Vec::new();
    listed.show_next(&of(Some(1023 << 20), Some(1000 << 20)), style, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("1023 MiB") && text.contains("1000 MiB"), "{text}");
    // Of what the agent says nothing has a size.
    let said = crate::render::fixtures::all().into_iter().find_map(|(_, record)| match record {
        Record::Agent(said) => Some(Record::Agent(said)),
        _ => None,
    });
    let mut listed = Listed::new(None, false, true, &[]);
    listed.take(&said.unwrap(), None);
    let text = String::from_utf8(listed.show(style).unwrap()).unwrap();
    assert!(text.contains("EVENT") && !text.contains("RSS"), "{text}");
}
