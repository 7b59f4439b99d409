//! A predicate of your own: described, checked, counted and measured.
//!
//! `cargo run --release -p veilpass-bench --example own_predicate`
//!
//! Many countries admit a traveller only whose passport is valid for six months more. `attest-v1` does not have that
//! clause. Here it is as a circuit by itself, over the same packed attributes, bound to them by a hash. To add it to
//! `attest-v1` instead: the two lines marked (*) go into `circuits/src/attest/circuit.rs` with a clause of their
//! own, the same sentence goes into `native_check.rs`, and `days` becomes a public input (CONTRIBUTING.md says what
//! a change of the circuit entails).

use veilpass_bench::circuit::Circuit;
use veilpass_bench::measure::Effort;
use veilpass_bench::text::{number, words};
use veilpass_bench::{BenchError, rows};
use veilpass_circuits::gadgets::poseidon::assert_hash;
use veilpass_circuits::gadgets::range::{assert_at_most, bits_at, number as number_of};
use veilpass_circuits::system::Builder;
use veilpass_circuits::{Clause, Gadget};
use veilpass_protocol::attributes::{Attributes, DocumentClass, Sex};
use veilpass_protocol::day::Day;
use veilpass_protocol::field::Fr;
use veilpass_protocol::poseidon::hash;

/// Width of a day's number (contract §2).
const DAY: u32 = 18;

/// Public: a commitment to the attributes, today, how many days more. Private: the attributes, a salt.
fn still_valid(attributes: &Attributes, today: Day, days: u64) -> Circuit<impl Fn(&mut Builder) + Sync> {
    let (packed, salt) = (attributes.pack(), Fr::from(77u64));
    let commitment = hash(&[packed, salt]);
    Circuit::new(3, move |b: &mut Builder| {
        // Public inputs first, in the order in which a verifier gives them.
        let commitment = b.wire(commitment);
        let today = b.wire(Fr::from(today.number()));
        let days = b.wire(Fr::from(days));
        let packed = b.wire(packed);
        let salt = b.wire(salt);

        b.enforce(Clause::S2, Gadget::Leaf);
        assert_hash(b, [&packed, &salt], &commitment);

        // Contract §2: the fields of P and the bits that are reserved. Every bit is a wire of its own.
        b.enforce(Clause::S2, Gadget::Unpacking);
        let positions: Vec<u32> = (0..77).chain(91..99).collect();
        let bits = bits_at(b, &packed, &positions);
        let expires_on = number_of(&bits[18..36]);

        b.enforce(Clause::S6, Gadget::Comparisons);
        let last = &today + &days; // (*)
        assert_at_most(b, &last, &expires_on, DAY); // (*)
    })
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
    assert_eq!(good.shape(), bad.shape(), "the shape must not follow the values");

    println!("What it costs:");
    for entry in rows::of(&good.shape()) {
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
