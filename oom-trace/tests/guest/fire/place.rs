//! Its place on the machine: names that others hold, ids that come again, an output that is full.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::process::{Pid, Signal, Uid, set_parent_process_death_signal};
use rustix::thread::{set_thread_groups, set_thread_res_uid};

use super::account::Account;
use super::oracle::Oracle;
use super::post::{AT_ONCE, Post};
use super::victim::{Victim, fifo, killed};
use super::{MIB, SMALL};
use crate::cgroup::Cgroup;
use crate::scenario::{Machine, Scenario, sized};
use crate::support::PATIENCE;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("fire_names_that_a_stranger_holds", names_of_a_stranger),
    Scenario::new("fire_start_right_after_sigkill", right_after_sigkill),
    Scenario::new("fire_pids_that_come_again", pids_that_come_again).unless(no_last_pid),
    Scenario::new("fire_standard_error_is_full", standard_error_is_full),
    Scenario::new("fire_pids_max_just_enough", pids_max).on(Machine::Fire).unless(no_pids_peak),
];

/// The command that takes names as an ordinary user.
pub(crate) const SQUATTER: &str = "squatter";

/// Anybody may hold what anybody may name.
fn names_of_a_stranger() {
    let mut post = Post::new().start();
    let names = names_of(post.pid());
    post.stop();
    let mut squatter = Command::new("/proc/self/exe")
        .arg(SQUATTER)
        .args(&names)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    squatter.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
    post.spawn();
    let attached = post.says("attached", PATIENCE);
    squatter.kill().unwrap();
    squatter.wait().unwrap();
    assert!(attached, "{names:?} are held by another user: {:#?}", post.said());
    post.stop();
}

/// Abstract sockets, `@NAME`, and files it has open, but for its outputs.
fn names_of(pid: Pid) -> Vec<String> {
    let folder = format!("/proc/{}/fd", pid.as_raw_pid());
    // It may close one meanwhile.
    let links =
        fs::read_dir(folder).unwrap().flat_map(|entry| fs::read_link(entry.unwrap().path()));
    let links: Vec<_> = links.map(|link| link.to_str().unwrap().to_owned()).collect();
    let sockets = fs::read_to_string("/proc/net/unix").unwrap();
    // Num RefCount Protocol Flags Type St Inode Path
    let own = |line: &&str| {
        let inode = line.split_whitespace().nth(6).unwrap();
        links.contains(&format!("socket:[{inode}]"))
    };
    let sockets = sockets.lines().skip(1).filter(own);
    let sockets = sockets.filter_map(|line| line.split_whitespace().nth(7)).map(str::to_owned);
    let is_file = |link: &&String| {
        let inside = |folder: &str| link.starts_with(folder);
        !["/proc", "/sys", "/dev", "/tmp"].into_iter().any(inside) && Path::new(link).is_file()
    };
    sockets.chain(links.iter().filter(is_file).cloned()).collect()
}

pub(crate) fn squat(names: &[String]) {
    let nobody = Uid::from_raw(65534);
    set_thread_groups(&[]).unwrap();
    set_thread_res_uid(nobody, nobody, nobody).unwrap();
    set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
    let mut sockets = Vec::new();
    let mut files = Vec::new();
    for name in names {
        if let Some(name) = name.strip_prefix('@') {
            let address = SocketAddr::from_abstract_name(name).unwrap();
            sockets.extend(UnixListener::bind_addr(&address));
        } else if let Ok(file) = open(name, OFlags::RDONLY, Mode::empty()) {
            let _ = flock(&file, FlockOperation::NonBlockingLockExclusive);
            files.push(file);
        }
    }
    std::io::stdout().write_all(b"\n").unwrap();
    loop {
        std::thread::park();
    }
}

/// The next one starts while the last one dies. The log is read in no time: it is about the start.
fn right_after_sigkill() {
    let mut post = Post::new().with(&["--attach", "log"]).start();
    for _ in 0..sized(20, 5) {
        post.replace();
        post.attached();
    }
    post.stop();
}

const LAST_PID: &str = "/proc/sys/kernel/ns_last_pid";

fn no_last_pid() -> Option<String> {
    let there = Path::new(LAST_PID).exists();
    (!there).then(|| "this kernel has no kernel.ns_last_pid (CONFIG_CHECKPOINT_RESTORE)".into())
}

/// A process dies while the agent looks, and two more with its id while none does; again and again.
fn pids_that_come_again() {
    let cgroup = Cgroup::limited("again", SMALL);
    let victim = Victim::growing("again", &cgroup);
    let mut post = Post::new().with_store();
    let oracle = Oracle::ask();
    let pid = victim.dies();
    for round in 0..sized(4, 2) {
        post.start_again();
        die_as(&victim, pid);
        // Those of before the start, three in each round, and this one.
        let kills = 3 * round + 2;
        assert_eq!(post.await_kills(kills).kills.len(), kills, "round {round}: {:#?}", post.said());
        post.kill();
        die_as(&victim, pid);
        die_as(&victim, pid);
    }
    post.start_again();
    post.await_kills(oracle.log().kills.len());
    post.stop();
    Account::of(&oracle.log().kills, &post.told()).assert_whole();
    Account::of(&oracle.log().kills, &post.stored()).assert_whole();
}

/// A victim with this process id, which nobody has.
fn die_as(victim: &Victim, pid: u32) {
    for _ in 0..100 {
        fs::write(LAST_PID, (pid - 1).to_string()).unwrap();
        let child = victim.spawn(Stdio::null());
        let id = child.id();
        if id == pid {
            return killed(child);
        }
        end(child);
    }
    panic!("the process id {pid} does not come again");
}

/// It goes before it can be a victim, or it is one: then the scenario fails by its account.
fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Nobody reads what the agent has to say to people, and there is no room for a word more.
fn standard_error_is_full() {
    const KILLS: usize = 28;
    let (_folder, path) = fifo();
    // Both ends, so that neither waits.
    let both = File::options().read(true).write(true).open(&path).unwrap();
    fill(&path);
    let cgroup = Cgroup::limited("unread", SMALL);
    let oracle = Oracle::ask();
    let mut post = Post::new();
    post.spawn_saying_to(Some(both.try_clone().unwrap()));
    let mut follower = super::told::Follower::of(&post.output());
    let deadline = std::time::Instant::now() + PATIENCE / 2;
    while follower.told().events("started").next().is_none() {
        let late = std::time::Instant::now() > deadline;
        assert!(!late, "with a full standard error it does not start");
        std::thread::sleep(std::time::Duration::from_millis(50));
        follower.read();
    }
    for _ in 0..KILLS {
        Victim::growing("hog", &cgroup).dies();
    }
    let told = post.await_kills(KILLS);
    assert_eq!(told.kills.len(), KILLS);
    post.stop();
    Account::of(&oracle.log().kills, &post.told()).assert_whole();
}

/// To the last byte.
fn fill(fifo: &Path) {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK;
    let mut writer = File::from(open(fifo, flags, Mode::empty()).unwrap());
    for length in [4096, 1] {
        loop {
            match writer.write(&vec![b'x'; length]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// As many threads as it had, and not one more; and with one less it says so.
/// `pids.peak` came with 6.6.
fn no_pids_peak() -> Option<String> {
    Cgroup::at_the_top("pids");
    let there = Cgroup::new("peak").procs().with_file_name("pids.peak").exists();
    (!there).then(|| "this kernel has no pids.peak".into())
}

fn pids_max() {
    let cgroup = Cgroup::limited("few", 256 * MIB);
    let mut post = Post::new().with_store().within(cgroup).start();
    let peak = post.cgroup().read("pids.peak");
    post.stop();
    let peak: u64 = peak.trim().parse().unwrap();
    post.cgroup().write("pids.max", peak);
    post.start_again();
    post.stop();
    post.cgroup().write("pids.max", peak - 1);
    post.spawn();
    if !post.says("attached", PATIENCE) {
        let status = post.ended(AT_ONCE).unwrap_or_else(|| panic!("it neither starts nor ends"));
        assert_eq!(status.code(), Some(1), "{:#?}", post.said());
        assert!(!post.said().is_empty());
    } else {
        post.stop();
    }
}
