//! The registry in one SQLite file: WAL, synchronous FULL, foreign keys, one writer. Queries are
//! fixed texts; lists travel as JSON in one parameter.
//!
//! `secure_delete` overwrites what is deleted, and after a seal the write-ahead log is cut to length
//! zero: an erased birth date is in no byte of the files (protocol.md, "Enrolment" 4).

use super::{
    Acceptance, Change, ChangeKind, Enrolment, Identity, PublishedState, RegistryStore, Removal, Sealing,
    SealingState, StoreError, StoredEpoch,
};
use crate::authority::person::PersonFp;
use async_trait::async_trait;
use serde::Serialize;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Decode, Row, SqlSafeStr, Sqlite, Transaction, Type};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Duration;
use veilpass_protocol::attributes::{DocumentClass, Sex};
use veilpass_protocol::cells::Cell;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::epoch::RemovalReason;
use veilpass_protocol::field::{Fr, from_bytes, to_hex};
use veilpass_protocol::identity::used_tag;
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
        let mut known = known_persons(&mut tx, enrolments).await?;
        let tags: Vec<[[u8; 32]; 2]> = enrolments
            .iter()
            .map(|e| [used_tag(&e.identity_commitment), used_tag(&e.device_commitment)])
            .collect();
        let mut used = used_values(&mut tx, &tags).await?;

        let (mut outcomes, mut added) = (Vec::with_capacity(enrolments.len()), Vec::new());
        for (enrolment, tags) in enrolments.iter().zip(&tags) {
            let outcome = match known.get(&enrolment.person) {
                Some(Some((leaf, number))) if *leaf == enrolment.leaf => Acceptance::Already(*number),
                Some(_) => Acceptance::DocumentUsed,
                None if tags.iter().any(|tag| used.contains(tag)) => Acceptance::CommitmentUsed,
                None => {
                    known.insert(enrolment.person, Some((enrolment.leaf, enrolment.network_number)));
                    used.extend(tags);
                    added.push((enrolment, tags));
                    Acceptance::Added
                }
            };
            outcomes.push(outcome);
        }
        if numbers_taken(&mut tx, &added).await? {
            return Err(StoreError::NetworkNumberTaken);
        }
        insert_enrolments(&mut tx, &added, now).await?;
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

/// Persons of the batch that are on record, with the leaf that they have, live or pending.
type Known = HashMap<PersonFp, Option<(Fr, NetworkNumber)>>;

async fn known_persons(tx: &mut SqliteConnection, enrolments: &[Enrolment]) -> Result<Known, StoreError> {
    let persons: Vec<String> = enrolments.iter().map(|e| hex::encode(e.person.0)).collect();
    let rows = sqlx::query(
        "SELECT person.person_fp, coalesce(p.leaf, l.leaf), coalesce(p.network_number, l.network_number)
         FROM person
         LEFT JOIN leaf l ON l.person_fp = person.person_fp
         LEFT JOIN pending p ON p.person_fp = person.person_fp AND p.operation = 'enrol'
         WHERE person.person_fp IN (SELECT unhex(value) FROM json_each(?1))",
    )
    .bind(json(&persons)?)
    .fetch_all(tx)
    .await?;
    let mut known = Known::with_capacity(rows.len());
    for row in &rows {
        let held = match get::<Option<String>>(row, 2)? {
            Some(number) => Some((field(row, 1)?, network_number(&number)?)),
            None => None,
        };
        known.insert(PersonFp(bytes(row, 0)?), held);
    }
    Ok(known)
}

async fn used_values(
    tx: &mut SqliteConnection,
    tags: &[[[u8; 32]; 2]],
) -> Result<HashSet<[u8; 32]>, StoreError> {
    let tags: Vec<String> = tags.iter().flatten().map(hex::encode).collect();
    let rows = sqlx::query("SELECT value FROM used WHERE value IN (SELECT unhex(value) FROM json_each(?1))")
        .bind(json(&tags)?)
        .fetch_all(tx)
        .await?;
    rows.iter().map(|row| bytes(row, 0)).collect()
}

type Added<'a> = (&'a Enrolment, &'a [[u8; 32]; 2]);

async fn numbers_taken(tx: &mut SqliteConnection, added: &[Added<'_>]) -> Result<bool, StoreError> {
    let numbers: HashSet<&str> = added.iter().map(|(e, _)| e.network_number.as_str()).collect();
    if numbers.len() < added.len() {
        return Ok(true);
    }
    let row = sqlx::query(
        "SELECT EXISTS (SELECT 1 FROM json_each(?1) j WHERE
             EXISTS (SELECT 1 FROM leaf WHERE network_number = j.value)
             OR EXISTS (SELECT 1 FROM pending WHERE network_number = j.value))",
    )
    .bind(json(&numbers)?)
    .fetch_one(tx)
    .await?;
    Ok(get::<i64>(&row, 0)? != 0)
}

async fn insert_enrolments(
    tx: &mut SqliteConnection,
    added: &[Added<'_>],
    now: Timestamp,
) -> Result<(), StoreError> {
    let persons: Vec<_> =
        added.iter().map(|(e, _)| (hex::encode(e.person.0), e.attributes.generation)).collect();
    sqlx::query(
        "INSERT INTO person (person_fp, generation) SELECT unhex(value ->> 0), value ->> 1 FROM json_each(?1)",
    )
    .bind(json(&persons)?)
    .execute(&mut *tx)
    .await?;
    let tags: Vec<String> = added.iter().flat_map(|(_, tags)| *tags).map(hex::encode).collect();
    sqlx::query("INSERT INTO used (value) SELECT unhex(value) FROM json_each(?1)")
        .bind(json(&tags)?)
        .execute(&mut *tx)
        .await?;
    let rows: Vec<_> = added
        .iter()
        .map(|(e, _)| {
            let a = &e.attributes;
            (
                (hex::encode(e.person.0), e.network_number.as_str()),
                [&e.identity_commitment, &e.device_commitment, &e.link, &e.leaf].map(to_hex),
                (a.birth_date, a.expires_on.map(Day::number), a.enrolled_on.number()),
                (a.sex.number(), a.document_class.number(), a.nationality, a.province, a.generation),
            )
        })
        .collect();
    sqlx::query(
        "INSERT INTO pending (person_fp, network_number, operation, accepted_at, identity_commitment,
             device_commitment, link, leaf, birth_date, expires_on, enrolled_on, sex, document_class, nationality,
             province, generation)
         SELECT unhex(value ->> '$[0][0]'), value ->> '$[0][1]', 'enrol', ?2, unhex(value ->> '$[1][0]'),
             unhex(value ->> '$[1][1]'), unhex(value ->> '$[1][2]'), unhex(value ->> '$[1][3]'), value ->> '$[2][0]',
             value ->> '$[2][1]', value ->> '$[2][2]', value ->> '$[3][0]', value ->> '$[3][1]', value ->> '$[3][2]',
             value ->> '$[3][3]', value ->> '$[3][4]'
         FROM json_each(?1) ORDER BY key",
    )
    .bind(json(&rows)?)
    .bind(seconds(now))
    .execute(tx)
    .await?;
    Ok(())
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

fn change(row: &SqliteRow) -> Result<Change, StoreError> {
    let reason = match get::<Option<String>>(row, 1)? {
        Some(text) => Some(text.parse().map_err(|_| StoreError::Damaged("a reason of removal"))?),
        None => None,
    };
    let cell = cell(row, 4)?;
    let kind = match (get::<Option<Vec<u8>>>(row, 2)?, get::<Option<i64>>(row, 3)?, reason) {
        (Some(_), None, withdrawn) => ChangeKind::Enrol { leaf: field(row, 2)?, cell, withdrawn },
        (None, Some(_), Some(reason)) => ChangeKind::Remove { place: unsigned(row, 3)?, cell, reason },
        _ => return Err(StoreError::Damaged("a pending change")),
    };
    Ok(Change { sequence: unsigned(row, 0)?, kind })
}

fn cell(row: &SqliteRow, from: usize) -> Result<Cell, StoreError> {
    let damaged = || StoreError::Damaged("a coarse cell");
    Ok(Cell {
        sex: Sex::from_number(get(row, from)?).ok_or_else(damaged)?,
        document_class: DocumentClass::from_number(get(row, from + 1)?).ok_or_else(damaged)?,
        nationality: get(row, from + 2)?,
        province: get(row, from + 3)?,
        birth_year: get(row, from + 4)?,
    })
}

fn get<'r, T: Decode<'r, Sqlite> + Type<Sqlite>>(row: &'r SqliteRow, column: usize) -> Result<T, StoreError> {
    Ok(row.try_get(column)?)
}

fn bytes(row: &SqliteRow, column: usize) -> Result<[u8; 32], StoreError> {
    get::<&[u8]>(row, column)?.try_into().map_err(|_| StoreError::Damaged("a value of 32 bytes"))
}

fn field(row: &SqliteRow, column: usize) -> Result<Fr, StoreError> {
    from_bytes(&bytes(row, column)?).map_err(|_| StoreError::Damaged("a field element"))
}

fn unsigned(row: &SqliteRow, column: usize) -> Result<u64, StoreError> {
    u64::try_from(get::<i64>(row, column)?).map_err(|_| StoreError::Damaged("a negative number"))
}

fn network_number(text: &str) -> Result<NetworkNumber, StoreError> {
    text.parse().map_err(|_| StoreError::Damaged("a Network Number"))
}

/// Instants end with the year 9999, far below 2^63.
fn seconds(at: Timestamp) -> i64 {
    at.seconds() as i64
}

fn signed(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::Database("a number above 2^63".into()))
}

fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Database(e.to_string()))
}
