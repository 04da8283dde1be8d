//! The one table of every kernel member that the eBPF program reads.
//!
//! User space looks each member up in the running kernel's BTF and hands the result over as the
//! read-only global `LAYOUT` before load, so that the verifier sees constants.

use zerocopy::{Immutable, IntoBytes};

/// The value of a member that the running kernel lacks.
pub const ABSENT: u32 = u32::MAX;

/// What the agent does without a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// No record can be made.
    Required,
    /// The keys of the record that the member serves are `null`.
    Optional,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    /// Name of the field of [`Layout`].
    pub name: &'static str,
    /// Where to look, first match wins: `struct.member[.member…]` gives a byte offset,
    /// `sizeof type` a size in bytes, `enum NAME` an enumerator's value.
    pub paths: &'static [&'static str],
    /// Bytes that the program reads there; 0 where it only takes the address.
    pub width: u32,
    /// What the agent does without it.
    pub need: Need,
    /// The keys of the record that are `null` without it.
    pub gives: &'static [&'static str],
}

macro_rules! layout {
    ($($name:ident: $width:literal $need:ident [$($path:literal)|+] gives [$($key:literal),*];)+) => {
        /// One number for each row of [`MEMBERS`], in its order; [`ABSENT`] where the kernel has
        /// no such member.
        #[repr(C)]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Immutable, IntoBytes)]
        pub struct Layout {
            $(#[doc = concat!("`", $($path, "` ",)+)] pub $name: u32,)+
        }

        impl Layout {
            /// A kernel without anything.
            pub const EMPTY: Self = Self { $($name: ABSENT,)+ };

            /// The layout with each row as `resolve` finds it.
            pub fn new(resolve: impl FnMut(&'static Member) -> u32) -> Self {
                let mut rows = MEMBERS.iter().map(resolve);
                Self { $($name: rows.next().unwrap_or(ABSENT),)+ }
            }
        }

        /// The table.
        pub const MEMBERS: &[Member] = &[$(
            Member {
                name: stringify!($name),
                paths: &[$($path),+],
                width: $width,
                need: Need::$need,
                gives: &[$($key),*],
            },
        )+];
    };
}

// width, need, paths (newest name first), keys of the record.
layout! {
    task_pid: 4 Required ["task_struct.pid"] gives ["victim.tid"];
    task_tgid: 4 Required ["task_struct.tgid"] gives ["victim.pid"];
    task_comm: 0 Optional ["task_struct.comm"] gives ["victim.comm", "trigger.comm", "chosen.comm"];
    task_mm: 8 Optional ["task_struct.mm"] gives ["victim.memory"];
    task_signal: 8 Optional ["task_struct.signal"] gives ["victim.oom_score_adj", "victim.threads", "trigger.oom_score_adj"];
    task_group_leader: 8 Optional ["task_struct.group_leader"] gives ["victim.parent_comm", "victim.started", "victim.age_ms", "oom_exit"];
    task_real_parent: 8 Optional ["task_struct.real_parent"] gives ["victim.ppid", "victim.parent_comm"];
    task_real_cred: 8 Optional ["task_struct.real_cred"] gives ["victim.uid", "victim.gid", "trigger.uid", "chosen.uid"];
    task_cgroups: 8 Optional ["task_struct.cgroups"] gives ["victim.cgroup", "trigger.cgroup", "chosen.cgroup", "trigger.cpuset"];
    task_flags: 4 Optional ["task_struct.flags"] gives ["candidates"];
    task_loginuid: 4 Optional ["task_struct.loginuid"] gives ["victim.login_uid"];
    task_mempolicy: 8 Optional ["task_struct.mempolicy"] gives [];
    // Of a freed task 0.
    task_usage: 4 Optional ["task_struct.usage"] gives [];
    task_thread_node: 0 Optional ["task_struct.thread_node"] gives [];
    task_start_boottime: 8 Optional ["task_struct.start_boottime" | "task_struct.real_start_time"] gives ["victim.started", "victim.age_ms"];
    task_mems_allowed: 0 Optional ["task_struct.mems_allowed"] gives ["trigger.mems_allowed"];
    nodemask_size: 0 Optional ["sizeof nodemask_t"] gives ["trigger.mems_allowed", "nodemask"];

    signal_oom_score_adj: 2 Optional ["signal_struct.oom_score_adj"] gives ["victim.oom_score_adj", "trigger.oom_score_adj"];
    signal_nr_threads: 4 Optional ["signal_struct.nr_threads"] gives ["victim.threads"];
    signal_oom_mm: 8 Optional ["signal_struct.oom_mm"] gives ["oom_exit"];
    signal_thread_head: 8 Optional ["signal_struct.thread_head.next"] gives [];
    signal_pids: 0 Optional ["signal_struct.pids"] gives ["victim.ns_pid"];
    pidtype_tgid: 0 Optional ["enum PIDTYPE_TGID"] gives ["victim.ns_pid"];
    pid_level: 4 Optional ["pid.level"] gives ["victim.ns_pid"];
    pid_numbers: 0 Optional ["pid.numbers"] gives ["victim.ns_pid"];
    upid_size: 0 Optional ["sizeof upid"] gives ["victim.ns_pid"];
    upid_nr: 4 Optional ["upid.nr"] gives ["victim.ns_pid"];

    cred_uid: 4 Optional ["cred.uid"] gives ["victim.uid", "trigger.uid", "chosen.uid"];
    cred_gid: 4 Optional ["cred.gid"] gives ["victim.gid"];

    // From 6.18 on a bitmap that starts with the same word.
    mm_flags: 0 Optional ["mm_struct.flags"] gives [];
    mm_users: 4 Optional ["mm_struct.mm_users"] gives [];
    mm_pgd: 8 Optional ["mm_struct.pgd"] gives ["victim.argv"];
    mm_task_size: 8 Optional ["mm_struct.task_size"] gives [];
    mm_arg_start: 8 Optional ["mm_struct.arg_start"] gives ["victim.argv"];
    mm_arg_end: 8 Optional ["mm_struct.arg_end"] gives ["victim.argv"];
    mm_exe_file: 8 Optional ["mm_struct.exe_file"] gives ["victim.exe"];
    file_mnt: 8 Optional ["file.f_path.mnt"] gives ["victim.exe"];
    file_dentry: 8 Optional ["file.f_path.dentry"] gives ["victim.exe"];
    dentry_parent: 8 Optional ["dentry.d_parent"] gives ["victim.exe"];
    dentry_name: 8 Optional ["dentry.d_name.name"] gives ["victim.exe"];
    vfsmount_root: 8 Optional ["vfsmount.mnt_root"] gives ["victim.exe"];
    mount_mnt: 0 Optional ["mount.mnt"] gives ["victim.exe"];
    mount_parent: 8 Optional ["mount.mnt_parent"] gives ["victim.exe"];
    mount_mountpoint: 8 Optional ["mount.mnt_mountpoint"] gives ["victim.exe"];

    mm_total_vm: 8 Optional ["mm_struct.total_vm"] gives ["victim.memory.total_vm_bytes"];
    mm_pgtables_bytes: 8 Optional ["mm_struct.pgtables_bytes"] gives ["victim.memory.pgtables_bytes"];
    // Until 6.1 an array of atomic longs inside a struct, then an array of percpu_counter.
    mm_rss_count: 8 Optional ["mm_struct.rss_stat.count"] gives ["victim.memory.anon_rss_bytes", "victim.memory.file_rss_bytes", "victim.memory.shmem_rss_bytes", "victim.memory.swap_bytes"];
    mm_rss_counters: 8 Optional ["mm_struct.rss_stat.counters"] gives [];
    percpu_counter_size: 0 Optional ["sizeof percpu_counter"] gives [];
    mm_filepages: 0 Optional ["enum MM_FILEPAGES"] gives ["victim.memory.file_rss_bytes"];
    mm_anonpages: 0 Optional ["enum MM_ANONPAGES"] gives ["victim.memory.anon_rss_bytes"];
    mm_swapents: 0 Optional ["enum MM_SWAPENTS"] gives ["victim.memory.swap_bytes"];
    mm_shmempages: 0 Optional ["enum MM_SHMEMPAGES"] gives ["victim.memory.shmem_rss_bytes"];

    oc_nodemask: 8 Optional ["oom_control.nodemask"] gives ["nodemask"];
    oc_memcg: 8 Optional ["oom_control.memcg"] gives ["limit"];
    oc_gfp_mask: 4 Optional ["oom_control.gfp_mask"] gives ["trigger.gfp_mask", "trigger.gfp_flags"];
    oc_order: 4 Optional ["oom_control.order"] gives ["trigger.order"];
    oc_totalpages: 8 Optional ["oom_control.totalpages"] gives ["totalpages"];
    oc_chosen: 8 Optional ["oom_control.chosen"] gives ["chosen"];
    oc_chosen_points: 8 Optional ["oom_control.chosen_points"] gives ["victim.badness"];
    oc_constraint: 4 Optional ["oom_control.constraint"] gives ["constraint", "scope"];

    mempolicy_mode: 2 Optional ["mempolicy.mode"] gives [];
    mempolicy_nodes: 0 Optional ["mempolicy.nodes" | "mempolicy.v.nodes"] gives [];
    mpol_bind: 0 Optional ["enum MPOL_BIND"] gives [];

    memcg_cgroup: 8 Optional ["mem_cgroup.css.cgroup"] gives ["limit.cgroup"];
    memcg_usage: 8 Optional ["mem_cgroup.memory.usage"] gives ["limit.usage_bytes"];
    memcg_max: 8 Optional ["mem_cgroup.memory.max" | "mem_cgroup.memory.limit"] gives ["limit.max_bytes"];
    memcg_swap_usage: 8 Optional ["mem_cgroup.swap.usage"] gives ["limit.swap_usage_bytes"];
    memcg_swap_max: 8 Optional ["mem_cgroup.swap.max" | "mem_cgroup.swap.limit"] gives ["limit.swap_max_bytes"];
    memcg_failcnt: 8 Optional ["mem_cgroup.memory.failcnt"] gives ["limit.failcnt"];
    memcg_swap_failcnt: 8 Optional ["mem_cgroup.swap.failcnt"] gives ["limit.swap_failcnt"];
    // Without CONFIG_MEMCG_V1 there is none.
    memcg_kmem_usage: 8 Optional ["mem_cgroup.kmem.usage"] gives [];
    memcg_kmem_max: 8 Optional ["mem_cgroup.kmem.max" | "mem_cgroup.kmem.limit"] gives [];
    memcg_kmem_failcnt: 8 Optional ["mem_cgroup.kmem.failcnt"] gives [];
    memcg_events: 0 Optional ["mem_cgroup.memory_events"] gives ["limit.failcnt", "limit.swap_failcnt"];
    memcg_event_max: 0 Optional ["enum MEMCG_MAX"] gives ["limit.failcnt"];
    memcg_event_swap_max: 0 Optional ["enum MEMCG_SWAP_MAX"] gives ["limit.swap_failcnt"];

    memcg_event_low: 0 Optional ["enum MEMCG_LOW"] gives ["limit.events.low"];
    memcg_event_high: 0 Optional ["enum MEMCG_HIGH"] gives ["limit.events.high"];
    memcg_event_oom: 0 Optional ["enum MEMCG_OOM"] gives ["limit.events.oom"];
    memcg_event_oom_kill: 0 Optional ["enum MEMCG_OOM_KILL"] gives ["limit.events.oom_kill"];
    // From 5.17 on.
    memcg_event_oom_group_kill: 0 Optional ["enum MEMCG_OOM_GROUP_KILL"] gives [];
    memcg_css: 0 Optional ["mem_cgroup.css"] gives ["limit.ancestors"];
    memcg_parent: 8 Optional ["mem_cgroup.css.parent"] gives ["limit.ancestors"];
    memcg_high: 8 Optional ["mem_cgroup.memory.high" | "mem_cgroup.high"] gives ["limit.high_bytes"];
    memcg_low: 8 Optional ["mem_cgroup.memory.low" | "mem_cgroup.low"] gives ["limit.low_bytes"];
    memcg_min: 8 Optional ["mem_cgroup.memory.min"] gives ["limit.min_bytes"];
    memcg_oom_group: 1 Optional ["mem_cgroup.oom_group"] gives ["limit.oom_group"];

    css_set_subsys: 0 Optional ["css_set.subsys"] gives ["chosen.cgroup", "trigger.cgroup", "trigger.cpuset"];
    css_set_dfl_cgrp: 8 Optional ["css_set.dfl_cgrp"] gives [];
    css_cgroup: 8 Optional ["cgroup_subsys_state.cgroup"] gives ["chosen.cgroup", "trigger.cgroup", "trigger.cpuset"];
    memory_cgrp_id: 0 Optional ["enum memory_cgrp_id"] gives ["chosen.cgroup", "trigger.cgroup", "victim.cgroup"];
    cpuset_cgrp_id: 0 Optional ["enum cpuset_cgrp_id"] gives ["trigger.cpuset"];
    cgroup_kn: 8 Optional ["cgroup.kn"] gives ["victim.cgroup", "trigger.cgroup", "chosen.cgroup", "limit.cgroup", "trigger.cpuset"];
    cgroup_root: 8 Optional ["cgroup.root"] gives [];
    root_hierarchy: 4 Optional ["cgroup_root.hierarchy_id"] gives ["limit.failcnt", "limit.swap_usage_bytes", "limit.swap_max_bytes", "limit.swap_failcnt"];
    // Renamed between 6.12 and 6.16.
    kernfs_parent: 8 Optional ["kernfs_node.__parent" | "kernfs_node.parent"] gives ["victim.cgroup", "trigger.cgroup", "chosen.cgroup", "limit.cgroup"];
    kernfs_name: 8 Optional ["kernfs_node.name"] gives ["victim.cgroup", "trigger.cgroup", "chosen.cgroup", "limit.cgroup", "trigger.cpuset"];
    kernfs_id: 8 Optional ["kernfs_node.id"] gives ["victim.cgroup.id"];
}

const _: () = assert!(size_of::<Layout>() == MEMBERS.len() * size_of::<u32>());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_path_has_a_known_form() {
        for (index, member) in MEMBERS.iter().enumerate() {
            assert!(MEMBERS.iter().skip(index + 1).all(|other| other.name != member.name));
            for path in member.paths {
                let plain = path.strip_prefix("sizeof ").or_else(|| path.strip_prefix("enum "));
                assert!(plain.is_some() || path.contains('.'), "{path}");
            }
        }
    }
}
