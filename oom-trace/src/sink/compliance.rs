//! What every sink must do, whatever its destination.

use super::Sink;
use crate::render::fixtures;

/// A sink that writes JSON, and one of the same kind whose destination takes nothing.
pub(super) struct Bench {
    pub(super) working: Box<dyn Sink>,
    /// What has arrived since it was last asked.
    pub(super) arrived: Box<dyn FnMut() -> Vec<u8>>,
    pub(super) broken: Box<dyn Sink>,
}

pub(super) fn check(bench: Bench) {
    let Bench { mut working, mut arrived, mut broken } = bench;
    let name = working.name().to_owned();
    assert!(!name.is_empty() && !name.contains('\n'), "{name:?}");

    for round in ["at first", "after it was opened anew", "after it was flushed"] {
        for (record_name, record) in fixtures::all() {
            working.deliver(&record).unwrap();
            let bytes = arrived();
            assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 1, "{record_name}");
            let got: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(got, serde_json::to_value(&record).unwrap(), "{record_name} {round}");
        }
        for (_, record) in fixtures::all() {
            working.deliver(&record).unwrap();
        }
        let several = arrived();
        let types = several.split_inclusive(|byte| *byte == b'\n').map(|line| {
            let record: serde_json::Value = serde_json::from_slice(line).unwrap();
            record.get("incident").cloned()
        });
        let expected = fixtures::all()
            .map(|(_, record)| serde_json::to_value(&record).unwrap().get("incident").cloned());
        assert!(types.eq(expected), "the order {round}");
        if round == "at first" { working.reopen() } else { working.flush() }.unwrap();
        assert_eq!(working.name(), name);
    }

    let [(_, record), ..] = fixtures::all();
    for _ in 0..2 {
        let error = broken.deliver(&record).unwrap_err().to_string();
        assert!(error.starts_with("cannot ") && !error.contains('\n'), "{error}");
    }
}
