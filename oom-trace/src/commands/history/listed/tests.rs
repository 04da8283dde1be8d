use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::incident::model::{Limit, OomKill, Scope, Shortage};
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
    let mut listed = Listed::new(most, reverse, &[]);
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
    let mut listed = Listed::new(Some(3), false, &[]);
    (0..4000).for_each(|number| listed.take(&victim(number), None));
    listed.show(Style::default()).unwrap();
    let mut all = Listed::new(None, false, &[]);
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
