//! What a record adds to another one of its incident: a merge patch (RFC 7396), which SQLite applies.

use serde_json::{Map, Value};

/// What makes `whole` of `base`. Members that are `null` may be missing from what comes of it: to a
/// record that is the same.
pub(super) fn patch(base: &Value, whole: &Value) -> Value {
    let (Value::Object(base), Value::Object(members)) = (base, whole) else {
        return without_null(whole);
    };
    let mut patch = Map::new();
    for (key, value) in members {
        match base.get(key) {
            Some(before) if before == value => {}
            None | Some(Value::Null) if value.is_null() => {}
            Some(before) => {
                patch.insert(key.clone(), self::patch(before, value));
            }
            None => {
                patch.insert(key.clone(), without_null(value));
            }
        }
    }
    for key in base.keys().filter(|key| !members.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    Value::Object(patch)
}

/// In a patch, `null` takes a member away; in an array it is a value like others.
fn without_null(value: &Value) -> Value {
    let Value::Object(members) = value else { return value.clone() };
    let left = members.iter().filter(|(_, value)| !value.is_null());
    Value::Object(left.map(|(key, value)| (key.clone(), without_null(value))).collect())
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;
    use serde_json::json;

    use super::*;
    use crate::incident::model::Record;
    use crate::render::fixtures;

    fn apply(base: &Value, patch: &Value) -> Value {
        let sqlite = Connection::open_in_memory().unwrap();
        let texts = [base.to_string(), patch.to_string()];
        let sql = "SELECT json_patch(?1, ?2)";
        let made: String = sqlite.query_row(sql, texts, |row| row.get(0)).unwrap();
        serde_json::from_str(&made).unwrap()
    }

    #[test]
    fn what_is_the_same_is_not_in_it() {
        let base = json!({"a": 1, "b": {"c": 1, "d": [1]}, "e": 1, "f": null, "g": null});
        let whole = json!({"a": 1, "b": {"c": 2, "d": [1]}, "e": null, "f": {"h": null}, "i": 3});
        let patch = patch(&base, &whole);
        assert_eq!(patch, json!({"b": {"c": 2}, "e": null, "f": {}, "g": null, "i": 3}));
        let made = json!({"a": 1, "b": {"c": 2, "d": [1]}, "f": {}, "i": 3});
        assert_eq!(apply(&base, &patch), made);
    }

    /// Each record made of each other one, which have nothing to do with one another.
    #[test]
    fn any_record_can_be_made_of_any_other() {
        let all = fixtures::all();
        for (from, base) in &all {
            for (to, record) in &all {
                let [base, whole] = [base, record].map(|it| serde_json::to_value(it).unwrap());
                let made = apply(&base, &patch(&base, &whole));
                let made: Record = serde_json::from_value(made).unwrap();
                assert_eq!(made, serde_json::from_value(whole).unwrap(), "{from} {to}");
                let [made, record] = [&made, record].map(|it| serde_json::to_string(it).unwrap());
                assert_eq!(made, record, "{from} {to}");
            }
        }
    }
}
