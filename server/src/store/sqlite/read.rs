//! Rows and values: what the database says, as the types of this program, or a damaged database.

use crate::store::{Change, ChangeKind, StoreError};
use serde::Serialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Row, Sqlite, Type};
use veilpass_protocol::attributes::{DocumentClass, Sex};
use veilpass_protocol::cells::Cell;
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::field::{Fr, from_bytes};
use veilpass_protocol::network_number::NetworkNumber;

pub(super) fn change(row: &SqliteRow) -> Result<Change, StoreError> {
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
