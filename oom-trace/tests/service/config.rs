//! What is said of a configuration that is wrong: where, what, and what to write.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;

use crate::Service;

/// The text, what is said of it after the file's name, and the exit status: 2 where it is wrong by
/// itself, 1 where this machine does not have what it names.
const WRONG: &[(&str, &str, i32)] = &[
    ("forma = \"json\"", "1:1: unknown key `forma`; expected one of", 2),
    ("[sink]\n[sink.fil]\npath = \"/x\"", "2:7: unknown key `fil`; did you mean `file`?", 2),
    ("[[sink.file]]\npth = \"/x\"", "2:1: unknown key `pth`; did you mean `path`?", 2),
    ("[[sink.file]]\n", "1:1: missing key `path`", 2),
    (
        "[[sink.file]]\npath = \"/x\"\nformat = \"jsn\"",
        "3:10: unknown value `jsn`; did you mean `json`?",
        2,
    ),
    ("[[sink.file]]\npath = 7", "2:8: invalid type: integer `7`, expected a path, in quotes", 2),
    ("sink = 3", "1:8: invalid type: integer `3`, expected", 2),
    ("[sink]\nfile = true", "2:8: invalid type: boolean `true`, expected a table of settings", 2),
    ("attach = \"kprobes\"", "1:10: unknown value `kprobes`; did you mean `kprobe`?", 2),
    ("candidates = 17", "1:14: expected a whole number from 0 to 16", 2),
    ("candidates = -1", "1:14: expected a whole number from 0 to 16", 2),
    ("redact = [\"a(b\"]", "1:10: regex parse error", 2),
    ("debug = \"yes\"", "1:9: invalid type: string \"yes\", expected true or false", 2),
    ("no_cmdlin = true", "1:1: unknown key `no_cmdlin`; did you mean `no_cmdline`?", 2),
    ("[console]\ncolour = \"auto\"", "2:1: unknown key `colour`; did you mean `color`?", 2),
    ("[console]\ncolor = \"sometimes\"", "2:9: unknown value `sometimes`; expected one of", 2),
    ("[console]\nformat = \"xml\"", "2:10: unknown value `xml`; expected one of", 2),
    (
        "[console.filter]\nscope = [\"memory\"]",
        "2:10: unknown value `memory`; did you mean `memcg`?",
        2,
    ),
    ("[console.filter]\nscop = []", "2:1: unknown key `scop`; did you mean `scope`?", 2),
    (
        "[console.filter]\nuid = [\"root\"]",
        "2:8: invalid type: string \"root\", expected a whole number",
        2,
    ),
    (
        "[console.filter]\nuid = [-1]",
        "2:8: invalid value: integer `-1`, expected a whole number",
        2,
    ),
    ("[console.filter]\ncgroup = [\"/a[\"]", "2:10: \"/a[\" is not a pattern: unclosed", 2),
    (
        "[console.filter]\ncomm = \"java\"",
        "2:8: invalid type: string \"java\", expected a list, in [ ]",
        2,
    ),
    ("[store]\nmax_age = \"soon\"", "2:11: invalid duration \"soon\" (examples: 90s, 12h, 30d)", 2),
    (
        "[store]\nmax_age = 30",
        "2:11: invalid type: integer `30`, expected a duration such as \"30s\"",
        2,
    ),
    ("[store]\nmax_bytes = \"big\"", "2:13: invalid size \"big\" (examples: 10MiB", 2),
    ("[store]\nmax_bytes = -5", "2:13: a size is not negative", 2),
    (
        "[store]
enabled = 1",
        "2:11: invalid type: integer `1`, expected true or false",
        2,
    ),
    (
        "[store]
enabled = true",
        "2:11: the store has no path; set `path` in [store]",
        2,
    ),
    (
        "[store]
path = \"/x.db\"
[[sink.file]]
path = \"/x.db\"",
        "3:1: /x.db is the store and cannot be an output as well",
        2,
    ),
    ("[stor]\npath = \"/x\"", "1:2: unknown key `stor`; did you mean `store`?", 2),
    ("[store\npath = \"/x\"", "1:7: ", 2),
    ("a = 1\na = 2", "2:1: duplicate key", 2),
    ("attach = auto", "1:10: ", 2),
    (
        "[[sink.file]]\npath = \"/x\"\n[[sink.file]]\npath = \"/x\"",
        "3:1: two sinks are named /x; give one of them a different `name`",
        2,
    ),
    (
        "[[sink.file]]\npath = \"/x\"\nname = \"console\"",
        "1:1: a sink cannot be named console; give it a different `name`",
        2,
    ),
    ("[[sink.file]]\npath = \"/nonexistent/x\"", "mkdir -p", 1),
    ("[[sink.file]]\npath = \"/tmp\"", "specify a file in this directory", 1),
    ("[store]\npath = \"/nonexistent/x\"", "mkdir -p", 1),
    ("[store]\npath = \"/tmp\"", "specify a file in this directory", 1),
];

#[test]
fn each_is_told_so_that_it_can_be_mended() {
    assert!(WRONG.len() >= 30);
    let service = Service::new();
    let mut told_wrongly = Vec::new();
    for (text, says, status) in WRONG {
        let path = service.write("config.toml", text);
        let path = path.to_str().unwrap();
        let output = service.command(&["--config", path]).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        let has_line = says.starts_with(|first: char| first.is_ascii_digit());
        let says = if has_line { format!("{path}:{says}") } else { (*says).to_owned() };
        let is_told = error.starts_with("oom-trace: ") && error.contains(&says);
        if !is_told || output.status.code() != Some(*status) {
            told_wrongly.push((text, error));
        }
    }
    assert!(told_wrongly.is_empty(), "{told_wrongly:#?}");
}

/// Of a flag's table there is no line to name.
#[test]
fn a_flag_is_told_in_the_same_words() {
    let service = Service::new();
    for (flag, value, says) in [
        ("--sink", "fil:{}", "unknown sink type `fil`; did you mean `file`?"),
        ("--sink", "file:{ pth = \"/x\" }", "unknown key `pth`; did you mean `path`?"),
        ("--sink", "file", "missing key `path` (example: 'file:{ path = "),
        ("--filter", "{ scop = [] }", "unknown key `scop`; did you mean `scope`?"),
        ("--filter", "scope=memcg", "expected a table, in { } (example: '{ scope = "),
        ("--candidates", "x", "expected a whole number from 0 to 16"),
        ("--store-max-age", "soon", "invalid duration"),
        ("--store-max-bytes", "big", "invalid size"),
    ] {
        let output = service.command(&[flag, value]).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{flag} {value}: {error}");
        assert!(error.contains(says), "{flag} {value}: {error}");
    }
}

/// `check` tries each destination, and says which one is not there.
#[test]
fn check_tries_each_destination() {
    let service = Service::new();
    let good = service.path("good.json");
    // What opening it begins is no hindrance to loading the programs.
    let text = format!(
        "[[sink.file]]\npath = {good:?}\n[[sink.file]]\npath = \"/nonexistent/bad.json\"\n\
         [sink.prometheus]\nlisten = \"127.0.0.1:0\"\n"
    );
    let path = service.write("config.toml", &text);
    let output = service.command(&["check", "--config", path.to_str().unwrap()]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(&format!("output    {}: ok\n", good.display())), "{text}");
    assert!(text.contains("output    /nonexistent/bad.json: cannot open"), "{text}");
    assert!(text.contains("output    prometheus 127.0.0.1:0: ok\n"), "{text}");
    assert!(text.contains(" may wait for outputs\n"), "{text}");
    assert!(text.ends_with("result    a destination cannot be reached\n"), "{text}");
}

/// All at once, and whatever this machine is like.
#[test]
fn check_tells_every_mistake() {
    let service = Service::new();
    // What is wrong is not missing, too.
    let text = "attach = \"kprobes\"\n[[sink.file]]\npth = \"/x\"\n[store]\nenabled = true\n\
                [sink.webhook]\nurl = \"http://x/\"\nbody = \"pagerduty\"\nrouting_key = 5\n\
                [[sink.exec]]\ncommand = [\"/x\"]\nbody = \"template\"\ntemplate = \"{titles}\"\n";
    let path = service.write("config.toml", text);
    let path = path.to_str().unwrap();
    let output = service.command(&["check", "--config", path]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let told: Vec<_> = said.lines().filter(|line| line.starts_with("config ")).collect();
    let expected = [
        format!("config    {path}:1:10: unknown value `kprobes`; did you mean `kprobe`?"),
        format!("config    {path}:3:1: unknown key `pth`; did you mean `path`?"),
        format!(
            "config    {path}:5:11: the store has no path; set `path` in [store], use --store, or \
             run as a service with StateDirectory="
        ),
        format!(
            "config    {path}:9:15: expected a text, {{ env = \"NAME\" }}, {{ file = \"PATH\" }} or {{ credential = \"NAME\" }}"
        ),
        format!("config    {path}:13:12: unknown name `titles`; did you mean `title`?"),
    ];
    assert_eq!(told, expected, "{said}");
    assert!(said.contains("result    the configuration has 5 errors\n"), "{said}");
    assert_eq!(output.status.code(), Some(2));

    let output = service.command(&["check", "--json", "--config", path]).output().unwrap();
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &found["ok"]), (Some(2), &false.into()));
    let mistakes = found["config"]["mistakes"].as_array().unwrap();
    assert_eq!(mistakes.len(), 5, "{mistakes:#?}");
    let second = serde_json::json!({
        "file": path, "line": 3, "column": 1, "key": "sink.file[0].pth",
        "message": "unknown key `pth`; did you mean `path`?",
    });
    assert_eq!(mistakes[1], second);
    // An agent that is started with it says the same.
    let output = service.command(&["--config", path]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.lines().count()), (Some(2), 5), "{said}");
}

/// Nobody answers at the address that only the credential has.
#[test]
fn a_credential_is_the_services() {
    let service = Service::new();
    service.write("hook", "http://127.0.0.1:9/\n");
    let outside = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(outside.path(), "http://127.0.0.1:9/\n").unwrap();
    let absolute = outside.path().to_str().unwrap();
    let found = |name: &str, given: bool| {
        let text = format!("[[sink.webhook]]\nurl = {{ credential = {name:?} }}\n");
        let path = service.write("config.toml", &text);
        let mut command = service.command(&["check", "--config", path.to_str().unwrap()]);
        if given {
            command.env("CREDENTIALS_DIRECTORY", service.dir.path());
        }
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let said = found("hook", true);
    assert!(said.contains("Connection refused"), "{said}");
    let said = found("other", true);
    assert!(said.contains("LoadCredential=other:PATH"), "{said}");
    let said = found("hook", false);
    assert!(said.contains("set CREDENTIALS_DIRECTORY"), "{said}");
    for name in ["../hook", absolute] {
        let said = found(name, true);
        assert!(said.contains("the configuration has 1 error"), "{name}: {said}");
    }
}

/// What the sinks of files, the store and metrics would make is not there afterwards.
#[test]
fn check_leaves_nothing_behind_whoever_runs_it() {
    let service = Service::new();
    let (file, prom, store) =
        (service.path("a.json"), service.path("b.prom"), service.path("c.db"));
    let text = format!(
        "[store]\npath = {store:?}\n[sink.file]\npath = {file:?}\n[sink.textfile]\npath = {prom:?}\n"
    );
    let path = service.write("config.toml", &text);
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(service.dir.path(), open).unwrap();
    let there = || std::fs::read_dir(service.dir.path()).unwrap().count();
    let before = there();
    let mut command = service.command(&["check", "--config", path.to_str().unwrap()]);
    let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert_eq!(said.matches(": ok\n").count(), 4, "{said}");
    assert_eq!(there(), before);
    // Nobody may write there, and the file can be judged all the same.
    let output = command.uid(65_534).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains(&format!("config    {}: ok\n", path.display())), "{said}");
    let refused = |line: &&str| line.starts_with("output ") && line.contains("Permission denied");
    assert_eq!(said.lines().filter(refused).count(), 3, "{said}");
    assert!(said.contains("result    cannot run here: "), "{said}");
    assert_eq!((output.status.code(), there()), (Some(1), before));
}

/// What the agent holds is its own, and no destination that cannot be reached.
#[test]
fn check_passes_beside_the_agent_that_runs_so() {
    let service = Service::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let text = format!(
        "[store]\npath = {:?}\n[sink.file]\npath = {:?}\n[sink.textfile]\npath = {:?}\n\
         [sink.prometheus]\nlisten = \"127.0.0.1:{port}\"\n",
        service.path("a.db"),
        service.path("a.json"),
        service.path("a.prom")
    );
    let path = service.write("config.toml", &text);
    let args = ["--config", path.to_str().unwrap(), "--format", "json"];
    let mut agent = service.start(&args);
    assert_eq!(agent.record()["event"], "started");
    let output = service.command(&["check", "--config", args[1]]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!((output.status.code(), said.matches(": ok\n").count()), (Some(0), 5), "{said}");
    agent.stop();
    // A port that another program has is one that the agent cannot have.
    let _other = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let output = service.command(&["check", "--config", args[1]]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains(&format!("output    prometheus 127.0.0.1:{port}: cannot listen")),
        "{said}"
    );
}
