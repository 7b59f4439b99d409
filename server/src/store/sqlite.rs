//! The registry in one SQLite file: WAL, synchronous FULL, foreign keys, one writer. Queries are
//! fixed texts; lists travel as JSON in one parameter.
//!
//! `secure_delete` overwrites what is deleted, and after a seal the write-ahead log is cut to length
//! zero: an erased birth date is in no byte of the files (protocol.md, "Enrolment" 4).

mod applications;
mod enrol;
mod read;
mod seal;

use super::life::{ApplicationId, Filing, Offer, Redemption, Refused, Revision};
use super::{
    Acceptance, Enrolment, Identity, PublishedState, RegistryStore, Removal, Sealing, SealingState,
    StoreError, StoredEpoch,
};
use async_trait::async_trait;
use read::{bytes, field, get, seconds, signed, unsigned};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, SqlSafeStr, Sqlite, Transaction};
use std::path::Path;
use std::time::Duration;
use subtle::ConstantTimeEq;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::epoch::RemovalReason;
use veilpass_protocol::field::{Fr, to_bytes};
use veilpass_protocol::network_number::NetworkNumber;
use veilpass_protocol::scope::Host;

/// How long a command waits for another process that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the log waits for readers before it is cut to length zero another time.
const CHECKPOINT_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections that only read. One writes: SQLite has one writer anyway, and a queue in the program is
/// fairer than one that polls a lock.
const READERS: u32 = 3;

/// The registry's SQLite store.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    pool: SqlitePool,
    readers: SqlitePool,
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
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        let migration = |version, name: &'static str, sql: &'static str| {
            Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
        };
        let migrator = Migrator::with_migrations(vec![
            migration(1, "init", include_str!("migrations/0001_init.sql")),
            migration(2, "life", include_str!("migrations/0002_life.sql")),
            migration(4, "registrars", include_str!("migrations/0004_registrars.sql")),
        ]);
        migrator.run(&pool).await.map_err(|e| StoreError::Database(e.to_string()))?;
        let reading = options.pragma("query_only", "ON");
        let readers = SqlitePoolOptions::new().max_connections(READERS).connect_lazy_with(reading);
        Ok(SqliteStore { pool, readers })
    }

    /// The connection that writes, for tests that try what the program never does.
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
        let mut tx = self.readers.begin().await?;
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
            "INSERT INTO registrar (name, token_hash, created_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (name) DO UPDATE SET token_hash = excluded.token_hash, created_at = excluded.created_at,
                 removed_at = NULL
             WHERE removed_at IS NOT NULL",
        )
        .bind(name)
        .bind(&token_hash[..])
        .bind(seconds(now))
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn replace_registrar_token(&self, name: &str, token_hash: &[u8; 32]) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE registrar SET token_hash = ?2 WHERE name = ?1 AND removed_at IS NULL")
            .bind(name)
            .bind(&token_hash[..])
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn registrars(&self) -> Result<Vec<(String, Timestamp)>, StoreError> {
        let rows =
            sqlx::query("SELECT name, created_at FROM registrar WHERE removed_at IS NULL ORDER BY name")
                .fetch_all(&self.readers)
                .await?;
        rows.iter().map(|row| Ok((get(row, 0)?, Timestamp::new(unsigned(row, 1)?)))).collect()
    }

    async fn remove_registrar(&self, name: &str, now: Timestamp) -> Result<Option<u64>, StoreError> {
        let mut tx = self.writing().await?;
        // Nobody knows a token with a random hash.
        let done = sqlx::query(
            "UPDATE registrar SET removed_at = ?2, token_hash = randomblob(32)
             WHERE name = ?1 AND removed_at IS NULL",
        )
        .bind(name)
        .bind(seconds(now))
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(None);
        }
        let erased =
            sqlx::query("DELETE FROM application WHERE registrar = ?1 AND state IN ('filed', 'redeemed')")
                .bind(name)
                .execute(&mut *tx)
                .await?;
        tx.commit().await?;
        Ok(Some(erased.rows_affected()))
    }

    async fn registrar(&self, token_hash: &[u8; 32]) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT name FROM registrar WHERE token_hash = ?1")
            .bind(&token_hash[..])
            .fetch_optional(&self.readers)
            .await?;
        row.map(|row| get(&row, 0)).transpose()
    }

    async fn accept(&self, enrolments: &[Enrolment], now: Timestamp) -> Result<Vec<Acceptance>, StoreError> {
        let mut tx = self.writing().await?;
        applications::tidy(&mut tx, now).await?;
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
        applications::tidy(&mut tx, now).await?;
        let removal = remove(&mut tx, number, reason, now).await?;
        tx.commit().await?;
        Ok(removal)
    }

    async fn withdraw(
        &self,
        number: &NetworkNumber,
        device_commitment: &Fr,
        now: Timestamp,
    ) -> Result<Result<Removal, Refused>, StoreError> {
        let mut tx = self.writing().await?;
        applications::tidy(&mut tx, now).await?;
        // A confirmed change has the newer device; a removal has none, and the leaf's counts.
        let row = sqlx::query(
            "SELECT device_commitment FROM (
                 SELECT device_commitment, 1 AS rank FROM pending WHERE network_number = ?1
                 UNION ALL SELECT device_commitment, 2 FROM leaf WHERE network_number = ?1)
             WHERE device_commitment IS NOT NULL ORDER BY rank LIMIT 1",
        )
        .bind(number.as_str())
        .fetch_optional(&mut *tx)
        .await?;
        let current = row.as_ref().map(|row| bytes(row, 0)).transpose()?;
        let same = current.unwrap_or_default().ct_eq(&to_bytes(device_commitment));
        if current.is_none() || !bool::from(same) {
            return Ok(Err(Refused::Unauthorised));
        }
        let removal = remove(&mut tx, number, RemovalReason::Withdrawn, now).await?;
        tx.commit().await?;
        Ok(Ok(removal))
    }

    async fn file(&self, filing: &Filing) -> Result<(), StoreError> {
        let mut tx = self.writing().await?;
        applications::file(&mut tx, filing).await?;
        Ok(tx.commit().await?)
    }

    async fn redeem(&self, offer: &Offer, now: Timestamp) -> Result<Result<Redemption, Refused>, StoreError> {
        let mut tx = self.writing().await?;
        applications::tidy(&mut tx, now).await?;
        let answer = applications::redeem(&mut tx, offer, now).await?;
        tx.commit().await?;
        Ok(answer)
    }

    async fn confirm(
        &self,
        registrar: &str,
        id: &ApplicationId,
        words: &[String],
        reset_wait: u64,
        now: Timestamp,
    ) -> Result<Result<(), Refused>, StoreError> {
        let mut tx = self.writing().await?;
        applications::tidy(&mut tx, now).await?;
        let answer = applications::confirm(&mut tx, registrar, id, words, reset_wait, now).await?;
        tx.commit().await?;
        Ok(answer)
    }

    async fn housekeeping(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.writing().await?;
        applications::tidy(&mut tx, now).await?;
        tx.commit().await?;
        self.erase_remnants().await?;
        Ok(())
    }

    async fn revision(&self) -> Result<Revision, StoreError> {
        let row = sqlx::query(
            "SELECT coalesce((SELECT max(epoch) FROM epoch), 0), (SELECT revision FROM directory WHERE id = 1)",
        )
        .fetch_one(&self.readers)
        .await?;
        Ok(Revision { epoch: unsigned(&row, 0)?, directory: unsigned(&row, 1)? })
    }

    async fn sealing_state(&self, now: Timestamp) -> Result<SealingState, StoreError> {
        let mut tx = self.readers.begin().await?;
        seal::state(&mut tx, now).await
    }

    async fn seal(&self, sealing: &Sealing) -> Result<(), StoreError> {
        let mut tx = self.writing().await?;
        seal::seal(&mut tx, sealing).await?;
        // After the seal, so that what it has sealed can go where the code has expired already.
        applications::tidy(&mut tx, sealing.sealed_at).await?;
        Ok(tx.commit().await?)
    }

    async fn erase_remnants(&self) -> Result<bool, StoreError> {
        let mut connection = self.pool.acquire().await?;
        // Readers end soon or hold on for long: nobody who writes is kept waiting for the latter.
        set_busy_timeout(&mut connection, CHECKPOINT_TIMEOUT).await?;
        let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *connection).await;
        set_busy_timeout(&mut connection, BUSY_TIMEOUT).await?;
        Ok(get::<i64>(&row?, 0)? == 0)
    }

    async fn epoch(&self, number: Option<u64>) -> Result<Option<StoredEpoch>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        epoch(&mut connection, number).await
    }

    async fn published_state(&self) -> Result<PublishedState, StoreError> {
        let mut tx = self.readers.begin().await?;
        let latest = epoch(&mut tx, None).await?;
        let leaves = leaves(&mut tx).await?;
        let platforms = platforms(&mut tx).await?;
        Ok(PublishedState { latest, leaves, platforms })
    }

    async fn platforms(&self) -> Result<Vec<(Host, String)>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        platforms(&mut connection).await
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
        self.readers.close().await;
        self.pool.close().await;
    }
}

async fn set_busy_timeout(connection: &mut SqliteConnection, timeout: Duration) -> Result<(), StoreError> {
    let sql = format!("PRAGMA busy_timeout = {}", timeout.as_millis());
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

/// Notes a removal. A change that waits gets the reason; a redeemed change that nobody has confirmed
/// ends here, because nothing may come back to life behind a removal.
async fn remove(
    tx: &mut SqliteConnection,
    number: &NetworkNumber,
    reason: RemovalReason,
    now: Timestamp,
) -> Result<Removal, StoreError> {
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
            .execute(tx)
            .await?;
        return Ok(Removal::Pending);
    }
    sqlx::query(
        "DELETE FROM application WHERE state = 'redeemed'
             AND person_fp IN (SELECT person_fp FROM leaf WHERE network_number = ?1)",
    )
    .bind(number.as_str())
    .execute(&mut *tx)
    .await?;
    let done = sqlx::query(
        "INSERT INTO pending (person_fp, network_number, operation, reason, accepted_at)
         SELECT person_fp, network_number, 'remove', ?2, ?3 FROM leaf WHERE network_number = ?1",
    )
    .bind(number.as_str())
    .bind(reason.as_str())
    .bind(seconds(now))
    .execute(tx)
    .await?;
    Ok(if done.rows_affected() == 0 { Removal::Unknown } else { Removal::Pending })
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

async fn platforms(connection: &mut SqliteConnection) -> Result<Vec<(Host, String)>, StoreError> {
    let rows = sqlx::query("SELECT host, entry FROM platform ORDER BY host").fetch_all(connection).await?;
    let read = |row| {
        let host = get::<String>(row, 0)?.parse().map_err(|_| StoreError::Damaged("a platform's host"))?;
        Ok((host, get(row, 1)?))
    };
    rows.iter().map(read).collect()
}
