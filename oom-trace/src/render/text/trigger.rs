//! Who asked for memory, and for what.

use std::io;

use super::super::block::{Block, Line};
use super::super::quote::{Quoted, TaskLabel};
use super::super::units::{Counted, Joined};
use crate::incident::model::{Scope, Shortage, Trigger, Victim};

/// Who asked, if it was not the victim, and for how much, if it was more than a page.
pub(super) fn brief(shortage: &Shortage, victim: &Victim, block: &mut Block<'_>) -> io::Result<()> {
    // What carries out a kill by hand asked for nothing.
    let asked = shortage.trigger.as_ref().filter(|_| shortage.scope != Some(Scope::Sysrq));
    let Some(trigger) = asked else { return Ok(()) };
    let is_other = trigger.pid.is_some() && victim.pid.is_some() && trigger.pid != victim.pid;
    block.line("trigger", |line| {
        let Trigger { pid, comm, cgroup, .. } = trigger;
        if is_other {
            line.item(format_args!("{}", TaskLabel { comm: comm.as_ref(), pid: *pid, tid: None }))?;
            let own = victim.cgroup.as_ref().map(|own| &own.path);
            if let Some(cgroup) = cgroup.as_ref().filter(|cgroup| Some(*cgroup) != own) {
                line.item(format_args!("in {}", Quoted::from(cgroup)))?;
            }
        }
        above_a_page(trigger, line)
    })
}

/// The same where nobody was killed.
pub(super) fn asked(shortage: &Shortage, block: &mut Block<'_>) -> io::Result<()> {
    let Some(trigger) = &shortage.trigger else { return Ok(()) };
    block.line("trigger", |line| {
        let Trigger { pid, tid, comm, .. } = trigger;
        if comm.is_some() || tid.is_some() {
            line.item(format_args!("{}", TaskLabel { comm: comm.as_ref(), pid: *pid, tid: *tid }))?;
        }
        above_a_page(trigger, line)
    })
}

/// What was asked for, if it was more than a page.
fn above_a_page(trigger: &Trigger, line: &mut Line<'_>) -> io::Result<()> {
    match trigger.order {
        Some(1..) => allocation(trigger, line),
        _ => Ok(()),
    }
}

/// `allocation order=3 (8 pages), gfp=GFP_KERNEL|__GFP_COMP`
fn allocation(trigger: &Trigger, line: &mut Line<'_>) -> io::Result<()> {
    let Trigger { order, gfp_flags, gfp_mask, .. } = trigger;
    // sysrq says order -1: nobody asked.
    let pages = order.and_then(|order| 1_u64.checked_shl(u32::try_from(order).ok()?));
    if let (Some(order), Some(pages)) = (order, pages) {
        line.item(format_args!("allocation order={order} ({})", Counted(pages, "page")))?;
    }
    match (gfp_flags, gfp_mask) {
        (Some(flags), _) => line.item(format_args!("gfp={}", Joined(flags, "|"))),
        (None, Some(mask)) => line.item(format_args!("gfp_mask={mask}")),
        (None, None) => Ok(()),
    }
}

pub(super) fn show(shortage: &Shortage, block: &mut Block<'_>) -> io::Result<()> {
    let Shortage { trigger: Some(trigger), nodemask, cpu, .. } = shortage else { return Ok(()) };
    let Trigger {
        pid,
        tid,
        comm,
        uid,
        oom_score_adj: _,
        gfp_mask: _,
        gfp_flags: _,
        order: _,
        user_pc: _,
        cgroup,
        cpuset,
        mems_allowed,
    } = trigger;
    block.line("trigger", |line| {
        if comm.is_some() || tid.is_some() {
            line.item(format_args!("{}", TaskLabel { comm: comm.as_ref(), pid: *pid, tid: *tid }))?;
        }
        if let Some(uid) = uid {
            line.item(format_args!("uid {uid}"))?;
        }
        if let Some(cgroup) = cgroup {
            line.item(format_args!("in {}", Quoted::from(cgroup)))?;
        }
        match cpu {
            Some(cpu) => line.item(format_args!("on CPU {cpu}")),
            None => Ok(()),
        }
    })?;
    block.line("", |line| {
        allocation(trigger, line)?;
        if let Some(nodes) = nodemask {
            line.item(format_args!("nodemask={nodes}"))?;
        }
        if let Some(cpuset) = cpuset {
            line.item(format_args!("cpuset={}", Quoted::from(cpuset)))?;
        }
        match mems_allowed {
            Some(nodes) => line.item(format_args!("mems_allowed={nodes}")),
            None => Ok(()),
        }
    })
}
