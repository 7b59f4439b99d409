//! The registry in one SQLite file: WAL, synchronous FULL, foreign keys, one writer. Queries are
//! fixed texts; lists travel as JSON in one parameter.
//!
//! `secure_delete` overwrites what is deleted, and after a seal the write-ahead log is cut to length
//! zero: an erased birth date is in no byte of the files (protocol.md, "Enrolment" 4).

mod enrol;
mod read;

use super::{
    Acceptance, Enrolment, Identity, PublishedState, RegistryStore, Removal, Sealing, SealingState,
    StoreError, StoredEpoch,
};
use async_trait::async_trait;
use read::{bytes, cell, change, field, get, json, seconds, signed, unsigned};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, SqlSafeStr, Sqlite, Transaction};
use std::path::Path;
use std::time::Duration;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::epoch::RemovalReason;
use veilpass_protocol::field::Fr;
use veilpass_protocol::network_number::NetworkNumber;
use veilpass_protocol::scope::Host;

/// How long a command waits for another process that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// The registry's SQLite store.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    pool: SqlitePool,
}

impl From<sqlx::Error> for StoreError {
    fn from(e: sqlx::Error) -> StoreError {
        StoreError::Database(e.to_string())
    }
}

impl SqliteStore {
    /// Opens the file, which must exist (an empty one is a new store), and brings it up to date.
    pub async fn open(path: &Path) -> Result<SqliteStore, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("secure_delete", "ON")
            .pragma("temp_store", "MEMORY")
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        let init = Migration::new(
            1,
            "init".into(),
            MigrationType::Simple,
            include_str!("migrations/0001_init.sql").into_sql_str(),
            false,
        );
        let migrator = Migrator::with_migrations(vec![init]);
        migrator.run(&pool).await.map_err(|e| StoreError::Database(e.to_string()))?;
        Ok(SqliteStore { pool })
    }

    /// The connections, for tests that try what the program never does.
    pub fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// A transaction that holds the write lock from its beginning: what it has read stays true.
    async fn writing(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
    }
}

#[async_trait]
impl RegistryStore for SqliteStore {
    async fn identity(&self) -> Result<Option<Identity>, StoreError> {
        let mut tx = self.pool.begin().await?;
        let Some(row) = sqlx::query("SELECT origin, vkey, fingerprint_check FROM authority")
            .fetch_optional(&mut *tx)
            .await?
        else {
            return Ok(None);
        };
        let circuits =
            sqlx::query("SELECT circuit_id FROM circuit ORDER BY position").fetch_all(&mut *tx).await?;
        Ok(Some(Identity {
            origin: get(&row, 0)?,
            vkey: get(&row, 1)?,
            fingerprint_check: bytes(&row, 2)?,
            circuits: circuits.iter().map(|row| bytes(row, 0).map(CircuitId)).collect::<Result<_, _>>()?,
        }))
    }

    async fn initialise(&self, identity: &Identity) -> Result<(), StoreError> {
        let mut tx = self.writing().await?;
        sqlx::query("INSERT INTO authority (id, origin, vkey, fingerprint_check) VALUES (1, ?1, ?2, ?3)")
            .bind(&identity.origin)
            .bind(&identity.vkey)
            .bind(&identity.fingerprint_check[..])
            .execute(&mut *tx)
            .await?;
        for (position, circuit) in (0i64..).zip(&identity.circuits) {
            sqlx::query("INSERT INTO circuit (position, circuit_id) VALUES (?1, ?2)")
                .bind(position)
                .bind(&circuit.0[..])
                .execute(&mut *tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }

    async fn add_registrar(
        &self,
        name: &str,
        token_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO registrar (name, token_hash, created_at) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO NOTHING",
        )
        .bind(name)
        .bind(&token_hash[..])
        .bind(seconds(now))
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn registrar(&self, token_hash: &[u8; 32]) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT name FROM registrar WHERE token_hash = ?1")
            .bind(&token_hash[..])
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| get(&row, 0)).transpose()
    }

    async fn accept(&self, enrolments: &[Enrolment], now: Timestamp) -> Result<Vec<Acceptance>, StoreError> {
        let mut tx = self.writing().await?;
        let outcomes = enrol::accept(&mut tx, enrolments, now).await?;
        tx.commit().await?;
        Ok(outcomes)
    }

    async fn remove(
        &self,
        number: &NetworkNumber,
        reason: RemovalReason,
        now: Timestamp,
    ) -> Result<Removal, StoreError> {
        let mut tx = self.writing().await?;
        let pending = sqlx::query("SELECT reason FROM pending WHERE network_number = ?1")
            .bind(number.as_str())
            .fetch_optional(&mut *tx)
            .await?;
        if let Some(row) = pending {
            if get::<Option<String>>(&row, 0)?.is_some() {
                return Ok(Removal::AlreadyPending);
            }
            sqlx::query("UPDATE pending SET reason = ?2 WHERE network_number = ?1")
                .bind(number.as_str())
                .bind(reason.as_str())
                .execute(&mut *tx)
                .await?;
        } else {
            let done = sqlx::query(
                "INSERT INTO pending (person_fp, network_number, operation, reason, accepted_at)
                 SELECT person_fp, network_number, 'remove', ?2, ?3 FROM leaf WHERE network_number = ?1",
            )
            .bind(number.as_str())
            .bind(reason.as_str())
            .bind(seconds(now))
            .execute(&mut *tx)
            .await?;
            if done.rows_affected() == 0 {
                return Ok(Removal::Unknown);
            }
        }
        tx.commit().await?;
        Ok(Removal::Pending)
    }

    async fn sealing_state(&self) -> Result<SealingState, StoreError> {
        let mut tx = self.pool.begin().await?;
        let latest = epoch(&mut tx, None).await?;
        let leaves = leaves(&mut tx).await?;
        let cells = sqlx::query(
            "SELECT sex, document_class, nationality, province, birth_year, count(*) FROM leaf GROUP BY 1, 2, 3, 4, 5",
        )
        .fetch_all(&mut *tx)
        .await?;
        let cells = cells.iter().map(|row| Ok((cell(row, 0)?, unsigned(row, 5)?)));
        let cells = cells.collect::<Result<_, StoreError>>()?;
        // A removal has its cell and place in the leaf that goes, an enrolment its cell in itself.
        let changes = sqlx::query(
            "SELECT p.sequence, p.reason, p.leaf, l.place,
                 coalesce(l.sex, p.sex), coalesce(l.document_class, p.document_class),
                 coalesce(l.nationality, p.nationality), coalesce(l.province, p.province),
                 coalesce(l.birth_year, CAST(substr(p.birth_date, 1, 4) AS INTEGER))
             FROM pending p LEFT JOIN leaf l ON p.operation = 'remove' AND l.person_fp = p.person_fp
             ORDER BY p.sequence",
        )
        .fetch_all(&mut *tx)
        .await?;
        let changes = changes.iter().map(change).collect::<Result<_, _>>()?;
        Ok(SealingState { latest, leaves, cells, changes })
    }

    async fn seal(&self, sealing: &Sealing) -> Result<(), StoreError> {
        let mut tx = self.writing().await?;
        let newest = sqlx::query("SELECT coalesce(max(epoch), 0) FROM epoch").fetch_one(&mut *tx).await?;
        if unsigned(&newest, 0)? + 1 != sealing.epoch.epoch {
            return Err(StoreError::Superseded);
        }
        consume(&mut tx, sealing).await?;
        let removed = sealing.consumed.iter().filter(|(_, reason)| reason.is_some()).count();
        sqlx::query(
            "INSERT INTO epoch (epoch, sealed_at, places_used, live, added, removed, note, cells)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .bind(signed(sealing.epoch.epoch)?)
        .bind(seconds(sealing.sealed_at))
        .bind(signed(sealing.places_used)?)
        .bind(signed(sealing.live)?)
        .bind(signed(sealing.placed.len() as u64)?)
        .bind(signed(removed as u64)?)
        .bind(&sealing.epoch.note)
        .bind(&sealing.epoch.cells)
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    async fn erase_remnants(&self) -> Result<bool, StoreError> {
        let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&self.pool).await?;
        Ok(get::<i64>(&row, 0)? == 0)
    }

    async fn epoch(&self, number: Option<u64>) -> Result<Option<StoredEpoch>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        epoch(&mut connection, number).await
    }

    async fn published_state(&self) -> Result<PublishedState, StoreError> {
        let mut tx = self.pool.begin().await?;
        let latest = epoch(&mut tx, None).await?;
        let leaves = leaves(&mut tx).await?;
        let rows = sqlx::query("SELECT host, entry FROM platform ORDER BY host").fetch_all(&mut *tx).await?;
        let platforms = rows.iter().map(|row| {
            let host =
                get::<String>(row, 0)?.parse().map_err(|_| StoreError::Damaged("a platform's host"))?;
            Ok((host, get(row, 1)?))
        });
        Ok(PublishedState { latest, leaves, platforms: platforms.collect::<Result<_, StoreError>>()? })
    }

    async fn put_platform(&self, host: &Host, entry: &str) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO platform (host, entry) VALUES (?1, ?2) ON CONFLICT (host) DO UPDATE SET entry = ?2",
        )
        .bind(host.as_str())
        .bind(entry)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

/// Turns pending changes into leaves and removals. Every change must be as it was read: an enrolment
/// that was withdrawn since then must not be sealed as live.
async fn consume(tx: &mut SqliteConnection, sealing: &Sealing) -> Result<(), StoreError> {
    let consumed: Vec<_> =
        sealing.consumed.iter().map(|(seq, reason)| (seq, reason.map(|r| r.as_str()))).collect();
    let consumed = json(&consumed)?;
    let unchanged = sqlx::query(
        "SELECT count(*) FROM json_each(?1) j JOIN pending p
         ON p.sequence = j.value ->> 0 AND p.reason IS j.value ->> 1",
    )
    .bind(&consumed)
    .fetch_one(&mut *tx)
    .await?;
    if unsigned(&unchanged, 0)? != sealing.consumed.len() as u64 {
        return Err(StoreError::Superseded);
    }
    sqlx::query(
        "UPDATE person SET removed_at = ?2 WHERE person_fp IN (SELECT p.person_fp FROM json_each(?1) j
         JOIN pending p ON p.sequence = j.value ->> 0 WHERE p.reason IS NOT NULL)",
    )
    .bind(&consumed)
    .bind(seconds(sealing.sealed_at))
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "DELETE FROM leaf WHERE person_fp IN (SELECT p.person_fp FROM json_each(?1) j
         JOIN pending p ON p.sequence = j.value ->> 0 WHERE p.operation = 'remove')",
    )
    .bind(&consumed)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "INSERT INTO leaf (place, person_fp, network_number, identity_commitment, device_commitment, link, leaf,
             generation, enrolled_on, expires_on, sex, document_class, nationality, province, birth_year)
         SELECT j.value ->> 1, person_fp, network_number, identity_commitment, device_commitment, link, leaf,
             generation, enrolled_on, expires_on, sex, document_class, nationality, province,
             CAST(substr(birth_date, 1, 4) AS INTEGER)
         FROM json_each(?1) j JOIN pending p ON p.sequence = j.value ->> 0
         WHERE p.operation = 'enrol' AND p.reason IS NULL ORDER BY j.value ->> 1",
    )
    .bind(json(&sealing.placed)?)
    .execute(&mut *tx)
    .await?;
    sqlx::query("DELETE FROM pending WHERE sequence IN (SELECT value ->> 0 FROM json_each(?1))")
        .bind(&consumed)
        .execute(tx)
        .await?;
    Ok(())
}

async fn epoch(
    connection: &mut SqliteConnection,
    number: Option<u64>,
) -> Result<Option<StoredEpoch>, StoreError> {
    let number = number.map(signed).transpose()?;
    let row = sqlx::query(
        "SELECT epoch, note, cells FROM epoch WHERE epoch = coalesce(?1, (SELECT max(epoch) FROM epoch))",
    )
    .bind(number)
    .fetch_optional(connection)
    .await?;
    row.map(|row| Ok(StoredEpoch { epoch: unsigned(&row, 0)?, note: get(&row, 1)?, cells: get(&row, 2)? }))
        .transpose()
}

async fn leaves(tx: &mut SqliteConnection) -> Result<Vec<(u64, Fr)>, StoreError> {
    let rows = sqlx::query("SELECT place, leaf FROM leaf ORDER BY place").fetch_all(tx).await?;
    rows.iter().map(|row| Ok((unsigned(row, 0)?, field(row, 1)?))).collect()
}
