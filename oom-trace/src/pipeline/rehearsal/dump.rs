//! What the kernel's log would say of an incident that never was.

use std::iter;

use crate::incident::model::Record;
use crate::kernel_log::reader::Kmsg;
use crate::kernel_log::{Machine, Parser};

/// What `/dev/kmsg` has before each message: its level, its number, its stamp in microseconds.
const PREFIX: &str = "6,1,1,-;";

/// How a row of the table begins, and how many there are: more than are sorted without room for it.
const TASK: &str = "[      1]";
const TASKS: usize = 24;

/// Of a cgroup and of the machine in one, without the line by which the second would be held to be another's: each
/// line has a form that the parser knows.
const DUMP: &str = "\
one invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
CPU: 0 UID: 0 PID: 1 Comm: one Not tainted 6.12.0 #1
Hardware name: one two
Call Trace:
 <TASK>
 dump_header+0x43/0x1aa
 out_of_memory+0x219/0x4b0
 asm_exc_page_fault+0x26/0x30
RIP: 0033:0x7f5f9ef33687
Code: 0f 1f <0f> 05
RSP: 002b:00007ffd5c1b2a68 EFLAGS: 00010206
 </TASK>
memory: usage 65536kB, limit 65536kB, failcnt 12
swap: usage 0kB, limit 9007199254740988kB, failcnt 0
Memory cgroup stats for /one:
anon 65536000
file 0
active_anon:161274 inactive_anon:0 isolated_anon:0
Node 0 active_anon:645096kB inactive_anon:0kB active_file:0kB inactive_file:0kB unevictable:3756kB \
mapped:14476kB dirty:0kB writeback:0kB shmem:93608kB
Node 0 DMA32 free:31952kB boost:0kB min:32776kB low:40968kB high:49160kB active_anon:632996kB \
present:786028kB managed:700000kB
lowmem_reserve[]: 0 0 0
Node 0 DMA32: 7*4kB (UM) 1*8kB (U) 0*16kB = 36kB
Node 0 hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size=2048kB
107 total pagecache pages
0 pages in swap cache
Total swap = 0kB
196477 pages RAM
Tasks state (memory values in pages):
[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents \
oom_score_adj name
[      1]     0     1     5007     2312     2056        0       256    73728        0             0 one
oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/one,\
task_memcg=/one,task=one,pid=1,uid=0
Memory cgroup out of memory: Killed process 1 (one) total-vm:20028kB, anon-rss:8224kB, file-rss:0kB, \
shmem-rss:1024kB, UID:0 pgtables:72kB oom_score_adj:0
Memory cgroup out of memory: Killed process 2 (one) total-vm:20028kB, anon-rss:8224kB, file-rss:0kB, \
shmem-rss:1024kB, UID:0 pgtables:72kB oom_score_adj:0
";

/// Its messages, as `/dev/kmsg` has them.
pub(in crate::pipeline) fn messages() -> impl Iterator<Item = Kmsg> {
    let times = |line: &str| if line.starts_with(TASK) { TASKS } else { 1 };
    let lines = DUMP.lines().flat_map(move |line| iter::repeat_n(line, times(line)));
    lines.filter_map(|line| Kmsg::parse([PREFIX, line, "\n"].concat().as_bytes()))
}

/// The records that a parser makes of it.
pub(super) fn records(machine: &Machine) -> Vec<Record> {
    let mut parser = Parser::new(machine.clone());
    let mut records = Vec::new();
    for message in messages() {
        records.extend(message.entry().into_iter().flat_map(|entry| parser.push(&entry)));
    }
    records.extend(parser.flush());
    records
}
