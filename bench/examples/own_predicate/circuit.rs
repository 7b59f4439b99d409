//! A circuit of one's own: a document is valid for some days more.

use veilpass_circuits::builder::Builder;
use veilpass_circuits::circuit::Cache;
use veilpass_circuits::gadgets::poseidon::assert_hash;
use veilpass_circuits::gadgets::range::{assert_at_most, bits_at, number};
use veilpass_circuits::{Circuit, Clause};
use veilpass_protocol::field::Fr;
use veilpass_protocol::statement::PublicInputs;

/// Width of a day's number (contract §2).
const DAY: u32 = 18;
/// The commitment opens to the attributes.
pub const V1: Clause = Clause::new("V1");
/// The attributes are the sum of their fields.
pub const V2: Clause = Clause::new("V2");
/// The document is valid for so many days more.
pub const V3: Clause = Clause::new("V3");

/// A document is valid for some days more.
#[derive(Clone, Copy)]
pub struct StillValid;

/// A commitment to the attributes, today, how many days more.
#[derive(Clone, Default)]
pub struct Statement {
    pub commitment: Fr,
    pub today: Fr,
    pub days: Fr,
}

impl PublicInputs for Statement {
    fn public_inputs(&self) -> Vec<Fr> {
        vec![self.commitment, self.today, self.days]
    }
}

/// Packed attributes (contract §2), and the salt of the commitment.
#[derive(Clone, Default)]
pub struct Opening {
    pub packed: Fr,
    pub salt: Fr,
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
        let expires_on = number(&bits[18..36]);

        b.enforce(V3, "comparison");
        let last = &today + &days; // (*)
        assert_at_most(b, &last, &expires_on, DAY); // (*)
    }

    fn cache(&self) -> &Cache {
        static CACHE: Cache = Cache::new();
        &CACHE
    }
}
