//! Records of the kernel's log, as it is written.

use std::io;

use tokio::net::unix::pipe::Receiver;

use super::Fed;
use super::failures::HeldBack;
use crate::enrich::clock::Clock;
use crate::kernel_log::device::{Device, Taken};
use crate::kernel_log::reader::Kmsg;
use crate::kernel_log::{Entry, Machine, Parser, Stamp};
use crate::pipeline::rehearsal::Rehearsal;
use crate::say::say;
use crate::units::Counted;

/// Messages that are read before they are looked at.
const BATCH: usize = 256;

pub(crate) struct Log {
    device: Device<Receiver>,
    parser: Parser,
    failures: HeldBack,
    batch: Vec<(Kmsg, u64)>,
    lost: u64,
    /// `None` once it is over.
    rehearsal: Option<Rehearsal>,
}

impl Log {
    pub(super) fn new(device: Device, machine: Machine, rehearsal: Rehearsal) -> io::Result<Self> {
        Ok(Self {
            device: device.into_waiting()?,
            parser: Parser::new(machine),
            failures: HeldBack::default(),
            batch: Vec::with_capacity(BATCH),
            lost: 0,
            rehearsal: Some(rehearsal),
        })
    }

    pub(super) fn rehearse(&mut self) {
        self.rehearsal.take().into_iter().for_each(Rehearsal::walk_log);
    }

    pub(super) async fn readable(&mut self) -> io::Result<()> {
        self.device.readable().await
    }

    pub(super) fn drain(&mut self, mut each: impl FnMut(Fed)) {
        while self.fill(&mut each) {
            // The newest message was written just now. By that, the stamps of the kernel's log are
            // told in wall-clock time, however long the machine was suspended.
            let clock = Clock::now();
            let newest = self.batch.iter().filter_map(|(record, _)| stamp(record)).max();
            for (record, lost) in self.batch.drain(..) {
                if lost > 0 {
                    self.lost += lost;
                    say(format_args!(
                        "lost {} of the kernel's log, overwritten before it was read",
                        Counted(lost, "message")
                    ));
                    let done = self.parser.gap();
                    self.failures.tell(done, &mut each);
                }
                let Some(entry) = record.entry() else { continue };
                let age = newest
                    .zip(entry.stamp.boot_ns)
                    .map(|(newest, then)| newest.saturating_sub(then));
                let time = age.map(|age| clock.wall(clock.boot_ns().saturating_sub(age)));
                let entry = Entry { stamp: Stamp { time, ..entry.stamp }, ..entry };
                let done = self.parser.push(&entry);
                self.failures.tell(done, &mut each);
            }
        }
    }

    /// Reads messages; whether there were any.
    fn fill(&mut self, each: &mut impl FnMut(Fed)) -> bool {
        while self.batch.len() < BATCH {
            match self.device.take() {
                Ok(Some(Taken::Record(record, lost))) => self.batch.push((record, lost)),
                Ok(Some(Taken::Unreadable(error))) => each(Fed::Malformed(error.to_string())),
                Ok(None) => break,
                Err(error) => {
                    each(Fed::Malformed(format!("cannot read the kernel's log: {error}")));
                    break;
                }
            }
        }
        !self.batch.is_empty()
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.parser.is_waiting()
    }

    /// Nothing has come for a while: no more will.
    pub(super) fn settle(&mut self, mut each: impl FnMut(Fed)) {
        self.failures.tell(self.parser.flush(), &mut each);
        self.drain(each);
    }

    /// Hands on what is left.
    pub(super) fn finish(&mut self, mut each: impl FnMut(Fed)) {
        self.drain(&mut each);
        self.failures.tell(self.parser.flush(), &mut each);
        self.failures.finish();
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost
    }
}

fn stamp(record: &Kmsg) -> Option<u64> {
    record.entry()?.stamp.boot_ns
}
