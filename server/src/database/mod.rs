//! One SQLite file of ours: checked when it is opened, one connection that writes, a few that read.
//!
//! WAL, synchronous FULL and foreign keys; `secure_delete` overwrites what is deleted.
//!
//! SQLite ends a transaction by itself after some errors (full disk, failed write, no memory), while sqlx
//! goes on counting it as open, and such a connection refuses every later transaction
//! (<https://www.sqlite.org/lang_transaction.html>, "Response to errors within a transaction"). A connection
//! that is handed out is therefore closed and replaced if sqlx still counts a transaction.

use crate::store::{StoreError, database_file};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Row, SqlSafeStr, Sqlite, Transaction};
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

/// Table [`home.sql`](home.sql), a migration of every store.
pub(crate) const HOME: &str = include_str!("home.sql");

/// How long a probe waits for others who write.
const PROBE_WAIT: Duration = Duration::from_secs(1);

/// How a store wants its file.
#[derive(Debug)]
pub(crate) struct Setup {
    /// How long an operation waits for another one that is writing, or for a connection.
    pub wait: Duration,
    /// Connections that only read. One writes: SQLite has one writer anyway, and a queue in the program is
    /// fairer than one that polls a lock.
    pub readers: u32,
    /// Version, name and SQL of each migration, in order.
    pub migrations: &'static [(i64, &'static str, &'static str)],
}

/// An open file.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    path: PathBuf,
    options: SqliteConnectOptions,
    writer: SqlitePool,
    readers: SqlitePool,
    /// Whether the last transaction that wanted to write was committed.
    writable: Arc<AtomicBool>,
}

impl From<sqlx::Error> for StoreError {
    fn from(e: sqlx::Error) -> StoreError {
        StoreError::Database(e.to_string())
    }
}

impl Database {
    /// Opens the file, which must exist (an empty one is a new database), checks that SQLite can read all
    /// of it, and brings its tables up to date. Does not ask whether the file is a copy.
    pub async fn open(path: &Path, setup: &Setup) -> Result<Database, StoreError> {
        // An absolute name is never read as a URI (`file:…`).
        let path = database_file(path)?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(setup.wait)
            .pragma("secure_delete", "ON")
            .pragma("temp_store", "MEMORY")
            .disable_statement_logging();
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(setup.wait)
                .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        };
        let unreadable = |e: sqlx::Error| damaged_if_so(&path, e);
        let writer = pool(1).connect_with(options.clone()).await.map_err(unreadable)?;
        let check = sqlx::query("PRAGMA quick_check(1)").fetch_one(&writer).await.map_err(unreadable)?;
        if check.try_get::<String, _>(0)? != "ok" {
            return Err(StoreError::Unreadable(path));
        }
        let migrations = setup.migrations.iter().map(|(version, name, sql)| {
            Migration::new(*version, (*name).into(), MigrationType::Simple, sql.into_sql_str(), false)
        });
        let migrator = Migrator::with_migrations(migrations.collect());
        migrator.run(&writer).await.map_err(|e| StoreError::Database(e.to_string()))?;
        let readers = pool(setup.readers).connect_with(options.clone().pragma("query_only", "ON")).await?;
        Ok(Database { path, options, writer, readers, writable: Arc::new(AtomicBool::new(true)) })
    }

    /// Refuses a file that is not the one which this database was last used in: a copy of the folder, put to use
    /// in place of the original. Bytes that were written over the same file (`cp old.db authority.db`) are not
    /// noticed here. A database that names no file yet is at home where it is.
    pub async fn check_home(&self) -> Result<(), StoreError> {
        let named = sqlx::query("SELECT file FROM home WHERE id = 1").fetch_optional(&self.readers).await?;
        match named.map(|row| row.try_get::<String, _>(0)).transpose()? {
            None => {
                let mut tx = self.writing().await?;
                self.settle(&mut tx).await?;
                tx.commit().await
            }
            Some(file) if file == file_identity(&self.path)? => Ok(()),
            Some(_) => Err(StoreError::Copied(self.path.clone())),
        }
    }

    /// Makes this file the database's own: after a restore, or at its first use.
    pub async fn settle(&self, tx: &mut SqliteConnection) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO home (id, file) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET file = ?1")
            .bind(file_identity(&self.path)?)
            .execute(tx)
            .await?;
        Ok(())
    }

    /// Writes a copy of the whole database at one moment into an empty file, while others read and write.
    /// What was deleted is not in it.
    pub async fn snapshot(&self, to: &Path) -> Result<(), StoreError> {
        let to = std::path::absolute(to).map_err(|e| cannot_open(to, &e))?;
        let name = to.to_str().ok_or(StoreError::Database("the folder's name is not UTF-8".into()))?;
        // A connection of its own: nobody waits for it, and it reads one state of the log.
        let mut connection = self.options.connect().await?;
        sqlx::query("VACUUM INTO ?1").bind(name).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }

    /// A transaction that holds the write lock from its beginning: what it has read stays true.
    pub async fn writing(&self) -> Result<Writing, StoreError> {
        let begun = self.writer.begin_with("BEGIN IMMEDIATE").await;
        // Until it is committed. Nobody else writes meanwhile, so that nobody else's commit tells of this one.
        self.writable.store(false, Ordering::Release);
        let tx = begun?;
        Ok(Writing { tx, writable: self.writable.clone() })
    }

    /// Whether changes reach the disk. Writes only if the last change did not.
    pub async fn probe(&self) -> Result<(), StoreError> {
        if self.writable.load(Ordering::Acquire) {
            return Ok(());
        }
        // Somebody writes: that is no failure, and will tell.
        let Ok(begun) = tokio::time::timeout(PROBE_WAIT, self.writing()).await else { return Ok(()) };
        let mut tx = begun?;
        sqlx::query("UPDATE home SET probes = probes + 1").execute(&mut *tx).await?;
        tx.commit().await
    }

    /// Connections that read.
    pub fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// The connection that writes, for what no transaction can do.
    pub fn writer(&self) -> &SqlitePool {
        &self.writer
    }

    /// Closes every connection; the log is merged into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// A transaction that writes. Dropped before [`Writing::commit`], it changes nothing.
pub(crate) struct Writing {
    tx: Transaction<'static, Sqlite>,
    writable: Arc<AtomicBool>,
}

impl Writing {
    /// Returns once the changes are on the disk.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.tx.commit().await?;
        self.writable.store(true, Ordering::Release);
        Ok(())
    }
}

impl Deref for Writing {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.tx
    }
}

impl DerefMut for Writing {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.tx
    }
}

/// Inode and time of birth: an inode's number alone is given to another file after a deletion.
fn file_identity(path: &Path) -> Result<String, StoreError> {
    let about = std::fs::metadata(path).map_err(|e| cannot_open(path, &e))?;
    // Some file systems keep no time of birth; the inode has to do there.
    let born = about.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    Ok(format!("{}/{}", about.ino(), born.map_or(0, |born| born.as_nanos())))
}

fn cannot_open(path: &Path, e: &std::io::Error) -> StoreError {
    StoreError::Database(format!("{}: {e}", path.display()))
}

/// SQLITE_CORRUPT and SQLITE_NOTADB (<https://www.sqlite.org/rescode.html>), with their extended codes.
fn damaged_if_so(path: &Path, e: sqlx::Error) -> StoreError {
    let code = e.as_database_error().and_then(|e| e.code()).and_then(|code| code.parse::<u32>().ok());
    match code.map(|code| code & 0xff) {
        Some(11 | 26) => StoreError::Unreadable(path.to_owned()),
        _ => e.into(),
    }
}
