//! One that dies as fast as it can, and others.

use super::*;
use crate::incident::model::{
    ExitState, OomExit, OomExitType, OomKill, Origin, Pod, SCHEMA, Source,
};
use crate::text::KernelText;

const ROOM: Retention = Retention { max_bytes: ByteSize(1 << 20), ..KEEP_ALL };

/// Kill number `nth` of a unit, and its end.
pub(super) fn kill(nth: u64, unit: Option<&str>) -> OomKill {
    let mut kill = fixtures::memcg();
    kill.incident = format!("incident-{nth}");
    kill.log_us = Some(nth);
    kill.victim.unit = unit.map(str::to_owned);
    (kill.victim.pod, kill.victim.container) = (None, None);
    kill.origin.boot_ns = Some(nth * 1_000_000);
    kill
}

fn end(kill: &OomKill) -> Record {
    Record::OomExit(Box::new(OomExit {
        schema: SCHEMA,
        kind: OomExitType::OomExit,
        incident: kill.incident.clone(),
        origin: Origin { time: None, ..kill.origin.clone() },
        source: Source::Kprobe,
        pid: kill.victim.tid,
        tid: kill.victim.tid,
        comm: kill.victim.comm.clone(),
        state: ExitState::Freed,
        freed_after_ms: Some(3),
        stuck_for_ms: None,
        by: None,
        kill_missing: false,
        left: None,
    }))
}

/// Saves a kill and its end.
fn save(store: &mut Store, kill: OomKill) {
    let records = [Arc::new(end(&kill)), Arc::new(Record::OomKill(Box::new(kill)))];
    let [end, kill] = records;
    store.save(store.next(), &[kill, end], &[]).unwrap();
}

fn names(path: &Path) -> Vec<(String, i64)> {
    let connection = Connection::open(path).unwrap();
    let sql = "SELECT name, bytes FROM sources ORDER BY name";
    let mut names = connection.prepare(sql).unwrap();
    let rows = names.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

/// Kills by the number of their incident, and of how many there is the end.
fn kept(path: &Path) -> (Vec<u64>, usize) {
    let all = Archive::at(path).from(0, u64::MAX >> 1, usize::MAX >> 1, usize::MAX).unwrap();
    let (mut kills, mut ends) = (Vec::new(), 0);
    for (_, record) in all {
        match record {
            Record::OomKill(kill) => kills.push(kill.log_us.unwrap()),
            Record::OomExit(_) => ends += 1,
            other => panic!("{other:?}"),
        }
    }
    (kills, ends)
}

#[test]
fn who_dies_as_fast_as_it_can_makes_room_for_itself_alone() {
    const QUIET: u64 = 20;
    const LOUD: u64 = 600;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let mut store = Store::open(&path, &ROOM).unwrap();
    for nth in 0..QUIET {
        save(&mut store, kill(nth, Some(&format!("quiet-{nth}.service"))));
    }
    for nth in QUIET..QUIET + LOUD {
        save(&mut store, kill(nth, Some("loud.service")));
    }
    let used = schema::used_bytes(&store.connection).unwrap();
    assert!(used <= ROOM.max_bytes.0, "{used}");
    let (kills, ends) = kept(&path);
    let quiet: Vec<_> = kills.iter().copied().filter(|nth| *nth < QUIET).collect();
    assert_eq!(quiet, (0..QUIET).collect::<Vec<_>>());
    let loud: Vec<_> = kills.iter().copied().filter(|nth| *nth >= QUIET).collect();
    assert!((10..LOUD / 2).contains(&(loud.len() as u64)), "{}", loud.len());
    // The newest of it, and of each that is there the end.
    let newest = QUIET + LOUD - loud.len() as u64..QUIET + LOUD;
    assert_eq!(loud, newest.collect::<Vec<_>>());
    assert_eq!(ends, kills.len());
    // What was let go of is known by its time, as ever.
    let boots = Archive::at(&path).boots().unwrap();
    assert_eq!(boots[0].pruned.kills, LOUD - loud.len() as u64, "{boots:?}");
}

#[test]
fn bytes_of_a_source_are_those_of_its_records() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let mut store = Store::open(&path, &KEEP_ALL).unwrap();
    for nth in 0..5 {
        save(&mut store, kill(nth, Some(if nth < 2 { "a.service" } else { "b.service" })));
    }
    // Saved again, and of a group: those share what they have in common.
    save(&mut store, kill(4, Some("b.service")));
    store.save(store.next(), &group(3, 1), &[]).unwrap();
    let sql = "SELECT name, sum(octet_length(json)) FROM records JOIN sources USING (source) \
               GROUP BY name ORDER BY name";
    let connection = Connection::open(&path).unwrap();
    let mut sums = connection.prepare(sql).unwrap();
    let sums = sums.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(names(&path), sums.map(Result::unwrap).collect::<Vec<(String, i64)>>());
    // One that has nothing left is forgotten.
    store.retention.max_bytes = ByteSize(0);
    save(&mut store, kill(9, Some("c.service")));
    assert_eq!(names(&path), []);
}

/// A sink that was behind all the while is told by numbers what it will not find, whatever of it is there.
#[test]
fn what_is_gone_between_others_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let mut store = Store::open(&path, &ROOM).unwrap();
    store.save(1, &[], &[("behind", 1), ("ahead", 1)]).unwrap();
    for nth in 0..400 {
        let unit = if nth % 50 == 0 { "quiet.service" } else { "loud.service" };
        save(&mut store, kill(nth, Some(unit)));
    }
    let next = store.next();
    let mut archive = Archive::at(&path);
    let there = saved(&path);
    assert!(there.len() < 700 && there[0].0 == 1, "{there:?}");
    let mut at = 1;
    let mut gone = 0;
    for (number, _) in &there {
        gone += archive.gone(at, *number).unwrap();
        // Nothing else is between.
        assert_eq!(archive.gone(at, *number).unwrap(), *number - at);
        at = *number + 1;
    }
    assert_eq!(gone + there.len() as u64, next - 1);
    let (middle, all) = (next / 2, archive.gone(1, next).unwrap());
    assert_eq!(archive.gone(1, middle).unwrap() + archive.gone(middle, next).unwrap(), all);
    // Once nobody is behind, nothing is kept in mind.
    store.save(next, &[], &[("behind", next), ("ahead", next)]).unwrap();
    for nth in 400..600 {
        save(&mut store, kill(nth, Some("loud.service")));
        let next = store.next();
        store.save(next, &[], &[("behind", next), ("ahead", next)]).unwrap();
    }
    let rows = "SELECT count(*) FROM gone";
    let rows: i64 = store.connection.query_row(rows, [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 0);
}

/// Who may make cgroups is still the one that they are in.
#[test]
fn a_source_is_what_a_process_cannot_choose() {
    let of = |kill: OomKill| source::of(&Record::OomKill(Box::new(kill))).unwrap();
    let mut in_pod = kill(1, Some("cri-containerd-1.scope"));
    in_pod.victim.pod =
        Some(Pod { uid: "u-1".into(), namespace: None, name: None, container: None, qos: None });
    assert_eq!(of(in_pod), "pod u-1");
    assert_eq!(of(kill(1, Some("web.service"))), "unit web.service");
    for path in ["/lxc.payload.web/a", "/lxc.payload.web/a/b/c"] {
        let mut bare = kill(1, None);
        bare.victim.cgroup.as_mut().unwrap().path = KernelText::from(path);
        assert_eq!(of(bare), "cgroup /lxc.payload.web/a");
    }
    assert_eq!(source::of(&end(&kill(1, None))), None);
}
