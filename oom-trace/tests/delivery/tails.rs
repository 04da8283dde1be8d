//! What is in `dist/` for programs that are not to be had here, Fluent Bit, Vector and a collector with
//! these exporters: it has the form that they read, its parts know each other, and what it takes from
//! a record is in records.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Command, Stdio};

use oom_trace::incident::model::Record;
use serde_json::Value;

use crate::bench::{program, records, tool};
use crate::dist::dist;

/// What is wrong with a file, or nothing.
type Verdict = Result<(), String>;

fn read(name: &str) -> String {
    fs::read_to_string(dist(name)).unwrap()
}

/// Where the agent's file sink writes, as its configuration has it.
fn tailed() -> String {
    let config: toml::Table = toml::from_str(&read("config.toml")).unwrap();
    config["sink"]["file"][0]["path"].as_str().unwrap().to_owned()
}

/// The time of a record, by its key.
fn time(key: &str) -> Result<String, String> {
    let Record::OomKill(mut kill) = (*records(1)[0]).clone() else { panic!() };
    kill.origin.time = Some(jiff::Timestamp::now());
    let record = serde_json::to_value(&kill).unwrap();
    record[key].as_str().map(str::to_owned).ok_or_else(|| format!("no record has {key}"))
}

/// It says that a file is good, and, changed in any of these ways, that it is not.
fn assert_judged(text: &str, judge: impl Fn(&str) -> Verdict, slips: &[(&str, &str)]) {
    judge(text).unwrap();
    for (right, wrong) in slips {
        assert!(text.contains(right), "{right}");
        let slip = text.replacen(right, wrong, 1);
        assert!(judge(&slip).is_err(), "{wrong:?} for {right:?} passes");
    }
}

#[test]
fn vector_has_a_way_from_the_file_to_a_sink() {
    let slips = [
        ("[sources.oom_trace]", "[sources.oomtrace]"),
        ("inputs = [\"oom_trace_records\"]", "inputs = [\"records\"]"),
        ("inputs = [\"oom_trace_records\"]", "inputs = [\"oom_trace\"]"),
        ("type = \"console\"", "kind = \"console\""),
        ("/var/log/oom-trace/records.json", "/var/log/oom.json"),
        ("parse_timestamp(.time,", "parse_timestamp(.when,"),
        ("'''", "''"),
    ];
    assert_judged(&read("vector/vector.toml"), vector, &slips);
}

fn vector(text: &str) -> Verdict {
    let file: toml::Table = toml::from_str(text).map_err(|error| error.to_string())?;
    let of =
        |kind: &str| file.get(kind).and_then(toml::Value::as_table).ok_or(format!("no {kind}"));
    let (sources, transforms, sinks) = (of("sources")?, of("transforms")?, of("sinks")?);
    let made: BTreeSet<_> = sources.keys().chain(transforms.keys()).map(String::as_str).collect();
    let mut taken = BTreeSet::new();
    for (name, component) in sources.iter().chain(transforms).chain(sinks) {
        component.get("type").ok_or_else(|| format!("{name} is of no type"))?;
    }
    for (name, component) in transforms.iter().chain(sinks) {
        let inputs = component.get("inputs").and_then(toml::Value::as_array);
        let inputs = inputs.ok_or_else(|| format!("{name} has no inputs"))?;
        taken.extend(inputs.iter().filter_map(toml::Value::as_str));
    }
    if made != taken {
        return Err(format!("made: {made:?}; taken: {taken:?}"));
    }
    let include = sources.values().filter_map(|source| source.get("include")?.get(0)?.as_str());
    if !include.eq([tailed()]) {
        return Err("it reads another file than the agent writes".to_owned());
    }
    let scripts = transforms.values().filter_map(|transform| transform.get("source")?.as_str());
    for script in scripts {
        let (_, key) = script.split_once("parse_timestamp(.").ok_or("no time is read")?;
        time(key.split(',').next().unwrap_or_default())?;
    }
    Ok(())
}

/// A section of Fluent Bit's classic form: its name, and its keys in lower case.
type Section = (String, BTreeMap<String, String>);

fn sections(text: &str) -> Result<Vec<Section>, String> {
    let mut sections: Vec<Section> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            sections.push((name.to_owned(), BTreeMap::new()));
            continue;
        }
        let (_, keys) = sections.last_mut().ok_or("a key before all sections")?;
        let entry = line.strip_prefix("    ").and_then(|entry| entry.split_once(' '));
        let (key, value) = entry.ok_or_else(|| format!("neither section nor key: {line:?}"))?;
        if keys.insert(key.to_lowercase(), value.trim().to_owned()).is_some() {
            return Err(format!("twice: {key}"));
        }
    }
    Ok(sections)
}

#[test]
fn fluent_bit_knows_its_parser_and_matches_its_tag() {
    let (service, parsers) = (read("fluent-bit/oom-trace.conf"), read("fluent-bit/parsers.conf"));
    let slips = [
        ("[INPUT]", "INPUT]"),
        ("parsers.conf", "parser.conf"),
        ("Parser        oom-trace", "Parser        oom_trace"),
        ("Match         oom-trace", "Match         oom.trace"),
        ("/var/log/oom-trace/records.json", "/var/log/oom.json"),
        ("    Name          stdout", "    Title        stdout"),
        ("    Tag ", "Tag "),
    ];
    assert_judged(&service, |service| fluent_bit(service, &parsers), &slips);
    let slips = [
        ("Time_Key    time", "Time_Key    when"),
        ("%S.%L", "%S,%L"),
        ("Name        oom-trace", "Name        oom"),
        ("Format      json", "Format      regex"),
    ];
    assert_judged(&parsers, |parsers| fluent_bit(&service, parsers), &slips);
}

fn fluent_bit(service: &str, parsers: &str) -> Verdict {
    let (service, parsers) = (sections(service)?, sections(parsers)?);
    let section = |sections: &[Section], name: &str| {
        let found = sections.iter().find(|(is, _)| is == name);
        found.map(|(_, keys)| keys.clone()).ok_or_else(|| format!("no [{name}]"))
    };
    let [input, output] = ["INPUT", "OUTPUT"].map(|name| section(&service, name));
    let (input, output, parser) = (input?, output?, section(&parsers, "PARSER")?);
    let is = |what: &str, one: Option<&String>, other: Option<&str>| match one {
        Some(one) if Some(one.as_str()) == other => Ok(()),
        one => Err(format!("{what}: {one:?}, not {other:?}")),
    };
    let of = |keys: &BTreeMap<String, String>, key: &str| keys.get(key).cloned();
    is("its input", input.get("name"), Some("tail"))?;
    is("the file", input.get("path"), Some(&tailed()))?;
    is("its parser", input.get("parser"), of(&parser, "name").as_deref())?;
    is("what it puts out", output.get("match"), of(&input, "tag").as_deref())?;
    is("the form", parser.get("format"), Some("json"))?;
    output.get("name").ok_or("the output has no name")?;
    let file = of(&section(&service, "SERVICE")?, "parsers_file").ok_or("no file of parsers")?;
    if !dist("fluent-bit").join(&file).exists() {
        return Err(format!("no {file} beside it"));
    }
    let time = time(parser.get("time_key").ok_or("no time is read")?)?;
    // `%L` is what follows the point, and `%z` takes `Z`: jiff has other letters for both.
    let format = parser.get("time_format").ok_or("no format of time")?.replace(".%L", "%.f");
    let parsed = jiff::fmt::strtime::parse(format, time.replace('Z', "+0000"));
    parsed.map(drop).map_err(|error| error.to_string())
}

#[test]
fn the_collector_defines_what_its_pipelines_name() {
    let slips = [
        ("receivers: [otlp]", "receivers: [otlp/2]"),
        ("[kafka, clickhouse,", "[kafka,"),
        ("  batch: {}", "  batches: {}"),
        ("        endpoint: 0.0.0.0:4317", "       endpoint: 0.0.0.0:4317\n      tls"),
        ("0.0.0.0:4317", "0.0.0.0:4319"),
        ("    logs:", "    traces:"),
    ];
    assert_judged(&read("otel-collector/config.yaml"), collector, &slips);
}

fn collector(text: &str) -> Verdict {
    let config = yaml(text)?;
    let pipelines = config["service"]["pipelines"].as_object().ok_or("no pipelines")?;
    // The agent sends logs.
    if !pipelines.keys().eq(["logs"]) {
        return Err(format!("pipelines of {:?}", pipelines.keys()));
    }
    for kind in ["receivers", "processors", "exporters"] {
        let defined = config[kind].as_object().ok_or_else(|| format!("no {kind}"))?;
        let named = pipelines.values().filter_map(|pipeline| pipeline[kind].as_array()).flatten();
        let named: BTreeSet<_> = named.filter_map(Value::as_str).collect();
        let defined: BTreeSet<_> = defined.keys().map(String::as_str).collect();
        if defined != named {
            return Err(format!("{kind}: {defined:?} are defined and {named:?} are named"));
        }
    }
    for (protocol, port) in [("grpc", ":4317"), ("http", ":4318")] {
        let endpoint = &config["receivers"]["otlp"]["protocols"][protocol]["endpoint"];
        if !endpoint.as_str().is_some_and(|endpoint| endpoint.ends_with(port)) {
            return Err(format!("{protocol} listens at {endpoint}"));
        }
    }
    Ok(())
}

/// By the parser that what validates manifests brings with it.
fn yaml(text: &str) -> Result<Value, String> {
    const TO_JSON: &str =
        "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)";
    let mut python = Command::new(program("python3", "python3"));
    python.args(["-c", TO_JSON]).env("PYTHONPATH", tool("kubernetes-validate"));
    python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = python.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).map_err(|error| format!("{error}: {said}"))
}
