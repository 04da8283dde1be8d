//! What records weigh, and what they can do without.

use super::*;
use crate::incident::model::OomKill;
use crate::text::KernelText;

#[test]
fn each_text_weighs_what_it_is_long_and_the_shared_part_is_apart() {
    let all = fixtures::all();
    let Some((_, Record::OomKill(kill))) = all.iter().find(|(name, _)| *name == "everything")
    else {
        panic!()
    };
    let weight = |kill: &OomKill| Record::OomKill(Box::new(kill.clone())).weight();
    let before = weight(kill);
    let mut longer = kill.clone();
    longer.victim.argv.get_or_insert_default().push("x".repeat(1000).into());
    let of_one = size_of::<KernelText>() + 16 + 1000;
    assert_eq!(weight(&longer), Weight { own: before.own + of_one, ..before });
    let mut wider = kill.clone();
    wider.shortage.stack.get_or_insert_default().push("x".repeat(1000));
    let of_one = size_of::<String>() + 1000;
    assert_eq!(weight(&wider), Weight { shared: before.shared + of_one, ..before });

    let record = |kill: &OomKill| Record::OomKill(Box::new(kill.clone()));
    assert!(record(kill).shares_with(&record(&longer)));
    assert!(!record(kill).shares_with(&record(&wider)));
}

/// Of an estimate that is as long as the record's JSON at least, nobody can say that it forgot a
/// text.
#[test]
fn no_text_is_forgotten() {
    for (name, record) in fixtures::all() {
        let Weight { own, shared } = record.weight();
        let json = serde_json::to_value(&record).unwrap();
        assert!(own + shared > texts(&json), "{name}: {own} + {shared}");
    }
}

fn texts(json: &serde_json::Value) -> usize {
    match json {
        serde_json::Value::String(text) => text.len(),
        serde_json::Value::Array(items) => items.iter().map(texts).sum(),
        serde_json::Value::Object(members) => members.values().map(texts).sum(),
        _ => 0,
    }
}

#[test]
fn what_is_let_go_of_is_named_and_siblings_go_on_sharing() {
    let all = fixtures::all();
    let (_, full) = all.iter().find(|(name, _)| *name == "everything").unwrap();
    let shrunk = full.shrunk(None).unwrap();
    let kill = shrunk.kill().unwrap();
    assert_eq!(
        kill.shrunk,
        ["candidates", "census", "system", "stack", "limit.ancestors", "victim.argv"]
    );
    let json = serde_json::to_value(&shrunk).unwrap();
    for key in &kill.shrunk {
        let pointer = format!("/{}", key.replace('.', "/"));
        assert!(json.pointer(&pointer).unwrap().is_null(), "{key}");
    }
    assert_eq!((shrunk.id(), &kill.why), (full.id(), &full.kill().unwrap().why));
    assert!(shrunk.weight().shared < full.weight().shared);
    assert_eq!(shrunk.shrunk(None), None);
    let sibling = full.shrunk(Some(&shrunk)).unwrap();
    assert!(sibling.shares_with(&shrunk));
    assert_eq!(sibling, shrunk);
}

#[test]
fn details_that_found_no_room_are_counted_and_said() {
    let (slow, keys) = gate("slow", true);
    let Bench { delivery, reports } = bench(vec![slow], None);
    delivery.send(record(0));
    assert_eq!(keys.entered.recv_timeout(SOON), Ok(id(0)));
    let [(_, record), ..] = fixtures::all();
    let Weight { own, shared } = record.shrunk(None).unwrap().weight();
    delivery.send(Arc::new(record.clone()));
    delivery.set_bound(own.max(LEAST) + shared);
    assert_eq!(delivery.shrunk(), 1);
    assert!(delivery.used_bytes() <= own.max(LEAST) + shared);
    keys.answers.send(Yes).unwrap();
    keys.expect(&record.id(), Yes);
    assert_eq!(
        reports.recv_timeout(SOON).unwrap(),
        "output slow: works again; 1 record shortened because memory was full"
    );
    keys.answers.send(Yes).unwrap();
    let [totals] = delivery.close(SOON).try_into().unwrap();
    assert_eq!((totals.delivered, totals.shrunk, totals.lost()), (2, 1, 0));
}
