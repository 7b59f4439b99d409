//! What every circuit passes, in one function that each instantiates (`tests/tests/all/circuits.rs`).

use ark_bn254::{Bn254, Fr};
use ark_ff::UniformRand;
use ark_groth16::{Groth16, prepare_verifying_key};
use ark_serialize::CanonicalDeserialize;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::BTreeSet;
use veilpass_circuits::audit::{Accepted, Subject, audit};
use veilpass_circuits::{Circuit, Clause};
use veilpass_kernels::Machine;
use veilpass_params::circom::{R1cs, read_r1cs, write_r1cs};
use veilpass_params::{ProvingKey, setup};
use veilpass_protocol::circuit_id::NamedCircuit;
use veilpass_protocol::statement::PublicInputs;
use veilpass_prover::groth16::{Engine, ProveError};
use veilpass_verifier::{Origin, PreparedKey, Proof, VerifyingKey, lint};

/// A statement with its witness.
pub type Claim<C> = (<C as Circuit>::Statement, <C as Circuit>::Witness);

/// A circuit, and what the suite needs to know of it.
pub struct Suite<C: Circuit> {
    /// The circuit.
    pub circuit: C,
    /// Claims that hold: typical and extreme ones, at least two.
    pub good: Vec<Claim<C>>,
    /// Claims that do not, with the clause that is named. Each clause that can fail is among them.
    pub bad: Vec<(Clause, Claim<C>)>,
    /// Clauses with rows that never fail by themselves, because they define what others speak of.
    pub defining: Vec<Clause>,
    /// Public inputs that follow from the others.
    pub following: Vec<&'static str>,
    /// Findings of the audit that are as they should be.
    pub accepted: Vec<Accepted>,
    /// The digest of the matrices, in hex. Another shape is another circuit, and needs new keys.
    pub digest: &'static str,
}

impl<C: Circuit> Suite<C> {
    /// Runs everything. A failure panics with the name of what failed.
    pub fn run(&self) {
        self.statements();
        self.shape();
        self.mutation();
        self.keys_and_proofs();
    }

    /// Good claims hold; each clause that has rows is broken by some bad claim, and it is the one that is named.
    fn statements(&self) {
        assert!(self.good.len() >= 2);
        for (n, (statement, witness)) in self.good.iter().enumerate() {
            assert_eq!(self.circuit.check(statement, witness), Ok(()), "good claim {n}");
        }
        for (n, (clause, (statement, witness))) in self.bad.iter().enumerate() {
            assert_eq!(self.circuit.check(statement, witness), Err(*clause), "bad claim {n}");
            assert_eq!(
                self.circuit.assign_rows(statement, witness).1.failing,
                Some(*clause),
                "bad claim {n}"
            );
        }
        let in_rows: BTreeSet<Clause> = self.circuit.shape().tags().iter().map(|tag| tag.clause).collect();
        let broken = self.bad.iter().map(|(clause, _)| *clause).chain(self.defining.iter().copied());
        assert_eq!(in_rows, broken.collect(), "every clause is tried");
    }

    /// The shape is pinned and does not follow the values; inputs and wires are as many as the circuit says.
    fn shape(&self) {
        let shape = self.circuit.shape();
        let digest: String = shape.digest().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, self.digest, "{}", self.circuit.id());
        for (statement, witness) in self.good.iter().chain(self.bad.iter().map(|(_, claim)| claim)) {
            assert!(self.circuit.shape_of(Some((statement, witness))) == *shape);
            let inputs = statement.public_inputs();
            assert_eq!(inputs.len(), self.circuit.public_names().len());
            assert_eq!(self.circuit.assign(statement, witness)[1..=inputs.len()], inputs);
        }
        let (dimensions, matrices) = (self.circuit.dimensions(), shape.matrices());
        assert_eq!((dimensions.rows, dimensions.wires), (matrices.rows(), matrices.wires));
        let names = self.circuit.wire_names();
        assert_eq!((names.len(), names.iter().collect::<BTreeSet<_>>().len()), (matrices.wires, names.len()));
        // The format of others holds all of it.
        let r1cs = R1cs::new(matrices.clone(), dimensions.private_inputs);
        assert_eq!(read_r1cs(&write_r1cs(&r1cs)).unwrap(), r1cs);
    }

    /// The engines of the audit, mutation among them, find nothing without a reason.
    fn mutation(&self) {
        let names = self.circuit.public_names();
        let follows =
            |wire: &usize| names.get(wire - 1).is_some_and(|n| self.following.contains(&n.as_str()));
        let inputs = names.len() + self.circuit.dimensions().private_inputs;
        let witnesses: Vec<Vec<Fr>> = self
            .good
            .iter()
            .map(|(statement, witness)| self.circuit.assign(statement, witness).to_vec())
            .collect();
        let subject = Subject {
            matrices: self.circuit.shape().matrices(),
            given: (1..=inputs).filter(|wire| !follows(wire)).collect(),
            dropped: &[],
            witnesses: &witnesses,
            accepted: &self.accepted,
            chosen: Fr::rand(&mut StdRng::seed_from_u64(12)),
        };
        let report = audit(&subject, &|_, _, _| ()).unwrap();
        assert_eq!(report.faults().collect::<Vec<_>>(), Vec::<&_>::new(), "{}", self.circuit.id());
    }

    /// A setup makes keys that pass the lint and whose files are read again; proofs of every machine are accepted by
    /// our verifier and by arkworks, alone and in a batch; nothing else is.
    fn keys_and_proofs(&self) {
        let mut rng = StdRng::seed_from_u64(11);
        let key = setup(self.circuit.clone(), Origin::Dev, &mut rng, |_| ()).unwrap();
        let (named, file) = (self.circuit.named(), key.verifying_key().to_bytes());
        assert_eq!(lint(key.verifying_key()), Ok(()));
        assert_eq!(VerifyingKey::from_bytes_of(named, &file).as_ref(), Ok(key.verifying_key()));
        assert!(VerifyingKey::from_bytes_of(NamedCircuit { name: "another", ..named }, &file).is_err());
        let read = ProvingKey::from_bytes(self.circuit.clone(), &key.to_bytes()).unwrap();
        assert!(read.groth16() == key.groth16() && read.verifying_key() == key.verifying_key());

        let prepared = PreparedKey::new(key.verifying_key().clone()).unwrap();
        let theirs = prepare_verifying_key(&key.groth16().vk);
        let ark_accepts = |inputs: &[Fr], bytes: &[u8; 128]| {
            let proof = ark_groth16::Proof::<Bn254>::deserialize_compressed(&bytes[..]).unwrap();
            Groth16::<Bn254>::verify_proof(&theirs, &proof, inputs).unwrap()
        };
        let mut batch = Vec::new();
        for machine in Machine::all() {
            let engine = Engine::on(machine, read.clone()).unwrap();
            for (statement, witness) in &self.good {
                let proof = engine.prove(statement, witness, &mut rng).unwrap();
                let inputs = statement.public_inputs();
                assert_eq!(prepared.check_bytes(statement, &proof), Ok(()));
                assert!(ark_accepts(&inputs, &proof), "{}", machine.name());
                for n in 0..inputs.len() {
                    let mut other = inputs.clone();
                    other[n] += Fr::from(1u64);
                    assert!(prepared.check_bytes(&other, &proof).is_err(), "input {n}");
                    assert!(!ark_accepts(&other, &proof), "input {n}");
                }
                // Another number of inputs is proven by nothing, and panics nowhere.
                let decoded = Proof::from_bytes(&proof).unwrap();
                for short in [&inputs[1..], &[], &[&inputs[..], &[Fr::from(0u64)]].concat()[..]] {
                    assert!(prepared.check(&short.to_vec(), &decoded).is_err());
                    let many = vec![(short.to_vec(), proof); 20];
                    assert!(prepared.check_batch_bytes(&many, &mut rng).iter().all(Result::is_err));
                }
                batch.push((inputs, proof));
            }
            for (clause, (statement, witness)) in &self.bad {
                let refused = engine.prove(statement, witness, &mut rng);
                assert_eq!(refused, Err(ProveError::Unsatisfied(*clause)));
            }
        }
        // Good and bad ones together, more than are checked one by one.
        let spoilt = |(n, (mut inputs, proof)): (usize, (Vec<Fr>, [u8; 128]))| {
            if n % 5 == 3 {
                inputs[0] += Fr::from(1u64);
            }
            (inputs, proof)
        };
        let many: Vec<_> = batch.into_iter().cycle().take(24).enumerate().map(spoilt).collect();
        let single: Vec<_> = many.iter().map(|(inputs, proof)| prepared.check_bytes(inputs, proof)).collect();
        assert_eq!(single.iter().filter(|verdict| verdict.is_err()).count(), 5);
        assert_eq!(prepared.check_batch_bytes(&many, &mut rng), single);
    }
}
