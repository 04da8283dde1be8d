//! Every number that the kernel prints of an OOM is in the record.

use serde_json::Value;

use crate::numbers::{dump, missing};
use crate::oracle::lines;
use crate::{cases, log};

/// What the dumps of our kernels lack: slabs that outweigh all else, allocations by place, blocks of each type, huge pages.
const MADE: &str = "\
[  100.000001] python3 invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=2, oom_score_adj=-17
[  100.000002] CPU: 3 UID: 1000 PID: 411 Comm: python3 Not tainted 6.18.15 #1 PREEMPT(lazy)
[  100.000003] Hardware name: QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2 04/01/2014
[  100.000004] Call Trace:
[  100.000005]  <TASK>
[  100.000006]  dump_stack_lvl+0x5d/0x80
[  100.000007]  dump_header+0x43/0x1b3
[  100.000008]  oom_kill_process.cold+0x8/0xb9
[  100.000009]  out_of_memory+0x217/0x4b0
[  100.000010]  __alloc_pages_slowpath.constprop.0+0xfe2/0x1470
[  100.000011]  asm_exc_page_fault+0x26/0x30
[  100.000012] RIP: 0033:0x7f8c2d6e0d5a
[  100.000013] RSP: 002b:00007ffea8f5cf28 EFLAGS: 00000206
[  100.000014]  </TASK>
[  100.000015] Mem-Info:
[  100.000016] active_anon:1001 inactive_anon:1002 isolated_anon:1003
[  100.000017]  slab_reclaimable:1004 slab_unreclaimable:150005
[  100.000018]  free:1006 free_pcp:1007 free_cma:1008
[  100.000019] Node 1 active_anon:4004kB isolated(anon):4012kB shmem_thp:2048kB all_unreclaimable? yes Balloon:8kB
[  100.000020] Node 1 Normal free:3340kB boost:16kB min:760kB low:948kB high:1136kB reserved_highatomic:2048kB free_highatomic:1024kB present:1048576kB managed:982348kB free_cma:64kB
[  100.000021] lowmem_reserve[]: 0 673 674
[  100.000022] Node 1 Normal: 1*4kB (M) 2*8kB (UE) 3*16kB (H) 4*32kB (C) = 196kB
[  100.000023] Node 1 hugepages_total=5 hugepages_free=2 hugepages_surp=1 hugepages_size=2048kB
[  100.000024] 1428 total pagecache pages
[  100.000025] 11 pages in swap cache
[  100.000026] Swap cache stats: add 22398, delete 22385, find 2087/6012
[  100.000027] Free swap  = 12kB
[  100.000028] Total swap = 2097148kB
[  100.000029] 262144 pages RAM
[  100.000030] 13 pages HighMem/MovableOnly
[  100.000031] 16557 pages reserved
[  100.000032] 4096 pages cma reserved
[  100.000033] 14 pages hwpoisoned
[  100.000033] Memory allocations:
[  100.000033]     64.0 MiB    16384 mm/slub.c:2318 func:alloc_slab_page
[  100.000033]     3.25 MiB      832 fs/xfs/xfs_buf.c:350 [xfs] func:xfs_buf_alloc
[  100.000034] Unreclaimable slab info:
[  100.000035] Name                      Used          Total
[  100.000036] TCPv6                    63KB         94KB
[  100.000037] kmalloc-1k           512345KB     512416KB
[  100.000038] Memory cgroup min protection 20kB -- low protection 24kB
[  100.000039] Tasks state (memory values in pages):
[  100.000040] [  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name
[  100.000041] [    401]     0   401      567      360       12        1       347    36864        1             0 php-fpm
[  100.000042] [    402]    33   402      568      361       13        1       347    36864        2           -17 php-fpm
[  100.000043] [    403]    33   403      569      362       14        1       347    36864        3         -1000 php-fpm
[  100.000044] [    412]  1000   411   155665   155354   155177        1       176  1277952       15           100 python3
[  100.000045] oom-kill:constraint=CONSTRAINT_MEMORY_POLICY,nodemask=1,cpuset=batch,mems_allowed=0-1,global_oom,task_memcg=/batch/job1,task=python3,pid=412,uid=1000
[  100.000046] Out of memory: Killed process 412 (python3) total-vm:622660kB, anon-rss:620708kB, file-rss:4kB, shmem-rss:704kB, UID:1000 pgtables:1248kB oom_score_adj:100
[  100.500000] oom_reaper: reaped process 412 (python3), now anon-rss:0kB, file-rss:0kB, shmem-rss:700kB
";

/// Real logs whose dump is whole enough, of kernels from 3.10 to 6.14.
const REAL: [&str; 5] = [
    "05-vmware-log-guest",
    "09-navigator-4.13-padded",
    "19-mempolicy-vllm",
    "63-sparc64-8k-pages",
    "99-el9-kmem-slab-stamped",
];

/// What stands behind the kernel's stamp.
fn stamped(text: &str) -> Vec<String> {
    let stamp = regex::Regex::new(r"^.*?\[ *\d+\.\d{6}\] (.*?)\s*$").unwrap();
    text.lines().filter_map(|line| Some(stamp.captures(line)?[1].to_owned())).collect()
}

fn of_first(records: &[Value]) -> Vec<Value> {
    let incident = &records[0]["incident"];
    records.iter().filter(|record| record["incident"] == *incident).cloned().collect()
}

#[test]
fn of_every_kernel() {
    for (kernel, case) in cases() {
        let kmsg = log(kernel, case, "kmsg");
        let (records, _) = cases::parse(&kmsg);
        assert_eq!(missing(&dump(lines(&kmsg)), &records), [""; 0], "{kernel} {case}");
    }
}

#[test]
fn of_real_logs() {
    for name in REAL {
        let text = std::fs::read(cases::folder().join(format!("{name}.log"))).unwrap();
        let (records, _) = cases::parse(&text);
        let dump = dump(stamped(&String::from_utf8_lossy(&text)));
        assert_eq!(missing(&dump, &of_first(&records)), [""; 0], "{name}");
    }
}

#[test]
fn of_what_is_rare() {
    let (records, _) = cases::parse(MADE.as_bytes());
    assert_eq!(missing(&dump(stamped(MADE)), &records), [""; 0]);
}

/// Each number there is: without it, the search for it must fail.
#[test]
fn what_is_not_there_is_missed() {
    let (records, _) = cases::parse(MADE.as_bytes());
    let lines = dump(stamped(MADE));
    for pointer in [
        "/trigger/order",
        "/trigger/user_pc",
        "/trigger/uid",
        "/cpu",
        "/stack",
        "/hardware",
        "/nodemask",
        "/chosen/tid",
        "/system/counters/free_pcp",
        "/system/counters/swap_cache_found",
        "/system/zones/0/boost_bytes",
        "/system/zones/0/lowmem_reserve/1",
        "/system/zones/0/free_blocks/2/count",
        "/system/zones/0/free_blocks_bytes",
        "/system/node_counters/0/counters/balloon",
        "/system/huge_pages/0/surplus",
        "/system/swap_total_bytes",
        "/system/unreclaimable_slabs/1/used_bytes",
        "/system/allocations/1/calls",
        "/system/protection/low_bytes",
        "/candidates/top/0/uid",
        "/census/by_name/1/memory/swap_bytes",
        "/census/total/processes",
        "/victim/memory_logged/0/shmem_rss_bytes",
        "/victim/oom_score_adj",
    ] {
        let mut records = records.clone();
        *records[0].pointer_mut(pointer).unwrap() = Value::Null;
        assert!(!missing(&lines, &records).is_empty(), "{pointer}");
    }
    let unknown = "A later kernel says 7 things";
    let more: Vec<_> = lines.iter().cloned().chain([unknown.to_owned()]).collect();
    assert_eq!(missing(&more, &records).len(), 1);
}
