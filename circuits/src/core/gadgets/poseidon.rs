//! Poseidon in constraints: the permutation of `veilpass_protocol::poseidon`, three rows per S-box.
//!
//! Everything between two S-boxes is linear and costs no row. The rows of an S-box are `(x, x)`,
//! `(x², x²)` and `(x⁴, x)`: with `x⁴` on the A side it never occurs in B, and the costly product in
//! G2 has a third fewer points. The partial rounds use the sparse form: the combinations that enter
//! the S-boxes are the same as in the dense form (both are *the* linear map from earlier S-box outputs
//! to this input), they are only cheaper to compute.

use crate::core::builder::{Builder, Lc};
use ark_ff::Field;
use veilpass_protocol::field::Fr;
use veilpass_protocol::poseidon::{FULL_ROUNDS, MAX_INPUTS, Parameters, sbox as fifth_power};

/// `H_N(inputs)` as a combination.
///
/// Rows: 3 for each of the `8t − 1 + partial` S-boxes, t = N + 1 (in the first round the capacity lane
/// is a constant).
pub fn hash<const N: usize>(b: &mut Builder, inputs: [&Lc; N]) -> Lc {
    let p = parameters::<N>();
    let last: Vec<Lc> = before_last_sboxes(b, p, &inputs).iter().map(|x| sbox(b, x)).collect();
    mix_row(&p.mds[0], &last)
}

/// Enforces `H_N(inputs) = output`, with the rows of [`hash`] and none more: the product row of the
/// last S-box carries the equality, since `output = Σ mᵢ yᵢ` can be solved for the last `y`.
pub fn assert_hash<const N: usize>(b: &mut Builder, inputs: [&Lc; N], output: &Lc) {
    let p = parameters::<N>();
    let xs = before_last_sboxes(b, p, &inputs);
    let (last, others) = (&xs[N], &xs[..N]);
    let ys: Vec<Lc> = others.iter().map(|x| sbox(b, x)).collect();
    let rest = output - &mix_row(&p.mds[0][..N], &ys);
    // The entries of a Cauchy matrix are inverses, so none is zero.
    let last_y = &rest * p.mds[0][N].inverse().unwrap_or_default();
    let x2 = b.product(last, last);
    let x4 = b.product(&x2, &x2);
    b.row(&x4, last, &last_y);
}

fn parameters<const N: usize>() -> &'static Parameters {
    const { assert!(N >= 1 && N <= MAX_INPUTS, "Poseidon takes 1 to 8 inputs here") };
    match Parameters::for_inputs(N) {
        Some(p) => p,
        None => unreachable!("N is checked when the program is compiled"),
    }
}

/// All rounds but the last layer of S-boxes and the last mixing; the inputs of these S-boxes.
fn before_last_sboxes(b: &mut Builder, p: &Parameters, inputs: &[&Lc]) -> Vec<Lc> {
    let half = FULL_ROUNDS / 2;
    let last = p.round_constants.len() - 1;
    let constants = &p.round_constants;

    // Round 0: the capacity lane is 0 plus its constant, so its S-box is a constant too.
    let capacity = b.constant(fifth_power(constants[0][0]));
    let mut state = vec![capacity];
    for (input, c) in inputs.iter().zip(&constants[0][1..]) {
        let x = *input + &b.constant(*c);
        state.push(sbox(b, &x));
    }
    state = mix(&p.mds, &state);
    for round in &constants[1..half] {
        state = full_round(b, &state, round, &p.mds);
    }

    for round in &p.sparse.rounds {
        let y = sbox(b, &(&state[0] + &b.constant(round.constant)));
        let head =
            Lc::combine(std::iter::once((round.row[0], &y)).chain(pairs(&round.row[1..], &state[1..])));
        for (lane, c) in state[1..].iter_mut().zip(&round.column) {
            *lane = Lc::combine([(Fr::ONE, &*lane), (*c, &y)]);
        }
        state[0] = head;
    }
    let finished = mix(&p.sparse.finish, &state[1..]);
    state.truncate(1);
    state.extend(finished);

    state = full_round(b, &state, &p.sparse.constants_after, &p.mds);
    for round in &constants[half + p.partial_rounds + 1..last] {
        state = full_round(b, &state, round, &p.mds);
    }
    add_constants(b, &state, &constants[last])
}

fn full_round(b: &mut Builder, state: &[Lc], constants: &[Fr], mds: &[Vec<Fr>]) -> Vec<Lc> {
    let boxed: Vec<Lc> = add_constants(b, state, constants).iter().map(|x| sbox(b, x)).collect();
    mix(mds, &boxed)
}

fn add_constants(b: &Builder, state: &[Lc], constants: &[Fr]) -> Vec<Lc> {
    state.iter().zip(constants).map(|(x, c)| x + &b.constant(*c)).collect()
}

fn sbox(b: &mut Builder, x: &Lc) -> Lc {
    let x2 = b.product(x, x);
    let x4 = b.product(&x2, &x2);
    b.product(&x4, x)
}

fn mix(matrix: &[Vec<Fr>], state: &[Lc]) -> Vec<Lc> {
    matrix.iter().map(|row| mix_row(row, state)).collect()
}

fn mix_row(row: &[Fr], state: &[Lc]) -> Lc {
    Lc::combine(pairs(row, state))
}

fn pairs<'a>(row: &'a [Fr], state: &'a [Lc]) -> impl Iterator<Item = (Fr, &'a Lc)> {
    row.iter().copied().zip(state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::shape::Shape;
    use ark_ff::UniformRand;
    use rand::{SeedableRng, rngs::StdRng};
    use veilpass_protocol::poseidon;

    fn check<const N: usize>(rows: usize, rng: &mut StdRng) {
        let values: [Fr; N] = std::array::from_fn(|i| if i == 0 { -Fr::ONE } else { Fr::rand(rng) });
        let expected = poseidon::hash(&values);
        let mut b = Builder::with_rows();
        let inputs = values.map(|x| b.wire(x));
        let output = hash(&mut b, inputs.each_ref());
        assert_eq!(output.value(), expected);
        let (wires, made) = b.finish();
        assert_eq!(made.len(), rows, "H_{N}");
        let shape = Shape::new(made, 1 + N, wires.len());
        assert!(shape.failing_rows(&wires).next().is_none());

        for (claimed, holds) in [(expected, true), (expected + Fr::ONE, false), (Fr::rand(rng), false)] {
            let mut b = Builder::with_rows();
            let inputs = values.map(|x| b.wire(x));
            let output = b.wire(claimed);
            assert_hash(&mut b, inputs.each_ref(), &output);
            let (wires, made) = b.finish();
            let shape = Shape::new(made, 2 + N, wires.len());
            let failing: Vec<usize> = shape.failing_rows(&wires).collect();
            assert_eq!(shape.rows(), rows, "the equality is free");
            assert_eq!(failing, if holds { vec![] } else { vec![rows - 1] });
        }
    }

    /// Rows by width, and the values of the plain hash.
    #[test]
    fn equals_the_plain_hash() {
        let mut rng = StdRng::seed_from_u64(1);
        check::<1>(213, &mut rng);
        check::<2>(240, &mut rng);
        check::<3>(261, &mut rng);
        check::<4>(297, &mut rng);
        check::<5>(321, &mut rng);
        check::<6>(354, &mut rng);
        check::<7>(381, &mut rng);
        check::<8>(402, &mut rng);
    }
}
