//! Import: people on record elsewhere, from a file, row by row (contract §4 "Import file", §5).
//!
//! The file is read once, in batches; each batch is one transaction. Whenever the run is killed, what
//! was committed stays, and the same file again finds it as `already`: nothing is lost or doubled.

use super::Authority;
use super::lines::{Line, Lines};
use super::rows::{self, Checked, Form, HEADER, ImportCode, Refusal, Row};
use crate::error::RegistryError;
use crate::files::{self, Access, LongFile};
use crate::store::{Acceptance, Enrolment, StoreError};
use rand::{CryptoRng, RngCore};
use rayon::prelude::*;
use serde::Serialize;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use veilpass_protocol::credential::Credential;
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::field::Fr;
use veilpass_protocol::network_number::NetworkNumber;

/// Rows of one transaction.
const BATCH: usize = 1000;
/// How often a batch draws its Network Numbers anew: each draw collides with odds of about 10^-8 even
/// among a million people.
const DRAWS: u32 = 8;

/// How far an import is, after each batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportProgress {
    /// Rows done.
    pub rows: u64,
    /// Bytes done.
    pub bytes: u64,
    /// Bytes of the whole file.
    pub total_bytes: u64,
}

/// A row that was not imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejection {
    /// Line of the file, the header being line 1 of a CSV file.
    pub line: u64,
    /// Why.
    pub code: ImportCode,
    /// The same in words, without what the row says.
    pub detail: String,
}

/// What an import did, in the JSON form of contract §5.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// Rows read, the header and blank lines not counted.
    pub read: u64,
    /// Rows accepted now; they are in the tree from the next seal on.
    pub added: u64,
    /// Rows of persons who have the same leaf already, live or pending.
    pub already: u64,
    /// Rows refused.
    pub rejected: Vec<Rejection>,
}

impl Authority {
    /// Imports a file, `-` being standard input. With `credentials`, the credential of every row that was added or was there
    /// already is written to that output, one a line in the order of the rows; a file appears, complete, at
    /// the end. `progress` is told after each batch.
    pub async fn import<R: RngCore + CryptoRng + Send>(
        &self,
        file: &Path,
        credentials: Option<&Path>,
        now: Timestamp,
        rng: &mut R,
        progress: &mut (dyn FnMut(ImportProgress) + Send),
    ) -> Result<ImportReport, RegistryError> {
        let (opened, total_bytes): (Box<dyn Read + Send>, u64) = if file == Path::new("-") {
            (Box::new(std::io::stdin()), 0)
        } else {
            let opened = File::open(file).map_err(files::at(file))?;
            let length = opened.metadata().map_err(files::at(file))?.len();
            (Box::new(opened), length)
        };
        let mut lines = Lines::new(BufReader::with_capacity(1 << 16, opened));
        let mut out = credentials.map(|path| LongFile::begin(path, Access::Private)).transpose()?;
        let mut report = ImportReport::default();

        let mut next = lines.next_line().map_err(files::at(file))?;
        let form = form_of(file, next.as_ref());
        if form == Form::Csv {
            if let Err((code, detail)) = check_header(next.as_ref()) {
                // Under another header no field has a meaning: nothing is read.
                let line = next.map_or(1, |line| line.number);
                report.rejected.push(Rejection { line, code, detail });
                return Ok(report);
            }
            next = lines.next_line().map_err(files::at(file))?;
        }
        while next.is_some() {
            let mut batch = Vec::with_capacity(BATCH);
            while let Some(line) = next.take() {
                batch.push(line);
                next = lines.next_line().map_err(files::at(file))?;
                if batch.len() == BATCH {
                    break;
                }
            }
            report.read += batch.len() as u64;
            let issued = self.import_batch(form, &batch, now, rng, &mut report).await?;
            if let Some(out) = &mut out {
                let texts: Vec<String> = issued.into_par_iter().map(|issue| self.credential(issue)).collect();
                texts.iter().try_for_each(|text| out.append(text.as_bytes()))?;
            }
            progress(ImportProgress { rows: report.read, bytes: lines.bytes_read(), total_bytes });
        }
        out.map(LongFile::finish).transpose()?;
        Ok(report)
    }

    /// Checks a batch on all cores, then offers it to the store in one transaction. Gives the rows that
    /// are enrolled now, with their Network Numbers.
    async fn import_batch<R: RngCore + CryptoRng + Send>(
        &self,
        form: Form,
        batch: &[Line],
        now: Timestamp,
        rng: &mut R,
        report: &mut ImportReport,
    ) -> Result<Vec<(NetworkNumber, Checked)>, RegistryError> {
        let today = Day::of(now);
        let check = |line: &Line| -> Result<Checked, Refusal> {
            let bytes =
                line.bytes.as_deref().ok_or((ImportCode::RowSyntax, "the line is too long".to_owned()))?;
            Row::read(form, bytes)?.check(today, &self.fingerprints)
        };
        let checked: Vec<Result<Checked, Refusal>> = batch.par_iter().map(check).collect();
        let good: Vec<&Checked> = checked.iter().flatten().collect();
        let (numbers, outcomes) = self.accept(&good, now, rng).await?;

        let mut outcomes = numbers.into_iter().zip(outcomes);
        let mut enrolled = Vec::with_capacity(good.len());
        for (line, checked) in batch.iter().zip(checked) {
            let refusal = match checked {
                Err(refusal) => refusal,
                Ok(row) => {
                    let missing = || RegistryError::Internal("the store gave too few outcomes".into());
                    match outcomes.next().ok_or_else(missing)? {
                        (number, Acceptance::Added) => {
                            report.added += 1;
                            enrolled.push((number, row));
                            continue;
                        }
                        (_, Acceptance::Already(number)) => {
                            report.already += 1;
                            enrolled.push((number, row));
                            continue;
                        }
                        (_, Acceptance::DocumentUsed) => {
                            (ImportCode::DocumentUsed, "the person is on record with another leaf".to_owned())
                        }
                        (_, Acceptance::CommitmentUsed) => {
                            (ImportCode::CommitmentUsed, "a commitment was accepted before".to_owned())
                        }
                        (_, Acceptance::PersonPending) => {
                            let detail = "a wallet's enrolment of the person waits for its registrar";
                            (ImportCode::PersonPending, detail.to_owned())
                        }
                    }
                }
            };
            report.rejected.push(Rejection { line: line.number, code: refusal.0, detail: refusal.1 });
        }
        Ok(enrolled)
    }

    /// Draws Network Numbers and offers the rows to the store, until no number is taken.
    async fn accept<R: RngCore + CryptoRng + Send>(
        &self,
        rows: &[&Checked],
        now: Timestamp,
        rng: &mut R,
    ) -> Result<(Vec<NetworkNumber>, Vec<Acceptance>), RegistryError> {
        let mut draws = 1;
        loop {
            let enrolments: Vec<Enrolment> = rows
                .iter()
                .map(|row| Enrolment {
                    person: row.person.person,
                    former: row.person.former,
                    network_number: NetworkNumber::generate(rng),
                    identity_commitment: row.identity_commitment,
                    device_commitment: row.device_commitment,
                    link: Fr::default(),
                    leaf: row.leaf,
                    attributes: row.attributes.clone(),
                })
                .collect();
            match self.store.accept(&enrolments, now).await {
                Ok(outcomes) => return Ok((enrolments.iter().map(|e| e.network_number).collect(), outcomes)),
                Err(StoreError::NetworkNumberTaken) if draws < DRAWS => draws += 1,
                Err(e) => return Err(e.into()),
            }
        }
    }

    /// A credential as one line of JSON.
    fn credential(&self, (number, row): (NetworkNumber, Checked)) -> String {
        let (c, d) = (row.identity_commitment, row.device_commitment);
        let mut text = Credential::issue(&self.signer, number, c, d, row.attributes).to_json();
        text.push('\n');
        text
    }
}

/// By the file's extension where that says it, else by its first character.
fn form_of(file: &Path, first: Option<&Line>) -> Form {
    let extension = file.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    match extension.as_str() {
        "csv" => Form::Csv,
        "jsonl" | "ndjson" | "json" => Form::JsonLines,
        _ => {
            let first = first.and_then(|line| line.bytes.as_deref()).unwrap_or_default();
            if first.trim_ascii_start().starts_with(b"{") { Form::JsonLines } else { Form::Csv }
        }
    }
}

fn check_header(line: Option<&Line>) -> Result<(), Refusal> {
    let wrong = || (ImportCode::RowSyntax, format!("the first line must be: {}", HEADER.join(",")));
    let bytes = line.and_then(|line| line.bytes.as_deref()).ok_or_else(wrong)?;
    if rows::csv_fields(bytes)? == HEADER { Ok(()) } else { Err(wrong()) }
}
