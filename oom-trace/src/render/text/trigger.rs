//! Who asked for memory, and for what.

use std::io;

use super::super::block::Block;
use super::super::units::{Joined, plural};
use super::super::word::{Who, Word};
use crate::incident::model::{Shortage, Trigger};

pub(super) fn show(shortage: &Shortage, block: &mut Block<'_>) -> io::Result<()> {
    let Shortage { trigger: Some(trigger), nodemask, cpu, .. } = shortage else { return Ok(()) };
    let Trigger {
        pid,
        tid,
        comm,
        uid,
        oom_score_adj: _,
        gfp_mask,
        gfp_flags,
        order,
        cgroup,
        cpuset,
        mems_allowed,
    } = trigger;
    block.line("trigger", |line| {
        if comm.is_some() || tid.is_some() {
            line.item(format_args!("{}", Who { comm: comm.as_ref(), pid: *pid, tid: *tid }))?;
        }
        if let Some(uid) = uid {
            line.item(format_args!("uid {uid}"))?;
        }
        if let Some(cgroup) = cgroup {
            line.item(format_args!("in {}", Word::from(cgroup)))?;
        }
        match cpu {
            Some(cpu) => line.item(format_args!("on CPU {cpu}")),
            None => Ok(()),
        }
    })?;
    let asked = order.is_some() || gfp_mask.is_some();
    block.line(if asked { "asked for" } else { "allowed" }, |line| {
        // sysrq says order -1: nobody asked.
        let pages = order.and_then(|order| 1_u64.checked_shl(u32::try_from(order).ok()?));
        if let (Some(order), Some(pages)) = (order, pages) {
            line.item(format_args!("{pages} page{} (order {order})", plural(pages)))?;
        }
        match (gfp_flags, gfp_mask) {
            (Some(flags), _) => line.item(format_args!("{}", Joined(flags, "|")))?,
            (None, Some(mask)) => line.item(format_args!("gfp_mask {mask}"))?,
            (None, None) => {}
        }
        if let Some(nodes) = nodemask {
            line.item(format_args!("bound to nodes {nodes}"))?;
        }
        match (cpuset, mems_allowed) {
            (Some(cpuset), Some(nodes)) => {
                line.item(format_args!("cpuset {} with nodes {nodes}", Word::from(cpuset)))
            }
            (None, Some(nodes)) => line.item(format_args!("cpuset with nodes {nodes}")),
            (Some(cpuset), None) => line.item(format_args!("cpuset {}", Word::from(cpuset))),
            (None, None) => Ok(()),
        }
    })
}
