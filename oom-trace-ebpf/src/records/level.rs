//! The limit cgroup and those above it.

use oom_trace_common::record::{LEVELS, Level, kind, level_field as field};

use super::usage::read_usage;
use super::{header, put, send_extra};
use crate::kernel::{Memcg, OomControl};
use crate::scratch;

/// Sends a record for each of them; none of a shortage of the whole machine.
pub(crate) fn send_levels(source: u32, incident: u64, oc: OomControl) {
    let mut memcg = oc.memcg().value;
    for depth in 0..LEVELS {
        if memcg.address() == 0 {
            return;
        }
        send_level(source as u64, incident, memcg.address(), depth as u64);
        memcg = memcg.parent();
    }
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn send_level(source: u64, incident: u64, memcg: u64, depth: u64) -> u64 {
    let (level, memcg) = (scratch::record::<Level>(), Memcg::new(memcg));
    let mut present = read_usage(&mut level.usage, memcg);
    put!(present |= field::HIGH; level.high, memcg.high());
    put!(present |= field::LOW; level.low, memcg.low());
    put!(present |= field::MIN; level.min, memcg.min());
    put!(present |= field::OOM_GROUP; level.oom_group, memcg.oom_group());
    for (place, slot) in level.events.iter_mut().enumerate() {
        put!(present |= (field::EVENTS << place); *slot, memcg.event_at(place));
    }
    level.depth = depth as u32;
    level.header = header(kind::LEVEL, source as u32, incident);
    level.header.present = present;
    scratch::clear();
    send_extra::<Level>();
    0
}
