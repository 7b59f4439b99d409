//! What is measured of our proving engine, each as a small closure.

use crate::ark;
use crate::error::BenchError;
use crate::fixture::{Holder, dev_key, rng};
use crate::measure::{Effort, Subject, alternate};
use crate::report::{Entry, Impl};
use std::hint::black_box;
use veilpass_circuits::Witness;
use veilpass_params::{ProvingKey, dev};
use veilpass_protocol::request::Request;
use veilpass_protocol::statement::Statement;
use veilpass_prover::groth16::{ArkProver, Prover};

/// A loaded key, a holder and a request, from which every measurement begins.
pub struct Setting {
    key: ProvingKey,
    engine: ArkProver,
    holder: Holder,
    request: Request,
    claim: (Statement, Witness),
}

impl Setting {
    /// With the DEV key.
    pub fn new() -> Result<Setting, BenchError> {
        let key = dev_key()?;
        let engine = ArkProver::new(key.clone())?;
        let mut holder = Holder::new(1, key.circuit_id())?;
        let request = holder.request("forum.example")?;
        let claim = holder.claim(&request)?;
        Ok(Setting { key, engine, holder, request, claim })
    }

    /// The proving key.
    pub fn key(&self) -> &ProvingKey {
        &self.key
    }

    /// Proofs of different statements with their statements.
    pub fn proofs(&mut self, count: usize) -> Result<Vec<(Statement, [u8; 128])>, BenchError> {
        let mut rng = rng(3);
        let mut proofs = Vec::with_capacity(count);
        for _ in 0..count {
            let request = self.holder.request("forum.example")?;
            let (statement, witness) = self.holder.claim(&request)?;
            let proof = self.engine.prove(&statement, &witness, &mut rng)?;
            proofs.push((statement, proof));
        }
        Ok(proofs)
    }

    /// Everything that the engine can do by now.
    fn ours(&self) -> Vec<Subject<'_>> {
        let asked: [Option<Subject<'_>>; 6] = [
            Some(self.cold_checked()),
            self.cold(),
            self.prepare(),
            self.repeat(),
            self.repeat_checked(),
            self.new_platform(),
        ];
        asked.into_iter().flatten().collect()
    }

    /// `prove_cold_checked`: credential, path and request to 128 bytes that the verifier accepted; key loaded.
    fn cold_checked(&self) -> Subject<'_> {
        let mut rng = rng(4);
        Subject::new("prove_cold_checked", Impl::Veilpass, move || {
            let (statement, witness) = self.holder.claim(&self.request)?;
            black_box(self.engine.prove(&statement, &witness, &mut rng)?);
            Ok(())
        })
    }

    /// `prove_cold`: the same without the check of the finished proof. This engine makes no such proof.
    fn cold(&self) -> Option<Subject<'_>> {
        None
    }

    /// `prepare`: credential, path and request to a checked state that any challenge can be put into. This engine
    /// has no such state.
    fn prepare(&self) -> Option<Subject<'_>> {
        None
    }

    /// `present_repeat`: prepared state and a new challenge to 128 bytes.
    fn repeat(&self) -> Option<Subject<'_>> {
        None
    }

    /// `present_repeat_checked`: the same, and the verifier accepted them.
    fn repeat_checked(&self) -> Option<Subject<'_>> {
        None
    }

    /// `prove_new_platform`: another platform in the same epoch.
    fn new_platform(&self) -> Option<Subject<'_>> {
        None
    }

    /// Ours and, where it is asked for, arkworks' on the same statement, in alternation.
    pub fn measure(&self, threads: usize, effort: Effort, with_ark: bool) -> Result<Vec<Entry>, BenchError> {
        let mut subjects = self.ours();
        if with_ark {
            let (statement, witness) = &self.claim;
            subjects.push(ark::cold(self.key.groth16(), statement, witness));
        }
        alternate(threads, effort, subjects)
    }
}

/// `key_load`: the file of the proving key, read and checked, and made ready.
pub fn key_load(threads: usize, effort: Effort) -> Result<Vec<Entry>, BenchError> {
    let load = Subject::new("key_load", Impl::Veilpass, || {
        let key = ProvingKey::from_bytes(dev::proving_key_bytes())?;
        black_box(ArkProver::new(key)?);
        Ok(())
    });
    alternate(threads, effort, vec![load])
}
