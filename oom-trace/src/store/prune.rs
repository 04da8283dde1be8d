//! What is let go of.

use rusqlite::{OptionalExtension as _, Params, Transaction, params};

use super::{Retention, age, schema};

/// Records deleted between two looks at the size.
const PRUNE: u32 = 64;

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
    loop {
        let used = schema::used_bytes(transaction)?;
        if used <= retention.max_bytes.0 {
            break;
        }
        let some = match loudest(transaction, used)? {
            Some(source) => {
                let of = "SELECT number FROM records WHERE source = ?1 ORDER BY number LIMIT ?2";
                delete_with_ends(transaction, of, params![source, PRUNE])?
            }
            None => {
                let of = "SELECT number FROM records ORDER BY number LIMIT ?1";
                delete(transaction, of, [PRUNE])?
            }
        };
        if some == 0 {
            break;
        }
        gone += some;
        delete_incidents(transaction)?;
    }
    if gone > 0 {
        delete_incidents(transaction)?;
        transaction.execute(
            "DELETE FROM sources WHERE source NOT IN \
             (SELECT source FROM records WHERE source IS NOT NULL)",
            [],
        )?;
        transaction.execute(
            "DELETE FROM boots WHERE boot < (SELECT min(boot) FROM moments) AND boot IS NOT ?1",
            [now],
        )?;
    }
    Ok(())
}

/// The source of more than half of all kills: it is the one to make room. As long as most records are of a
/// version that knew no sources, the oldest go.
fn loudest(transaction: &Transaction<'_>, used: u64) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT source FROM sources, (SELECT sum(bytes) AS bytes FROM sources) AS whole \
               WHERE sources.bytes * 2 > whole.bytes AND whole.bytes * 4 > ?1";
    transaction.prepare_cached(sql)?.query_row([used], |row| row.get(0)).optional()
}

/// Deletes kills, and what was told of their victims' ends.
fn delete_with_ends(
    transaction: &Transaction<'_>,
    numbers: &str,
    of: impl Params,
) -> rusqlite::Result<usize> {
    let ends = format!(
        "SELECT ends.number FROM records AS kills JOIN moments USING (number), (VALUES ('freed'), ('stuck')) AS states \
         JOIN records AS ends ON ends.id = \
             coalesce((SELECT name FROM incidents WHERE number = kills.incident), kills.json ->> '$.incident') \
             || '-' || moments.tid || '-' || states.column1 \
         WHERE kills.number IN ({numbers})"
    );
    let all = format!("SELECT number FROM ({numbers}) UNION {ends} ORDER BY number");
    let mut deleted = 0;
    for (first, last) in ranges(transaction, &all, of)? {
        let sql = "UPDATE gone SET last = ?2 WHERE last = ?1 - 1";
        if transaction.execute(sql, [first, last])? == 0 {
            transaction.execute("INSERT INTO gone VALUES (?1, ?2)", [first, last])?;
        }
        let of = "SELECT number FROM records WHERE number BETWEEN ?1 AND ?2";
        deleted += delete(transaction, of, [first, last])?;
    }
    // Of what all sinks have got nobody asks.
    let sql = "DELETE FROM gone WHERE last < (SELECT coalesce(min(next), last + 1) FROM cursors)";
    transaction.execute(sql, [])?;
    Ok(deleted)
}

/// Numbers that follow one another, as the first and the last of them.
fn ranges(
    transaction: &Transaction<'_>,
    numbers: &str,
    of: impl Params,
) -> rusqlite::Result<Vec<(i64, i64)>> {
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    let mut statement = transaction.prepare(numbers)?;
    let mut rows = statement.query(of)?;
    while let Some(row) = rows.next()? {
        let number = row.get(0)?;
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    Ok(ranges)
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
