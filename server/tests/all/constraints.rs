//! What must never happen is refused by the database itself, whatever program writes.

use crate::counter::{Counter, card};
use crate::people::{Fixture, at, people};
use sqlx::AssertSqlSafe;
use veilpass_protocol::epoch::RemovalReason;
use veilpass_protocol::operation::Operation;
use veilpass_server::store::RegistryStore;
use veilpass_server::store::sqlite::SqliteStore;

/// Twelve people: 0–5 live in places 0–5 (place 5 removed), 6 and 7 pending, a removal of 0 pending.
async fn registry() -> (Fixture, SqliteStore) {
    let mut fixture = Fixture::new(40).await;
    fixture.import(&people(0..6)).await;
    fixture.seal(0).await;
    let store = SqliteStore::open(&fixture.folder().join("authority.db")).await.unwrap();
    for (place, seconds) in [(5i64, Some(1)), (0, None)] {
        let (number,): (String,) = sqlx::query_as("SELECT network_number FROM leaf WHERE place = ?1")
            .bind(place)
            .fetch_one(store.pool())
            .await
            .unwrap();
        fixture.authority.remove(&number.parse().unwrap(), RemovalReason::Fraud, at(0)).await.unwrap();
        if let Some(seconds) = seconds {
            fixture.seal(seconds).await;
        }
    }
    fixture.import(&people(6..8)).await;
    (fixture, store)
}

const LEAF: &str =
    "INSERT INTO leaf SELECT {place}, {fp}, {number}, identity_commitment, device_commitment, link, leaf,
    generation, enrolled_on, expires_on, sex, document_class, nationality, province, birth_year
    FROM leaf WHERE place = 1";
const ENROL: &str = "INSERT INTO pending (person_fp, network_number, operation, accepted_at, identity_commitment,
    device_commitment, link, leaf, birth_date, enrolled_on, sex, document_class, nationality, province, generation)
    SELECT {fp}, {number}, 'enrol', 1, {c}, device_commitment, link, leaf, {birth}, enrolled_on, sex, document_class,
    nationality, province, generation FROM leaf WHERE place = 1";
const REMOVE: &str = "INSERT INTO pending (person_fp, network_number, operation, reason, accepted_at)
    VALUES ({fp}, {number}, 'remove', {reason}, 1)";
const EPOCH: &str = "INSERT INTO epoch VALUES ({n}, {at}, {places}, {live}, {added}, {removed}, 'x', x'00')";

fn fill(template: &str, values: &[(&str, &str)], changed: &[(&str, &str)]) -> String {
    let mut sql = template.to_owned();
    for (name, value) in changed.iter().chain(values) {
        sql = sql.replace(&format!("{{{name}}}"), value);
    }
    sql
}

#[tokio::test]
async fn raw_sql_is_refused() {
    let (_fixture, store) = registry().await;
    let new_person = "(SELECT person_fp FROM person WHERE person_fp = zeroblob(32))";
    let live = |place: u32| format!("(SELECT person_fp FROM leaf WHERE place = {place})");
    let live_number = |place: u32| format!("(SELECT network_number FROM leaf WHERE place = {place})");
    let (fp1, fp2, n1, n2) = (live(1), live(2), live_number(1), live_number(2));
    let pending_fp = "(SELECT person_fp FROM pending WHERE operation = 'enrol' LIMIT 1)";
    let pending_number = "(SELECT network_number FROM pending WHERE operation = 'enrol' LIMIT 1)";
    let leaf = [("place", "6"), ("fp", new_person), ("number", "'AAAAAAAAAA'")];
    let enrol = [
        ("fp", new_person),
        ("number", "'AAAAAAAAAA'"),
        ("c", "identity_commitment"),
        ("birth", "'1999-11-13'"),
    ];
    let remove = [("fp", fp1.as_str()), ("number", n1.as_str()), ("reason", "'error'")];
    let sealed = (at(2).seconds() + 1).to_string();
    let last = at(1).seconds().to_string();
    let epoch = [
        ("n", "3"),
        ("at", sealed.as_str()),
        ("places", "6"),
        ("live", "5"),
        ("added", "0"),
        ("removed", "0"),
    ];

    // Each in its unchanged form is accepted, so that a refusal below has the reason that it names.
    let prepare = "INSERT INTO person VALUES (zeroblob(32), 0, NULL)";
    for template in [
        fill(LEAF, &leaf, &[]),
        fill(ENROL, &enrol, &[]),
        fill(REMOVE, &remove, &[]),
        fill(EPOCH, &epoch, &[]),
    ] {
        let mut tx = store.pool().begin().await.unwrap();
        sqlx::query(prepare).execute(&mut *tx).await.unwrap();
        let done = sqlx::query(AssertSqlSafe(template.clone())).execute(&mut *tx).await;
        assert_eq!(done.map(|d| d.rows_affected()).unwrap(), 1, "{template}");
    }

    let cases: Vec<(&str, String)> = vec![
        ("two live leaves of one person", fill(LEAF, &leaf, &[("fp", &fp1)])),
        ("a leaf of nobody", fill(LEAF, &leaf, &[("fp", "randomblob(32)")])),
        ("two leaves with one Network Number", fill(LEAF, &leaf, &[("number", &n1)])),
        ("two leaves in one place", fill(LEAF, &leaf, &[("place", "2")])),
        ("a place that was left", fill(LEAF, &leaf, &[("place", "5")])),
        ("a place outside the tree", fill(LEAF, &leaf, &[("place", "8589934592")])),
        ("a leaf moves", "UPDATE leaf SET place = 9 WHERE place = 1".into()),
        ("a leaf changes", "UPDATE leaf SET leaf = randomblob(32) WHERE place = 1".into()),
        ("an empty leaf", fill(LEAF, &leaf, &[]).replace("link, leaf,", "link, zeroblob(32),")),
        ("two pending changes of one person", fill(ENROL, &enrol, &[("fp", pending_fp)])),
        ("an enrolment of a live person", fill(ENROL, &enrol, &[("fp", &fp1)])),
        ("an enrolment under a live number", fill(ENROL, &enrol, &[("number", &n2)])),
        ("an enrolment under a pending number", fill(ENROL, &enrol, &[("number", pending_number)])),
        ("an enrolment of nobody", fill(ENROL, &enrol, &[("fp", "randomblob(32)")])),
        ("equal commitments", fill(ENROL, &enrol, &[("c", "device_commitment")])),
        ("a short commitment", fill(ENROL, &enrol, &[("c", "x'01'")])),
        ("no birth date", fill(ENROL, &enrol, &[("birth", "NULL")])),
        ("no date", fill(ENROL, &enrol, &[("birth", "'yesterday'")])),
        ("a second removal", fill(REMOVE, &remove, &[("fp", &live(0)), ("number", &live_number(0))])),
        ("a removal without a reason", fill(REMOVE, &remove, &[("reason", "NULL")])),
        ("a removal for another reason", fill(REMOVE, &remove, &[("reason", "'whim'")])),
        ("a removal of another's number", fill(REMOVE, &remove, &[("fp", &fp2)])),
        ("a removal of nobody", fill(REMOVE, &remove, &[("number", "'AAAAAAAAAA'")])),
        (
            "a removal with attributes",
            fill(REMOVE, &remove, &[])
                .replace("accepted_at)", "accepted_at, birth_date)")
                .replace(", 1)", ", 1, '1999-11-13')"),
        ),
        (
            "a pending enrolment changes",
            "UPDATE pending SET leaf = randomblob(32) WHERE operation = 'enrol'".into(),
        ),
        ("a withdrawal is taken back", "UPDATE pending SET reason = NULL WHERE reason IS NOT NULL".into()),
        ("a used value again", "INSERT INTO used SELECT value FROM used LIMIT 1".into()),
        ("a used value goes", "DELETE FROM used".into()),
        ("a used value changes", "UPDATE used SET value = randomblob(32)".into()),
        ("a person goes", "DELETE FROM person".into()),
        ("a person twice", "INSERT INTO person SELECT person_fp, 0, NULL FROM person LIMIT 1".into()),
        ("a person becomes another", "UPDATE person SET person_fp = randomblob(32)".into()),
        ("a generation back", "UPDATE person SET generation = generation - 1".into()),
        ("a generation beyond 254", "UPDATE person SET generation = 255".into()),
        ("an epoch again", fill(EPOCH, &epoch, &[("n", "2")])),
        ("an epoch is skipped", fill(EPOCH, &epoch, &[("n", "4")])),
        ("an epoch at the same time", fill(EPOCH, &epoch, &[("at", &last)])),
        ("an epoch before the last", fill(EPOCH, &epoch, &[("at", "1")])),
        ("places that were not added", fill(EPOCH, &epoch, &[("places", "7")])),
        ("live leaves that do not follow", fill(EPOCH, &epoch, &[("removed", "1")])),
        (
            "live leaves that are not there",
            fill(EPOCH, &epoch, &[("live", "6"), ("added", "1"), ("places", "7")]),
        ),
        ("a sealed epoch goes", "DELETE FROM epoch WHERE epoch = 2".into()),
        ("a sealed epoch changes", "UPDATE epoch SET note = 'x' WHERE epoch = 2".into()),
        (
            "two authorities",
            "INSERT INTO authority SELECT 2, origin, vkey, fingerprint_check FROM authority".into(),
        ),
        (
            "no signing key line",
            "INSERT INTO authority SELECT 1, origin, vkey, fingerprint_check FROM authority".into(),
        ),
        ("a table of another type", "INSERT INTO used VALUES ('text')".into()),
    ];
    for (what, sql) in cases {
        let mut tx = store.pool().begin().await.unwrap();
        sqlx::query(prepare).execute(&mut *tx).await.unwrap();
        // A generation above 0, so that going back is possible in the column's range.
        sqlx::query("UPDATE person SET generation = 5").execute(&mut *tx).await.unwrap();
        let done = sqlx::query(AssertSqlSafe(sql.clone())).execute(&mut *tx).await;
        let error = done.map(|d| d.rows_affected()).expect_err(&format!("{what}: {sql}"));
        let refused = matches!(&error, sqlx::Error::Database(e) if e.message().to_lowercase().contains("constraint failed") || e.code().as_deref() == Some("1811") || e.code().as_deref() == Some("3091"));
        assert!(refused, "{what}: refused for another reason: {error:?}");
    }
}

/// A statement of the program's, changed in one place, must break a constraint and nothing else.
async fn refused(store: &SqliteStore, what: &str, sql: String) {
    let mut tx = store.pool().begin().await.unwrap();
    let done = sqlx::query(AssertSqlSafe(sql.clone())).execute(&mut *tx).await;
    let error = done.map(|d| d.rows_affected()).expect_err(&format!("{what}: {sql}"));
    // SQLITE_CONSTRAINT_TRIGGER, or the text of any other constraint.
    let constraint = matches!(&error, sqlx::Error::Database(e) if e.code().as_deref() == Some("1811")
        || e.message().to_lowercase().contains("constraint failed"));
    assert!(constraint, "{what}: refused for another reason: {error:?}");
}

async fn allowed(store: &SqliteStore, sql: &str) {
    let mut tx = store.pool().begin().await.unwrap();
    let done = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut *tx).await.unwrap();
    assert_eq!(done.rows_affected(), 1, "{sql}");
}

/// Person 1 is live, 2 has filed, 3 has redeemed, 4 has confirmed, 5 waits with a reset, 6 is live with a
/// second application filed.
async fn life() -> (Counter, SqliteStore) {
    let mut counter = Counter::new(42).await;
    for i in [1, 5, 6] {
        let wallet = counter.wallet();
        counter.whole(Operation::Enrol, &card(i), &wallet, at(0)).await.unwrap();
    }
    counter.seal(at(1)).await;
    let wallet = counter.wallet();
    counter.whole(Operation::Reset, &card(5), &wallet, at(2)).await.unwrap();
    counter.seal(at(3)).await;
    for (i, operation) in [(2, Operation::Enrol), (3, Operation::Enrol), (6, Operation::Rotate)] {
        let (application, wallet) = (counter.file(operation, &card(i), at(4)).await, counter.wallet());
        if i == 3 {
            counter.redeem(&application, &wallet, at(4)).await.unwrap();
        }
    }
    let wallet = counter.wallet();
    counter.whole(Operation::Enrol, &card(4), &wallet, at(4)).await.unwrap();
    let store = SqliteStore::open(&counter.fixture.folder().join("authority.db")).await.unwrap();
    (counter, store)
}

#[tokio::test]
async fn raw_sql_about_applications_is_refused() {
    let (_counter, store) = life().await;
    const NEW: &str = "INSERT INTO application (id, registrar, operation, person_fp, birth_date, sex, document_class,
        nationality, province, code_hash, filed_at, expires_at, state)
        VALUES (randomblob(16), '{registrar}', '{operation}', zeroblob(32), '{birth}', 1, 1, 156, 44, {code}, 1, {end},
        '{state}')";
    const FRESH: &str = "(SELECT code_hash FROM application WHERE state = 'filed' LIMIT 1)";
    let new = [
        ("registrar", "Counter 7"),
        ("operation", "enrol"),
        ("birth", "1999-11-13"),
        ("code", FRESH),
        ("end", "2"),
        ("state", "filed"),
    ];
    const REDEEM: &str =
        "UPDATE application SET state = 'redeemed', redeemed_at = 1, network_number = {number},
        identity_commitment = {c}, device_commitment = zeroblob(32), leaf = randomblob(32), enrolled_on = 1,
        generation = 0 WHERE state = 'filed' AND operation = 'enrol'";
    let redeem = [("number", "'AAAAAAAAAA'"), ("c", "randomblob(32)")];
    const CHANGE: &str = "INSERT INTO pending (person_fp, network_number, operation, accepted_at, not_before,
        identity_commitment, device_commitment, link, leaf, birth_date, enrolled_on, sex, document_class, nationality,
        province, generation)
        SELECT person_fp, {number}, '{operation}', 1, {time}, {c}, {d}, link, leaf, '1999-11-13', {on}, sex,
        document_class, nationality, province, {generation} FROM leaf WHERE place = 0";
    let change = [
        ("number", "network_number"),
        ("operation", "rotate"),
        ("time", "NULL"),
        ("c", "identity_commitment"),
        ("d", "randomblob(32)"),
        ("on", "enrolled_on"),
        ("generation", "generation"),
    ];
    let reset = [("operation", "reset"), ("c", "randomblob(32)")];
    // Unchanged, the templates are accepted: what follows fails for its change alone.
    allowed(&store, &fill(CHANGE, &change, &[])).await;
    allowed(&store, &fill(CHANGE, &change, &[("operation", "renew"), ("d", "device_commitment")])).await;
    allowed(&store, &fill(CHANGE, &change, &reset)).await;
    let use_up = format!("UPDATE code SET used = 1 WHERE hash = {FRESH}");
    allowed(&store, &use_up).await;
    let with = |more: &[(&'static str, &'static str)]| [&reset[..], more].concat();
    let cases = [
        ("a code again", format!("INSERT INTO code (hash) VALUES ({FRESH})")),
        ("a code goes", "DELETE FROM code".into()),
        ("a code is unused again", "UPDATE code SET used = 0 WHERE used = 1".into()),
        ("a code becomes another", "UPDATE code SET hash = randomblob(32)".into()),
        ("an unused code has ended", "UPDATE code SET ended = 'lapsed' WHERE used = 0".into()),
        ("a code is used and ends at once", "UPDATE code SET used = 1, ended = 'lapsed' WHERE used = 0".into()),
        ("a code ends in a way of its own", "UPDATE code SET ended = 'gone' WHERE used = 1".into()),
        ("a second record of a person", "INSERT INTO person_alias SELECT p.person_fp, q.person_fp FROM person p, person q
            WHERE p.person_fp <> q.person_fp LIMIT 1".into()),
        ("an alias of nobody", "INSERT INTO person_alias VALUES (zeroblob(32), randomblob(32))".into()),
        ("an alias of oneself", "INSERT INTO person_alias VALUES (zeroblob(32), zeroblob(32))".into()),
        ("a code of another application", fill(NEW, &new, &[])),
        ("an unknown code", fill(NEW, &new, &[("code", "randomblob(32)")])),
        ("a used code", fill(NEW, &new, &[("code", "(SELECT hash FROM code WHERE used = 1 LIMIT 1)")])),
        ("an unknown registrar", fill(NEW, &new, &[("registrar", "Nobody")])),
        ("an unknown operation", fill(NEW, &new, &[("operation", "remove")])),
        ("no date", fill(NEW, &new, &[("birth", "yesterday")])),
        ("expired when it is filed", fill(NEW, &new, &[("end", "1")])),
        ("born redeemed", fill(NEW, &new, &[("state", "redeemed")])),
        ("redeemed without using the code", fill(REDEEM, &redeem, &[])),
        ("equal commitments", fill(REDEEM, &redeem, &[("c", "zeroblob(32)")])),
        ("a live number", fill(REDEEM, &redeem, &[("number", "(SELECT network_number FROM leaf LIMIT 1)")])),
        ("two steps at once", "UPDATE application SET state = 'confirmed' WHERE state = 'filed'".into()),
        ("a step back", "UPDATE application SET state = 'redeemed' WHERE state = 'confirmed'".into()),
        ("confirmed without a change", "UPDATE application SET state = 'confirmed' WHERE state = 'redeemed'".into()),
        ("another wallet", "UPDATE application SET identity_commitment = randomblob(32) WHERE state = 'redeemed'".into()),
        ("another person", "UPDATE application SET person_fp = randomblob(32)".into()),
        ("another birth date", "UPDATE application SET birth_date = '1999-11-13'".into()),
        ("a longer code", "UPDATE application SET expires_at = expires_at + 1".into()),
        ("a rotation of the identity", fill(CHANGE, &change, &[("c", "randomblob(32)")])),
        ("a rotation of the number", fill(CHANGE, &change, &[("number", "'AAAAAAAAAA'")])),
        ("a rotation to the same device", fill(CHANGE, &change, &[("d", "device_commitment")])),
        ("a renewal of the device", fill(CHANGE, &change, &[("operation", "renew")])),
        ("a younger rotation", fill(CHANGE, &change, &[("on", "enrolled_on + 1")])),
        ("a rotation of the generation", fill(CHANGE, &change, &[("generation", "generation + 1")])),
        ("a rotation that waits", fill(CHANGE, &change, &[("time", "9")])),
        ("a reset to the same identity", fill(CHANGE, &change, &[("operation", "reset")])),
        ("a reset to another number", fill(CHANGE, &change, &with(&[("number", "'AAAAAAAAAA'")]))),
        ("a reset that knows its time too early", fill(CHANGE, &change, &with(&[("time", "9")]))),
        ("a second change", "INSERT INTO pending SELECT NULL, person_fp, 'AAAAAAAAAA', operation, reason, accepted_at,
            not_before, identity_commitment, device_commitment, link, leaf, birth_date, expires_on, enrolled_on, sex,
            document_class, nationality, province, generation FROM pending WHERE operation = 'enrol'".into()),
        ("a shorter wait", "UPDATE pending SET not_before = not_before - 1 WHERE operation = 'reset'".into()),
        ("no wait", "UPDATE pending SET not_before = NULL WHERE operation = 'reset'".into()),
        ("an enrolment that waits", "UPDATE pending SET not_before = 9 WHERE operation = 'enrol'".into()),
        ("another birth date of a change", "UPDATE pending SET birth_date = '1999-11-13'".into()),
    ];
    for (what, sql) in cases {
        refused(&store, what, sql).await;
    }
}

/// What takes two statements: a second redemption, or a change beside a redemption.
#[tokio::test]
async fn one_change_of_a_person_is_under_way() {
    const ALIAS: &str = "INSERT INTO person_alias SELECT zeroblob(32), person_fp FROM person LIMIT 1";
    let (_counter, store) = life().await;
    let redeemed = "(SELECT person_fp FROM application WHERE state = 'redeemed')";
    for (what, prepare, sql) in [
        (
            "a pending change beside a redemption",
            format!("INSERT INTO person (person_fp, generation) VALUES ({redeemed}, 0)"),
            format!(
                "INSERT INTO pending SELECT NULL, {redeemed}, 'AAAAAAAAAA', operation, reason, accepted_at, not_before,
                 identity_commitment, device_commitment, link, leaf, birth_date, expires_on, enrolled_on, sex,
                 document_class, nationality, province, generation FROM pending WHERE operation = 'enrol'"
            ),
        ),
        (
            "a redemption beside a pending change",
            "UPDATE code SET used = 1 WHERE used = 0".into(),
            "UPDATE application SET state = 'redeemed', redeemed_at = 1, network_number = (SELECT network_number FROM
             pending LIMIT 1), identity_commitment = randomblob(32), device_commitment = zeroblob(32),
             leaf = randomblob(32), enrolled_on = 1, generation = 0 WHERE operation = 'enrol' AND state = 'filed'"
                .into(),
        ),
        (
            "a record beside an alias",
            ALIAS.into(),
            "INSERT INTO person (person_fp, generation) VALUES (zeroblob(32), 0)".into(),
        ),
        ("an alias goes", ALIAS.into(), "DELETE FROM person_alias".into()),
        ("an alias of another", ALIAS.into(), "UPDATE person_alias SET person_fp = randomblob(32)".into()),
        (
            "a code ends twice",
            "UPDATE code SET ended = 'lapsed' WHERE used = 1".into(),
            "UPDATE code SET ended = 'removed' WHERE used = 1".into(),
        ),
        (
            "a reset's leaf before its time is known",
            "INSERT INTO pending SELECT NULL, person_fp, network_number, 'reset', NULL, 1, NULL, randomblob(32),
             device_commitment, link, leaf, '1999-11-13', NULL, enrolled_on, sex, document_class, nationality,
             province, generation FROM leaf WHERE place = 0"
                .into(),
            "INSERT INTO leaf SELECT 77, person_fp, network_number, identity_commitment, device_commitment, link,
             leaf, generation, enrolled_on, expires_on, sex, document_class, nationality, province, 1999
             FROM pending WHERE operation = 'reset' AND not_before IS NULL"
                .into(),
        ),
    ] {
        let mut tx = store.pool().begin().await.unwrap();
        assert!(sqlx::query(AssertSqlSafe(prepare)).execute(&mut *tx).await.unwrap().rows_affected() > 0);
        let error = sqlx::query(AssertSqlSafe(sql)).execute(&mut *tx).await.expect_err(what);
        assert!(matches!(&error, sqlx::Error::Database(e) if e.code().as_deref() == Some("1811")), "{what}: {error}");
    }
}

/// A registry of the first version keeps its pending changes and goes on.
#[tokio::test]
async fn a_registry_of_the_first_version_is_brought_up_to_date() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("authority.db");
    std::fs::write(&path, "").unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let init = sqlx::SqlSafeStr::into_sql_str(include_str!("../../src/store/migrations/0001_init.sql"));
    let kind = sqlx::migrate::MigrationType::Simple;
    let migration = sqlx::migrate::Migration::new(1, "init".into(), kind, init, false);
    sqlx::migrate::Migrator::with_migrations(vec![migration]).run(&pool).await.unwrap();
    for sql in [
        "INSERT INTO person VALUES (zeroblob(32), 0, NULL)",
        "INSERT INTO platform VALUES ('forum.example', '{}')",
        "INSERT INTO pending VALUES (7, zeroblob(32), 'AAAAAAAAAA', 'enrol', NULL, 1, zeroblob(32), randomblob(32),
         zeroblob(32), randomblob(32), '1999-11-13', NULL, 1, 1, 1, 156, 44, 0)",
    ] {
        sqlx::query(sql).execute(&pool).await.unwrap();
    }
    pool.close().await;
    let store = SqliteStore::open(&path).await.unwrap();
    let (sequence, operation): (i64, String) =
        sqlx::query_as("SELECT sequence, operation FROM pending").fetch_one(store.pool()).await.unwrap();
    assert_eq!((sequence, operation.as_str()), (7, "enrol"));
    let (next,): (i64,) = sqlx::query_as("SELECT seq FROM sqlite_sequence WHERE name = 'pending'")
        .fetch_one(store.pool())
        .await
        .unwrap();
    assert_eq!(next, 7, "numbers of changes are not given twice");
    assert_eq!(store.revision().await.unwrap().directory, 1);
    refused(&store, "a person goes", "DELETE FROM person".into()).await;
}

#[tokio::test]
async fn settings_of_the_database() {
    let (fixture, store) = registry().await;
    let one = async |sql: &'static str| -> String {
        let (text,): (String,) = sqlx::query_as(sql).fetch_one(store.pool()).await.unwrap();
        text
    };
    let version = one("SELECT sqlite_version()").await;
    let parts: Vec<u32> = version.split('.').map(|n| n.parse().unwrap()).collect();
    assert!(parts >= vec![3, 51, 3], "SQLite {version}");
    assert_eq!(one("SELECT journal_mode FROM pragma_journal_mode").await, "wal");
    let number = async |sql: &'static str| -> i64 { fixture.count(sql).await };
    assert_eq!(number("SELECT synchronous FROM pragma_synchronous").await, 2, "FULL");
    assert_eq!(number("SELECT foreign_keys FROM pragma_foreign_keys").await, 1);
    assert_eq!(number("SELECT secure_delete FROM pragma_secure_delete").await, 1);
    assert_eq!(number("SELECT timeout FROM pragma_busy_timeout").await, 30_000);
    assert_eq!(one("SELECT integrity_check FROM pragma_integrity_check").await, "ok");
}
