//! What a platform remembers, in one SQLite file ([`crate::database`]). Each operation is one transaction; what must never happen is refused by the schema as well.

use super::inspect::Inspection;
use crate::database::{self, Database, Setup};
use crate::files::{self, Access};
use crate::store::{StoreError, database_file};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Decode, Row, Sqlite, Type};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::epoch::MAX_SKEW;
use veilpass_protocol::field::{Fr, from_bytes, to_bytes};
use veilpass_protocol::request::{Request, SignedRequest};
use veilpass_protocol::scope::LinkKind;
use veilpass_verifier::{Consumed, Reuse, Unacceptable, VerifiedPresentation};

/// Refused tries that use a request up (contract §8).
pub const MAX_TRIES: u32 = 5;
/// Seconds for which the outcome of a request can be read after it has expired.
pub const KEPT_AFTER_EXPIRY: u64 = 3600;
/// Days after the day of a `none` scope until its pseudonyms are forgotten. A request is answerable a day
/// before and after its `valid_on`, so nobody can present one of them any more.
const DAYS_KEPT: i64 = 2;
/// How long an operation waits for another one that is writing, or for a connection.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READERS: u32 = 4;

/// What became of a request so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestState {
    /// It can be answered, unless it has expired.
    Pending,
    /// A presentation was accepted.
    Accepted,
    /// Five tries were refused.
    Refused,
    /// The holder does not answer.
    Declined,
}

impl RequestState {
    /// The name in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            RequestState::Pending => "pending",
            RequestState::Accepted => "accepted",
            RequestState::Refused => "refused",
            RequestState::Declined => "declined",
        }
    }

    fn read(text: &str) -> Result<RequestState, StoreError> {
        use RequestState::*;
        let all = [Pending, Accepted, Refused, Declined];
        all.into_iter().find(|s| s.as_str() == text).ok_or(StoreError::Damaged("a request's state"))
    }
}

/// A request that is to be remembered.
#[derive(Debug, Clone, Copy)]
pub struct NewRow<'a> {
    /// 32 hex digits.
    pub id: &'a str,
    /// What was asked.
    pub request: &'a Request,
    /// The same as it is sent.
    pub signed: &'a str,
    /// Hash of the token that reads the result.
    pub token_hash: &'a [u8; 32],
    /// Whether a pseudonym is accepted one time in its scope.
    pub reuse: Reuse,
}

/// A request as it is remembered.
#[derive(Debug, Clone)]
pub struct StoredRequest {
    /// What was asked.
    pub request: Request,
    /// The same as it is sent.
    pub signed: String,
    /// Hash of the token that reads the result.
    pub token_hash: [u8; 32],
    /// Whether a pseudonym is accepted one time in its scope.
    pub reuse: Reuse,
    /// What became of it.
    pub state: RequestState,
    /// Why the last refused try was refused.
    pub code: Option<String>,
    /// Who answered.
    pub pseudonym: Option<Fr>,
}

/// A platform's SQLite store.
#[derive(Debug, Clone)]
pub struct PlatformStore(Database);

const SETUP: Setup = Setup {
    wait: BUSY_TIMEOUT,
    readers: READERS,
    migrations: &[(1, "init", include_str!("migrations/0001_init.sql")), (2, "home", database::HOME)],
};

impl PlatformStore {
    /// Opens the file, makes it if it is not there, readable by its owner only, and brings it up to date.
    pub async fn open(path: &Path) -> Result<PlatformStore, StoreError> {
        let path = &database_file(path)?;
        match files::create(path, b"", Access::Private) {
            Err(e) if e.kind != ErrorKind::AlreadyExists => return Err(StoreError::Database(e.to_string())),
            _ => (),
        }
        let database = Database::open(path, &SETUP).await?;
        database.check_home().await?;
        Ok(PlatformStore(database))
    }

    /// The same for a file that may be a copy: what is restored.
    pub(crate) async fn open_copy(path: &Path) -> Result<PlatformStore, StoreError> {
        Database::open(path, &SETUP).await.map(PlatformStore)
    }

    /// Makes a restored file the store's own. Open requests are closed, because they may have been answered
    /// since; gives the number of known pseudonyms and of closed requests.
    pub(crate) async fn settle(&self) -> Result<(u64, u64), StoreError> {
        let mut tx = self.0.writing().await?;
        let closed = sqlx::query("DELETE FROM request WHERE state = 'pending'").execute(&mut *tx).await?;
        let row = sqlx::query("SELECT count(*) FROM pseudonym").fetch_one(&mut *tx).await?;
        self.0.settle(&mut tx).await?;
        tx.commit().await?;
        let known = u64::try_from(get::<i64>(&row, 0)?).map_err(|_| StoreError::Damaged("a count"))?;
        Ok((known, closed.rows_affected()))
    }

    /// Writes a copy of everything at one moment into an empty file.
    pub(crate) async fn snapshot(&self, to: &Path) -> Result<(), StoreError> {
        self.0.snapshot(to).await
    }

    /// Whether changes reach the disk: writes only if the last change did not.
    pub async fn probe(&self) -> Result<(), StoreError> {
        self.0.probe().await
    }

    /// Remembers a new request, before it is sent.
    pub async fn add(&self, row: NewRow<'_>) -> Result<(), StoreError> {
        let mut tx = self.0.writing().await?;
        sqlx::query(
            "INSERT INTO request (id, nonce, token_hash, signed, once, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .bind(row.id)
        .bind(row.request.nonce.as_str())
        .bind(&row.token_hash[..])
        .bind(row.signed)
        .bind(i64::from(row.reuse == Reuse::OncePerScope))
        .bind(seconds(row.request.expires_at))
        .execute(&mut *tx)
        .await?;
        tx.commit().await
    }

    /// A request, if it is remembered.
    pub async fn request(&self, id: &str) -> Result<Option<StoredRequest>, StoreError> {
        let row =
            sqlx::query("SELECT signed, token_hash, once, state, code, pseudonym FROM request WHERE id = ?1")
                .bind(id)
                .fetch_optional(self.0.readers())
                .await?;
        row.as_ref().map(stored).transpose()
    }

    /// Whether a request can still be answered. Only to refuse early: [`PlatformStore::consume`] decides.
    pub async fn is_pending(&self, id: &str) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT 1 FROM request WHERE id = ?1 AND state = 'pending'")
            .bind(id)
            .fetch_optional(self.0.readers())
            .await?;
        Ok(row.is_some())
    }

    /// Records an accepted presentation, all or nothing: the request is used up and the pseudonym is known.
    /// The nonce is judged before the pseudonym. A spent pseudonym is a refused try.
    pub async fn consume(
        &self,
        verified: &VerifiedPresentation,
        reuse: Reuse,
    ) -> Result<Consumed, StoreError> {
        let entry = verified.entry(reuse);
        let (scope, pseudonym) = (to_bytes(entry.scope()), to_bytes(entry.pseudonym()));
        let mut tx = self.0.writing().await?;
        let pending = sqlx::query("SELECT id FROM request WHERE nonce = ?1 AND state = 'pending'")
            .bind(entry.nonce().as_str())
            .fetch_optional(&mut *tx)
            .await?;
        let Some(row) = pending else {
            return Ok(Consumed::Replayed);
        };
        let id: String = get(&row, 0)?;
        let new = sqlx::query(
            "INSERT INTO pseudonym (scope, pseudonym, last_day) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        )
        .bind(&scope[..])
        .bind(&pseudonym[..])
        .bind(last_day(verified.request()))
        .execute(&mut *tx)
        .await?;
        if new.rows_affected() == 0 && entry.reuse() == Reuse::OncePerScope {
            count_try(&mut tx, &id, Unacceptable::PseudonymSpent.code()).await?;
            tx.commit().await?;
            return Ok(Consumed::Spent);
        }
        sqlx::query("UPDATE request SET state = 'accepted', pseudonym = ?2 WHERE id = ?1")
            .bind(&id)
            .bind(&pseudonym[..])
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(Consumed::First)
    }

    /// Counts a refused try; the fifth uses the request up. One that is used up stays as it is.
    pub async fn refuse(&self, id: &str, code: &str) -> Result<(), StoreError> {
        let mut tx = self.0.writing().await?;
        count_try(&mut tx, id, code).await?;
        tx.commit().await
    }

    /// The holder does not answer. `false`: the request was used up before.
    pub async fn decline(&self, id: &str) -> Result<bool, StoreError> {
        let mut tx = self.0.writing().await?;
        let done = sqlx::query("UPDATE request SET state = 'declined' WHERE id = ?1 AND state = 'pending'")
            .bind(id)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// Forgets requests some time after they have expired, and pseudonyms of scopes that are over.
    pub async fn housekeeping(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.0.writing().await?;
        sqlx::query("DELETE FROM request WHERE expires_at <= ?1")
            .bind(seconds(now.minus(KEPT_AFTER_EXPIRY + MAX_SKEW)))
            .execute(&mut *tx)
            .await?;
        sqlx::query("DELETE FROM pseudonym WHERE last_day < ?1")
            .bind(i64::from(Day::of(now).number()))
            .execute(&mut *tx)
            .await?;
        tx.commit().await
    }

    /// The accepted epochs as they were saved last.
    pub async fn saved_epochs(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let row =
            sqlx::query("SELECT saved FROM epochs WHERE id = 1").fetch_optional(self.0.readers()).await?;
        row.map(|row| get(&row, 0)).transpose()
    }

    /// Saves the accepted epochs. What belongs to a newer epoch is never overwritten.
    pub async fn save_epochs(&self, newest: u64, saved: &[u8]) -> Result<(), StoreError> {
        let newest = i64::try_from(newest).map_err(|_| StoreError::Damaged("an epoch's number"))?;
        let mut tx = self.0.writing().await?;
        sqlx::query(
            "INSERT INTO epochs (id, newest, saved) VALUES (1, ?1, ?2)
             ON CONFLICT (id) DO UPDATE SET newest = ?1, saved = ?2",
        )
        .bind(newest)
        .bind(saved)
        .execute(&mut *tx)
        .await?;
        tx.commit().await
    }

    /// What has been learnt so far.
    pub async fn inspect(&self) -> Result<Inspection, StoreError> {
        let rows = sqlx::query("SELECT state, pseudonym FROM request ORDER BY rowid")
            .fetch_all(self.0.readers())
            .await?;
        let mut inspection = Inspection { requests: rows.len(), ..Inspection::default() };
        for row in &rows {
            inspection.declined += usize::from(RequestState::read(get(row, 0)?)? == RequestState::Declined);
            if let Some(pseudonym) = pseudonym(row, 1)? {
                inspection.accepted += 1;
                inspection.pseudonyms.push(pseudonym);
            }
        }
        Ok(inspection)
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.0.close().await;
    }
}

/// One more refused try of a request that is pending.
async fn count_try(tx: &mut SqliteConnection, id: &str, code: &str) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE request SET tries = tries + 1, code = ?2,
             state = CASE WHEN tries + 1 >= ?3 THEN 'refused' ELSE state END
         WHERE id = ?1 AND state = 'pending'",
    )
    .bind(id)
    .bind(code)
    .bind(i64::from(MAX_TRIES))
    .execute(tx)
    .await?;
    Ok(())
}

/// The day after which a scope's pseudonyms may be forgotten, for scopes that end by themselves.
fn last_day(request: &Request) -> Option<i64> {
    let ends = i64::from(request.valid_on.number()) + DAYS_KEPT;
    (request.link == LinkKind::None).then_some(ends)
}

fn stored(row: &SqliteRow) -> Result<StoredRequest, StoreError> {
    let signed: String = get(row, 0)?;
    let request = SignedRequest::decode(&signed).map_err(|_| StoreError::Damaged("a request"))?;
    Ok(StoredRequest {
        request: request.request().clone(),
        signed,
        token_hash: get::<&[u8]>(row, 1)?.try_into().map_err(|_| StoreError::Damaged("a token's hash"))?,
        reuse: if get::<i64>(row, 2)? == 1 { Reuse::OncePerScope } else { Reuse::MayReturn },
        state: RequestState::read(get(row, 3)?)?,
        code: get(row, 4)?,
        pseudonym: pseudonym(row, 5)?,
    })
}

fn pseudonym(row: &SqliteRow, column: usize) -> Result<Option<Fr>, StoreError> {
    let Some(bytes) = get::<Option<Vec<u8>>>(row, column)? else { return Ok(None) };
    let bytes: Option<[u8; 32]> = bytes.try_into().ok();
    bytes.and_then(|b| from_bytes(&b).ok()).map(Some).ok_or(StoreError::Damaged("a pseudonym"))
}

fn get<'r, T: Decode<'r, Sqlite> + Type<Sqlite>>(row: &'r SqliteRow, column: usize) -> Result<T, StoreError> {
    Ok(row.try_get(column)?)
}

/// Instants end with the year 9999, far below 2^63.
fn seconds(at: Timestamp) -> i64 {
    at.seconds() as i64
}
