//! What is measured of our proving engine, each as a small closure.

use crate::ark;
use crate::error::BenchError;
use crate::fixture::{Holder, dev_key, rng};
use crate::measure::{Effort, Subject, alternate};
use crate::report::{Entry, Impl};
use ark_bn254::Fr;
use ark_ff::UniformRand;
use std::hint::black_box;
use veilpass_circuits::Attest;
use veilpass_circuits::Witness;
use veilpass_kernels::Machine;
use veilpass_params::{ProvingKey, dev};
use veilpass_protocol::request::Request;
use veilpass_protocol::statement::Statement;
use veilpass_prover::groth16::{Engine, KeyFile, PreparedProvingKey};
use veilpass_verifier::{PreparedKey, Proof};

/// A loaded key, a holder and requests of two platforms, from which every measurement begins.
pub struct Setting {
    key: ProvingKey,
    /// The file of its prepared form.
    prepared: Vec<u8>,
    /// With the prepared form, as a wallet has it from the second time on.
    engine: Engine,
    /// With the proving key as it was set up.
    unprepared: Engine,
    /// Without the wide instructions, where the processor has them.
    portable: Option<Engine>,
    check: PreparedKey,
    holder: Holder,
    /// The first is where a session begins; the others are turned to.
    requests: [Request; 3],
    claim: (Statement, Witness),
}

impl Setting {
    /// With the DEV key, and all tables made.
    pub fn new() -> Result<Setting, BenchError> {
        let key = dev_key()?;
        let prepared = PreparedProvingKey::new(&key);
        let engine = Engine::new(prepared.clone())?;
        let unprepared = Engine::new(key.clone())?;
        let plain = Machine::portable();
        let other = engine.machine() != plain.name();
        let portable = other.then(|| Engine::on(plain, prepared.clone())).transpose()?;
        [&engine, &unprepared].into_iter().chain(&portable).for_each(Engine::make_tables);
        let prepared = prepared.to_bytes();
        let check = PreparedKey::new(key.verifying_key().clone())?;
        let mut holder = Holder::new(1, key.circuit_id())?;
        let hosts = ["forum.example", "cinema.example", "library.example"];
        let [a, b, c] = hosts.map(|host| holder.request(host));
        let requests = [a?, b?, c?];
        let claim = holder.claim(&requests[0])?;
        Ok(Setting { key, prepared, engine, unprepared, portable, check, holder, requests, claim })
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

    /// Everything that the engine can do.
    fn ours(&self) -> Result<Vec<Subject<'_>>, BenchError> {
        let mut subjects = vec![self.cold("prove_cold", &self.engine), self.cold_checked()];
        subjects.push(self.cold("prove_cold_unprepared", &self.unprepared));
        subjects.extend(self.portable.as_ref().map(|engine| self.cold("prove_cold_portable", engine)));
        subjects.extend([self.prepare(), self.prepare_another()?, self.repeat()?, self.repeat_checked()?]);
        Ok(subjects)
    }

    /// `prove_cold`: credential, path and request to 128 bytes, without the check of the finished proof; the key is
    /// loaded in its prepared form. `prove_cold_unprepared`: the same with the key as it was set up; `prove_cold_portable`:
    /// without the wide instructions.
    fn cold<'a>(&'a self, name: &str, engine: &'a Engine) -> Subject<'a> {
        let mut rng = rng(4);
        Subject::new(name, Impl::Veilpass, move || {
            let (statement, witness) = self.holder.claim(&self.requests[0])?;
            black_box(engine.prove_unchecked(&statement, &witness, &mut rng)?);
            Ok(())
        })
    }

    /// `prove_cold_checked`: the same, and the verifier accepted it.
    fn cold_checked(&self) -> Subject<'_> {
        let mut rng = rng(4);
        Subject::new("prove_cold_checked", Impl::Veilpass, move || {
            let (statement, witness) = self.holder.claim(&self.requests[0])?;
            black_box(self.engine.prove(&statement, &witness, &mut rng)?);
            Ok(())
        })
    }

    /// `prepare`: credential, path and request to a checked state to which only the challenge is missing.
    fn prepare(&self) -> Subject<'_> {
        let mut rng = rng(6);
        Subject::new("prepare", Impl::Veilpass, move || {
            let (statement, witness) = self.holder.claim(&self.requests[0])?;
            black_box(self.engine.prepare(&statement, &witness, &mut rng)?);
            Ok(())
        })
    }

    /// `prepare_another`: from one platform to another in the same epoch, request to a checked state as it is kept.
    fn prepare_another(&self) -> Result<Subject<'_>, BenchError> {
        let mut rng = rng(5);
        let mut session = self.engine.session(&self.claim.0, &self.claim.1)?;
        let mut others = self.requests.iter().skip(1).cycle();
        Ok(Subject::new("prepare_another", Impl::Veilpass, move || {
            let request = others.next().ok_or(BenchError::Wrong("a list without an end"))?;
            let (statement, witness) = self.holder.claim(request)?;
            session.turn_to(&statement, &witness)?;
            black_box(session.prepare_to_keep(&mut rng)?.to_bytes());
            Ok(())
        }))
    }

    /// `present_repeat`: prepared state and a new challenge to 128 bytes.
    fn repeat(&self) -> Result<Subject<'_>, BenchError> {
        let mut rng = rng(7);
        let prepared = self.engine.prepare(&self.claim.0, &self.claim.1, &mut rng)?;
        Ok(Subject::new("present_repeat", Impl::Veilpass, move || {
            let challenge = Fr::rand(&mut rng);
            black_box(prepared.present(challenge, &mut rng)?);
            Ok(())
        }))
    }

    /// `present_repeat_checked`: the same, and the verifier accepted them.
    fn repeat_checked(&self) -> Result<Subject<'_>, BenchError> {
        let mut rng = rng(8);
        let prepared = self.engine.prepare(&self.claim.0, &self.claim.1, &mut rng)?;
        Ok(Subject::new("present_repeat_checked", Impl::Veilpass, move || {
            let challenge = Fr::rand(&mut rng);
            let bytes = prepared.present(challenge, &mut rng)?;
            let proof = Proof::from_bytes(&bytes).map_err(|_| BenchError::Wrong("a repeat presentation"))?;
            let statement = Statement { challenge, ..self.claim.0.clone() };
            let verdict = self.check.check(&statement, &proof);
            verdict.map_err(|_| BenchError::Wrong("a repeat presentation"))
        }))
    }

    /// Ours and, where it is asked for, arkworks' on the same statement, in alternation.
    pub fn measure(&self, threads: usize, effort: Effort, with_ark: bool) -> Result<Vec<Entry>, BenchError> {
        let mut subjects = self.ours()?;
        if with_ark {
            let (statement, witness) = &self.claim;
            subjects.push(ark::cold(self.key.groth16(), statement, witness));
        }
        alternate(threads, effort, subjects)
    }

    /// `key_load`: the file of the proving key, read and checked. `key_prepare`: its prepared form made, once for a key
    /// file; `key_load_prepared`: the file of that, read and checked. `key_tables`: the engine's tables of it, which
    /// are made once in a process.
    pub fn loading(&self, threads: usize, effort: Effort) -> Result<Vec<Entry>, BenchError> {
        let name = KeyFile::of(dev::proving_key_bytes());
        let read = move || PreparedProvingKey::from_bytes(&self.prepared, self.key.verifying_key(), name);
        let load = Subject::new("key_load", Impl::Veilpass, || {
            black_box(ProvingKey::from_bytes(Attest, dev::proving_key_bytes())?);
            Ok(())
        });
        let load_prepared = Subject::new("key_load_prepared", Impl::Veilpass, || {
            black_box(read()?);
            Ok(())
        });
        let key = read()?;
        let tables = Subject::new("key_tables", Impl::Veilpass, || {
            let engine = Engine::new(key.clone())?;
            engine.make_tables();
            black_box(engine);
            Ok(())
        });
        let prepare = Subject::new("key_prepare", Impl::Veilpass, || {
            black_box(PreparedProvingKey::new(&self.key));
            Ok(())
        });
        let half = effort.share(0.5);
        let mut entries = alternate(threads, half, vec![load, load_prepared, tables])?;
        let few = Effort { at_least: half.at_least.min(2), ..half };
        entries.extend(alternate(threads, few, vec![prepare])?);
        Ok(entries)
    }
}
