//! People who are on record under an earlier rule for person keys (ADR 14): found by both rules until one of
//! their documents is examined anew, from then on by the present rule.

use super::read::{bytes, get};
use crate::authority::person::PersonFp;
use crate::store::StoreError;
use sqlx::sqlite::SqliteConnection;
use veilpass_protocol::attributes::Sex;

/// What a document says that the registry keeps of a live person as well. The earlier rule took a value that a
/// state prints in every passport for a personal number, so a fingerprint of it can be another person's.
pub(super) struct Traits {
    pub sex: Sex,
    pub nationality: u16,
    pub birth_year: i32,
}

/// The fingerprint under which a person is on record, or will be.
pub(super) async fn on_record(
    tx: &mut SqliteConnection,
    person: PersonFp,
    former: Option<PersonFp>,
    traits: &Traits,
) -> Result<PersonFp, StoreError> {
    let alias = sqlx::query("SELECT record_fp FROM person_alias WHERE person_fp = ?1").bind(&person.0[..]);
    if let Some(row) = alias.fetch_optional(&mut *tx).await? {
        return Ok(PersonFp(bytes(&row, 0)?));
    }
    let Some(former) = former else { return Ok(person) };
    if is_known(tx, &person).await? || !is_known(tx, &former).await? {
        return Ok(person);
    }
    let row = sqlx::query(
        "SELECT count(*), coalesce(sum(sex = ?2 AND nationality = ?3 AND born = ?4), 0) FROM (
             SELECT sex, nationality, birth_year AS born FROM leaf WHERE person_fp = ?1
             UNION ALL SELECT sex, nationality, CAST(substr(birth_date, 1, 4) AS INTEGER) FROM pending
                 WHERE person_fp = ?1 AND birth_date IS NOT NULL
             UNION ALL SELECT sex, nationality, CAST(substr(birth_date, 1, 4) AS INTEGER) FROM application
                 WHERE person_fp = ?1)",
    );
    let row =
        row.bind(&former.0[..]).bind(traits.sex.number()).bind(traits.nationality).bind(traits.birth_year);
    let row = row.fetch_one(tx).await?;
    // Of somebody who is not live nothing is known, and nothing can be taken from them.
    Ok(if get::<i64>(&row, 0)? == get::<i64>(&row, 1)? { former } else { person })
}

async fn is_known(tx: &mut SqliteConnection, person: &PersonFp) -> Result<bool, StoreError> {
    let row = sqlx::query(
        "SELECT EXISTS (SELECT 1 FROM person WHERE person_fp = ?1)
             OR EXISTS (SELECT 1 FROM application WHERE person_fp = ?1)",
    );
    Ok(get::<i64>(&row.bind(&person.0[..]).fetch_one(tx).await?, 0)? != 0)
}
