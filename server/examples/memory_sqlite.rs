//! A platform's memory in SQLite, for programs that link the verifier: `Memory` in about 60 lines.
//!
//! Run it from the root of the repository: `cargo run -p veilpass-server --example memory_sqlite`. It accepts a
//! presentation of the test vectors, and refuses the same presentation the second time.
//!
//! `Memory` is called from a thread that may block. In an asynchronous server, call `Verifier::accept` within
//! `spawn_blocking`. Another SQL database works the same way: two unique keys and one transaction.

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use std::error::Error;
use std::path::Path;
use tokio::runtime::Runtime;
use veilpass_protocol::challenge::Nonce;
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::field::to_bytes;
use veilpass_protocol::request::Request;
use veilpass_verifier::{AcceptedEpochs, Consumed, Entry, Memory, Policy, Reuse, Verifier};

struct SqliteMemory {
    pool: SqlitePool,
    runtime: Runtime,
}

impl SqliteMemory {
    fn open(path: &Path) -> Result<SqliteMemory, Box<dyn Error>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let pool = runtime.block_on(async {
            let options = SqliteConnectOptions::new()
                .filename(path)
                .create_if_missing(true)
                // What was accepted must still be known after a power cut.
                .synchronous(SqliteSynchronous::Full);
            let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
            sqlx::raw_sql(
                "CREATE TABLE IF NOT EXISTS nonce (nonce TEXT PRIMARY KEY, until INTEGER NOT NULL);
                 CREATE TABLE IF NOT EXISTS pseudonym (scope BLOB, pseudonym BLOB, PRIMARY KEY (scope, pseudonym));",
            )
            .execute(&pool)
            .await?;
            Ok::<_, sqlx::Error>(pool)
        })?;
        Ok(SqliteMemory { pool, runtime })
    }

    /// Requests that have expired are refused before their nonce is looked up.
    fn forget_expired(&self, now: Timestamp) -> Result<(), sqlx::Error> {
        let delete = sqlx::query("DELETE FROM nonce WHERE until <= ?1").bind(now.seconds() as i64);
        self.runtime.block_on(delete.execute(&self.pool)).map(drop)
    }
}

impl Memory for SqliteMemory {
    type Error = sqlx::Error;

    fn is_answered(&self, nonce: &Nonce) -> Result<bool, sqlx::Error> {
        let query = sqlx::query("SELECT 1 FROM nonce WHERE nonce = ?1").bind(nonce.as_str());
        Ok(self.runtime.block_on(query.fetch_optional(&self.pool))?.is_some())
    }

    fn consume(&self, entry: &Entry<'_>) -> Result<Consumed, sqlx::Error> {
        self.runtime.block_on(async {
            // The write lock from the beginning: no other process decides between the two inserts.
            let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await?;
            let nonce = sqlx::query("INSERT INTO nonce VALUES (?1, ?2) ON CONFLICT DO NOTHING")
                .bind(entry.nonce().as_str())
                .bind(entry.nonce_needed_until().seconds() as i64)
                .execute(&mut *tx)
                .await?;
            if nonce.rows_affected() == 0 {
                return Ok(Consumed::Replayed);
            }
            let pseudonym = sqlx::query("INSERT INTO pseudonym VALUES (?1, ?2) ON CONFLICT DO NOTHING")
                .bind(&to_bytes(entry.scope())[..])
                .bind(&to_bytes(entry.pseudonym())[..])
                .execute(&mut *tx)
                .await?;
            if pseudonym.rows_affected() == 0 && entry.reuse() == Reuse::OncePerScope {
                // The transaction is dropped: the nonce is not recorded either.
                return Ok(Consumed::Spent);
            }
            tx.commit().await?;
            Ok(Consumed::First)
        })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let vectors = Path::new("tests/vectors/v1");
    let lines = std::fs::read_to_string(vectors.join("presentations.jsonl"))?;
    let line = lines.lines().next().ok_or("no vectors")?;
    let vector: serde_json::Value = serde_json::from_str(line)?;
    let text = |name: &str| vector[name].as_str().ok_or_else(|| format!("no `{name}`"));
    let request = Request::from_json(text("request")?.as_bytes())?;
    let now: Timestamp = text("now")?.parse()?;

    // The vectors are made under a development key, which a real platform never allows.
    let key = std::fs::read(vectors.join(text("key")?))?;
    let verifier = Verifier::new(Policy::default().allowing_dev_keys()).with_key(&key)?;
    let mut epochs = AcceptedEpochs::starting_without_memory(text("vkey")?.parse()?);
    for note in vector["notes"].as_array().into_iter().flatten().filter_map(|note| note.as_str()) {
        epochs.install(note, verifier.policy(), now)?;
    }

    let folder = tempfile::tempdir()?;
    let memory = SqliteMemory::open(&folder.path().join("memory.db"))?;
    let presentation = text("presentation")?.as_bytes();
    let accept = || verifier.accept(&request, presentation, &epochs, &memory, Reuse::OncePerScope, now);
    let accepted = accept().map_err(|e| e.to_string())?;
    println!("accepted, pseudonym {}", accepted.pseudonym_text());
    match accept() {
        Ok(_) => return Err("accepted twice".into()),
        Err(e) => println!("the second time: {e}"),
    }
    memory.forget_expired(now)?;
    Ok(())
}
