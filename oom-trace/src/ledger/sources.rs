//! Where it is read from: a store, or the running kernel's log.

use super::boot::{Boot, Counted};
use super::{Ledger, Now};
use crate::incident::model::Record;
use crate::kernel_log::this_boot::{self, Part};
use crate::store::{Archive, BootSeen, StoreError};

impl Ledger {
    /// The boots that a store knows, without its records. This one is among them if the store is this
    /// machine's own or has a record of it: that of another machine says nothing of this boot, even where
    /// it was last written here.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn of_boots(
        archive: &mut Archive,
        is_own: bool,
        now: &Now,
    ) -> Result<Self, StoreError> {
        let seen = archive.boots()?;
        let own = seen.iter().find(|boot| boot.boot_id == now.host.boot_id);
        let own = own.filter(|boot| is_own || boot.has_records);
        let others = seen.iter().filter(|boot| boot.boot_id != now.host.boot_id);
        let mut boots: Vec<_> = others.filter_map(boot_of).collect();
        if is_own || own.is_some() {
            let pruned = own.and_then(|own| Some((own.pruned.boot_ns?, own.pruned.kills)));
            boots.push(Boot { pruned, ..now.boot() });
        }
        Ok(Self::new(boots))
    }

    /// The same with the kills and the agent's words, as far as the store has them in columns: of a record that does
    /// not tell how many kills it is, one is taken.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn of_store(
        archive: &mut Archive,
        is_own: bool,
        now: &Now,
    ) -> Result<Self, StoreError> {
        let mut ledger = Self::of_boots(archive, is_own, now)?;
        archive.each_kill(|boot_id, earliest, has_time, kills| {
            // Before which start the others were is in the records alone.
            let ns = if has_time { earliest } else { u64::MAX };
            if let Some(boot) = ledger.boot_mut(Some(boot_id)) {
                boot.kills.push(Counted { ns, earliest, kills: Some(kills) });
            }
        })?;
        archive.each_word_of_agent(|agent| ledger.take_agent(&agent))?;
        Ok(ledger)
    }

    /// This boot's, of which the kernel's log tells.
    ///
    /// # Errors
    /// The log cannot be read.
    pub(crate) fn of_log(now: &Now) -> anyhow::Result<Self> {
        let mut ledger = Self::of_boot(now);
        this_boot::read(&now.host, Part::without_dumps(), &mut |record| {
            if let Record::OomKill(kill) = record {
                ledger.take_kill(&kill);
            }
            Ok(())
        })?;
        Ok(ledger)
    }

    /// This boot, of which nothing is told yet.
    pub(crate) fn of_boot(now: &Now) -> Self {
        Self::new(vec![now.boot()])
    }
}

/// A boot whose place in time is known.
fn boot_of(seen: &BootSeen) -> Option<Boot> {
    let pruned = seen.pruned.boot_ns.map(|ns| (ns, seen.pruned.kills));
    Some(Boot { pruned, ..Boot::begun(&seen.boot_id, seen.start?) })
}
