//! Rows and values: what the database says, as the types of this program, or a damaged database.

use crate::store::{Change, Entering, Leaving, StoreError};
use serde::Serialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Row, Sqlite, Type};
use veilpass_protocol::attributes::{Attributes, DocumentClass, Sex};
use veilpass_protocol::cells::Cell;
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::epoch::RemovalReason;
use veilpass_protocol::field::{Fr, from_bytes};
use veilpass_protocol::network_number::NetworkNumber;

/// Columns: sequence, operation, reason, leaf, place of the live leaf, the live leaf's cell (5), then the
/// change's own attributes (10) and what else its leaf is made of (18).
pub(super) fn change(row: &SqliteRow) -> Result<Change, StoreError> {
    let why = match get::<Option<String>>(row, 2)? {
        Some(_) => Some(reason(row, 2)?),
        None => None,
    };
    let leaves = match get::<Option<i64>>(row, 4)? {
        Some(_) => Some(Leaving { place: unsigned(row, 4)?, cell: cell(row, 5)? }),
        None => None,
    };
    // A reset that is not withdrawn lets its old leaf go first and enters at a later seal.
    let operation: String = get(row, 1)?;
    let own = get::<Option<Vec<u8>>>(row, 3)?.is_some();
    let first_half = operation == "reset" && why.is_none() && leaves.is_some();
    let enters = match own && !first_half {
        true => Some(entering(row)?),
        false => None,
    };
    let change = Change { sequence: unsigned(row, 0)?, reason: why, enters, leaves };
    let whole = match operation.as_str() {
        "enrol" => change.enters.is_some() && change.leaves.is_none(),
        "renew" | "rotate" => change.enters.is_some() && change.leaves.is_some(),
        "remove" => change.enters.is_none() && change.leaves.is_some() && why.is_some(),
        "reset" => change.enters.is_some() || change.leaves.is_some(),
        _ => false,
    };
    if whole { Ok(change) } else { Err(StoreError::Damaged("a pending change")) }
}

pub(super) fn reason(row: &SqliteRow, column: usize) -> Result<RemovalReason, StoreError> {
    get::<String>(row, column)?.parse().map_err(|_| StoreError::Damaged("a reason of removal"))
}

fn entering(row: &SqliteRow) -> Result<Entering, StoreError> {
    let damaged = || StoreError::Damaged("a pending change");
    let attributes = Attributes {
        birth_date: get::<String>(row, 14)?.parse().map_err(|_| damaged())?,
        expires_on: get::<Option<u32>>(row, 15)?.map(|n| Day::new(n).ok_or_else(damaged)).transpose()?,
        enrolled_on: day(row, 16)?,
        sex: Sex::from_number(get(row, 10)?).ok_or_else(damaged)?,
        document_class: DocumentClass::from_number(get(row, 11)?).ok_or_else(damaged)?,
        nationality: get(row, 12)?,
        province: get(row, 13)?,
        generation: get(row, 17)?,
    };
    Ok(Entering {
        leaf: field(row, 3)?,
        identity_commitment: field(row, 18)?,
        device_commitment: field(row, 19)?,
        link: field(row, 20)?,
        attributes,
    })
}

pub(super) fn cell(row: &SqliteRow, from: usize) -> Result<Cell, StoreError> {
    let damaged = || StoreError::Damaged("a coarse cell");
    Ok(Cell {
        sex: Sex::from_number(get(row, from)?).ok_or_else(damaged)?,
        document_class: DocumentClass::from_number(get(row, from + 1)?).ok_or_else(damaged)?,
        nationality: get(row, from + 2)?,
        province: get(row, from + 3)?,
        birth_year: get(row, from + 4)?,
    })
}

pub(super) fn get<'r, T: Decode<'r, Sqlite> + Type<Sqlite>>(
    row: &'r SqliteRow,
    column: usize,
) -> Result<T, StoreError> {
    Ok(row.try_get(column)?)
}

pub(super) fn bytes(row: &SqliteRow, column: usize) -> Result<[u8; 32], StoreError> {
    get::<&[u8]>(row, column)?.try_into().map_err(|_| StoreError::Damaged("a value of 32 bytes"))
}

pub(super) fn field(row: &SqliteRow, column: usize) -> Result<Fr, StoreError> {
    from_bytes(&bytes(row, column)?).map_err(|_| StoreError::Damaged("a field element"))
}

pub(super) fn unsigned(row: &SqliteRow, column: usize) -> Result<u64, StoreError> {
    u64::try_from(get::<i64>(row, column)?).map_err(|_| StoreError::Damaged("a negative number"))
}

pub(super) fn network_number(text: &str) -> Result<NetworkNumber, StoreError> {
    text.parse().map_err(|_| StoreError::Damaged("a Network Number"))
}

pub(super) fn day(row: &SqliteRow, column: usize) -> Result<Day, StoreError> {
    Day::new(get(row, column)?).ok_or(StoreError::Damaged("a day"))
}

pub(super) fn timestamp(seconds: i64) -> Result<Timestamp, StoreError> {
    u64::try_from(seconds).map(Timestamp::new).map_err(|_| StoreError::Damaged("an instant"))
}

/// Instants end with the year 9999, far below 2^63.
pub(super) fn seconds(at: Timestamp) -> i64 {
    at.seconds() as i64
}

pub(super) fn signed(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::Database("a number above 2^63".into()))
}

pub(super) fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Database(e.to_string()))
}
