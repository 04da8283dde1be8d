//! The limit cgroup and those above it.

use oom_trace_common::record::{Incident, LEVELS, Level, level_field as field};

use super::put;
use super::usage::read_usage;
use crate::kernel::{Memcg, OomControl};
use crate::scratch;

/// Adds them to the incident; none to a shortage of the whole machine.
pub(super) fn write(oc: OomControl) {
    let mut memcg = oc.memcg().value.address();
    for _ in 0..LEVELS {
        if memcg == 0 {
            break;
        }
        memcg = write_level(memcg);
    }
}

/// Adds one, and tells where the one above it is.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn write_level(memcg: u64) -> u64 {
    let (level, memcg) = (scratch::add::<Level>(), Memcg::new(memcg));
    let mut present = read_usage(&mut level.usage, memcg);
    put!(present |= field::HIGH; level.high, memcg.high());
    put!(present |= field::LOW; level.low, memcg.low());
    put!(present |= field::MIN; level.min, memcg.min());
    put!(present |= field::OOM_GROUP; level.oom_group, memcg.oom_group());
    for (place, slot) in level.events.iter_mut().enumerate() {
        put!(present |= (field::EVENTS << place); *slot, memcg.event_at(place));
    }
    level.present = present;
    scratch::record::<Incident>().levels_len += 1;
    memcg.parent().address()
}
