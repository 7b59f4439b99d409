//! A circuit of your own, checked and measured with arkworks. `examples/own_predicate.rs` is a whole one.

use crate::ark;
use crate::error::BenchError;
use crate::fixture::rng;
use crate::measure::{Effort, Subject, alternate};
use crate::report::{Entry, Impl};
use ark_bn254::Bn254;
use ark_groth16::{Groth16, ProvingKey, prepare_verifying_key};
use std::hint::black_box;
use veilpass_circuits::{Circuit, Synthesis};

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

    /// A key pair of nobody's trust: the trapdoor follows from the seed.
    pub fn insecure_setup(&self, seed: u64) -> Result<ProvingKey<Bn254>, BenchError> {
        let key =
            Groth16::<Bn254>::generate_random_parameters_with_reduction(self.synthesis(), &mut rng(seed));
        key.map_err(BenchError::ark)
    }

    /// `prove_cold` and `verify_single` with arkworks used the ordinary way, on so many threads.
    pub fn measure(
        &self,
        key: &ProvingKey<Bn254>,
        threads: usize,
        effort: Effort,
    ) -> Result<Vec<Entry>, BenchError> {
        if !self.failing_rows().is_empty() {
            return Err(BenchError::Wrong("the circuit with these values"));
        }
        let inputs = self.circuit.public_inputs(&self.statement);
        let mut rng = rng(9);
        let proof = ark::prove(key, self.synthesis(), &mut rng)?;
        let prepared = prepare_verifying_key(&key.vk);
        let prove = Subject::new("prove_cold", Impl::Ark, move || {
            black_box(ark::prove(key, self.synthesis(), &mut rng)?);
            Ok(())
        });
        let verify = Subject::new("verify_single", Impl::Ark, || {
            let holds = ark::verify(&prepared, &inputs, &proof)?;
            if holds { Ok(()) } else { Err(BenchError::Wrong("ark's verification")) }
        });
        alternate(threads, effort, vec![prove, verify])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::Fr;
    use veilpass_circuits::builder::Builder;
    use veilpass_circuits::circuit::Cache;

    /// Public: y. Private: x with x³ = y.
    struct Cube;

    impl Circuit for Cube {
        type Statement = u64;
        type Witness = u64;

        fn id(&self) -> &'static str {
            "cube"
        }

        fn public_names(&self) -> Vec<String> {
            vec!["y".into()]
        }

        fn private_names(&self) -> Vec<String> {
            vec!["x".into()]
        }

        fn public_inputs(&self, y: &u64) -> Vec<Fr> {
            vec![Fr::from(*y)]
        }

        fn synthesize(&self, b: &mut Builder, inputs: Option<(&u64, &u64)>) {
            let (y, x) = inputs.unwrap_or((&0, &0));
            let (y, x) = (b.wire(Fr::from(*y)), b.wire(Fr::from(*x)));
            let square = b.product(&x, &x);
            b.row(&square, &x, &y);
        }

        fn cache(&self) -> &Cache {
            static CACHE: Cache = Cache::new();
            &CACHE
        }
    }

    #[test]
    fn a_small_circuit_is_counted_proven_and_refused() {
        let good = Claim { circuit: Cube, statement: 27, witness: 3 };
        assert_eq!((Cube.shape().rows(), good.failing_rows()), (2, vec![]));
        let key = good.insecure_setup(1).unwrap();
        let effort = Effort::of_rounds(1);
        let names: Vec<String> = good.measure(&key, 1, effort).unwrap().into_iter().map(|e| e.name).collect();
        assert_eq!(names, ["prove_cold", "prove_cold_cpu", "verify_single", "verify_single_cpu"]);
        let bad = Claim { statement: 28, ..good };
        assert_eq!(bad.failing_rows(), [1]);
        assert!(matches!(bad.measure(&key, 1, effort), Err(BenchError::Wrong(_))));
    }
}
