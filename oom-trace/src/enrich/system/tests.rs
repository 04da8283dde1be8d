use std::fs;
use std::path::Path;

use super::*;

/// Linux 6.18.
const MEMINFO: &str = include_str!("../../../testdata/6.18.meminfo");
const NODE: &str = include_str!("../../../testdata/6.18.node-meminfo");
/// In the form of Linux 5.10, on a machine that is out of memory.
const MEMINFO_OLD: &str = "\
MemTotal:        1015452 kB
MemFree:           39120 kB
MemAvailable:      12904 kB
Buffers:             320 kB
Cached:            10064 kB
SwapCached:         3120 kB
Active:           430124 kB
Inactive:         452208 kB
Unevictable:           0 kB
Mlocked:               0 kB
SwapTotal:        524284 kB
SwapFree:           1792 kB
AnonPages:        871992 kB
Shmem:              1436 kB
KReclaimable:      15480 kB
Slab:              41028 kB
SReclaimable:      15480 kB
SUnreclaim:        25548 kB
PageTables:         5120 kB
CommitLimit:     1032008 kB
Committed_AS:    1725300 kB
HardwareCorrupted:     0 kB
CmaTotal:              0 kB
HugePages_Total:       0
Hugepagesize:       2048 kB
";
const PRESSURE: &str = "some avg10=71.35 avg60=18.02 avg300=4.11 total=12802743\n\
                        full avg10=65.21 avg60=16.43 avg300=3.70 total=11412345\n";

fn meminfo(text: &str) -> System {
    let mut system = System::default();
    fill(&mut system, text);
    system
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn meminfo_of_new_and_old_kernels_is_read() {
    let kib = |kib: u64| Some(kib * 1024);
    assert_eq!(
        meminfo(MEMINFO),
        System {
            total_bytes: kib(24_684_084),
            free_bytes: kib(17_469_088),
            available_bytes: kib(22_137_384),
            page_cache_bytes: kib(4_573_164),
            slab_bytes: kib(475_512),
            slab_unreclaimable_bytes: kib(47_284),
            shmem_bytes: kib(8_872),
            page_tables_bytes: kib(6_780),
            swap_total_bytes: Some(0),
            swap_free_bytes: Some(0),
            commit_limit_bytes: kib(12_342_040),
            committed_bytes: kib(4_077_556),
            ..System::default()
        }
    );
    let old = meminfo(MEMINFO_OLD);
    assert_eq!(old.total_bytes, kib(1_015_452));
    assert_eq!(old.page_cache_bytes, kib(10_064));
    assert_eq!(old.swap_total_bytes, kib(524_284));
    assert_eq!(old.swap_free_bytes, kib(1_792));
}

#[test]
fn a_node_is_read_like_the_machine() {
    let expected =
        Node { node: 3, total_bytes: Some(14_772_428 * 1024), free_bytes: Some(7_553_268 * 1024) };
    assert_eq!(node(3, Some(NODE)), expected);
    assert_eq!(node(0, Some("Node 0 MemTotal:  1015452 kB\n")).total_bytes, Some(1_015_452 * 1024));
    assert_eq!(node(1, None), Node { node: 1, total_bytes: None, free_bytes: None });
}

#[test]
fn pressure_is_in_percent() {
    let some = Pressure { avg10: 71.35, avg60: 18.02, avg300: 4.11 };
    assert_eq!(stalled(PRESSURE, "some"), Some(some));
    assert_eq!(stalled(PRESSURE, "full").unwrap().avg300, 3.70);
    assert_eq!(stalled(PRESSURE.lines().next().unwrap(), "full"), None);
    assert_eq!(stalled("some avg10=1.00 avg60=", "some"), None);
}

#[test]
fn nonsense_is_unknown() {
    for text in ["", ":", "MemTotal:", "MemTotal: kB", "MemTotal: -1 kB", "MemTotal: 5", "\n:\n"] {
        assert_eq!(meminfo(text), System::default(), "{text:?}");
    }
    assert_eq!(meminfo("MemTotal: 18446744073709551615 kB").total_bytes, None);
    assert_eq!(meminfo("HugePages_Total:       0\nMemTotal:  24684"), System::default());
}

#[test]
fn files_are_opened_once_and_read_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let (proc, nodes) = (folder.path().join("proc"), folder.path().join("node"));
    write(&proc.join("meminfo"), MEMINFO);
    write(&proc.join("sys/vm/overcommit_memory"), "2\n");
    write(&nodes.join("node10/meminfo"), NODE);
    write(&nodes.join("node2/meminfo"), NODE);
    write(&nodes.join("online"), "2,10\n");
    fs::create_dir(nodes.join("node3")).unwrap();
    let mut reader = SystemReader::at(&proc, &nodes);
    let system = reader.read(Some(3));
    assert_eq!(system.taken_after_ms, Some(3));
    assert_eq!(system.overcommit_memory, Some(2));
    assert_eq!((system.panic_on_oom, system.pressure_some), (None, None));
    let numbers: Vec<_> = system.nodes.unwrap().iter().map(|node| node.node).collect();
    assert_eq!(numbers, [2, 10]);
    fs::write(proc.join("meminfo"), "MemTotal: 7 kB\n").unwrap();
    let system = reader.read(None);
    assert_eq!((system.total_bytes, system.free_bytes), (Some(7 * 1024), None));
}

#[test]
fn without_any_file_all_is_unknown() {
    let nowhere = Path::new("/nonexistent");
    assert_eq!(SystemReader::at(nowhere, nowhere).read(None), System::default());
}

#[test]
fn this_machine_stands_somehow() {
    let mut reader = SystemReader::here();
    for _ in 0..2 {
        let system = reader.read(None);
        assert!(system.total_bytes > Some(0));
        assert!(system.free_bytes.is_some() && system.committed_bytes.is_some());
        assert_eq!(system.panic_on_oom, reader.panic_on_oom());
    }
}
