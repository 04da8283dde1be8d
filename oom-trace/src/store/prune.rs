//! What is let go of.

use rusqlite::{Params, Transaction, params};

use super::{Retention, age, schema};

/// Records deleted between two looks at the size.
const PRUNE: u32 = 256;

/// Lets go of what is too old and too much.
pub(super) fn prune(
    transaction: &Transaction<'_>,
    retention: &Retention,
    now: Option<i64>,
) -> rusqlite::Result<()> {
    let mut gone = 0;
    if let Some(now) = now {
        for (boot, before) in age::too_old(transaction, now, retention.max_age.0)? {
            let of = "SELECT number FROM moments WHERE boot = ?1 AND boot_ns < ?2";
            gone += delete(transaction, of, params![boot, before])?;
        }
    }
    if gone > 0 {
        // Of those that do not say when they were, their place tells.
        let of = "SELECT number FROM records WHERE number < (SELECT min(number) FROM moments) \
                  AND number NOT IN (SELECT number FROM moments)";
        gone += delete(transaction, of, [])?;
    }
    while schema::used_bytes(transaction)? > retention.max_bytes.0 {
        let of = "SELECT number FROM records ORDER BY number LIMIT ?1";
        let some = delete(transaction, of, [PRUNE])?;
        if some == 0 {
            break;
        }
        gone += some;
        delete_incidents(transaction)?;
    }
    if gone > 0 {
        delete_incidents(transaction)?;
        transaction.execute(
            "DELETE FROM boots WHERE boot < (SELECT min(boot) FROM moments) AND boot IS NOT ?1",
            [now],
        )?;
    }
    Ok(())
}

/// Deletes the records of these numbers, and keeps in mind how far the kills of a boot are told.
fn delete(
    transaction: &Transaction<'_>,
    numbers: &str,
    of: impl Params + Clone,
) -> rusqlite::Result<usize> {
    let told = format!(
        "UPDATE boots SET pruned_kills = pruned_kills + gone.kills, \
         pruned_ns = max(coalesce(pruned_ns, 0), gone.boot_ns), \
         pruned_log_us = coalesce(max(pruned_log_us, gone.log_us), pruned_log_us, gone.log_us) \
         FROM (SELECT boot, sum(kills) AS kills, max(boot_ns) AS boot_ns, max(log_us) AS log_us \
               FROM moments WHERE tid IS NOT NULL AND number IN ({numbers}) GROUP BY boot) AS gone \
         WHERE boots.boot = gone.boot"
    );
    transaction.execute(&told, of.clone())?;
    transaction.execute(&format!("DELETE FROM records WHERE number IN ({numbers})"), of)
}

fn delete_incidents(transaction: &Transaction<'_>) -> rusqlite::Result<usize> {
    let sql = "DELETE FROM incidents WHERE number NOT IN \
               (SELECT incident FROM records WHERE incident IS NOT NULL)";
    transaction.execute(sql, [])
}
