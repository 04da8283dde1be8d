use oom_trace_common::record::{LEVELS, PATHS, incident_field, victim_field};
use zerocopy::{FromZeros as _, IntoBytes as _};

use super::*;

fn victim(path: &[u8]) -> record::Victim {
    let mut victim = record::Victim::new_zeroed();
    victim.header.kind = kind::VICTIM;
    victim.header.present = victim_field::PATH;
    victim.path_len = u32::try_from(path.len()).unwrap();
    victim
}

fn decoded(victim: &record::Victim, path: &[u8]) -> Box<Victim> {
    match decode(&[victim.as_bytes(), path].concat()).unwrap() {
        Event::Victim(victim) => victim,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_path_is_turned_around() {
    let path_of = |path| decoded(&victim(path), path).path;
    assert_eq!(path_of(b"app.service\0web\0"), Path::Told("/web/app.service".into()));
    assert_eq!(path_of(b""), Path::Told("/".into()));
}

#[test]
fn what_could_not_be_read_is_none() {
    let mut bare = victim(b"");
    bare.header.present = 0;
    assert_eq!(*decoded(&bare, b""), Victim::default());
    bare.header.present = victim_field::PID | victim_field::RSS_SUM << record::rss::SWAP;
    let rss_sum = Rss { swap: Some(0), ..Rss::default() };
    assert_eq!(*decoded(&bare, b""), Victim { pid: Some(0), rss_sum, ..Victim::default() });
}

#[test]
fn every_cut_of_a_record_is_an_error() {
    let bytes = [victim(b"b\0a\0").as_bytes(), b"b\0a\0"].concat();
    for len in 0..bytes.len() {
        assert!(decode(&bytes[..len]).is_err(), "{len}");
    }
    assert_eq!(
        decode(&[bytes, vec![0]].concat()).unwrap_err(),
        WireError::Parts { kind: kind::VICTIM }
    );
}

/// With two levels, two candidates of one cgroup, and a stack of which one frame is named.
fn incident() -> Vec<u8> {
    let mut incident = record::Incident::new_zeroed();
    incident.header.kind = kind::INCIDENT;
    incident.header.present = incident_field::CHOSEN | incident_field::TOTALPAGES;
    incident.totalpages = 7;
    (incident.levels_len, incident.candidates_len) = (2, 2);
    (incident.limit_path, incident.chosen_path, incident.trigger_path) = (0, 1, 2);
    (incident.paths_len, incident.readable) = (3, 0b011);
    (incident.stack_len, incident.named) = (2, 0b10);
    (incident.stack[0], incident.stack[1]) = (10, 11);
    let mut level = record::Level::new_zeroed();
    level.present = record::level_field::EVENTS << 1;
    level.events[1] = 5;
    let mut candidates = [record::Candidate::new_zeroed(); 2];
    (candidates[0].path, candidates[1].path) = (1, 1);
    (candidates[1].role, candidates[1].pid) = (record::role::LARGEST, 9);
    let (limit, chosen, symbol) = (b"a\0", b"b\0a\0", b"f+0x1/0x2\0");
    incident.path_ends[..3].copy_from_slice(&[2, 6, 6]);
    [
        incident.as_bytes(),
        record::Level::new_zeroed().as_bytes(),
        level.as_bytes(),
        candidates.as_bytes(),
        limit,
        chosen,
        symbol,
    ]
    .concat()
}

#[test]
fn an_incident_holds_its_levels_and_candidates_and_each_path_once() {
    let Event::Incident(incident) = decode(&incident()).unwrap() else { panic!("no incident") };
    assert_eq!((incident.totalpages, incident.order), (Some(7), None));
    assert_eq!(incident.limit_path, Some("/a".into()));
    assert_eq!(incident.trigger.cgroup, None);
    let chosen = Chosen { cgroup: Some("/a/b".into()), ..Chosen::default() };
    assert_eq!(incident.chosen, Some(chosen));
    let [first, second] = incident.levels.as_slice() else { panic!("{incident:?}") };
    assert_eq!((first.events[1], second.events[1]), (None, Some(5)));
    let candidates: Vec<_> =
        incident.candidates.iter().map(|it| (it.pid, it.role, it.cgroup.clone())).collect();
    let cgroup = Some("/a/b".into());
    assert_eq!(candidates, [(0, Role::Top, cgroup.clone()), (9, Role::Largest, cgroup)]);
    let frame = |address, symbol: Option<&str>| Frame { address, symbol: symbol.map(Into::into) };
    assert_eq!(incident.frames, [frame(10, None), frame(11, Some("f+0x1/0x2"))]);
}

#[test]
fn an_incident_whose_parts_go_beyond_it_is_refused() {
    let whole = incident();
    // Behind the paths there are only symbols, of which fewer are no harm.
    for len in 0..whole.len() - b"f+0x1/0x2\0".len() {
        assert!(decode(&whole[..len]).is_err(), "{len}");
    }
    let error = WireError::Parts { kind: kind::INCIDENT };
    let broken = |change: fn(&mut record::Incident)| {
        let mut incident = record::Incident::new_zeroed();
        incident.header.kind = kind::INCIDENT;
        change(&mut incident);
        decode(incident.as_bytes()).unwrap_err()
    };
    assert_eq!(broken(|it| it.levels_len = LEVELS), error);
    assert_eq!(broken(|it| it.candidates_len = u32::MAX), error);
    assert_eq!(broken(|it| it.paths_len = u32::try_from(PATHS).unwrap() + 1), error);
    assert_eq!(broken(|it| (it.paths_len, it.path_ends[0]) = (1, u32::MAX)), error);
}

#[test]
fn nonsense_is_refused() {
    assert_eq!(decode(&[]).unwrap_err(), WireError::Short { kind: 0, len: 0 });
    assert_eq!(decode(&[0xff; 64]).unwrap_err(), WireError::Kind(u32::MAX));
}
