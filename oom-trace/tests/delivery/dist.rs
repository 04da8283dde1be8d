//! What is in `dist/`, as far as a program here can judge it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use oom_trace::config::ConfigFile;

use crate::bench::{Line, await_that, program, records, tool};

pub(crate) fn dist(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist").join(name)
}

fn passes(command: &mut Command) {
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said));
}

/// As it is, and with all that is commented out.
#[test]
fn the_configuration_can_be_read() {
    let text = fs::read_to_string(dist("config.toml")).unwrap();
    ConfigFile::read(&dist("config.toml")).unwrap();
    let is_key = |line: &str| line.starts_with("[[") || line.contains(" = ");
    let whole: String = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if is_key(rest) => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    fs::write(&path, &whole).unwrap();
    ConfigFile::read(&path).unwrap_or_else(|error| panic!("{error}\n{whole}"));
    for kind in oom_trace::sink::KINDS {
        assert!(whole.contains(&format!("[[sink.{kind}]]")), "{kind}");
    }
}

#[test]
fn the_alerts_alert_and_name_what_the_agent_exports() {
    let promtool = program("promtool", "prometheus");
    passes(Command::new(&promtool).args(["check", "rules"]).arg(dist("prometheus/alerts.yml")));
    passes(Command::new(&promtool).args(["test", "rules"]).arg(dist("prometheus/alerts_test.yml")));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("oom-trace.prom");
    let line = Line::to(&format!("textfile:{{ path = {path:?} }}"));
    line.send(&records(1));
    await_that("a record", || line.totals().delivered == 1);
    let metrics = fs::read_to_string(&path).unwrap();
    for name in ["prometheus/alerts.yml", "grafana/oom-trace.json"] {
        let text = fs::read_to_string(dist(name)).unwrap();
        let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let words = text.split(|character| !is_name(character));
        let named: BTreeSet<_> = words.filter(|word| word.starts_with("oom_trace_")).collect();
        assert!(named.len() > 4, "{named:?}");
        // Of an agent with a store alone: see the test of the service's metrics.
        for metric in named.into_iter().filter(|name| *name != "oom_trace_store_up") {
            let metric = metric.trim_end_matches("_bucket");
            assert!(metrics.contains(&format!("# TYPE {metric} ")), "{name}: {metric}: {metrics}");
        }
    }
}

/// A manifest against the schemas of Kubernetes, with no key that they do not know.
pub(crate) fn validated(manifest: &Path) -> bool {
    let mut validate = Command::new(program("python3", "python3"));
    validate.args(["-m", "kubernetes_validate", "--strict"]).arg(manifest);
    let output = validate.env("PYTHONPATH", tool("kubernetes-validate")).output().unwrap();
    output.status.success()
}

#[test]
fn the_chart_renders_to_what_kubernetes_takes() {
    let chart = dist("helm/oom-trace");
    passes(Command::new(tool("helm")).arg("lint").arg("--strict").arg(&chart));
    let dir = tempfile::tempdir().unwrap();
    let render = |more: &[&str]| {
        let mut helm = Command::new(tool("helm"));
        helm.args(["template", "oom-trace"]).arg(&chart).args(["--namespace", "kube-system"]);
        let output = helm.args(more).output().unwrap();
        let path = dir.path().join("rendered.yaml");
        fs::write(&path, &output.stdout).unwrap();
        (output.status.success(), path)
    };
    let (done, plain) = render(&[]);
    assert!(done && validated(&plain));
    // The manifest for those without Helm is the same.
    let manifest = fs::read_to_string(dist("kubernetes/daemonset.yaml")).unwrap();
    assert_eq!(fs::read_to_string(&plain).unwrap(), manifest);
    let (done, other) = render(&[
        "--set=secrets={otlp}",
        "--set=metricsPort=null",
        "--set=imagePullSecrets[0].name=pull",
    ]);
    assert!(done && validated(&other));
    let (done, other) = render(&[
        "--set=names=false",
        "--set=podLabels.team=sre",
        "--set=podAnnotations.note=x",
        "--set=extraEnv[0].name=REGION,extraEnv[0].value=eu",
        "--set=extraVolumes[0].name=ca,extraVolumes[0].secret.secretName=ca",
        "--set=extraVolumeMounts[0].name=ca,extraVolumeMounts[0].mountPath=/etc/ca",
    ]);
    assert!(done && validated(&other));
    let text = fs::read_to_string(&other).unwrap();
    for there in
        ["- --no-names\n", "team: sre\n", "note: x\n", "name: REGION\n", "secretName: ca\n"]
    {
        assert!(text.contains(there), "{there}: {text}");
    }
    let (done, events) = render(&["--set=events=true"]);
    assert!(done && validated(&events));
    let text = fs::read_to_string(&events).unwrap();
    for there in
        ["resources: [events]\n", "verbs: [create]\n", "automountServiceAccountToken: true\n"]
    {
        assert!(text.contains(there), "{there}: {text}");
    }
    let (_, config) = text.split_once("config.toml: |\n").unwrap();
    let (config, _) = config.split_once("\n---\n").unwrap();
    let config: String = config.lines().map(|line| format!("{}\n", line.trim_start())).collect();
    let path = dir.path().join("config.toml");
    fs::write(&path, &config).unwrap();
    ConfigFile::read(&path).unwrap_or_else(|error| panic!("{error}\n{config}"));
    assert!(config.contains("body = \"kubernetes\"\n"), "{config}");
    assert!(!render(&["--set=events=true", "--set=names=false"]).0, "events of pods without names");
    assert!(!render(&["--set=metricPort=1"]).0, "a value that is not known passes");
    let wrong = manifest.replace("hostNetwork: true", "hostNetworks: true");
    fs::write(&other, wrong).unwrap();
    assert!(!validated(&other), "a key that is not known passes");
}

/// The operator has its own schema, which is not here: what it selects is there, by the port that it names.
#[test]
fn the_operators_monitor_finds_the_pods() {
    let render = |more: &[&str]| {
        let mut helm = Command::new(tool("helm"));
        helm.args(["template", "oom-trace"]).arg(dist("helm/oom-trace"));
        let output = helm.arg("--set=podMonitor.enabled=true").args(more).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let (done, text) = render(&["--set=podMonitor.labels.release=prometheus"]);
    assert!(done && text.contains("kind: PodMonitor\n"), "{text}");
    assert!(text.contains("    release: prometheus\n"), "{text}");
    assert!(text.contains("    - port: metrics\n") && text.contains("- name: metrics\n"), "{text}");
    assert!(!render(&["--set=metricsPort=null"]).0, "a monitor without a port");
    assert!(!render(&["--set=podMonitor.interval=soon"]).0, "an interval that is none");
}

/// What the agent reads of a node is mounted where it reads it, and nothing of it can be written.
#[test]
fn the_daemon_set_mounts_what_names_take() {
    let manifest = fs::read_to_string(dist("kubernetes/daemonset.yaml")).unwrap();
    for (place, host) in
        [("/var/log/containers", "/var/log/containers"), (CONTAINERD_TASKS, CONTAINERD_TASKS)]
    {
        let mount = format!("mountPath: {place}\n");
        let at = manifest.find(&mount).unwrap_or_else(|| panic!("no {place}"));
        let (mount, _) = manifest[at + mount.len()..].split_once("- name: ").unwrap();
        assert!(mount.contains("readOnly: true\n"), "{place}: {mount}");
        assert!(manifest.contains(&format!("            path: {host}\n")), "{host}");
    }
}

const CONTAINERD_TASKS: &str = "/run/containerd/io.containerd.runtime.v2.task";

#[test]
fn logrotate_understands_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(program("logrotate", "logrotate"));
    command.arg("--debug").arg("--state").arg(dir.path().join("state"));
    passes(command.arg(dist("logrotate/oom-trace")));
}

/// What systemd objects to; a program that is not there is one.
#[test]
fn systemd_understands_the_unit() {
    let unit = unit();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("oom-trace.service");
    let objections = |unit: &str| {
        fs::write(&path, unit).unwrap();
        let mut command = Command::new(program("systemd-analyze", "systemd"));
        // The manual's page is not installed here.
        let output = command.args(["verify", "--man=no"]).arg(&path).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    assert_eq!(objections(&unit), "");
    let slip = unit.replace("StateDirectory=", "StateFolder=");
    assert!(objections(&slip).contains("StateFolder"), "{}", objections(&slip));
}

fn unit() -> String {
    let unit = fs::read_to_string(dist("systemd/oom-trace.service")).unwrap();
    unit.replace("/usr/local/bin/oom-trace", env!("CARGO_BIN_EXE_oom-trace"))
}

/// As `systemd-analyze security` counts what it may do, in tenths; what is left the unit explains.
#[test]
fn the_unit_may_do_no_more_than_it_says() {
    const EXPOSURE: &str = "20";
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("oom-trace.service");
    let is_within = |unit: &str| {
        fs::write(&path, unit).unwrap();
        let mut command = Command::new(program("systemd-analyze", "systemd"));
        command.args(["security", "--offline=true", "--no-pager", "--threshold", EXPOSURE]);
        command.arg(&path).output().unwrap().status.success()
    };
    assert!(is_within(&unit()));
    assert!(!is_within(&unit().replace("ProtectControlGroups=yes\n", "")));
    // It hides /proc/kallsyms.
    assert!(!unit().contains("\nProtectKernelTunables="));
    // A stricter one would keep the group from the records.
    assert!(unit().contains("\nUMask=0027\n"));
}

/// What `systemctl reload` asks first.
#[test]
fn a_reload_with_a_wrong_configuration_fails() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    let asked = |text: &str| {
        fs::write(&path, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_oom-trace"));
        let output = command.args(["check", "--config-only", "--config"]).arg(&path).output();
        let output = output.unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let right = fs::read_to_string(dist("config.toml")).unwrap();
    let ok = format!("config    {}: ok\n", path.display());
    assert_eq!(asked(&right), (Some(0), ok));
    let (status, said) = asked(&right.replace("candidates", "candidate"));
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains("did you mean `candidates`?"), "{said}");
    let reload = format!("{} check --config-only --config ", env!("CARGO_BIN_EXE_oom-trace"));
    assert!(unit().contains(&format!("ExecReload={reload}/etc/oom-trace/config.toml\n")));
}
