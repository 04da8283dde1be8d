//! What others with all rights may try to take from under the agent, as `bpftool` does, or a sysctl.

use std::io;

use aya::maps::{MapType, loaded_maps};

use super::SMALL;
use super::account::Account;
use super::oracle::Oracle;
use super::post::Post;
use super::victim::Victim;
use crate::cgroup::Cgroup;
use crate::scenario::Scenario;
use crate::sys;
use crate::sysctl::Setting;

pub(crate) const SCENARIOS: &[Scenario] =
    &[Scenario::new("fire_programs_taken_away", programs_taken_away).on_each_kernel()];

/// Its links and the events of its probes are asked to go, and stay; then the kernel is told to let no
/// probe run, and to let them run again. Each kill is told, and what was missing is said.
fn programs_taken_away() {
    const KILLS: usize = 4;
    let cgroup = Cgroup::limited("robbed", SMALL);
    let kill = || Victim::growing("hog", &cgroup).die(KILLS);
    let oracle = Oracle::ask();
    let mut post = Post::new().with_store().with(&["--attach", "kprobe"]).start();
    kill();
    let (links, events) = (detach_links(), delete_events());
    kill();
    let off = Setting::change("/sys/kernel/debug/kprobes/enabled", "0");
    kill();
    drop(off);
    kill();
    let log = oracle.log();
    post.await_kills(4 * KILLS);
    post.stop();
    let told = post.told();
    Account::of(&log.kills, &told).assert_whole();
    Account::of(&log.kills, &post.stored()).assert_whole();
    assert_eq!(told.gaps(), 0);
    let sources: Vec<_> = told.kills.iter().map(|kill| kill["source"].as_str().unwrap()).collect();
    let expected = ["kprobe", "kprobe", "tracepoint", "kprobe"].map(|source| [source; KILLS]);
    assert_eq!(sources, expected.concat(), "links: {links:?}, events: {events:?}");
    assert!(told.events("degraded").next().is_some(), "{:#?}", told.agent);
}

/// What came of it, for each link that there is.
fn detach_links() -> Vec<io::Result<u32>> {
    const BPF_LINK_GET_FD_BY_ID: libc::c_int = 30;
    const BPF_LINK_GET_NEXT_ID: libc::c_int = 31;
    const BPF_LINK_DETACH: libc::c_int = 34;
    let mut results = Vec::new();
    let mut attributes = [0; 4];
    while sys::bpf(BPF_LINK_GET_NEXT_ID, &mut attributes).is_ok() {
        // After the first stands the one that follows it.
        let id = attributes[1];
        attributes = [id, 0, 0, 0];
        let link = sys::bpf_descriptor(BPF_LINK_GET_FD_BY_ID, id).unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&link).cast_unsigned();
        results.push(sys::bpf(BPF_LINK_DETACH, &mut [number, 0, 0, 0]));
    }
    assert!(!results.is_empty(), "the net is a link");
    results
}

/// The same, for each place of a map that holds events.
fn delete_events() -> Vec<io::Result<()>> {
    let maps = loaded_maps().map(Result::unwrap);
    let maps: Vec<_> =
        maps.filter(|it| it.map_type().ok() == Some(MapType::PerfEventArray)).collect();
    assert!(!maps.is_empty(), "a map holds the events");
    let places = maps.iter().flat_map(|map| (0..map.max_entries()).map(move |key| (map, key)));
    places.map(|(map, key)| sys::delete_element(map.fd().unwrap(), key)).collect()
}
