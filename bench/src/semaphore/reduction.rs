//! Keys of snarkjs through arkworks. Their H query is in another basis than arkworks': the values of A·B − C on the
//! odd coset, in the place of the coefficients of the quotient.

use ark_ff::PrimeField;
use ark_groth16::r1cs_to_qap::{LibsnarkReduction, R1CSToQAP, evaluate_constraint};
use ark_poly::EvaluationDomain;
use ark_relations::gr1cs::{ConstraintSystemRef, Matrix, Result, SynthesisError};

/// The reduction to QAP that circom's world uses (as in arkworks' own `ark-circom`, which is not linked: it brings a
/// WebAssembly engine).
pub struct CircomReduction;

impl R1CSToQAP for CircomReduction {
    fn instance_map_with_evaluation<F: PrimeField, D: EvaluationDomain<F>>(
        cs: ConstraintSystemRef<F>,
        t: &F,
    ) -> Result<(Vec<F>, Vec<F>, Vec<F>, F, usize, usize)> {
        LibsnarkReduction::instance_map_with_evaluation::<F, D>(cs, t)
    }

    fn witness_map_from_matrices<F: PrimeField, D: EvaluationDomain<F>>(
        matrices: &[Matrix<F>],
        inputs: usize,
        rows: usize,
        assignment: &[F],
    ) -> Result<Vec<F>> {
        let too_large = SynthesisError::PolynomialDegreeTooLarge;
        let (domain, double) = (D::new(rows + inputs), D::new(2 * (rows + inputs)));
        let (domain, double) = (domain.ok_or(too_large)?, double.ok_or(too_large)?);
        let [at, bt, ..] = matrices else {
            return Err(SynthesisError::Unsatisfiable);
        };
        let public = assignment.get(..inputs).ok_or(SynthesisError::AssignmentMissing)?;
        let mut a = vec![F::zero(); domain.size()];
        let mut b = a.clone();
        for (value, row) in a.iter_mut().zip(at.iter().take(rows)) {
            *value = evaluate_constraint(row, assignment);
        }
        for (value, row) in b.iter_mut().zip(bt.iter().take(rows)) {
            *value = evaluate_constraint(row, assignment);
        }
        // The input rows: one each, in A only.
        for (value, input) in a.iter_mut().skip(rows).zip(public) {
            *value = *input;
        }
        let mut c: Vec<F> = a.iter().zip(&b).map(|(a, b)| *a * *b).collect();
        let shift = double.element(1);
        for values in [&mut a, &mut b, &mut c] {
            domain.ifft_in_place(values);
            D::distribute_powers_and_mul_by_const(values, shift, F::one());
            domain.fft_in_place(values);
        }
        Ok(a.iter().zip(&b).zip(&c).map(|((a, b), c)| *a * *b - *c).collect())
    }

    fn h_query_scalars<F: PrimeField, D: EvaluationDomain<F>>(
        max_power: usize,
        t: F,
        _: F,
        delta_inverse: F,
    ) -> Result<Vec<F>> {
        let powers = std::iter::successors(Some(delta_inverse), |power| Some(*power * t));
        let mut scalars: Vec<F> = powers.take(2 * max_power + 1).collect();
        let domain = D::new(scalars.len()).ok_or(SynthesisError::PolynomialDegreeTooLarge)?;
        domain.ifft_in_place(&mut scalars);
        Ok(scalars.into_iter().skip(1).step_by(2).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Holder, rng};
    use ark_bn254::Bn254;
    use ark_groth16::{Groth16, prepare_verifying_key};
    use veilpass_circuits::{Attest, Circuit, Synthesis};
    use veilpass_params::dev;

    /// A key in that basis proves what arkworks' own verifier accepts.
    #[test]
    fn a_key_in_the_other_basis_proves() {
        type Circom = Groth16<Bn254, CircomReduction>;
        let mut rng = rng(1);
        let mut holder = Holder::new(1, dev::verifying_key().unwrap().circuit_id()).unwrap();
        let request = holder.request("forum.example").unwrap();
        let (statement, witness) = holder.claim(&request).unwrap();
        let key =
            Circom::generate_random_parameters_with_reduction(Synthesis::blank(&Attest), &mut rng).unwrap();
        let (matrices, wires) = (Attest.shape().matrices(), Attest.assign(&statement, &witness));
        let proof = Circom::create_proof_with_reduction_and_matrices(
            &key,
            3u64.into(),
            4u64.into(),
            &matrices.abc,
            matrices.inputs,
            matrices.rows(),
            &wires,
        );
        let (proof, prepared) = (proof.unwrap(), prepare_verifying_key(&key.vk));
        let mut inputs = statement.to_array();
        assert!(Groth16::<Bn254>::verify_proof(&prepared, &proof, &inputs).unwrap());
        inputs[0] += ark_bn254::Fr::from(1u64);
        assert!(!Groth16::<Bn254>::verify_proof(&prepared, &proof, &inputs).unwrap());
    }
}
