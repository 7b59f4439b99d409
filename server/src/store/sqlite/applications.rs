//! Applications: filed, redeemed by a wallet, confirmed by the registrar; and what is erased when.
//! Every function works inside the caller's transaction, which holds the write lock.

use super::former::{self, Traits};
use super::read::{bytes, day, field, get, network_number, seconds, timestamp};
use crate::authority::person::PersonFp;
use crate::store::StoreError;
use crate::store::life::{
    ApplicationId, Asked, Examined, Filing, Live, Offer, Record, Redemption, Refused, Standing, Underway,
    judge,
};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use veilpass_protocol::attributes::{DocumentClass, Sex};
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::field::{Fr, to_bytes};
use veilpass_protocol::identity::{leaf, pairing_words, used_tag};
use veilpass_protocol::operation::Operation;

/// A redeemed code that no registrar confirms lapses after a day (protocol.md, "Enrolment" 3).
const LAPSE_SECONDS: i64 = 24 * 3600;

/// Erases what has had its time: codes nobody used, redemptions nobody confirmed (what they used stays
/// used), and applications that are sealed and whose code has expired.
pub(super) async fn tidy(tx: &mut SqliteConnection, now: Timestamp) -> Result<(), StoreError> {
    // Each by an index of its own: this runs in every transaction that writes.
    sqlx::query("DELETE FROM application WHERE state IN ('filed', 'sealed') AND expires_at <= ?1")
        .bind(seconds(now))
        .execute(&mut *tx)
        .await?;
    for sql in [
        "UPDATE code SET ended = 'lapsed' WHERE hash IN (
             SELECT code_hash FROM application WHERE state = 'redeemed' AND redeemed_at <= ?1)",
        "DELETE FROM application WHERE state = 'redeemed' AND redeemed_at <= ?1",
    ] {
        sqlx::query(sql).bind(seconds(now) - LAPSE_SECONDS).execute(&mut *tx).await?;
    }
    Ok(())
}

pub(super) async fn file(tx: &mut SqliteConnection, filing: &Filing) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO code (hash) VALUES (?1)").bind(&filing.code[..]).execute(&mut *tx).await?;
    let examined = &filing.examined;
    let (birth_year, _, _) = examined.birth_date.ymd();
    let traits = Traits { sex: examined.sex, nationality: examined.nationality, birth_year };
    let person = former::on_record(tx, filing.person, filing.former, &traits).await?;
    sqlx::query(
        "INSERT INTO application (id, registrar, operation, person_fp, birth_date, expires_on, sex, document_class,
             nationality, province, code_hash, filed_at, expires_at, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 'filed')",
    )
    .bind(&filing.id.0[..])
    .bind(&filing.registrar)
    .bind(filing.operation.as_str())
    .bind(&person.0[..])
    .bind(examined.birth_date.to_string())
    .bind(examined.expires_on.map(Day::number))
    .bind(examined.sex.number())
    .bind(examined.document_class.number())
    .bind(examined.nationality)
    .bind(examined.province)
    .bind(&filing.code[..])
    .bind(seconds(filing.filed_at))
    .bind(seconds(filing.expires_at))
    .execute(&mut *tx)
    .await?;
    if person != filing.person {
        sqlx::query("INSERT INTO application_alias (id, person_fp) VALUES (?1, ?2)")
            .bind(&filing.id.0[..])
            .bind(&filing.person.0[..])
            .execute(tx)
            .await?;
    }
    Ok(())
}

/// An application as it stands.
struct Stored {
    id: Vec<u8>,
    operation: Operation,
    person: PersonFp,
    examined: Examined,
    /// `None` until it is redeemed.
    redeemed: Option<Redeemed>,
    confirmed: bool,
}

/// What a wallet's redemption added.
struct Redeemed {
    redemption: Redemption,
    leaf: Fr,
}

const COLUMNS: &str =
    "id, operation, person_fp, birth_date, expires_on, sex, document_class, nationality, province,
    network_number, identity_commitment, device_commitment, enrolled_on, generation, sequence, leaf";

fn stored(row: &SqliteRow) -> Result<Stored, StoreError> {
    let damaged = || StoreError::Damaged("an application");
    let examined = Examined {
        birth_date: get::<String>(row, 3)?.parse().map_err(|_| damaged())?,
        expires_on: get::<Option<u32>>(row, 4)?.map(|n| Day::new(n).ok_or_else(damaged)).transpose()?,
        sex: Sex::from_number(get(row, 5)?).ok_or_else(damaged)?,
        document_class: DocumentClass::from_number(get(row, 6)?).ok_or_else(damaged)?,
        nationality: get(row, 7)?,
        province: get(row, 8)?,
    };
    let redeemed = match get::<Option<String>>(row, 9)? {
        None => None,
        Some(number) => Some(Redeemed {
            redemption: Redemption {
                network_number: network_number(&number)?,
                identity_commitment: field(row, 10)?,
                device_commitment: field(row, 11)?,
                attributes: examined.attributes(day(row, 12)?, get(row, 13)?),
                again: true,
            },
            leaf: field(row, 15)?,
        }),
    };
    Ok(Stored {
        id: get(row, 0)?,
        operation: get::<String>(row, 1)?.parse().map_err(|_| damaged())?,
        person: PersonFp(bytes(row, 2)?),
        examined,
        redeemed,
        confirmed: get::<Option<i64>>(row, 14)?.is_some(),
    })
}

/// Redeems a code, or says again what it gave. The caller has tidied up.
pub(super) async fn redeem(
    tx: &mut SqliteConnection,
    offer: &Offer,
    now: Timestamp,
) -> Result<Result<Redemption, Refused>, StoreError> {
    let code = sqlx::query("SELECT used, ended FROM code WHERE hash = ?1").bind(&offer.code[..]);
    let used = match code.fetch_optional(&mut *tx).await? {
        None => return Ok(Err(Refused::CodeUnknown)),
        Some(row) => match get::<Option<&str>>(&row, 1)? {
            None => get::<i64>(&row, 0)? != 0,
            Some("lapsed") => return Ok(Err(Refused::CodeExpired)),
            Some(_) => return Ok(Err(Refused::AlreadyRemoved)),
        },
    };
    let sql = format!("SELECT {COLUMNS} FROM application WHERE code_hash = ?1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(&offer.code[..]).fetch_optional(&mut *tx).await?;
    let application = row.as_ref().map(stored).transpose()?;
    if used {
        let given = application.and_then(|a| a.redeemed).map(|r| r.redemption);
        let same = given.filter(|g| offer.commitments == Some((g.identity_commitment, g.device_commitment)));
        return Ok(same.ok_or(Refused::CodeUsed));
    }
    // Nobody used it and the application is gone: its time is over.
    let Some(application) = application else { return Ok(Err(Refused::CodeExpired)) };
    let Some((identity_commitment, device_commitment)) = offer.commitments else {
        return Ok(Err(Refused::CommitmentInvalid));
    };
    let standing = standing(tx, &application.person, None).await?;
    let tags = [used_tag(&identity_commitment), used_tag(&device_commitment)];
    let asked = Asked {
        identity_commitment,
        identity_used: is_used(tx, &tags[0]).await?,
        device_commitment,
        device_used: is_used(tx, &tags[1]).await?,
    };
    let granted = match judge(application.operation, &standing, &asked, Day::of(now)) {
        Ok(granted) => granted,
        Err(refused) => return Ok(Err(refused)),
    };
    let number = match granted.network_number {
        Some(number) => number,
        None if number_taken(tx, offer.drawn.as_str()).await? => return Err(StoreError::NetworkNumberTaken),
        None => offer.drawn,
    };
    let attributes = application.examined.attributes(granted.enrolled_on, granted.generation);
    let leaf = leaf(&identity_commitment, &device_commitment, &attributes.pack(), &Fr::default());
    for tag in &tags {
        // What the person keeps is there already.
        sqlx::query("INSERT INTO used (value) VALUES (?1) ON CONFLICT DO NOTHING")
            .bind(&tag[..])
            .execute(&mut *tx)
            .await?;
    }
    sqlx::query("UPDATE code SET used = 1 WHERE hash = ?1").bind(&offer.code[..]).execute(&mut *tx).await?;
    sqlx::query(
        "UPDATE application SET state = 'redeemed', redeemed_at = ?2, network_number = ?3, identity_commitment = ?4,
             device_commitment = ?5, leaf = ?6, enrolled_on = ?7, generation = ?8 WHERE id = ?1",
    )
    .bind(&application.id)
    .bind(seconds(now))
    .bind(number.as_str())
    .bind(&to_bytes(&identity_commitment)[..])
    .bind(&to_bytes(&device_commitment)[..])
    .bind(&to_bytes(&leaf)[..])
    .bind(granted.enrolled_on.number())
    .bind(granted.generation)
    .execute(tx)
    .await?;
    let network_number = number;
    Ok(Ok(Redemption { network_number, identity_commitment, device_commitment, attributes, again: false }))
}

/// Makes a redeemed application a pending change. The caller has tidied up.
pub(super) async fn confirm(
    tx: &mut SqliteConnection,
    registrar: &str,
    id: &ApplicationId,
    words: &[String],
    reset_wait: u64,
    now: Timestamp,
) -> Result<Result<(), Refused>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM application WHERE id = ?1 AND registrar = ?2");
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(&id.0[..]).bind(registrar);
    let Some(row) = query.fetch_optional(&mut *tx).await? else {
        return Ok(Err(Refused::ApplicationUnknown));
    };
    let application = stored(&row)?;
    let Some(Redeemed { redemption, leaf }) = application.redeemed else {
        return Ok(Err(Refused::WordsDiffer));
    };
    if pairing_words(&redemption.identity_commitment, &redemption.device_commitment)[..] != *words {
        return Ok(Err(Refused::WordsDiffer));
    }
    if application.confirmed {
        return Ok(Ok(()));
    }
    // The person is judged again, apart from this redemption itself: it used the commitments.
    let standing = standing(tx, &application.person, Some(id)).await?;
    let attributes = &redemption.attributes;
    let asked = Asked {
        identity_commitment: redemption.identity_commitment,
        identity_used: false,
        device_commitment: redemption.device_commitment,
        device_used: false,
    };
    match judge(application.operation, &standing, &asked, attributes.enrolled_on) {
        Err(refused) => return Ok(Err(refused)),
        Ok(granted)
            if granted.generation != attributes.generation
                || granted.enrolled_on != attributes.enrolled_on
                || granted.network_number.is_some_and(|n| n != redemption.network_number) =>
        {
            return Ok(Err(Refused::PersonPending));
        }
        Ok(_) => (),
    }
    // With a live leaf the time is set by the seal that takes it out.
    let not_before = match (application.operation, &standing.live, standing.record) {
        (Operation::Reset, None, Some(record)) => {
            let removed_at = record.removed_at.ok_or(StoreError::Damaged("when a leaf was removed"))?;
            Some(seconds(removed_at.plus(reset_wait)))
        }
        _ => None,
    };
    sqlx::query(
        "INSERT INTO person (person_fp, generation) VALUES (?1, ?2)
         ON CONFLICT (person_fp) DO UPDATE SET generation = excluded.generation",
    )
    .bind(&application.person.0[..])
    .bind(attributes.generation)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "INSERT INTO person_alias (person_fp, record_fp) SELECT person_fp, ?2 FROM application_alias
         WHERE id = ?1 ON CONFLICT DO NOTHING",
    )
    .bind(&id.0[..])
    .bind(&application.person.0[..])
    .execute(&mut *tx)
    .await?;
    let next =
        sqlx::query("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'pending'), 0) + 1");
    let sequence: i64 = get(&next.fetch_one(&mut *tx).await?, 0)?;
    sqlx::query("UPDATE application SET state = 'confirmed', sequence = ?2 WHERE id = ?1")
        .bind(&id.0[..])
        .bind(sequence)
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "INSERT INTO pending (sequence, person_fp, network_number, operation, accepted_at, not_before,
             identity_commitment, device_commitment, link, leaf, birth_date, expires_on, enrolled_on, sex,
             document_class, nationality, province, generation)
         SELECT sequence, person_fp, network_number, operation, ?2, ?3, identity_commitment, device_commitment,
             zeroblob(32), ?4, birth_date, expires_on, enrolled_on, sex, document_class, nationality, province,
             generation
         FROM application WHERE id = ?1",
    )
    .bind(&id.0[..])
    .bind(seconds(now))
    .bind(not_before)
    .bind(&to_bytes(&leaf)[..])
    .execute(tx)
    .await?;
    Ok(Ok(()))
}

/// Where a person stands, apart from one application.
async fn standing(
    tx: &mut SqliteConnection,
    person: &PersonFp,
    except: Option<&ApplicationId>,
) -> Result<Standing, StoreError> {
    let mut standing = Standing::default();
    let row = sqlx::query("SELECT generation, removed_at FROM person WHERE person_fp = ?1");
    if let Some(row) = row.bind(&person.0[..]).fetch_optional(&mut *tx).await? {
        let removed_at = get::<Option<i64>>(&row, 1)?.map(timestamp).transpose()?;
        standing.record = Some(Record { generation: get(&row, 0)?, removed_at });
    }
    let row = sqlx::query(
        "SELECT network_number, identity_commitment, device_commitment, generation, enrolled_on
         FROM leaf WHERE person_fp = ?1",
    );
    if let Some(row) = row.bind(&person.0[..]).fetch_optional(&mut *tx).await? {
        standing.live = Some(Live {
            network_number: network_number(&get::<String>(&row, 0)?)?,
            identity_commitment: field(&row, 1)?,
            device_commitment: field(&row, 2)?,
            generation: get(&row, 3)?,
            enrolled_on: day(&row, 4)?,
        });
    }
    let row = sqlx::query(
        "SELECT operation = 'reset' AND reason IS NULL FROM pending WHERE person_fp = ?1
         UNION ALL SELECT 0 FROM application WHERE person_fp = ?1 AND state = 'redeemed' AND id IS NOT ?2",
    );
    let row = row.bind(&person.0[..]).bind(except.map(|id| id.0.to_vec()));
    if let Some(row) = row.fetch_optional(tx).await? {
        let waits = get::<i64>(&row, 0)? != 0;
        standing.underway = Some(if waits { Underway::ResetWaits } else { Underway::Other });
    }
    Ok(standing)
}

async fn is_used(tx: &mut SqliteConnection, tag: &[u8; 32]) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT EXISTS (SELECT 1 FROM used WHERE value = ?1)");
    Ok(get::<i64>(&row.bind(&tag[..]).fetch_one(tx).await?, 0)? != 0)
}

async fn number_taken(tx: &mut SqliteConnection, number: &str) -> Result<bool, StoreError> {
    let row = sqlx::query(
        "SELECT EXISTS (SELECT 1 FROM leaf WHERE network_number = ?1)
             OR EXISTS (SELECT 1 FROM pending WHERE network_number = ?1)
             OR EXISTS (SELECT 1 FROM application WHERE network_number = ?1 AND state = 'redeemed')",
    );
    Ok(get::<i64>(&row.bind(number).fetch_one(tx).await?, 0)? != 0)
}
