//! What must never happen is refused by the database itself, whatever program writes.

use crate::people::{Fixture, at, people};
use sqlx::AssertSqlSafe;
use veilpass_protocol::epoch::RemovalReason;
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
