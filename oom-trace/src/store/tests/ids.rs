//! By what a record is known when it is told again.

use super::*;
use crate::incident::model::{OomExit, OomKill, Origin, Source};

fn fixture(named: &str) -> Record {
    let found = fixtures::all().into_iter().find(|(name, _)| *name == named);
    found.map(|(_, record)| record).unwrap()
}

#[test]
fn the_hooks_and_the_log_name_a_kill_alike() {
    let Record::OomKill(hooks) = fixture("memcg") else { panic!() };
    let log = OomKill {
        // The log's stamp is later than the hooks' decision.
        incident: "7c6e5a0c-4572901000".into(),
        origin: Origin { boot_ns: Some(4_572_901_000), ..hooks.origin.clone() },
        source: Source::KernelLog,
        log_us: Some(4_572_983),
        ..(*hooks).clone()
    };
    let seen = OomKill { log_us: Some(4_572_983), ..(*hooks).clone() };
    let id = |kill: &OomKill| Record::OomKill(Box::new(kill.clone())).id();
    assert_eq!(id(&seen), "7c6e5a0c-4572983us-157");
    assert_eq!(id(&log), id(&seen));
    assert_eq!(id(&hooks), "7c6e5a0c-4572744000-157");
    // Without the boot, stamps of two boots could be the same.
    let nowhere = Origin { boot_id: None, ..log.origin.clone() };
    assert_eq!(id(&OomKill { origin: nowhere, ..log }), "7c6e5a0c-4572901000-157");
}

#[test]
fn two_threads_of_a_process_end_under_two_names() {
    let Record::OomExit(one) = fixture("exit") else { panic!() };
    let other = OomExit { tid: one.tid + 1, ..(*one).clone() };
    assert_ne!(Record::OomExit(one).id(), Record::OomExit(Box::new(other)).id());
}
