//! A predicate of your own: described, checked, counted and measured.
//!
//! `cargo run --release -p veilpass-bench --example own_predicate`
//!
//! Many countries admit a traveller only whose passport is valid for six months more. `attest-v1` does not have that
//! clause. Here it is as a circuit by itself, over the same packed attributes, bound to them by a hash. To add it to
//! `attest-v1` instead: the two lines marked (*) go into `circuits/src/attest/circuit.rs` with a clause of their
//! own, the same sentence goes into `native_check.rs`, and `days` becomes a public input (CONTRIBUTING.md says what
//! a change of the circuit entails).

use veilpass_bench::circuit::Claim;
use veilpass_bench::measure::Effort;
use veilpass_bench::text::{number, words};
use veilpass_bench::{BenchError, rows};
use veilpass_circuits::builder::Builder;
use veilpass_circuits::circuit::Cache;
use veilpass_circuits::gadgets::poseidon::assert_hash;
use veilpass_circuits::gadgets::range::{assert_at_most, bits_at, number as number_of};
use veilpass_circuits::{Circuit, Clause};
use veilpass_protocol::attributes::{Attributes, DocumentClass, Sex};
use veilpass_protocol::day::Day;
use veilpass_protocol::field::Fr;
use veilpass_protocol::poseidon::hash;

/// Width of a day's number (contract §2).
const DAY: u32 = 18;
/// The commitment opens to the attributes.
const V1: Clause = Clause::new("V1");
/// The attributes are the sum of their fields.
const V2: Clause = Clause::new("V2");
/// The document is valid for so many days more.
const V3: Clause = Clause::new("V3");

/// A document is valid for some days more.
#[derive(Clone, Copy)]
struct StillValid;

/// A commitment to the attributes, today, how many days more.
#[derive(Clone, Default)]
struct Statement {
    commitment: Fr,
    today: Fr,
    days: Fr,
}

/// Packed attributes (contract §2), and the salt of the commitment.
#[derive(Clone, Default)]
struct Opening {
    packed: Fr,
    salt: Fr,
}

impl Circuit for StillValid {
    type Statement = Statement;
    type Witness = Opening;

    fn id(&self) -> &'static str {
        "still-valid"
    }

    fn public_names(&self) -> Vec<String> {
        ["commitment", "today", "days"].map(String::from).to_vec()
    }

    fn private_names(&self) -> Vec<String> {
        ["packed", "salt"].map(String::from).to_vec()
    }

    fn public_inputs(&self, s: &Statement) -> Vec<Fr> {
        vec![s.commitment, s.today, s.days]
    }

    fn synthesize(&self, b: &mut Builder, inputs: Option<(&Statement, &Opening)>) {
        let (s, w) = inputs.map(|(s, w)| (s.clone(), w.clone())).unwrap_or_default();
        let [commitment, today, days] = [s.commitment, s.today, s.days].map(|value| b.wire(value));
        let [packed, salt] = [w.packed, w.salt].map(|value| b.wire(value));

        b.enforce(V1, "commitment");
        assert_hash(b, [&packed, &salt], &commitment);

        // Contract §2: the fields of P and the bits that are reserved. Every bit is a wire of its own.
        b.enforce(V2, "unpacking");
        let positions: Vec<u32> = (0..77).chain(91..99).collect();
        let bits = bits_at(b, &packed, &positions);
        let expires_on = number_of(&bits[18..36]);

        b.enforce(V3, "comparison");
        let last = &today + &days; // (*)
        assert_at_most(b, &last, &expires_on, DAY); // (*)
    }

    fn cache(&self) -> &Cache {
        static CACHE: Cache = Cache::new();
        &CACHE
    }
}

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
    println!("Measured with arkworks, one thread:");
    let key = good.insecure_setup(1)?;
    let effort = Effort::of_seconds(3.0);
    for entry in good.measure(&key, 1, effort)? {
        let s = entry.summary;
        println!(
            "  {:<48} {:>7} ms   ({} to {}, n = {})",
            words(&entry.name),
            number(s.median),
            number(s.p10),
            number(s.p90),
            s.n
        );
    }
    Ok(())
}
