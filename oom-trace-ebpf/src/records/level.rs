//! The limit cgroup and those above it.

use oom_trace_common::record::{LEVELS, kind, level_field as field};
use zerocopy::IntoBytes as _;

use super::usage::read_usage;
use super::{header, put, submit_extra};
use crate::kernel::{Memcg, OomControl};
use crate::maps::{LEVEL, only};

/// Sends a record for each of them; none of a shortage of the whole machine.
#[inline(never)]
pub(crate) fn send_levels(source: u32, incident: u64, oc: OomControl) {
    let mut memcg = oc.memcg().value;
    for depth in 0..LEVELS {
        if memcg.address() == 0 {
            return;
        }
        send_level(source, incident, memcg, depth);
        memcg = memcg.parent();
    }
}

#[inline(never)]
fn send_level(source: u32, incident: u64, memcg: Memcg, depth: u32) -> u64 {
    let Some(level) = only(&LEVEL) else { return 0 };
    let mut present = read_usage(&mut level.usage, memcg);
    put!(present |= field::HIGH; level.high, memcg.high());
    put!(present |= field::LOW; level.low, memcg.low());
    put!(present |= field::MIN; level.min, memcg.min());
    put!(present |= field::OOM_GROUP; level.oom_group, memcg.oom_group());
    for (place, slot) in level.events.iter_mut().enumerate() {
        put!(present |= (field::EVENTS << place); *slot, memcg.event_at(place));
    }
    level.depth = depth;
    level.header = header(kind::LEVEL, source, incident);
    level.header.present = present;
    submit_extra(level.as_bytes());
    present
}
