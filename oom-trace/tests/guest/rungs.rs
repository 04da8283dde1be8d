//! Ways to hook the kernel other than the best, and what is missing there.

use std::collections::VecDeque;
use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::process::{Gid, Resource, Rlimit, Signal, Uid, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, configure_capability_in_ambient_set, set_capabilities,
    set_keep_capabilities, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};
use serde_json::{Value, json};

use crate::cgroup::Cgroup;
use crate::decision::assert_told;
use crate::described::assert_described;
use crate::fire::victim::Victim;
use crate::hog::{Hog, named};
use crate::scenario::{Machine, Scenario, sized};
use crate::support::agent::oom_trace;
use crate::sysctl::Setting;
use crate::watch::Watch;

/// The command that runs the agent, with the arguments that follow, as an ordinary user.
pub(crate) const UNPRIVILEGED: &str = "unprivileged";

const FTRACE: &str = "/proc/sys/kernel/ftrace_enabled";

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("memcg_kill_seen_by_the_tracepoint", seen_by_the_tracepoint).on_each_kernel(),
    Scenario::new("memcg_kill_read_from_the_log", || read_from_the_log("log")).on_each_kernel(),
    Scenario::new("only_fentry_is_permitted", only_fentry_is_permitted).on_each_kernel(),
    Scenario::new("log_cannot_be_read", log_cannot_be_read).on_each_kernel(),
    Scenario::new("ftrace_switched_off", ftrace_switched_off)
        .on_each_kernel()
        .unless(ftrace_stays_on),
    Scenario::new("kprobes_switched_off", kprobes_switched_off).on_each_kernel(),
    Scenario::new("addresses_are_hidden", addresses_are_hidden).on_each_kernel(),
    Scenario::new("kill_that_no_hook_sees", kill_that_no_hook_sees).on_each_kernel(),
    Scenario::new("locked_down", || read_from_the_log("auto")).on(Machine::Lockdown),
];

pub(crate) const OVERFLOWS: &[Scenario] = &[Scenario::new("ring_overflows", ring_overflows)];

/// Kills one process for its cgroup's limit.
fn kill_one() {
    let cgroup = Cgroup::limited("alone", 24 << 20);
    let mut hog = Hog::start(&named("hog"), &cgroup);
    hog.grow();
    hog.killed();
}

/// What the tracepoint `oom/mark_victim` lacks on this kernel.
pub(crate) fn thread_id_only() -> Option<String> {
    let format = fs::read_to_string("/sys/kernel/tracing/events/oom/mark_victim/format").unwrap();
    (!format.contains(" comm;"))
        .then(|| "this kernel's tracepoint oom/mark_victim passes a thread id only".into())
}

/// The tracepoint has the victim, or no more than its id, and nothing of the decision: the kernel's
/// dump has.
fn seen_by_the_tracepoint() {
    let watch = Watch::start("tracepoint");
    kill_one();
    let seen = if thread_id_only().is_none() { watch.finish(1) } else { watch.stop(1) };
    seen.assert_nothing_lost();
    let record = seen.only();
    assert_eq!(record["source"], "tracepoint");
    assert_eq!(record["outcome"], "killed");
    assert_eq!(record["scope"], "memcg");
    assert_eq!(record["victim"]["comm"], "hog");
    let [dump] = &seen.dumps()[..] else { panic!("{:#?}", seen.dumps()) };
    assert_told(record, dump);
    assert_eq!(record["candidates"]["total"], dump.tasks.len(), "{record:#}");
    assert_eq!(record["candidates"]["top"][0]["pid"], record["victim"]["pid"], "{record:#}");
    assert_described(record);
    // Nobody logs them.
    for key in ["/victim/badness", "/victim/shares_mm", "/group"] {
        assert_eq!(record.pointer(key), Some(&Value::Null), "{key}: {record:#}");
    }
    let why = record["why"]["summary"].as_str().unwrap();
    assert!(why.contains("/alone"), "{why}");
}

fn read_from_the_log(attach: &str) {
    let watch = Watch::start(attach);
    kill_one();
    let seen = watch.finish(1);
    assert_eq!(seen.only()["source"], "kernel_log");
    assert_eq!(seen.only()["scope"], "memcg");
    assert_eq!(seen.only()["limit"]["cgroup"], "/alone");
}

/// Debian's default: it takes more to attach a kprobe than to attach to the same function by fentry.
fn only_fentry_is_permitted() {
    let _paranoid = Setting::change("/proc/sys/kernel/perf_event_paranoid", "3");
    let mut command = Command::new("/proc/self/exe");
    command.args([UNPRIVILEGED, "--attach", "auto"]);
    let watch = Watch::of(command);
    kill_one();
    let seen = watch.finish(1);
    // The kernel's preemption model, which newer logs name, only root may read.
    seen.assert_decisions("fentry");
    assert!(seen.said.contains("perf_event_paranoid"), "{}", seen.said);
}

/// What the kernel prints of a victim's memory the hooks tell as well.
fn log_cannot_be_read() {
    let _closed = Closed::new("/dev/kmsg");
    let mut command = Command::new("/proc/self/exe");
    command.args([UNPRIVILEGED, "--attach", "auto"]);
    let watch = Watch::of(command);
    kill_one();
    let seen = watch.finish(1);
    assert!(seen.only()["log_us"].is_null(), "{:#}", seen.only());
    assert!(seen.only()["victim"]["memory_logged"][0].is_object(), "{:#}", seen.only());
}

/// A file that only root may read meanwhile.
struct Closed(&'static str);

impl Closed {
    fn new(path: &'static str) -> Self {
        fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
        Self(path)
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        fs::set_permissions(self.0, Permissions::from_mode(0o644)).unwrap();
    }
}

/// Becomes a user with no more than what tracing takes, and then the agent.
pub(crate) fn run_unprivileged(args: &[String]) {
    let capabilities = CapabilitySet::BPF | CapabilitySet::PERFMON | CapabilitySet::SYSLOG;
    let (uid, gid) = (Uid::from_raw(1000), Gid::from_raw(1000));
    // Before 5.11 maps count as locked memory.
    setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None }).unwrap();
    set_keep_capabilities(true).unwrap();
    set_thread_groups(&[]).unwrap();
    set_thread_res_gid(gid, gid, gid).unwrap();
    set_thread_res_uid(uid, uid, uid).unwrap();
    let sets = CapabilitySets {
        effective: capabilities,
        permitted: capabilities,
        inheritable: capabilities,
    };
    set_capabilities(None, sets).unwrap();
    for capability in capabilities.iter() {
        configure_capability_in_ambient_set(capability, true).unwrap();
    }
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    panic!("{}", oom_trace(&args).exec());
}

fn ftrace_stays_on() -> Option<String> {
    let refused = Setting::try_change(FTRACE, "0").err()?;
    Some(format!("this kernel does not let kernel.ftrace_enabled be 0: {refused}"))
}

/// Most kernels do not allow it while an fexit program is there, which the agent has where it can:
/// then nothing is missed. Where it is allowed, the agent says what was done to it.
fn ftrace_switched_off() {
    let watch = Watch::start("kprobe");
    let _still_on = match Setting::try_change(FTRACE, "0") {
        Ok(off) if probes_hang_on_ftrace() => return caught_by_the_net(watch, off, true),
        change => change.inspect_err(|it| assert_eq!(it.kind(), io::ErrorKind::ResourceBusy)),
    };
    kill_one();
    let seen = watch.finish(1);
    seen.assert_context("kprobe");
    assert!(!seen.said.contains("the probes missed"), "{}", seen.said);
}

/// So they do on x86-64; arm64 sets breakpoints.
fn probes_hang_on_ftrace() -> bool {
    fs::read_to_string("/sys/kernel/debug/kprobes/list").unwrap().contains("[FTRACE]")
}

fn kprobes_switched_off() {
    let watch = Watch::start("kprobe");
    let off = Setting::change("/sys/kernel/debug/kprobes/enabled", "0");
    caught_by_the_net(watch, off, false);
}

/// The tracepoint is left while the probes are off, and the agent says that they missed a kill, and
/// whether `kernel.ftrace_enabled` is why.
fn caught_by_the_net(mut watch: Watch, off: Setting, by_ftrace: bool) {
    kill_one();
    let said = watch.await_said("the probes missed a kill");
    assert_eq!(said.contains("kernel.ftrace_enabled is 0"), by_ftrace, "{said}");
    drop(off);
    kill_one();
    let seen = watch.stop(2);
    seen.assert_nothing_lost();
    let sources: Vec<_> = seen.records.iter().map(|record| &record["source"]).collect();
    assert_eq!(sources, ["tracepoint", "kprobe"]);
    assert!(seen.event("degraded").is_some(), "{:#?}", seen.agent);
}

/// Without them nothing has a name that the agent only knows by its address.
fn addresses_are_hidden() {
    let _hidden = Setting::change("/proc/sys/kernel/kptr_restrict", "2");
    let watch = Watch::start("kprobe");
    kill_one();
    let seen = watch.stop(1);
    seen.assert_nothing_lost();
    let record = seen.only();
    if record["stack"].is_null() {
        let missing = seen.end()["missing"].as_array().unwrap();
        assert!(missing.iter().any(|missing| missing["field"] == "stack"), "{missing:#?}");
    } else {
        assert_eq!(record["stack"], json!(seen.dumps()[0].stack));
    }
    assert_eq!(record["outcome"], "killed");
}

/// The first victim of a group is killed twice, of which the tracepoint tells once; the kernel's log
/// tells of both.
fn kill_that_no_hook_sees() {
    const MEMBERS: usize = 3;
    let cgroup = Cgroup::limited("group", 32 << 20);
    cgroup.write("memory.oom.group", 1);
    let watch = Watch::start("tracepoint");
    let mut hogs = [(); MEMBERS].map(|()| Hog::start(&named("member"), &cgroup));
    hogs[0].grow();
    hogs.into_iter().for_each(Hog::killed);
    let seen = watch.stop(MEMBERS);
    assert_eq!(seen.kills, MEMBERS as u64 + 1);
    assert_eq!(seen.records.len(), MEMBERS);
    seen.assert_nothing_lost();
}

/// The agent is not allowed to read what the hooks wrote, for more kills than they have room for:
/// those it tells from the kernel's log.
fn ring_overflows() {
    let (cgroups, kills) = (far_below(), more_than_the_ring_holds());
    let watch = Watch::start("kprobe");
    watch.signal(Signal::STOP);
    Victim::growing("hog", &cgroups[0]).die(kills);
    drop(cgroups);
    watch.signal(Signal::CONT);
    let seen = watch.stop(kills);
    assert_eq!((seen.kills, seen.records.len()), (kills as u64, kills));
    assert!(seen.totals()["ring_lost"].as_u64().unwrap() > 0, "{:#}", seen.totals());
    assert_eq!(seen.totals()["kills"], kills);
    assert!(seen.event("gap").is_none(), "{:#?}", seen.agent);
    let by = |source: &str| seen.records.iter().filter(|it| it["source"] == source).count();
    assert!(by("kprobe") > 0 && by("kernel_log") > 0, "{} {}", by("kprobe"), by("kernel_log"));
    assert_eq!(by("kprobe") + by("kernel_log"), kills);
    assert!(seen.records.iter().all(|record| record["outcome"] == "killed"));
    assert!(seen.event("degraded").is_some(), "{:#?}", seen.agent);
}

/// More kills than the ring has room for, in a cgroup [`far_below`] the root.
pub(crate) fn more_than_the_ring_holds() -> usize {
    sized(250, 150)
}

/// The lowest first, which must be removed first: of kills in it, long paths take up most of the ring.
pub(crate) fn far_below() -> VecDeque<Cgroup> {
    const LEVELS: usize = 12;
    let name = "x".repeat(255);
    let mut cgroups = VecDeque::from([Cgroup::limited(&name, 4 << 20)]);
    for _ in 1..LEVELS {
        cgroups.push_front(cgroups[0].child(&name));
    }
    cgroups
}

/// More than `log_buf_len` has room for.
pub(crate) fn fill_the_log() {
    const ROOM: usize = 8 << 20;
    let line = "x".repeat(900);
    let _unlimited = Setting::change("/proc/sys/kernel/printk_devkmsg", "on");
    let mut log = File::options().write(true).open("/dev/kmsg").unwrap();
    for _ in 0..ROOM / line.len() {
        log.write_all(line.as_bytes()).unwrap();
    }
}
