//! A circuit of your own, checked, and measured with our engine beside arkworks. `examples/own_predicate.rs` is a whole
//! one.

use crate::ark;
use crate::error::BenchError;
use crate::fixture::rng;
use crate::measure::{Effort, Subject, alternate};
use crate::report::{Entry, Impl};
use ark_groth16::prepare_verifying_key;
use std::hint::black_box;
use veilpass_circuits::{Circuit, Synthesis};
use veilpass_params::{ProvingKey, setup};
use veilpass_protocol::statement::PublicInputs;
use veilpass_prover::groth16::Engine;
use veilpass_verifier::{Origin, PreparedKey};

/// A circuit with a statement and a witness that it is proven for.
#[derive(Debug, Clone)]
pub struct Claim<C: Circuit> {
    /// The circuit.
    pub circuit: C,
    /// What verifier and prover know.
    pub statement: C::Statement,
    /// What the prover alone knows.
    pub witness: C::Witness,
}

impl<C: Circuit> Claim<C> {
    /// The rows that the values break; none if the circuit is satisfied.
    pub fn failing_rows(&self) -> Vec<usize> {
        let wires = self.circuit.assign(&self.statement, &self.witness);
        self.circuit.shape().failing_rows(&wires).collect()
    }

    fn synthesis(&self) -> Synthesis<'_, C> {
        Synthesis::new(&self.circuit, &self.statement, &self.witness)
    }

    /// A key pair that nobody may trust: the trapdoor follows from the seed.
    ///
    /// # Errors
    /// A circuit with wires in no row, or one that arkworks sees otherwise.
    pub fn insecure_setup(&self, seed: u64) -> Result<ProvingKey<C>, BenchError> {
        Ok(setup(self.circuit.clone(), Origin::Dev, &mut rng(seed), |_| ())?)
    }

    /// `prove_cold` and `verify_single` on so many threads: ours, tables made, and arkworks' used the ordinary way, in
    /// alternation. Each proof of ours is accepted by arkworks before anything is measured.
    ///
    /// # Errors
    /// A claim that does not hold; a circuit that is too small for the engine.
    pub fn measure(
        &self,
        key: &ProvingKey<C>,
        threads: usize,
        effort: Effort,
    ) -> Result<Vec<Entry>, BenchError> {
        if !self.failing_rows().is_empty() {
            return Err(BenchError::Wrong("the circuit with these values"));
        }
        let (inputs, groth16) = (self.statement.public_inputs(), key.groth16());
        let (engine, check) = (Engine::new(key.clone())?, PreparedKey::new(key.verifying_key().clone())?);
        engine.make_tables();
        let (mut rng, mut other) = (rng(9), rng(10));
        let ours = engine.prove(&self.statement, &self.witness, &mut rng)?;
        let theirs = ark::prove(groth16, self.synthesis(), &mut rng)?;
        let prepared = prepare_verifying_key(&groth16.vk);
        if !ark::verify(&prepared, &inputs, &ours)? {
            return Err(BenchError::Wrong("our proof of the circuit"));
        }
        let subjects = vec![
            Subject::new("prove_cold", Impl::Veilpass, || {
                black_box(engine.prove_unchecked(&self.statement, &self.witness, &mut rng)?);
                Ok(())
            }),
            Subject::new("prove_cold", Impl::Ark, || {
                black_box(ark::prove(groth16, self.synthesis(), &mut other)?);
                Ok(())
            }),
            Subject::new("verify_single", Impl::Veilpass, || {
                check.check_bytes(&inputs, &ours).map_err(|_| BenchError::Wrong("our verification"))
            }),
            Subject::new("verify_single", Impl::Ark, || {
                let holds = ark::verify(&prepared, &inputs, &theirs)?;
                if holds { Ok(()) } else { Err(BenchError::Wrong("ark's verification")) }
            }),
        ];
        alternate(threads, effort, subjects)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::Fr;
    use veilpass_circuits::builder::Builder;
    use veilpass_circuits::circuit::Cache;

    /// Public: y. Private: x with x^(2^70) = y.
    #[derive(Clone)]
    struct Squares;

    impl Circuit for Squares {
        type Statement = Vec<Fr>;
        type Witness = Fr;

        fn id(&self) -> &'static str {
            "squares"
        }

        fn public_names(&self) -> Vec<String> {
            vec!["y".into()]
        }

        fn private_names(&self) -> Vec<String> {
            vec!["x".into()]
        }

        fn synthesize(&self, b: &mut Builder, inputs: Option<(&Vec<Fr>, &Fr)>) {
            let (y, x) = inputs.map_or_else(Default::default, |(y, x)| (y[0], *x));
            let (y, mut x) = (b.wire(y), b.wire(x));
            for _ in 0..69 {
                x = b.product(&x, &x);
            }
            b.row(&x, &x, &y);
        }

        fn cache(&self) -> &Cache {
            static CACHE: Cache = Cache::new();
            &CACHE
        }
    }

    #[test]
    fn a_small_circuit_is_counted_proven_and_refused() {
        let x = Fr::from(3u64);
        let y = (0..70).fold(x, |x, _| x * x);
        let good = Claim { circuit: Squares, statement: vec![y], witness: x };
        assert_eq!((Squares.shape().rows(), good.failing_rows()), (70, vec![]));
        let key = good.insecure_setup(1).unwrap();
        let effort = Effort::of_rounds(1);
        let entries = good.measure(&key, 1, effort).unwrap();
        let measured = |by| {
            let of = entries.iter().filter(move |entry| entry.by == by);
            of.map(|entry| entry.name.as_str()).collect::<Vec<_>>()
        };
        let names = ["prove_cold", "prove_cold_cpu", "verify_single", "verify_single_cpu"];
        assert_eq!((measured(Impl::Veilpass), measured(Impl::Ark)), (names.to_vec(), names.to_vec()));
        let bad = Claim { statement: vec![y + x], ..good };
        assert_eq!(bad.failing_rows(), [69]);
        assert!(matches!(bad.measure(&key, 1, effort), Err(BenchError::Wrong(_))));
    }
}
