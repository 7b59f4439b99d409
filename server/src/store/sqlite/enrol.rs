//! Accepting enrolments: a batch is looked up, decided row by row, and written, in one transaction.

use super::former::{self, Traits};
use super::read::{bytes, field, get, json, network_number, seconds};
use crate::authority::person::PersonFp;
use crate::store::{Acceptance, Enrolment, StoreError};
use sqlx::sqlite::SqliteConnection;
use std::collections::{HashMap, HashSet};
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::field::{Fr, to_hex};
use veilpass_protocol::identity::used_tag;
use veilpass_protocol::network_number::NetworkNumber;

/// Decides and writes; the caller commits.
pub(super) async fn accept(
    tx: &mut SqliteConnection,
    enrolments: &[Enrolment],
    now: Timestamp,
) -> Result<Vec<Acceptance>, StoreError> {
    let enrolments = &resolved(tx, enrolments).await?[..];
    let mut known = known_persons(tx, enrolments).await?;
    let tags: Vec<[[u8; 32]; 2]> = enrolments
        .iter()
        .map(|e| [used_tag(&e.identity_commitment), used_tag(&e.device_commitment)])
        .collect();
    let mut used = used_values(tx, &tags).await?;

    let (mut outcomes, mut added) = (Vec::with_capacity(enrolments.len()), Vec::new());
    for (enrolment, tags) in enrolments.iter().zip(&tags) {
        let outcome = match known.get(&enrolment.person) {
            Some(Known::Leaves(held)) => match held.iter().find(|(leaf, _)| *leaf == enrolment.leaf) {
                Some((_, number)) => Acceptance::Already(*number),
                None => Acceptance::DocumentUsed,
            },
            Some(Known::Redeemed) => Acceptance::PersonPending,
            None if tags.iter().any(|tag| used.contains(tag)) => Acceptance::CommitmentUsed,
            None => {
                let held = vec![(enrolment.leaf, enrolment.network_number)];
                known.insert(enrolment.person, Known::Leaves(held));
                used.extend(tags);
                added.push((enrolment, tags));
                Acceptance::Added
            }
        };
        outcomes.push(outcome);
    }
    if numbers_taken(tx, &added).await? {
        return Err(StoreError::NetworkNumberTaken);
    }
    insert_enrolments(tx, &added, now).await?;
    Ok(outcomes)
}

/// The enrolments with the fingerprints that the persons are on record under.
async fn resolved(tx: &mut SqliteConnection, enrolments: &[Enrolment]) -> Result<Vec<Enrolment>, StoreError> {
    let mut resolved = enrolments.to_vec();
    for enrolment in resolved.iter_mut().filter(|enrolment| enrolment.former.is_some()) {
        let a = &enrolment.attributes;
        let traits = Traits { sex: a.sex, nationality: a.nationality, birth_year: a.birth_date.ymd().0 };
        enrolment.person = former::on_record(tx, enrolment.person, enrolment.former, &traits).await?;
    }
    Ok(resolved)
}

/// What is known of a person of the batch.
enum Known {
    /// They are on record, with these leaves, live or pending.
    Leaves(Vec<(Fr, NetworkNumber)>),
    /// They are not on record; a wallet has redeemed a code for them.
    Redeemed,
}

async fn known_persons(
    tx: &mut SqliteConnection,
    enrolments: &[Enrolment],
) -> Result<HashMap<PersonFp, Known>, StoreError> {
    let persons: Vec<String> = enrolments.iter().map(|e| hex::encode(e.person.0)).collect();
    let persons = json(&persons)?;
    let rows = sqlx::query(
        "SELECT person.person_fp, l.leaf, l.network_number, p.leaf, p.network_number
         FROM person
         LEFT JOIN leaf l ON l.person_fp = person.person_fp
         LEFT JOIN pending p ON p.person_fp = person.person_fp AND p.operation <> 'remove'
         WHERE person.person_fp IN (SELECT unhex(value) FROM json_each(?1))",
    )
    .bind(&persons)
    .fetch_all(&mut *tx)
    .await?;
    let mut known = HashMap::with_capacity(rows.len());
    for row in &rows {
        let mut held = Vec::new();
        for column in [1, 3] {
            if let Some(number) = get::<Option<String>>(row, column + 1)? {
                held.push((field(row, column)?, network_number(&number)?));
            }
        }
        known.insert(PersonFp(bytes(row, 0)?), Known::Leaves(held));
    }
    let rows = sqlx::query(
        "SELECT person_fp FROM application WHERE state = 'redeemed'
             AND person_fp IN (SELECT unhex(value) FROM json_each(?1))",
    )
    .bind(&persons)
    .fetch_all(tx)
    .await?;
    for row in &rows {
        known.entry(PersonFp(bytes(row, 0)?)).or_insert(Known::Redeemed);
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
             OR EXISTS (SELECT 1 FROM pending WHERE network_number = j.value)
             OR EXISTS (SELECT 1 FROM application WHERE network_number = j.value AND state = 'redeemed'))",
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
