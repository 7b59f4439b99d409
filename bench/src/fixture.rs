//! A holder with a place in a tree, and requests of platforms: what a proof begins from.

use crate::error::BenchError;
use ark_ff::{AdditiveGroup, UniformRand};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use veilpass_circuits::Witness;
use veilpass_params::{ProvingKey, dev};
use veilpass_protocol::attributes::{Attributes, DocumentClass, Sex};
use veilpass_protocol::challenge::Nonce;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::field::Fr;
use veilpass_protocol::identity::{DeviceSecret, PseudonymSecret, leaf, pseudonym};
use veilpass_protocol::predicates::{AgePredicate, Predicates};
use veilpass_protocol::request::{NewRequest, Request};
use veilpass_protocol::scope::{LinkKind, NONE_SLOTS};
use veilpass_protocol::statement::Statement;
use veilpass_protocol::tree::{Path, Tree};

/// A holder: credential, path and root.
pub struct Holder {
    k: PseudonymSecret,
    d: DeviceSecret,
    attributes: Attributes,
    path: Path,
    root: Fr,
    circuit: CircuitId,
    rng: StdRng,
}

/// The DEV key, which every measurement of proofs uses.
pub fn dev_key() -> Result<ProvingKey, BenchError> {
    Ok(dev::proving_key()?)
}

/// The same for the same seed. Secrets of a bench are nobody's.
pub fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

impl Holder {
    /// A person of 26 years with a foreign passport, among 500 others.
    pub fn new(seed: u64, circuit: CircuitId) -> Result<Holder, BenchError> {
        let mut rng = rng(seed);
        let day = |text: &str| text.parse::<Day>().map_err(BenchError::fixture);
        let attributes = Attributes {
            birth_date: day("2000-02-29")?,
            expires_on: Some(day("2036-06-01")?),
            enrolled_on: day("2024-07-06")?,
            sex: Sex::Female,
            document_class: DocumentClass::ForeignPassport,
            nationality: 250,
            province: 0,
            generation: 0,
        };
        let zero = || BenchError::fixture("a secret is zero");
        let k = PseudonymSecret::from_fr(Fr::rand(&mut rng)).ok_or_else(zero)?;
        let d = DeviceSecret::from_fr(Fr::rand(&mut rng)).ok_or_else(zero)?;
        let own = leaf(&k.commitment(), &d.commitment(), &attributes.pack(), &Fr::ZERO);
        let mut leaves: Vec<Fr> = (0..500).map(|_| Fr::rand(&mut rng)).collect();
        let place = leaves.len() as u64;
        leaves.push(own);
        let tree = Tree::from_leaves(leaves);
        let path = tree.path(place).map_err(BenchError::fixture)?;
        Ok(Holder { k, d, attributes, path, root: tree.root(), circuit, rng })
    }

    /// A request of this host: 18 or older, one pseudonym of this visit only, a fresh nonce.
    pub fn request(&mut self, host: &str) -> Result<Request, BenchError> {
        let now: Timestamp = "2026-11-22T07:00:00Z".parse().map_err(BenchError::fixture)?;
        let valid_on = Day::of(now);
        let adult = AgePredicate { at_least: Some(18), below: None };
        Request::new(NewRequest {
            circuit: self.circuit,
            rp: host.parse().map_err(BenchError::fixture)?,
            context: Default::default(),
            link: LinkKind::None,
            slots: NONE_SLOTS,
            period: u64::from(valid_on.number()),
            predicates: Predicates { age: Some(adult), ..Predicates::valid() },
            valid_on,
            nonce: Nonce::new(&self.rng.r#gen::<[u8; 16]>()).map_err(BenchError::fixture)?,
            response_uri: format!("https://{host}/v1/requests/0f8c1d/presentation"),
            expires_at: now.plus(300),
        })
        .map_err(BenchError::fixture)
    }

    /// From credential, path and request to what is proven. This is part of a cold proof.
    pub fn claim(&self, request: &Request) -> Result<(Statement, Witness), BenchError> {
        let slot = 2;
        let scope = request.scope().map_err(BenchError::fixture)?;
        let pseudonym = pseudonym(&self.k, &scope, slot);
        let statement = Statement::for_request(request, self.root, pseudonym).map_err(BenchError::fixture)?;
        let witness = Witness {
            k: *self.k.expose(),
            d: *self.d.expose(),
            packed: self.attributes.pack(),
            link: Fr::ZERO,
            slot: Fr::from(slot),
            path: self.path.0,
        };
        Ok((statement, witness))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use veilpass_circuits::{Attest, Circuit};

    #[test]
    fn what_is_measured_is_true() {
        let circuit = dev::verifying_key().unwrap().circuit_id();
        let mut holder = Holder::new(1, circuit).unwrap();
        let requests = [holder.request("forum.example").unwrap(), holder.request("forum.example").unwrap()];
        let claims = requests.each_ref().map(|request| holder.claim(request).unwrap());
        for (statement, witness) in &claims {
            assert_eq!(Attest.check(statement, witness), Ok(()));
        }
        assert_ne!(claims[0].0.challenge, claims[1].0.challenge);
        assert_eq!(claims[0].0.pseudonym, claims[1].0.pseudonym, "the same platform on the same day");
    }
}
