//! A predicate of your own: described, checked, counted and measured.
//!
//! `cargo run --release -p veilpass-bench --example own_predicate`
//!
//! Many countries admit a traveller only whose passport is valid for six months more. `attest-v1` does not have that
//! clause. `circuit.rs` has it as a circuit by itself, over the same packed attributes, bound to them by a hash. To add it to
//! `attest-v1` instead: the two lines marked (*) go into `circuits/src/attest/circuit.rs` with a clause of their
//! own, the same sentence goes into `native_check.rs`, and `days` becomes a public input (CONTRIBUTING.md says what
//! a change of the circuit entails).

mod circuit;

use circuit::{Opening, Statement, StillValid};
use veilpass_bench::circuit::Claim;
use veilpass_bench::measure::Effort;
use veilpass_bench::text::{number, words};
use veilpass_bench::{BenchError, rows};
use veilpass_circuits::Circuit;
use veilpass_protocol::attributes::{Attributes, DocumentClass, Sex};
use veilpass_protocol::day::Day;
use veilpass_protocol::field::Fr;
use veilpass_protocol::poseidon::hash;

/// With the attributes of a document.
fn still_valid(attributes: &Attributes, today: Day, days: u64) -> Claim<StillValid> {
    let (packed, salt) = (attributes.pack(), Fr::from(77u64));
    let statement = Statement {
        commitment: hash(&[packed, salt]),
        today: Fr::from(today.number()),
        days: Fr::from(days),
    };
    Claim { circuit: StillValid, statement, witness: Opening { packed, salt } }
}

fn main() -> Result<(), BenchError> {
    let day = |text: &str| text.parse::<Day>().map_err(BenchError::fixture);
    let attributes = Attributes {
        birth_date: day("2000-02-29")?,
        expires_on: Some(day("2027-06-01")?),
        enrolled_on: day("2024-07-06")?,
        sex: Sex::Female,
        document_class: DocumentClass::ForeignPassport,
        nationality: 250,
        province: 0,
        generation: 0,
    };
    let today = day("2026-11-22")?;

    // It must hold where it should, and break where it should not, row by row: a predicate that nothing breaks
    // proves nothing.
    let good = still_valid(&attributes, today, 183);
    let bad = still_valid(&attributes, today, 365);
    assert!(good.failing_rows().is_empty(), "six months more: true");
    assert!(!bad.failing_rows().is_empty(), "a year more: false");
    let shape = |claim: &Claim<StillValid>| StillValid.shape_of(Some((&claim.statement, &claim.witness)));
    assert_eq!(shape(&good), shape(&bad), "the shape must not follow the values");

    println!("What it costs:");
    for entry in rows::of(StillValid.shape()) {
        println!("  {:<28} {:>6}", words(&entry.name), entry.summary.median);
    }
    println!("Measured beside arkworks, one thread, with a key that nobody may trust:");
    let key = good.insecure_setup(1)?;
    let effort = Effort::of_seconds(3.0);
    for entry in good.measure(&key, 1, effort)? {
        let s = entry.summary;
        println!(
            "  {:<9} {:<48} {:>7} ms   ({} to {}, n = {})",
            entry.by,
            words(&entry.name),
            number(s.median),
            number(s.p10),
            number(s.p90),
            s.n
        );
    }
    Ok(())
}
