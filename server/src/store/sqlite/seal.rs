//! What a sealer reads, and the transaction that seals.

use super::read::{cell, change, json, reason, seconds, signed, unsigned};
use super::{epoch, leaves};
use crate::store::{Sealing, SealingState, SignedState, StoreError};
use sqlx::sqlite::SqliteConnection;
use veilpass_protocol::day::Timestamp;

/// What the newest epoch was signed with.
pub(super) async fn signed_state(tx: &mut SqliteConnection) -> Result<SignedState, StoreError> {
    let latest = epoch(tx, None).await?;
    let leaves = leaves(tx).await?;
    let cells = sqlx::query(
        "SELECT sex, document_class, nationality, province, birth_year, count(*) FROM leaf GROUP BY 1, 2, 3, 4, 5",
    )
    .fetch_all(&mut *tx)
    .await?;
    let cells = cells.iter().map(|row| Ok((cell(row, 0)?, unsigned(row, 5)?)));
    let cells = cells.collect::<Result<_, StoreError>>()?;
    let restored =
        sqlx::query("SELECT epoch FROM restored WHERE id = 1 AND EXISTS (SELECT 1 FROM unrecorded)")
            .fetch_optional(&mut *tx)
            .await?;
    let restored = restored.map(|row| unsigned(&row, 0)).transpose()?;
    Ok(SignedState { latest, leaves, cells, restored })
}

/// Everything that a seal at `now` needs.
pub(super) async fn state(tx: &mut SqliteConnection, now: Timestamp) -> Result<SealingState, StoreError> {
    let signed = signed_state(tx).await?;
    // A withdrawn change is due at once: nothing of it becomes live.
    let changes = sqlx::query(
        "SELECT p.sequence, p.operation, p.reason, p.leaf, l.place,
             l.sex, l.document_class, l.nationality, l.province, l.birth_year,
             p.sex, p.document_class, p.nationality, p.province, p.birth_date, p.expires_on, p.enrolled_on,
             p.generation, p.identity_commitment, p.device_commitment, p.link
         FROM pending p LEFT JOIN leaf l ON l.person_fp = p.person_fp
         WHERE (p.not_before IS NULL OR p.not_before <= ?1 OR p.reason IS NOT NULL)
             AND NOT (p.reason IS NULL AND p.operation IN ('enrol', 'reset') AND l.place IS NULL
                 AND (EXISTS (SELECT 1 FROM unrecorded)
                     OR ?1 < coalesce((SELECT enter_from FROM restored WHERE id = 1), 0)))
         ORDER BY p.sequence",
    )
    .bind(seconds(now))
    .fetch_all(&mut *tx)
    .await?;
    let changes = changes.iter().map(change).collect::<Result<_, _>>()?;
    let dropped = sqlx::query("SELECT place, reason FROM unrecorded WHERE reason IS NOT NULL ORDER BY place")
        .fetch_all(tx)
        .await?;
    let dropped = dropped.iter().map(|row| Ok((unsigned(row, 0)?, reason(row, 1)?)));
    let dropped = dropped.collect::<Result<_, StoreError>>()?;
    Ok(SealingState { signed, changes, dropped })
}

/// Seals; the caller commits.
pub(super) async fn seal(tx: &mut SqliteConnection, sealing: &Sealing) -> Result<(), StoreError> {
    let newest = sqlx::query("SELECT coalesce(max(epoch), 0) FROM epoch").fetch_one(&mut *tx).await?;
    if unsigned(&newest, 0)? + 1 != sealing.epoch.epoch {
        return Err(StoreError::Superseded);
    }
    check_unchanged(tx, sealing).await?;
    apply(tx, sealing).await?;
    let gone = sqlx::query("DELETE FROM unrecorded WHERE place IN (SELECT value FROM json_each(?1))")
        .bind(json(&sealing.dropped)?)
        .execute(&mut *tx)
        .await?;
    if gone.rows_affected() != sealing.dropped.len() as u64 {
        return Err(StoreError::Superseded);
    }
    if !sealing.dropped.is_empty() {
        // Their owners may be accepted with the last epoch for as long as after any removal.
        sqlx::query("UPDATE restored SET enter_from = max(enter_from, ?1)")
            .bind(seconds(sealing.not_before))
            .execute(&mut *tx)
            .await?;
    }
    sqlx::query(
        "INSERT INTO epoch (epoch, sealed_at, places_used, live, added, removed, note, cells)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )
    .bind(signed(sealing.epoch.epoch)?)
    .bind(seconds(sealing.sealed_at))
    .bind(signed(sealing.places_used)?)
    .bind(signed(sealing.live)?)
    .bind(signed(sealing.placed.len() as u64)?)
    .bind(signed(sealing.removed)?)
    .bind(&sealing.epoch.note)
    .bind(&sealing.epoch.cells)
    .execute(tx)
    .await?;
    Ok(())
}

/// Every change must be as it was read: what was withdrawn since then must not be sealed as live, and a
/// reset that waits must be one that has not waited yet.
async fn check_unchanged(tx: &mut SqliteConnection, sealing: &Sealing) -> Result<(), StoreError> {
    let unchanged = sqlx::query(
        "SELECT count(*) FROM json_each(?1) j JOIN pending p
         ON p.sequence = j.value ->> 0 AND p.reason IS j.value ->> 1
             AND (p.operation <> 'reset' OR p.reason IS NOT NULL OR p.not_before <= ?2)",
    )
    .bind(consumed(sealing)?)
    .bind(seconds(sealing.sealed_at))
    .fetch_one(&mut *tx)
    .await?;
    let first_halves = sqlx::query(
        "SELECT count(*) FROM json_each(?1) j JOIN pending p ON p.sequence = j.value
             AND p.operation = 'reset' AND p.reason IS NULL AND p.not_before IS NULL",
    )
    .bind(json(&sealing.waiting)?)
    .fetch_one(tx)
    .await?;
    let all = [(unchanged, sealing.consumed.len()), (first_halves, sealing.waiting.len())];
    for (found, expected) in all {
        if unsigned(&found, 0)? != expected as u64 {
            return Err(StoreError::Superseded);
        }
    }
    Ok(())
}

fn consumed(sealing: &Sealing) -> Result<String, StoreError> {
    let consumed: Vec<_> =
        sealing.consumed.iter().map(|(seq, reason)| (seq, reason.map(|r| r.as_str()))).collect();
    json(&consumed)
}

/// Turns pending changes into leaves and removals.
async fn apply(tx: &mut SqliteConnection, sealing: &Sealing) -> Result<(), StoreError> {
    let (consumed, waiting, placed) = (consumed(sealing)?, json(&sealing.waiting)?, json(&sealing.placed)?);
    // Who is live has not been removed; who is removed, or waits without a leaf, was removed now.
    sqlx::query(
        "UPDATE person SET removed_at = ?2 WHERE person_fp IN (
             SELECT p.person_fp FROM json_each(?1) j JOIN pending p ON p.sequence = j.value ->> 0
                 WHERE p.reason IS NOT NULL
             UNION ALL SELECT p.person_fp FROM json_each(?3) j JOIN pending p ON p.sequence = j.value)",
    )
    .bind(&consumed)
    .bind(seconds(sealing.sealed_at))
    .bind(&waiting)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "UPDATE person SET removed_at = NULL WHERE removed_at IS NOT NULL AND person_fp IN (
             SELECT p.person_fp FROM json_each(?1) j JOIN pending p ON p.sequence = j.value ->> 0
                 WHERE p.reason IS NULL)",
    )
    .bind(&consumed)
    .execute(&mut *tx)
    .await?;
    // The old leaves first: one live leaf per person at every moment.
    sqlx::query(
        "DELETE FROM leaf WHERE person_fp IN (
             SELECT p.person_fp FROM json_each(?1) j JOIN pending p ON p.sequence = j.value ->> 0
                 WHERE p.operation <> 'enrol'
             UNION ALL SELECT p.person_fp FROM json_each(?2) j JOIN pending p ON p.sequence = j.value)",
    )
    .bind(&consumed)
    .bind(&waiting)
    .execute(&mut *tx)
    .await?;
    place_leaves(tx, &placed).await?;
    sqlx::query("UPDATE pending SET not_before = ?2 WHERE sequence IN (SELECT value FROM json_each(?1))")
        .bind(&waiting)
        .bind(seconds(sealing.not_before))
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "UPDATE application SET state = 'sealed' WHERE sequence IN (SELECT value ->> 0 FROM json_each(?1))",
    )
    .bind(&consumed)
    .execute(&mut *tx)
    .await?;
    sqlx::query("DELETE FROM pending WHERE sequence IN (SELECT value ->> 0 FROM json_each(?1))")
        .bind(&consumed)
        .execute(tx)
        .await?;
    Ok(())
}

/// Pending changes become leaves. `placed` is a JSON list of sequence and place; a change that was taken back
/// gets no leaf.
pub(super) async fn place_leaves(tx: &mut SqliteConnection, placed: &str) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO leaf (place, person_fp, network_number, identity_commitment, device_commitment, link, leaf,
             generation, enrolled_on, expires_on, sex, document_class, nationality, province, birth_year)
         SELECT j.value ->> 1, person_fp, network_number, identity_commitment, device_commitment, link, leaf,
             generation, enrolled_on, expires_on, sex, document_class, nationality, province,
             CAST(substr(birth_date, 1, 4) AS INTEGER)
         FROM json_each(?1) j JOIN pending p ON p.sequence = j.value ->> 0
         WHERE p.reason IS NULL ORDER BY j.value ->> 1",
    )
    .bind(placed)
    .execute(tx)
    .await?;
    Ok(())
}
