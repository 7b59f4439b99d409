//! A circuit of your own, described to the same [`Builder`] and with the same gadgets as `attest-v1`: counted,
//! checked, and measured with arkworks. `examples/own_predicate.rs` adds a predicate in about forty lines.

use crate::ark;
use crate::error::BenchError;
use crate::fixture::rng;
use crate::measure::{Effort, Subject, alternate};
use crate::report::{Entry, Impl};
use ark_bn254::{Bn254, Fr};
use ark_groth16::{Groth16, ProvingKey, prepare_verifying_key};
use ark_relations::gr1cs::{
    ConstraintSynthesizer, ConstraintSystemRef, LinearCombination, SynthesisError, Variable,
};
use std::hint::black_box;
use veilpass_circuits::Shape;
use veilpass_circuits::system::{Builder, Lc};

/// A circuit with the values that it is proven for.
///
/// The description adds its wires to the builder: first the public inputs, then whatever else. It is run once
/// for the setup and once for each proof, and must describe the same rows each time, whatever the values are.
#[derive(Debug, Clone)]
pub struct Circuit<F> {
    public_inputs: usize,
    describe: F,
}

impl<F: Fn(&mut Builder)> Circuit<F> {
    /// The first `public_inputs` wires that the description adds are public.
    pub fn new(public_inputs: usize, describe: F) -> Circuit<F> {
        Circuit { public_inputs, describe }
    }

    fn built(&self) -> (Vec<Fr>, Shape) {
        let mut b = Builder::with_rows();
        (self.describe)(&mut b);
        let (wires, rows) = b.finish();
        let shape = Shape::new(rows, 1 + self.public_inputs, wires.len());
        (wires.to_vec(), shape)
    }

    /// Its matrices, with counts and ledger ([`Shape::stats`], [`crate::rows::of`]).
    pub fn shape(&self) -> Shape {
        self.built().1
    }

    /// The rows that the values break; none if the circuit is satisfied.
    pub fn failing_rows(&self) -> Vec<usize> {
        let (wires, shape) = self.built();
        shape.failing_rows(&wires).collect()
    }

    /// A key pair of nobody's trust: the trapdoor follows from the seed.
    pub fn insecure_setup(&self, seed: u64) -> Result<ProvingKey<Bn254>, BenchError> {
        let key =
            Groth16::<Bn254>::generate_random_parameters_with_reduction(Synthesis(self), &mut rng(seed));
        key.map_err(BenchError::ark)
    }

    /// `prove_cold` and `verify_single` with arkworks used the ordinary way, on so many threads.
    pub fn measure(
        &self,
        key: &ProvingKey<Bn254>,
        threads: usize,
        effort: Effort,
    ) -> Result<Vec<Entry>, BenchError>
    where
        F: Sync,
    {
        let (wires, shape) = self.built();
        if shape.failing_rows(&wires).next().is_some() {
            return Err(BenchError::Wrong("the circuit with these values"));
        }
        let inputs: Vec<Fr> = wires.iter().skip(1).take(self.public_inputs).copied().collect();
        let mut rng = rng(9);
        let proof = ark::prove(key, Synthesis(self), &mut rng)?;
        let prepared = prepare_verifying_key(&key.vk);
        let prove = Subject::new("prove_cold", Impl::Ark, move || {
            black_box(ark::prove(key, Synthesis(self), &mut rng)?);
            Ok(())
        });
        let verify = Subject::new("verify_single", Impl::Ark, || {
            let holds = ark::verify(&prepared, &inputs, &proof)?;
            if holds { Ok(()) } else { Err(BenchError::Wrong("ark's verification")) }
        });
        alternate(threads, effort, vec![prove, verify])
    }
}

/// The circuit as arkworks wants it.
struct Synthesis<'a, F>(&'a Circuit<F>);

impl<F: Fn(&mut Builder)> ConstraintSynthesizer<Fr> for Synthesis<'_, F> {
    fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        let mut b = Builder::with_rows();
        (self.0.describe)(&mut b);
        let (wires, rows) = b.finish();
        let mut variables = vec![Variable::One];
        for (index, wire) in wires.iter().enumerate().skip(1) {
            variables.push(if index <= self.0.public_inputs {
                cs.new_input_variable(|| Ok(*wire))?
            } else {
                cs.new_witness_variable(|| Ok(*wire))?
            });
        }
        let convert = |lc: &Lc| {
            let terms = lc.terms().iter().map(|(wire, c)| (*c, variables[*wire as usize]));
            LinearCombination(terms.collect())
        };
        for row in &rows {
            cs.enforce_r1cs_constraint(|| convert(&row.a), || convert(&row.b), || convert(&row.c))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Public: y. Private: x with x³ = y.
    fn cube(x: u64, y: u64) -> Circuit<impl Fn(&mut Builder) + Sync> {
        Circuit::new(1, move |b: &mut Builder| {
            let y = b.wire(Fr::from(y));
            let x = b.wire(Fr::from(x));
            let square = b.product(&x, &x);
            b.row(&square, &x, &y);
        })
    }

    #[test]
    fn a_small_circuit_is_counted_proven_and_refused() {
        let good = cube(3, 27);
        assert_eq!((good.shape().rows(), good.failing_rows()), (2, vec![]));
        let key = good.insecure_setup(1).unwrap();
        let effort = Effort::of_rounds(1);
        let names: Vec<String> = good.measure(&key, 1, effort).unwrap().into_iter().map(|e| e.name).collect();
        assert_eq!(names, ["prove_cold", "prove_cold_cpu", "verify_single", "verify_single_cpu"]);
        let bad = cube(3, 28);
        assert_eq!(bad.failing_rows(), [1]);
        assert!(matches!(bad.measure(&key, 1, effort), Err(BenchError::Wrong(_))));
    }
}
