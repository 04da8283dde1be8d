//! What is asked.

use jiff::{SignedDuration, Timestamp};

use crate::cli::{SpanError, VerifyArgs};
use crate::incident::model::{OomKill, Record, UserKill};
use crate::kernel::namespace;
use crate::sink::{Filter, FilterState};

/// What the kernel counts by now may be in no record yet.
const JUST_NOW: SignedDuration = SignedDuration::from_secs(10);

/// Whether there was a kill of this kind in this span of time.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
    /// Whether the span ends now, as good as.
    pub(super) is_until_now: bool,
    now: Timestamp,
    pub(super) filter: Filter,
    pub(super) pid: Option<u32>,
    /// Whether process ids are those that the kernel's log has.
    is_first_namespace: bool,
}

impl Question {
    /// As the command line has it.
    ///
    /// # Errors
    /// There is no such span of time.
    pub(super) fn new(args: &VerifyArgs, now: Timestamp) -> Result<Self, SpanError> {
        let (since, until) = args.span(now)?;
        Ok(Self {
            since,
            until,
            is_until_now: now.duration_since(until) < JUST_NOW,
            now,
            filter: args.filter(),
            pid: args.pid,
            is_first_namespace: namespace::is_first_of_pids() != Some(false),
        })
    }

    /// Whether a moment is so recent that what was counted then may be in no record yet.
    pub(super) fn is_just_now(&self, time: Timestamp) -> bool {
        self.now.duration_since(time) < JUST_NOW
    }

    pub(super) fn has(&self, time: Timestamp) -> bool {
        self.since <= time && time <= self.until
    }

    /// Whether it is about this kill; `None` if its record does not tell.
    pub(super) fn is_about(&self, kill: &OomKill) -> Option<bool> {
        match (self.filter.fits(kill), self.is_of(kill)) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        }
    }

    fn is_of(&self, kill: &OomKill) -> Option<bool> {
        let Some(pid) = self.pid else { return Some(true) };
        let victim = &kill.victim;
        // In a container, who asks knows the victim by another number.
        if !self.is_first_namespace {
            return victim.ns_pid.map(|is| is == pid);
        }
        let is_thread = victim.tid == pid || kill.killed_again.iter().any(|it| it.tid == pid);
        if is_thread {
            return Some(true);
        }
        victim.pid.map(|is| is == pid)
    }

    /// Whether it is about what another program killed.
    pub(super) fn is_about_user_kill(&self, kill: &UserKill) -> bool {
        let record = Record::UserKill(Box::new(kill.clone()));
        let is_of = self.pid.is_none_or(|pid| kill.pid == Some(pid));
        is_of && FilterState::new(self.filter.clone()).takes(&record)
    }

    /// Whose kills are asked for, as people read it; nothing for all of the machine.
    pub(super) fn place(&self) -> String {
        let pid = self.pid.map(|pid| format!(" of pid {pid}")).unwrap_or_default();
        let place = self.filter.words().map(|words| format!(" {words}")).unwrap_or_default();
        pid + &place
    }
}
