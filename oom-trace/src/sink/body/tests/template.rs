//! Bodies as the configuration writes them.

use super::*;

/// A table is JSON whatever a process calls itself; a text that is a name alone is the value.
#[test]
fn a_template_of_a_table_is_an_object() {
    let template = "{ topic = \"oom\", priority = 5, text = \"{title}: {why}\", more = \"{more}\", \
                    adj = \"{record.victim.oom_score_adj}\", comm = \"<{record.victim.comm}>\", \
                    tags = [\"{severity}\", \"{type}\"], none = \"{record.no.such}\", \
                    first = \"{record.candidates.0.comm}\", braces = \"\\\\{\\\\}\" }";
    let keys = format!("body = \"template\", template = {template}");
    let bodies = posted(&keys, "application/json");
    for ((_, record), (name, body)) in fixtures::all().iter().zip(&bodies) {
        let record = serde_json::to_value(record).unwrap();
        assert_eq!(body["adj"], record["victim"]["oom_score_adj"], "{name}");
        assert_eq!(body["first"], record["candidates"][0]["comm"], "{name}");
        assert_eq!(body["tags"][1], record["type"], "{name}");
        let fixed = [&body["topic"], &body["priority"], &body["none"], &body["braces"]];
        assert_eq!(fixed, [&json!("oom"), &json!(5), &Value::Null, &json!("{}")], "{name}");
    }
    let kill = of(&bodies, "memcg");
    assert!(kill["text"].as_str().unwrap().starts_with("OOM kill on db1: "), "{kill}");
    assert_eq!((&kill["more"], &kill["tags"][0]), (&json!(0), &json!("critical")));
    assert_eq!(of(&bodies, "repeats")["more"], 17);
    let comm = of(&bodies, "hostile")["comm"].as_str().unwrap();
    assert!(comm.starts_with('<') && !comm.chars().any(char::is_control), "{comm:?}");
}

#[test]
fn a_template_of_a_text_is_a_text_that_acts_on_no_terminal() {
    let template = "{title}\\n{try}\\npid {record.victim.pid}, {record.victim.comm}";
    let (mut sink, requests) = posting(&format!("body = \"template\", template = \"{template}\""));
    for record in compliance::records() {
        sink.deliver(std::slice::from_ref(&record)).unwrap();
        let request = requests.recv().unwrap();
        assert_eq!(request.headers["content-type"], "text/plain; charset=utf-8");
        let body = String::from_utf8(request.body).unwrap();
        let acts = body.chars().find(|it| it.is_control() && *it != '\n');
        assert_eq!(acts, None, "{body:?}");
        let pid = serde_json::to_value(&*record).unwrap()["victim"]["pid"].clone();
        let pid = pid.as_u64().map(|pid| pid.to_string()).unwrap_or_default();
        assert!(body.contains(&format!("\npid {pid}, ")), "{body}");
    }
}

#[test]
fn a_content_type_that_is_given_stands_alone() {
    let keys = "body = \"template\", template = \"# {title}\", \
                headers = { content-type = \"text/markdown\" }";
    let (mut sink, requests) = posting(keys);
    let [record, ..] = compliance::records();
    sink.deliver(std::slice::from_ref(&record)).unwrap();
    assert_eq!(requests.recv().unwrap().headers["content-type"], "text/markdown");
}

#[test]
fn what_is_wrong_with_a_template_is_said_before_a_record_comes() {
    let error = |template: &str| {
        let table =
            format!("{{ url = \"http://x/\", body = \"template\", template = {template} }}");
        inline_table::<WebhookConfig>(&table).unwrap_err().to_string()
    };
    assert_eq!(error("\"{titles}\""), "unknown name `titles`; did you mean `title`?");
    let deep = error("{ a = [{ b = \"{records.victim.comm}\" }] }");
    assert_eq!(deep, "unknown name `records`; did you mean `record`?");
    let several = error("{ a = \"{titles}\", b = \"{\", c = [\"{title.x}\"], \"{more}\" = 1 }");
    for flaw in
        ["did you mean `title`?", "a brace without", "has no parts", "a key stands for itself"]
    {
        assert!(several.contains(flaw), "{flaw}: {several}");
    }
    assert!(error("{ a = [2026-11-27] }").contains("in quotes"));
    assert!(error("\"{record.}\"").contains("a key is missing"));
    assert!(error("\"\"").contains("empty") && error("{}").contains("empty"));
    assert!(error("5").contains("expected a text, or a table"));
}
