//! A record held against what the kernel logged.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

use super::log::Killed;

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let schema = include_str!("../../../docs/schema/oom-trace-1.schema.json");
    jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap()
});

pub(crate) fn assert_schema(record: &Value) {
    let errors: Vec<_> = SCHEMA.iter_errors(record).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}: {record:#}");
}

/// The record's `Killed process` lines: one for each time that the kernel killed this victim.
pub(crate) fn assert_killed(record: &Value, logged: &[Killed]) {
    let logged_memory = logged.iter().map(memory);
    let recorded = record["victim"]["memory_logged"].as_array().unwrap();
    assert_eq!(recorded.len(), logged.len(), "{record:#}");
    for (recorded, logged) in recorded.iter().zip(logged_memory) {
        for (key, logged) in logged {
            assert_eq!(recorded[key], logged, "{key}: {record:#}");
        }
    }
    assert_named(record, logged);
}

/// As [`assert_killed`], but for memory: on a second processor, the victim may give it back already.
pub(crate) fn assert_named(record: &Value, logged: &[Killed]) {
    let victim = &record["victim"];
    for killed in logged {
        let Killed { message, pid, comm, uid, oom_score_adj, .. } = killed;
        assert_eq!(victim["tid"], *pid, "{record:#}");
        assert_eq!(victim["comm"], comm.as_str(), "{record:#}");
        assert_eq!(victim["uid"], *uid, "{record:#}");
        assert_eq!(victim["oom_score_adj"], *oom_score_adj, "{record:#}");
        assert!(record["message"].is_null() || record["message"] == message.as_str(), "{record:#}");
    }
}

/// Swap is not in the line.
fn memory(killed: &Killed) -> [(&'static str, u64); 5] {
    let Killed { total_vm_kb, anon_rss_kb, file_rss_kb, shmem_rss_kb, pgtables_kb, .. } = killed;
    [
        ("total_vm_bytes", total_vm_kb * 1024),
        ("anon_rss_bytes", anon_rss_kb * 1024),
        ("file_rss_bytes", file_rss_kb * 1024),
        ("shmem_rss_bytes", shmem_rss_kb * 1024),
        ("pgtables_bytes", pgtables_kb * 1024),
    ]
}
