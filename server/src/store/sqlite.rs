//! The registry in one SQLite file ([`crate::database`]). Queries are fixed texts; lists travel as JSON in
//! one parameter.
//!
//! What is deleted is overwritten, and after a seal the write-ahead log is cut to length zero: an erased
//! birth date is in no byte of the files (protocol.md, "Enrolment" 4).

mod adopt;
mod applications;
mod enrol;
mod former;
mod read;
mod seal;

use super::life::{ApplicationId, Filing, Offer, Redemption, Refused, Revision};
use super::{
    Acceptance, Adopted, Adoption, Enrolment, Identity, PublishedState, RegistryStore, Removal, Sealing,
    SealingState, StoreError, StoredEpoch,
};
use crate::database::{self, Database, Setup};
use async_trait::async_trait;
use read::{bytes, field, get, seconds, signed, unsigned};
use sqlx::sqlite::{SqliteConnection, SqlitePool};
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
const READERS: u32 = 3;

/// The registry's SQLite store.
#[derive(Debug, Clone)]
pub struct SqliteStore(Database);

const SETUP: Setup = Setup {
    wait: BUSY_TIMEOUT,
    readers: READERS,
    migrations: &[
        (1, "init", include_str!("migrations/0001_init.sql")),
        (2, "life", include_str!("migrations/0002_life.sql")),
        (3, "endings", include_str!("migrations/0003_endings.sql")),
        (4, "registrars", include_str!("migrations/0004_registrars.sql")),
        (5, "home", database::HOME),
        (6, "restored", include_str!("migrations/0006_restored.sql")),
    ],
};

impl SqliteStore {
    /// Opens the file, which must exist (an empty one is a new store), checks it and brings it up to date.
    /// A copy of another store's file is refused.
    pub async fn open(path: &Path) -> Result<SqliteStore, StoreError> {
        let database = Database::open(path, &SETUP).await?;
        database.check_home().await?;
        Ok(SqliteStore(database))
    }

    /// The same for a file that may be a copy: what is restored.
    pub(crate) async fn open_copy(path: &Path) -> Result<SqliteStore, StoreError> {
        Database::open(path, &SETUP).await.map(SqliteStore)
    }

    /// The connection that writes, for tests that try what the program never does.
    pub fn pool(&self) -> &SqlitePool {
        self.0.writer()
    }
}

#[async_trait]
impl RegistryStore for SqliteStore {
    async fn identity(&self) -> Result<Option<Identity>, StoreError> {
        let mut tx = self.0.readers().begin().await?;
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
        let mut tx = self.0.writing().await?;
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
        tx.commit().await
    }

    async fn add_registrar(
        &self,
        name: &str,
        token_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.0.writing().await?;
        let done = sqlx::query(
            "INSERT INTO registrar (name, token_hash, created_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (name) DO UPDATE SET token_hash = excluded.token_hash, created_at = excluded.created_at,
                 removed_at = NULL
             WHERE removed_at IS NOT NULL",
        )
        .bind(name)
        .bind(&token_hash[..])
        .bind(seconds(now))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    async fn has_registrar(&self, name: &str) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT 1 FROM registrar WHERE name = ?1 AND removed_at IS NULL")
            .bind(name)
            .fetch_optional(self.0.readers())
            .await?;
        Ok(row.is_some())
    }

    async fn replace_registrar_token(&self, name: &str, token_hash: &[u8; 32]) -> Result<bool, StoreError> {
        let mut tx = self.0.writing().await?;
        let done = sqlx::query("UPDATE registrar SET token_hash = ?2 WHERE name = ?1 AND removed_at IS NULL")
            .bind(name)
            .bind(&token_hash[..])
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    async fn registrars(&self) -> Result<Vec<(String, Timestamp)>, StoreError> {
        let rows =
            sqlx::query("SELECT name, created_at FROM registrar WHERE removed_at IS NULL ORDER BY name")
                .fetch_all(self.0.readers())
                .await?;
        rows.iter().map(|row| Ok((get(row, 0)?, Timestamp::new(unsigned(row, 1)?)))).collect()
    }

    async fn remove_registrar(&self, name: &str, now: Timestamp) -> Result<Option<u64>, StoreError> {
        let mut tx = self.0.writing().await?;
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
            .fetch_optional(self.0.readers())
            .await?;
        row.map(|row| get(&row, 0)).transpose()
    }

    async fn accept(&self, enrolments: &[Enrolment], now: Timestamp) -> Result<Vec<Acceptance>, StoreError> {
        let mut tx = self.0.writing().await?;
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
        let mut tx = self.0.writing().await?;
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
        let mut tx = self.0.writing().await?;
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
        // A change that another device has begun is ended by nobody but a registrar: whoever holds the old
        // device would else undo, unheard, what its owner does about the loss.
        let begun = sqlx::query(
            "SELECT EXISTS (SELECT 1 FROM application WHERE state = 'redeemed' AND device_commitment <> ?2
                 AND person_fp IN (SELECT person_fp FROM leaf WHERE network_number = ?1))",
        )
        .bind(number.as_str())
        .bind(&to_bytes(device_commitment)[..])
        .fetch_one(&mut *tx)
        .await?;
        if get::<i64>(&begun, 0)? != 0 {
            return Ok(Err(Refused::PersonPending));
        }
        let removal = remove(&mut tx, number, RemovalReason::Withdrawn, now).await?;
        tx.commit().await?;
        Ok(Ok(removal))
    }

    async fn file(&self, filing: &Filing) -> Result<(), StoreError> {
        let mut tx = self.0.writing().await?;
        applications::file(&mut tx, filing).await?;
        tx.commit().await
    }

    async fn redeem(&self, offer: &Offer, now: Timestamp) -> Result<Result<Redemption, Refused>, StoreError> {
        let mut tx = self.0.writing().await?;
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
        let mut tx = self.0.writing().await?;
        applications::tidy(&mut tx, now).await?;
        let answer = applications::confirm(&mut tx, registrar, id, words, reset_wait, now).await?;
        tx.commit().await?;
        Ok(answer)
    }

    async fn housekeeping(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.0.writing().await?;
        applications::tidy(&mut tx, now).await?;
        tx.commit().await?;
        self.erase_remnants().await?;
        Ok(())
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.0.probe().await
    }

    async fn revision(&self) -> Result<Revision, StoreError> {
        let row = sqlx::query(
            "SELECT coalesce((SELECT max(epoch) FROM epoch), 0), (SELECT revision FROM directory WHERE id = 1)",
        )
        .fetch_one(self.0.readers())
        .await?;
        Ok(Revision { epoch: unsigned(&row, 0)?, directory: unsigned(&row, 1)? })
    }

    async fn sealing_state(&self, now: Timestamp) -> Result<SealingState, StoreError> {
        let mut tx = self.0.readers().begin().await?;
        seal::state(&mut tx, now).await
    }

    async fn seal(&self, sealing: &Sealing) -> Result<(), StoreError> {
        let mut tx = self.0.writing().await?;
        seal::seal(&mut tx, sealing).await?;
        // After the seal, so that what it has sealed can go where the code has expired already.
        applications::tidy(&mut tx, sealing.sealed_at).await?;
        tx.commit().await
    }

    async fn erase_remnants(&self) -> Result<bool, StoreError> {
        let mut connection = self.0.writer().acquire().await?;
        // Readers end soon or hold on for long: nobody who writes is kept waiting for the latter.
        set_busy_timeout(&mut connection, CHECKPOINT_TIMEOUT).await?;
        let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *connection).await;
        set_busy_timeout(&mut connection, BUSY_TIMEOUT).await?;
        Ok(get::<i64>(&row?, 0)? == 0)
    }

    async fn epoch(&self, number: Option<u64>) -> Result<Option<StoredEpoch>, StoreError> {
        let mut connection = self.0.readers().acquire().await?;
        epoch(&mut connection, number).await
    }

    async fn published_state(&self) -> Result<PublishedState, StoreError> {
        let mut tx = self.0.readers().begin().await?;
        let signed = seal::signed_state(&mut tx).await?;
        let platforms = platforms(&mut tx).await?;
        Ok(PublishedState { signed, platforms })
    }

    async fn platforms(&self) -> Result<Vec<(Host, String)>, StoreError> {
        let mut connection = self.0.writer().acquire().await?;
        platforms(&mut connection).await
    }

    async fn put_platform(&self, host: &Host, entry: &str) -> Result<(), StoreError> {
        let mut tx = self.0.writing().await?;
        sqlx::query(
            "INSERT INTO platform (host, entry) VALUES (?1, ?2) ON CONFLICT (host) DO UPDATE SET entry = ?2",
        )
        .bind(host.as_str())
        .bind(entry)
        .execute(&mut *tx)
        .await?;
        tx.commit().await
    }

    async fn remove_without_record(&self, reason: RemovalReason) -> Result<u64, StoreError> {
        let mut tx = self.0.writing().await?;
        let done = sqlx::query("UPDATE unrecorded SET reason = ?1 WHERE reason IS NULL")
            .bind(reason.as_str())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }

    async fn snapshot(&self, to: &Path) -> Result<(), StoreError> {
        self.0.snapshot(to).await
    }

    async fn last_change(&self) -> Result<Option<Timestamp>, StoreError> {
        let mut connection = self.0.readers().acquire().await?;
        adopt::last_change(&mut connection).await
    }

    async fn adopt(&self, adoption: &Adoption) -> Result<Adopted, StoreError> {
        let mut tx = self.0.writing().await?;
        let adopted = adopt::adopt(&mut tx, adoption).await?;
        self.0.settle(&mut tx).await?;
        tx.commit().await?;
        Ok(adopted)
    }

    async fn close(&self) {
        self.0.close().await;
    }
}

async fn set_busy_timeout(connection: &mut SqliteConnection, timeout: Duration) -> Result<(), StoreError> {
    let sql = format!("PRAGMA busy_timeout = {}", timeout.as_millis());
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

/// Notes a removal. A change that waits gets the reason; a redeemed change that nobody has confirmed
/// ends here, because nothing may come back to life behind a removal. The codes remember it, so that the
/// wallets of those changes are told.
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
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "UPDATE code SET ended = 'removed' WHERE hash IN (
                 SELECT a.code_hash FROM pending p JOIN application a ON a.sequence = p.sequence
                 WHERE p.network_number = ?1)",
        )
        .bind(number.as_str())
        .execute(tx)
        .await?;
        return Ok(Removal::Pending);
    }
    let redeemed =
        "state = 'redeemed' AND person_fp IN (SELECT person_fp FROM leaf WHERE network_number = ?1)";
    for sql in [
        format!(
            "UPDATE code SET ended = 'removed' WHERE hash IN (SELECT code_hash FROM application WHERE {redeemed})"
        ),
        format!("DELETE FROM application WHERE {redeemed}"),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(number.as_str()).execute(&mut *tx).await?;
    }
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
    let rows = sqlx::query(
        "SELECT place, leaf FROM leaf UNION ALL SELECT place, leaf FROM unrecorded ORDER BY place",
    )
    .fetch_all(tx)
    .await?;
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
