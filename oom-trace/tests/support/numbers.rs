//! Every number that the kernel prints of an OOM, looked for in the records. It takes the lines apart by
//! itself, and shares no code with the agent.
//!
//! What a kind of line says is looked for in the part of the record that is for it, each number as often
//! as it is printed there; kilobytes as bytes, and pages as pages or as bytes. A line of an unknown kind
//! that has a number is missing as a whole, so that a later kernel cannot say more without being noticed.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// Lines whose numbers are not in the record, each with the reason.
const EXCEPT: [(&str, &str); 9] = [
    (r"^Code:( |$)", "machine code"),
    (r"^(RSP|RAX|RDX|RBP|R10|R13|EAX|ESI|DS|FS|CS|CR2|GS|ORIG_RAX): ", "registers"),
    (r"^(x\d+|sp|lr|pstate) *: ", "registers of arm64"),
    (r"^ *\? ", "a frame that the kernel is not sure of"),
    (
        r"^ *(\[<[0-9a-f]+>\] *)?(dump_stack|dump_backtrace|dump_header|show_stack|oom_kill_process)[.\w]*\+",
        "the way into the dump",
    ),
    (r"^ *bpf_trampoline_[\d_]+\+", "a program's, as the agent's own"),
    (r"^Modules linked in:", "names"),
    (r"^COMPACTION is disabled", "no number"),
    (r"^Tasks in .* are going to be killed", "a path"),
];

/// `PAGE_COUNTER_MAX` in kilobytes: no limit, which the record has as `null`.
const NO_LIMIT: &str = "9007199254740988kB";

static NULL: Value = Value::Null;

/// The dump of the first shortage, from its header on.
pub(crate) fn dump(lines: Vec<String>) -> Vec<String> {
    let is_header = |line: &String| line.contains(" invoked oom-killer: ");
    let mut dump: Vec<_> = lines.into_iter().skip_while(|line| !is_header(line)).collect();
    assert!(!dump.is_empty());
    let next = dump.iter().skip(1).position(is_header);
    dump.truncate(next.map_or(dump.len(), |next| next + 1));
    // What follows the last word of it is others'.
    let is_word = |line: &String| line.contains("Killed process ") || line.contains("oom_reaper:");
    let last = dump.iter().rposition(is_word).unwrap();
    dump.truncate(last + 1);
    dump
}

/// What is printed of one incident, and is in no record of it. `lines` are from the header on, without
/// what their log put before them; `records` are of this incident alone.
pub(crate) fn missing(lines: &[String], records: &[Value]) -> Vec<String> {
    let first = records.iter().find(|record| record["type"] != "oom_exit").unwrap();
    let mut reader = Reader {
        records,
        first,
        page: first["page_size_bytes"].as_i64().unwrap_or(4096),
        zone: &NULL,
        columns: Vec::new(),
        rows: Vec::new(),
        old_stat: BTreeMap::new(),
        missing: Vec::new(),
    };
    // Before 6.12, `memory.stat` is one message.
    for line in lines.iter().flat_map(|line| line.split("\\x0a")).flat_map(str::lines) {
        reader.line(line.trim_end());
    }
    reader.table();
    // Before 5.1 each cgroup below the limit has its own line; the record has their sum.
    for (name, bytes) in std::mem::take(&mut reader.old_stat) {
        reader.is(first["limit"]["stat"][&name] == bytes, "Memory cgroup stats", &name);
    }
    reader.missing
}

#[path = "numbers/table.rs"]
mod table;

struct Reader<'a> {
    records: &'a [Value],
    first: &'a Value,
    page: i64,
    zone: &'a Value,
    columns: Vec<String>,
    rows: Vec<BTreeMap<String, String>>,
    old_stat: BTreeMap<String, u64>,
    missing: Vec<String>,
}

/// A pattern, made once.
macro_rules! pattern {
    ($pattern:expr) => {{
        static PATTERN: LazyLock<Regex> = LazyLock::new(|| Regex::new($pattern).unwrap());
        &*PATTERN
    }};
}

impl<'a> Reader<'a> {
    fn line(&mut self, line: &str) {
        static EXCEPTIONS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
            EXCEPT.into_iter().map(|(pattern, _)| Regex::new(pattern).unwrap()).collect()
        });
        let first = self.first;
        let system = &first["system"];
        if pattern!(r"^\[ *pid *\] ").is_match(line) {
            let names = line.replace(['[', ']'], " ");
            self.columns = names.split_whitespace().map(Into::into).collect();
            return;
        }
        if EXCEPTIONS.iter().any(|exception| exception.is_match(line)) || words(line).is_empty() {
            return;
        }
        if let Some((_, rest)) = line.split_once(" invoked oom-killer: ") {
            if let Some(nodes) = pattern!(r"nodemask=([0-9,-]*\d)").captures(rest) {
                self.text(line, &nodes[1], &first["nodemask"]);
            }
            let rest = pattern!(r"nodemask=[0-9,-]+").replace(rest, "");
            self.look(line, &rest, &[&first["trigger"]]);
        } else if let Some(found) = pattern!(r"^CPU: \d+ (UID: \d+ )?PID: \d+ Comm: ").find(line) {
            // Behind the name are the kernel's release, its taint and its build: text.
            self.look(line, found.as_str(), &[&first["trigger"], &first["cpu"]]);
        } else if let Some(found) = pattern!(r"^Pid: \d+, comm: ").find(line) {
            self.look(line, found.as_str(), &[&first["trigger"]]);
        } else if let Some(name) = line.strip_prefix("Hardware name: ") {
            self.text(line, name.trim(), &first["hardware"]);
        } else if let Some(found) = pattern!(
            r"^(?:RIP: 0033:|EIP: 0073:|pc : |epc : )(?:\[<[0-9a-f]+>\] )?(?:0x)?0*([0-9a-f]+)"
        )
        .captures(line)
        {
            self.text(line, &found[1], &first["trigger"]["user_pc"]);
        } else if let Some(frame) =
            pattern!(r"^ *(?:\[<[0-9a-f]+>\] )?([\w.]+\+0x[0-9a-f]+/0x[0-9a-f]+)").captures(line)
        {
            let frames = first["stack"].as_array().into_iter().flatten();
            let is_there = frames.into_iter().any(|it| it.as_str().unwrap().starts_with(&frame[1]));
            self.is(is_there, line, &frame[1]);
        } else if pattern!(r"^(memory|swap|memory\+swap|kmem): usage \d").is_match(line) {
            self.look(line, &line.replace(NO_LIMIT, ""), &[&first["limit"]]);
        } else if let Some(found) = pattern!(r"^([a-z][a-z0-9_]*) (\d+)$").captures(line) {
            self.named(line, &found[1], &found[2], &first["limit"]["stat"]);
        } else if pattern!(r"^ ?[a-z_]+:\d+( [a-z_]+:\d+)*$").is_match(line) {
            for found in pattern!(r"([a-z_]+):(\d+)").captures_iter(line) {
                self.named(line, &found[1], &found[2], &system["counters"]);
            }
        } else if let Some(found) =
            pattern!(r"^(?:Node (\d+) )?(DMA|DMA32|Normal|HighMem|Movable|Device) free:")
                .captures(line)
        {
            self.zone = zone(system, found.get(1).map(|it| it.as_str()), &found[2]);
            // Its other lines have their own places.
            let mut zone = self.zone.clone();
            for key in ["lowmem_reserve", "free_blocks", "free_blocks_bytes"] {
                zone.as_object_mut().map(|zone| zone.remove(key));
            }
            self.look(line, line, &[&zone]);
        } else if line.starts_with("lowmem_reserve[]:") {
            let zone = self.zone;
            self.look(line, line, &[&zone["lowmem_reserve"]]);
        } else if let Some(found) =
            pattern!(r"^(?:Node (\d+) )?(DMA|DMA32|Normal|HighMem|Movable|Device): \d")
                .captures(line)
        {
            let zone = zone(system, found.get(1).map(|it| it.as_str()), &found[2]);
            self.blocks(line, &zone["free_blocks"]);
            let rest = line.rsplit(" = ").next().unwrap();
            self.look(line, rest, &[&zone["free_blocks_bytes"]]);
        } else if line.contains("hugepages_total=") {
            self.look(line, line, &[&system["huge_pages"]]);
        } else if let Some(found) = pattern!(r"^Node (\d+) \w").captures(line) {
            let node: u64 = found[1].parse().unwrap();
            let nodes = system["node_counters"].as_array().into_iter().flatten();
            let node = nodes.into_iter().find(|it| it["node"] == node).unwrap_or(&NULL);
            self.look(line, line, &[node]);
        } else if pattern!(r"^\d+ (total pagecache pages|pages .*|reserved pages)$").is_match(line)
        {
            self.look(line, line, &[&system["counters"]]);
        } else if pattern!(r"^(Free|Total) swap *[=:]").is_match(line) {
            let key = if line.starts_with("Free") { "swap_free_bytes" } else { "swap_total_bytes" };
            self.look(line, line, &[&system[key]]);
        } else if line.starts_with("Swap cache stats: ") {
            self.look(line, line, &[&system["counters"]]);
        } else if line.starts_with("Memory cgroup min protection ") {
            self.look(line, line, &[&system["protection"]]);
        } else if let Some(found) = pattern!(r"^(\S+) +\d+KB +\d+KB$").captures(line) {
            let slabs = system["unreclaimable_slabs"].as_array().into_iter().flatten();
            let slab = slabs.into_iter().find(|it| it["name"] == found[1]).unwrap_or(&NULL);
            self.look(line, line, &[slab]);
        } else if let Some(found) =
            pattern!(r"^ *([\d.]+) ?(\w*) +(\d+) (\S+):(\d+)(?: \[(\S+)\])? func:(\S+)$")
                .captures(line)
        {
            let power = ["B", "KiB", "MiB", "GiB"].iter().position(|unit| *unit == &found[2]);
            let unit = 1024_u64.pow(power.unwrap_or(0).try_into().unwrap());
            let places = found[1].split_once('.').map_or(0, |(_, part)| part.len());
            let digits: u64 = found[1].replace('.', "").parse().unwrap();
            let allocation = serde_json::json!({
                "bytes": digits * unit / 10_u64.pow(places.try_into().unwrap()),
                "calls": found[3].parse::<u64>().unwrap(),
                "file": found[4],
                "line": found[5].parse::<u64>().unwrap(),
                "module": found.get(6).map(|it| it.as_str()),
                "function": found[7],
            });
            let mut allocations = system["allocations"].as_array().into_iter().flatten();
            self.is(allocations.any(|it| *it == allocation), line, &found[3]);
        } else if pattern!(r"^\[ *\d+\] ").is_match(line) {
            self.row(line);
        } else if line.starts_with("oom-kill:constraint=") {
            self.summary(line);
        } else if let Some(found) = pattern!(r"Killed process (\d+) ").captures(line) {
            let pid: u64 = found[1].parse().unwrap();
            self.killed(line, pid);
        } else if let Some(found) = pattern!(r"oom_reaper: reaped process (\d+) ").captures(line) {
            let pid: u64 = found[1].parse().unwrap();
            let exit = self.records.iter().find(|it| it["type"] == "oom_exit" && it["tid"] == pid);
            let rest = line.rsplit("), ").next().unwrap_or(line);
            self.look(line, rest, &[&exit.unwrap_or(&NULL)["left"]]);
        } else if let Some(found) =
            pattern!(r"Kill process (\d+) .* (score \d+) or sacrifice").captures(line)
        {
            self.look(line, &found[1], &[&first["chosen"]]);
            self.look(line, &found[2], &[&first["chosen"]]);
        } else if line.starts_with("Memory cgroup stats for ") {
            for found in pattern!(r"([a-z_]+):(\d+)KB").captures_iter(line) {
                let bytes = found[2].parse::<u64>().unwrap() * 1024;
                *self.old_stat.entry(found[1].to_owned()).or_default() += bytes;
            }
        } else if let Some(nodes) = pattern!(r"cpuset=\S+ mems_allowed=([0-9,-]+)$").captures(line)
        {
            self.text(line, &nodes[1], &first["trigger"]["mems_allowed"]);
        } else if !pattern!(r"^(Task in |Mem-Info|Memory allocations:)").is_match(line) {
            self.missing.push(format!("a line of an unknown kind: {line}"));
        }
    }

    /// `oom-kill:constraint=…,nodemask=(null),cpuset=/,mems_allowed=0,…,pid=117,uid=1000`
    fn summary(&mut self, line: &str) {
        let first = self.first;
        let value = |name: &str| {
            Regex::new(&format!(r",{name}=([0-9,-]*\d)"))
                .unwrap()
                .captures(line)
                .map(|it| it[1].to_owned())
        };
        for (name, place) in
            [("nodemask", &first["nodemask"]), ("mems_allowed", &first["trigger"]["mems_allowed"])]
        {
            if let Some(value) = value(name) {
                self.text(line, &value, place);
            }
        }
        // The name before them may hold anything.
        let rest = line.rsplit(",pid=").next().unwrap();
        self.look(line, rest, &[&first["chosen"]]);
    }

    /// In the record of its victim, or in that of whoever was killed a second time.
    fn killed(&mut self, line: &str, pid: u64) {
        let victim = self.records.iter().find(|record| {
            let again = record["killed_again"].as_array().into_iter().flatten();
            record["victim"]["tid"] == pid || again.into_iter().any(|it| it["tid"] == pid)
        });
        let Some(record) = victim else {
            self.missing.push(format!("no record has this victim: {line}"));
            return;
        };
        let victim = &record["victim"];
        let rest = line.rsplit(") ").next().unwrap();
        let rest = rest.rsplit("), ").next().unwrap();
        let adj_and_uid = [&victim["oom_score_adj"], &victim["uid"]];
        let logged = victim["memory_logged"].as_array().into_iter().flatten();
        let fits = logged.into_iter().any(|memory| {
            lacking(rest, &[memory, adj_and_uid[0], adj_and_uid[1]], self.page).is_empty()
        });
        self.is(fits, line, rest);
    }

    fn blocks(&mut self, line: &str, blocks: &Value) {
        for found in pattern!(r"(\d+)\*(\d+)kB(?: \(([A-Z]+)\))?").captures_iter(line) {
            let [count, kilobytes] = [&found[1], &found[2]].map(|it| it.parse::<u64>().unwrap());
            let types = found.get(3).map_or(Value::Null, |it| it.as_str().into());
            let mut all = blocks.as_array().into_iter().flatten();
            let is_there = all.any(|it| {
                it["count"] == count && it["bytes"] == kilobytes * 1024 && it["types"] == types
            });
            self.is(is_there, line, &found[0]);
        }
    }

    fn named(&mut self, line: &str, name: &str, number: &str, map: &Value) {
        let number: u64 = number.parse().unwrap();
        self.is(map[name] == number, line, name);
    }

    fn text(&mut self, line: &str, text: &str, place: &Value) {
        self.is(place.as_str().is_some_and(|it| it.contains(text)), line, text);
    }

    fn look(&mut self, line: &str, text: &str, places: &[&Value]) {
        let page = self.page;
        for number in lacking(text, places, page) {
            self.missing.push(format!("{number} of: {line}"));
        }
    }

    fn is(&mut self, is_there: bool, line: &str, what: &str) {
        if !is_there {
            self.missing.push(format!("{what} of: {line}"));
        }
    }
}

fn zone<'a>(system: &'a Value, node: Option<&str>, name: &str) -> &'a Value {
    let node = node.map_or(Value::Null, |node| node.parse::<u64>().unwrap().into());
    let mut zones = system["zones"].as_array().into_iter().flatten();
    zones.find(|it| it["node"] == node && it["name"] == name).unwrap_or(&NULL)
}

/// The numbers of a text.
fn words(text: &str) -> Vec<&str> {
    let is_of_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '+');
    let is_number = |word: &&str| pattern!(r"^(-?\d+(kB|KB)?|0x[0-9a-f]+)$").is_match(word);
    text.split(|c| !is_of_word(c)).filter(is_number).collect()
}

/// Those that none of the places has, each number of a place taken once.
fn lacking(text: &str, places: &[&Value], page: i64) -> Vec<String> {
    let (mut numbers, mut texts) = (Vec::new(), Vec::new());
    for place in places {
        gather(place, &mut numbers, &mut texts);
    }
    let mut take = |number: i64| {
        let place = numbers.iter().position(|it| *it == number);
        place.map(|place| numbers.swap_remove(place)).is_some()
    };
    let lacks = |word: &&str| {
        let digits = word.trim_end_matches("kB").trim_end_matches("KB");
        match digits.parse::<i64>() {
            Ok(number) if digits.len() < word.len() => !take(number * 1024),
            // `%d` of a uid above 2^31.
            Ok(number) => !(take(number) || take(number * page) || take(number + (1 << 32))),
            Err(_) => !texts.iter().any(|text| text.contains(*word)),
        }
    };
    words(text).into_iter().filter(lacks).map(Into::into).collect()
}

fn gather<'a>(value: &'a Value, numbers: &mut Vec<i64>, texts: &mut Vec<&'a str>) {
    match value {
        Value::Number(number) => numbers.extend(number.as_i64()),
        Value::String(text) => texts.push(text),
        Value::Array(items) => items.iter().for_each(|item| gather(item, numbers, texts)),
        Value::Object(members) => members.values().for_each(|item| gather(item, numbers, texts)),
        Value::Null | Value::Bool(_) => {}
    }
}
