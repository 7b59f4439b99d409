//! What a platform's check costs: a proof alone, proofs in batches, and a presentation from JSON to evidence.

use crate::ark;
use crate::error::BenchError;
use crate::fixture::rng;
use crate::measure::{Effort, Subject, alternate};
use crate::proving::Setting;
use crate::report::{Entry, Impl};
use std::hint::black_box;
use veilpass_params::ProvingKey;
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::note::AuthorityKey;
use veilpass_protocol::request::Request;
use veilpass_protocol::statement::Statement;
use veilpass_prover::groth16::rerandomise;
use veilpass_verifier::{AcceptedEpochs, Policy, PreparedKey, Proof, Verifier};

/// Sizes of batches; the last is the one that is compared with single checks.
pub const BATCHES: [usize; 4] = [8, 64, 256, LARGEST];
/// The largest batch.
pub const LARGEST: usize = 1024;
/// Statements among the proofs of a batch: more would take long to prove, and the work does not depend on them.
const STATEMENTS: usize = 4;

/// A key and proofs to check.
pub struct Checks {
    key: ProvingKey,
    prepared: PreparedKey,
    proofs: Vec<(Statement, [u8; 128])>,
}

impl Checks {
    /// As many proofs as the largest batch takes; no two of them are equal.
    pub fn new(proving: &mut Setting) -> Result<Checks, BenchError> {
        let key = proving.key().clone();
        let first = proving.proofs(STATEMENTS)?;
        let mut rng = rng(5);
        let mut proofs = Vec::with_capacity(LARGEST);
        for (statement, bytes) in first.iter().cycle().take(LARGEST) {
            let proof = Proof::from_bytes(bytes).map_err(|_| BenchError::Wrong("the prover"))?;
            let other = rerandomise(key.verifying_key(), &proof, &mut rng);
            proofs.push((statement.clone(), other.map_err(|_| BenchError::Wrong("re-randomising"))?));
        }
        let prepared = PreparedKey::new(key.verifying_key().clone())?;
        Ok(Checks { key, prepared, proofs })
    }

    /// Single checks and a batch of `size` proofs on one thread, ours and where asked for arkworks', in
    /// alternation. All decode the 128 bytes; times are per proof.
    pub fn compared(&self, size: usize, effort: Effort, with_ark: bool) -> Result<Vec<Entry>, BenchError> {
        let Some((statement, proof)) = self.proofs.first() else {
            return Ok(Vec::new());
        };
        let ours = Subject::new("verify_single", Impl::Veilpass, || {
            self.prepared.check_bytes(statement, proof).map_err(|_| BenchError::Wrong("verification"))
        });
        let mut subjects = vec![ours, presentation()?, self.subject(size)];
        if with_ark {
            subjects.push(ark::single(self.key.groth16(), statement, proof));
        }
        alternate(1, effort, subjects)
    }

    /// A batch of the first `size` proofs on one thread, decoding included; times are per proof.
    pub fn batch(&self, size: usize, effort: Effort) -> Result<Vec<Entry>, BenchError> {
        alternate(1, effort, vec![self.subject(size)])
    }

    fn subject(&self, size: usize) -> Subject<'_> {
        let mut rng = rng(6);
        let (prepared, proofs) = (&self.prepared, self.proofs.get(..size).unwrap_or(&self.proofs));
        let batch = Subject::new(format!("verify_batch_{size}"), Impl::Veilpass, move || {
            let verdicts = prepared.check_batch_bytes(proofs, &mut rng);
            let accepted = verdicts.iter().filter(|verdict| verdict.is_ok()).count();
            if accepted == proofs.len() { Ok(()) } else { Err(BenchError::Wrong("the batch")) }
        });
        batch.per(proofs.len())
    }
}

macro_rules! example {
    ($name:literal) => {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../verifier/example/", $name)
    };
}

/// `verify_presentation`: what a platform's library does with an answer, JSON to evidence, with the example that
/// comes with `verifier`.
fn presentation() -> Result<Subject<'static>, BenchError> {
    let now: Timestamp = "2026-11-22T04:00:00Z".parse().map_err(BenchError::fixture)?;
    let authority: AuthorityKey =
        include_str!(example!("authority.vkey")).trim().parse().map_err(BenchError::fixture)?;
    let policy = Policy::default().allowing_dev_keys();
    let notes = [include_str!(example!("epoch.note")).to_owned()];
    let epochs = AcceptedEpochs::from_notes(&notes, authority, &policy, now).map_err(BenchError::fixture)?;
    let verifier = Verifier::new(policy)
        .with_key(include_bytes!(example!("attest-v1.vk")))
        .map_err(BenchError::fixture)?;
    let request =
        Request::from_json(include_bytes!(example!("request.json"))).map_err(BenchError::fixture)?;
    Ok(Subject::new("verify_presentation", Impl::Veilpass, move || {
        let received = include_bytes!(example!("presentation.json"));
        let verified = verifier.verify(&request, received, &epochs, now);
        black_box(verified.map_err(|_| BenchError::Wrong("verification of a presentation"))?);
        Ok(())
    }))
}
