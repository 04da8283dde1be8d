//! The probes' perf events, held by a map instead of by descriptors.
//!
//! Whoever closes the last descriptor of a probe's event waits in the kernel until no processor runs
//! its program any more, one probe after the other (`perf_event_detach_bpf_prog`,
//! kernel/trace/bpf_trace.c); that may take seconds, and a process that is killed does so as well. Of an
//! event in a map the kernel lets go by itself once the map is closed (`perf_event_fd_array_release`,
//! kernel/bpf/arraymap.c), and nobody waits.

use std::io;
use std::os::fd::OwnedFd;

use super::calls::{create_map, freeze, number, set_element};
use super::image::MapImage;

const BPF_MAP_TYPE_PERF_EVENT_ARRAY: u32 = 4;

/// The events leave soon after this is dropped.
pub(super) struct HeldEvents {
    map: OwnedFd,
    len: u32,
}

impl HeldEvents {
    /// With room for so many.
    pub(super) fn new(room: usize) -> io::Result<Self> {
        let room = u32::try_from(room).map_err(io::Error::other)?;
        let image = MapImage {
            name: "PROBES",
            kind: BPF_MAP_TYPE_PERF_EVENT_ARRAY,
            key_size: 4,
            value_size: 4,
            entries: room.max(1),
            flags: 0,
            data: &[],
            is_constant: false,
        };
        Ok(Self { map: create_map(&image)?, len: 0 })
    }

    /// Takes an event, which needs no descriptor from here on.
    pub(super) fn hold(&mut self, event: &OwnedFd) -> io::Result<()> {
        set_element(&self.map, self.len, &number(event)?.to_ne_bytes())?;
        self.len += 1;
        Ok(())
    }

    /// No event is taken out by a call from here on, also not by somebody else with all rights.
    pub(super) fn keep(&self) -> io::Result<()> {
        freeze(&self.map)
    }
}
