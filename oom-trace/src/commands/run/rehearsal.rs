//! Walks the path of an event once with an event that never was.
//!
//! Memory is locked as it is first used. After this the code and the heap that a record takes are
//! resident, so that the first real one, which comes when memory is short, asks the kernel for
//! none.

use oom_trace_common::record::{End, Incident, PATHS_LEN, Victim, kind};
use zerocopy::{FromZeros as _, IntoBytes};

use crate::config;
use crate::enrich::Enricher;
use crate::enrich::clock::Clock;
use crate::incident::assemble::Assembler;
use crate::incident::model::Record;
use crate::render::{Style, render};
use crate::wire::decode;

pub(super) fn rehearse(enricher: &mut Enricher, config: &config::Run) {
    let mut assembler = Assembler::new(usize::MAX);
    let done = events().iter().filter_map(|bytes| assembler.push(decode(bytes).ok()?)).last();
    let Some(incident) = done else { return };
    let console = config.console.as_ref().map(|console| (console.format, console.style));
    let sinks = config.sinks.iter().filter_map(|sink| sink.destination().format());
    let sinks = sinks.map(|format| (format, Style::default()));
    let mut out = Vec::new();
    let clock = Clock::now();
    let system = enricher.system(clock.boot_ns());
    for kill in enricher.records(&incident, Some(&system), clock) {
        let record = Record::OomKill(Box::new(kill));
        for (format, style) in sinks.clone().chain(console) {
            // Into memory: it cannot fail, and nobody reads it.
            let _ = render(&record, format, style, &mut out);
        }
    }
}

/// An incident with everything in it: all fields present, a path of the greatest length.
fn events() -> [Vec<u8>; 3] {
    let path_len = u32::try_from(PATHS_LEN).unwrap_or(0);
    let path = [b'x'; PATHS_LEN];
    let mut incident = Incident::new_zeroed();
    incident.header.kind = kind::INCIDENT;
    incident.header.present = u64::MAX;
    incident.limit = 1;
    let ends = [
        &mut incident.limit_path_end,
        &mut incident.trigger_path_end,
        &mut incident.chosen_path_end,
        &mut incident.symbols_end,
    ];
    ends.into_iter().for_each(|end| *end = path_len);
    let mut victim = Victim::new_zeroed();
    victim.header.kind = kind::VICTIM;
    victim.header.present = u64::MAX;
    victim.path_len = path_len;
    let mut end = End::new_zeroed();
    end.header.kind = kind::END;
    [
        [incident.as_bytes(), &path].concat(),
        [victim.as_bytes(), &path].concat(),
        end.as_bytes().to_vec(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rehearsal_reaches_the_record() {
        let mut assembler = Assembler::new(usize::MAX);
        let incidents: Vec<_> =
            events().iter().filter_map(|bytes| assembler.push(decode(bytes).unwrap())).collect();
        assert_eq!(incidents.len(), 1);
        assert_eq!(incidents[0].victims.len(), 1);
        assert!(incidents[0].victims[0].cgroup.is_some());
    }
}
