//! What was seen, and what the kernel says it did: its counter is the truth.

use crate::incident::model::{OomKill, Totals};
use crate::kernel::vmstat::Vmstat;

/// Knows how many kills the kernel has counted.
pub(crate) trait Count {
    /// By now; `None` where the kernel does not tell.
    fn count(&self) -> Option<u64>;
}

impl Count for Vmstat {
    fn count(&self) -> Option<u64> {
        self.oom_kill()
    }
}

/// Counts kills on both sides.
///
/// The kernel counts a kill before it marks the task, and marks it before it logs the kill. So what is
/// told of was counted, and a difference may be a kill on its way. It is a gap once it has lasted: it
/// is compared when something happened, and again when nothing has for a while.
///
/// At the start, too, a kill may be on its way: counted already, and told of later. That shows as more
/// kills than the kernel has counted since. Then the account began with a lower count, so that this
/// surplus never makes up for a loss.
#[derive(Debug)]
pub(crate) struct Account<C = Vmstat> {
    /// The kernel's count when the account began; `None` where the kernel does not tell.
    base: Option<u64>,
    kills: u64,
    /// Marks of which nobody can say whether they were kills.
    unsure: u64,
    records: u64,
    malformed: u64,
    /// By how much the kernel was ahead, beyond what has been told, each time that it was compared
    /// since that was last settled; `None` if it was not.
    ahead: Option<u64>,
    /// Kills that are in no record and that have been told of.
    told: u64,
    kernel: C,
}

impl Account {
    /// Starts to count.
    pub(crate) fn open() -> Self {
        Self::with(Vmstat::open())
    }
}

impl<C: Count> Account<C> {
    fn with(kernel: C) -> Self {
        Self {
            base: kernel.count(),
            kills: 0,
            unsure: 0,
            records: 0,
            malformed: 0,
            ahead: None,
            told: 0,
            kernel,
        }
    }

    pub(crate) fn record(&mut self, kill: &OomKill) {
        self.records += 1;
        match kill.kill_count {
            Some(count) => self.kills += u64::from(count),
            None => self.unsure += 1,
        }
    }

    /// One more kill of a victim that has its record.
    pub(crate) fn again(&mut self) {
        self.kills += 1;
    }

    pub(crate) fn malformed(&mut self) {
        self.malformed += 1;
    }

    /// The kernel's count by now.
    pub(crate) fn count(&self) -> Option<u64> {
        self.kernel.count()
    }

    /// How many kills the kernel had counted when the account began, as far as is known by now.
    pub(crate) fn base(&self) -> Option<u64> {
        self.base
    }

    /// Whether it remains to be compared again.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.ahead.is_some()
    }

    /// Compares the kernel's count, taken before the records were, with what was seen; `open` kills
    /// wait for the end of their incident.
    pub(crate) fn compare(&mut self, count: Option<u64>, open: u64) {
        let unseen = self.unseen(count, open);
        self.ahead = Some(self.ahead.map_or(unseen, |ahead| ahead.min(unseen)));
    }

    /// Compares again, a while later. How many kills no hook saw that have not been told of: those
    /// by which the kernel was ahead each time.
    pub(crate) fn settle(&mut self, count: Option<u64>, open: u64) -> Option<u64> {
        let unseen = self.unseen(count, open);
        let gap = unseen.min(self.ahead.unwrap_or(0));
        self.told += gap;
        self.ahead = Some(unseen - gap).filter(|&new| new > 0);
        (gap > 0).then_some(gap)
    }

    /// The last comparison: nothing is on its way any more.
    pub(crate) fn close(&mut self, count: Option<u64>) -> Option<u64> {
        self.ahead = Some(u64::MAX);
        self.settle(count, 0)
    }

    fn unseen(&mut self, count: Option<u64>, open: u64) -> u64 {
        let (Some(base), Some(count)) = (self.base, count) else { return 0 };
        let seen = self.kills + self.told;
        if count.saturating_sub(base) < seen {
            self.begin_earlier(seen);
            return 0;
        }
        (count - base - seen).saturating_sub(self.unsure + open)
    }

    /// What was on its way when the account began has arrived.
    fn begin_earlier(&mut self, seen: u64) {
        // Not the count that was taken before: it may be older than the last record.
        let began = self.count().map(|now| now.saturating_sub(seen));
        self.base = self.base.map(|base| began.map_or(base, |began| base.min(began)));
    }

    pub(crate) fn totals(&self, count: Option<u64>, ring_lost: u64, sink_lost: u64) -> Totals {
        let &Self { base, kills, unsure, records, malformed, ahead: _, told, kernel: _ } = self;
        let counted = count.zip(base).map(|(count, base)| count.saturating_sub(base));
        // As many of the doubtful ones as the kernel counted.
        let kills = counted
            .map_or(kills, |counted| kills + unsure.min(counted.saturating_sub(kills + told)));
        // A record may be of later than the count.
        let kernel_kills = counted.map(|counted| counted.max(kills + told));
        Totals { kills, kernel_kills, records, ring_lost, malformed, sink_lost }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Count for Option<u64> {
        fn count(&self) -> Option<u64> {
            *self
        }
    }

    fn account(kills: u64) -> Account<Option<u64>> {
        Account { kills, ..Account::with(Some(0)) }
    }

    #[test]
    fn a_difference_is_a_gap_once_it_has_lasted_and_is_told_once() {
        let mut account = account(5);
        account.compare(Some(7), 0);
        assert!(account.is_unsettled());
        assert_eq!(account.settle(Some(7), 0), Some(2));
        assert!(!account.is_unsettled());
        account.compare(Some(7), 0);
        assert_eq!(account.settle(Some(7), 0), None);
        assert!(!account.is_unsettled());
        assert_eq!(account.close(Some(8)), Some(1));
    }

    #[test]
    fn a_kill_on_its_way_is_no_gap() {
        let mut account = account(5);
        account.compare(Some(6), 0);
        account.kills = 7;
        assert_eq!(account.settle(Some(7), 0), None);
        account.compare(None, 0);
        assert_eq!(account.settle(None, 0), None);
    }

    #[test]
    fn what_comes_while_it_is_looked_at_is_looked_at_again() {
        let mut account = account(5);
        account.compare(Some(5), 0);
        assert_eq!(account.settle(Some(6), 0), None);
        assert!(account.is_unsettled());
        assert_eq!(account.settle(Some(6), 0), Some(1));
        assert!(!account.is_unsettled());
    }

    /// There is always one more on its way, and always another one.
    #[test]
    fn in_a_storm_what_is_on_its_way_is_no_gap_and_a_loss_is() {
        let mut account = account(0);
        for (count, kills, open) in [(3, 1, 1), (5, 4, 1), (9, 7, 1), (12, 11, 0)] {
            account.kills = kills;
            account.compare(Some(count), open);
        }
        assert_eq!(account.settle(Some(13), 1), None);
        for (count, kills) in [(20, 17), (25, 23), (31, 28)] {
            account.kills = kills;
            account.compare(Some(count), 0);
        }
        assert_eq!(account.settle(Some(40), 0), Some(1));
    }

    /// It was counted before the account began, and its record came after.
    #[test]
    fn a_kill_that_was_on_its_way_at_the_start_hides_no_loss() {
        let mut account = Account::with(Some(100));
        account.kills = 1;
        account.compare(Some(100), 0);
        assert_eq!(account.settle(Some(100), 0), None);
        assert_eq!(account.totals(Some(100), 0, 0).kernel_kills, Some(1));
        // One more, in no record.
        account.compare(Some(101), 0);
        assert_eq!(account.settle(Some(101), 0), Some(1));
        assert_eq!(account.totals(Some(101), 0, 0).kernel_kills, Some(2));
    }

    /// The count was taken, then another kill was counted and told of.
    #[test]
    fn a_count_that_is_older_than_the_last_record_moves_no_beginning() {
        let mut account = Account { base: Some(90), ..account(11) };
        account.kernel = Some(101);
        account.compare(Some(100), 0);
        assert_eq!(account.base, Some(90));
        assert_eq!(account.totals(Some(100), 0, 0).kernel_kills, Some(11));
    }

    #[test]
    fn a_mark_that_may_have_been_a_kill_is_one_where_the_kernel_counted_it() {
        let mut account = Account { unsure: 2, ..account(3) };
        for (count, kills) in [(3, 3), (4, 4), (5, 5)] {
            assert_eq!(account.close(Some(count)), None, "{count}");
            assert_eq!(account.totals(Some(count), 0, 0).kills, kills, "{count}");
        }
        assert_eq!(account.close(Some(6)), Some(1));
    }

    /// The kernel may refuse to tell once: it has told where the account began.
    #[test]
    fn a_count_that_is_not_to_be_had_ends_no_account() {
        let mut account = Account { base: Some(90), ..account(11) };
        account.kernel = None;
        account.compare(Some(100), 0);
        assert_eq!(account.base, Some(90));
        assert_eq!(account.totals(Some(101), 0, 0).kernel_kills, Some(11));
    }
}
