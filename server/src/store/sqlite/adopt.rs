//! Restoring: the registry of a backup takes up what was published since (contract §5, `restore`).

use super::read::{bytes, get, json, seconds, signed, timestamp, unsigned};
use super::seal::place_leaves;
use crate::store::{Adopted, Adoption, StoreError};
use sqlx::SqlSafeStr;
use sqlx::sqlite::SqliteConnection;
use std::collections::{HashMap, HashSet};
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::field::to_bytes;

/// When the newest epoch was sealed, or something was filed, redeemed or accepted after it.
pub(super) async fn last_change(connection: &mut SqliteConnection) -> Result<Option<Timestamp>, StoreError> {
    let row = sqlx::query(
        "SELECT max(at) FROM (SELECT max(sealed_at) AS at FROM epoch UNION ALL SELECT max(accepted_at) FROM pending
         UNION ALL SELECT max(filed_at) FROM application UNION ALL SELECT max(redeemed_at) FROM application)",
    )
    .fetch_one(connection)
    .await?;
    get::<Option<i64>>(&row, 0)?.map(timestamp).transpose()
}

/// The caller commits.
pub(super) async fn adopt(tx: &mut SqliteConnection, adoption: &Adoption) -> Result<Adopted, StoreError> {
    for (host, entry) in &adoption.platforms {
        sqlx::query(
            "INSERT INTO platform (host, entry) VALUES (?1, ?2)
             ON CONFLICT (host) DO NOTHING",
        )
        .bind(host.as_str())
        .bind(entry)
        .execute(&mut *tx)
        .await?;
    }
    let mut adopted = Adopted::default();
    // Registrars may have been removed, and tokens replaced, since: every token is void.
    sqlx::query("UPDATE registrar SET token_hash = randomblob(32)").execute(&mut *tx).await?;
    // Nobody knows which codes were used since, and which applications came to their end.
    sqlx::query("UPDATE code SET used = 1 WHERE used = 0").execute(&mut *tx).await?;
    let open =
        sqlx::query("DELETE FROM application WHERE state IN ('filed', 'redeemed')").execute(&mut *tx).await?;
    adopted.dropped = open.rows_affected();
    if !adoption.epochs.is_empty() {
        leaves_gone(tx, adoption, &mut adopted).await?;
        changes_sealed(tx, adoption, &mut adopted).await?;
        without_record(tx, adoption).await?;
        append_epochs(tx, adoption).await?;
    }
    let row = sqlx::query("SELECT (SELECT count(*) FROM leaf), (SELECT count(*) FROM unrecorded)");
    let row = row.fetch_one(tx).await?;
    (adopted.people, adopted.without_record) = (unsigned(&row, 0)?, unsigned(&row, 1)?);
    Ok(adopted)
}

/// Leaves that the tree does not hold any more.
async fn leaves_gone(
    tx: &mut SqliteConnection,
    adoption: &Adoption,
    adopted: &mut Adopted,
) -> Result<(), StoreError> {
    let signed: HashMap<u64, [u8; 32]> =
        adoption.leaves.iter().map(|(place, leaf)| (*place, to_bytes(leaf))).collect();
    let rows = sqlx::query("SELECT place, leaf FROM leaf").fetch_all(&mut *tx).await?;
    let mut gone = Vec::new();
    for row in &rows {
        let place = unsigned(row, 0)?;
        match signed.get(&place) {
            None => gone.push(place),
            Some(leaf) if *leaf == bytes(row, 1)? => (),
            // A place is never used twice: the tree and the backup are not of one registry.
            Some(_) => {
                return Err(StoreError::Damaged("a leaf is not the one that was published in its place"));
            }
        }
    }
    adopted.removed_since = gone.len() as u64;
    let gone = json(&gone)?;
    // As late as it can have been: a reset waits from then on.
    sqlx::query(
        "UPDATE person SET removed_at = ?2 WHERE person_fp IN (
             SELECT person_fp FROM leaf WHERE place IN (SELECT value FROM json_each(?1)))",
    )
    .bind(&gone)
    .bind(seconds(adoption.sealed_at))
    .execute(&mut *tx)
    .await?;
    sqlx::query("DELETE FROM leaf WHERE place IN (SELECT value FROM json_each(?1))")
        .bind(&gone)
        .execute(&mut *tx)
        .await?;
    sqlx::query("DELETE FROM unrecorded WHERE place NOT IN (SELECT value FROM json_each(?1))")
        .bind(json(&adoption.leaves.iter().map(|(place, _)| place).collect::<Vec<_>>())?)
        .execute(tx)
        .await?;
    Ok(())
}

/// Changes that waited: sealed since, still to be done (removals), or not known (to be filed again).
async fn changes_sealed(
    tx: &mut SqliteConnection,
    adoption: &Adoption,
    adopted: &mut Adopted,
) -> Result<(), StoreError> {
    let new = adoption.leaves.iter().filter(|(place, _)| *place >= adoption.first_new_place);
    let places: HashMap<[u8; 32], u64> = new.map(|(place, leaf)| (to_bytes(leaf), *place)).collect();
    let waiting = sqlx::query("SELECT sequence, leaf FROM pending WHERE leaf IS NOT NULL AND reason IS NULL")
        .fetch_all(&mut *tx)
        .await?;
    let mut placed = Vec::new();
    for row in &waiting {
        if let Some(place) = places.get(&bytes(row, 1)?) {
            placed.push((unsigned(row, 0)?, *place));
        }
    }
    adopted.sealed_since = placed.len() as u64;
    // With a reason they were taken back before they came in; these are over.
    adopted.dropped += (waiting.len() - placed.len()) as u64;
    let placed = json(&placed)?;
    // The tree shows that their time had come.
    sqlx::query(
        "UPDATE pending SET not_before = ?2 WHERE operation = 'reset' AND not_before IS NULL
             AND sequence IN (SELECT value ->> 0 FROM json_each(?1))",
    )
    .bind(&placed)
    .bind(seconds(adoption.sealed_at))
    .execute(&mut *tx)
    .await?;
    place_leaves(tx, &placed).await?;
    sqlx::query(
        "UPDATE person SET removed_at = NULL WHERE person_fp IN (
             SELECT p.person_fp FROM json_each(?1) j JOIN pending p ON p.sequence = j.value ->> 0)",
    )
    .bind(&placed)
    .execute(&mut *tx)
    .await?;
    // A removal of a leaf that still stands has yet to be done: nothing takes a removal back. That of a leaf
    // which was to be replaced becomes a removal of the leaf that stands.
    let removals = sqlx::query(
        "SELECT p.person_fp, p.network_number, p.reason, p.accepted_at FROM pending p
         JOIN leaf l ON l.person_fp = p.person_fp WHERE p.operation <> 'remove' AND p.reason IS NOT NULL",
    )
    .fetch_all(&mut *tx)
    .await?;
    sqlx::query(
        "DELETE FROM pending WHERE NOT (operation = 'remove' AND EXISTS (
             SELECT 1 FROM leaf l WHERE l.person_fp = pending.person_fp))",
    )
    .execute(&mut *tx)
    .await?;
    for row in &removals {
        sqlx::query(
            "INSERT INTO pending (person_fp, network_number, operation, reason, accepted_at)
             VALUES (?1, ?2, 'remove', ?3, ?4)",
        )
        .bind(get::<Vec<u8>>(row, 0)?)
        .bind(get::<String>(row, 1)?)
        .bind(get::<String>(row, 2)?)
        .bind(get::<i64>(row, 3)?)
        .execute(&mut *tx)
        .await?;
    }
    // Whoever has neither leaf nor change now comes back by a reset, which counts from a removal.
    sqlx::query(
        "UPDATE person SET removed_at = ?1 WHERE removed_at IS NULL
             AND person_fp NOT IN (SELECT person_fp FROM leaf) AND person_fp NOT IN (SELECT person_fp FROM pending)",
    )
    .bind(seconds(adoption.sealed_at))
    .execute(&mut *tx)
    .await?;
    let unplaced = "SELECT code_hash FROM application WHERE state = 'confirmed'
        AND sequence NOT IN (SELECT value ->> 0 FROM json_each(?1))";
    lapse(tx, unplaced, &placed).await?;
    sqlx::query("DELETE FROM application WHERE state = 'confirmed'").execute(tx).await?;
    Ok(())
}

/// Wallets that ask again under these codes are told to apply anew. The query may use `?1`, a JSON list.
async fn lapse(tx: &mut SqliteConnection, codes: &'static str, list: &str) -> Result<(), StoreError> {
    let sql = format!(
        "UPDATE code SET ended = 'lapsed' WHERE ended IS NULL AND ?1 IS NOT NULL AND hash IN ({codes})"
    );
    sqlx::query(sqlx::AssertSqlSafe(sql)).bind(list).execute(tx).await?;
    Ok(())
}

async fn without_record(tx: &mut SqliteConnection, adoption: &Adoption) -> Result<(), StoreError> {
    let known = sqlx::query("SELECT place FROM leaf UNION ALL SELECT place FROM unrecorded");
    let known = known.fetch_all(&mut *tx).await?;
    let known: HashSet<u64> = known.iter().map(|row| unsigned(row, 0)).collect::<Result<_, _>>()?;
    for (place, leaf) in adoption.leaves.iter().filter(|(place, _)| !known.contains(place)) {
        sqlx::query("INSERT INTO unrecorded (place, leaf) VALUES (?1, ?2)")
            .bind(signed(*place)?)
            .bind(to_bytes(leaf).to_vec())
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

/// The trigger compares the leaves with each epoch; here only the newest one's leaves are known, so the
/// caller has checked the chain instead.
async fn append_epochs(tx: &mut SqliteConnection, adoption: &Adoption) -> Result<(), StoreError> {
    let row = sqlx::query("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = 'epoch_follows'")
        .fetch_one(&mut *tx)
        .await?;
    let trigger: String = get(&row, 0)?;
    sqlx::query("DROP TRIGGER epoch_follows").execute(&mut *tx).await?;
    for (stored, statement) in &adoption.epochs {
        sqlx::query(
            "INSERT INTO epoch (epoch, sealed_at, places_used, live, added, removed, note, cells)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .bind(signed(statement.epoch)?)
        .bind(seconds(statement.sealed_at))
        .bind(signed(statement.places_used)?)
        .bind(signed(statement.live)?)
        .bind(signed(statement.added)?)
        .bind(signed(statement.removed.total())?)
        .bind(&stored.note)
        .bind(&stored.cells)
        .execute(&mut *tx)
        .await?;
    }
    sqlx::query(sqlx::AssertSqlSafe(trigger).into_sql_str()).execute(&mut *tx).await?;
    let newest = adoption.epochs.last().map_or(0, |(stored, _)| stored.epoch);
    sqlx::query(
        "INSERT INTO restored (id, epoch, enter_from) VALUES (1, ?1, ?2)
         ON CONFLICT (id) DO UPDATE SET epoch = ?1, enter_from = max(enter_from, ?2)",
    )
    .bind(signed(newest)?)
    .bind(seconds(adoption.enter_from))
    .execute(tx)
    .await?;
    Ok(())
}
