//! Products of Miller loops of the optimal ate pairing. Lines are taken up to factors in `F_p²`, which the final
//! exponentiation sends to 1: so a value here need not be arkworks' value, but its final power is.

use super::fe12::Fe12;
use super::g1::At;
use super::g2::{Line, LooseLine, loop_digits};
use super::point::G1;

/// A multi-Miller loop over lines that come in the order of the loop, `width` for each step.
fn run(mut lines: impl FnMut(Fe12) -> Fe12) -> Fe12 {
    let mut f = Fe12::ONE;
    for (n, digit) in loop_digits().enumerate() {
        if n > 0 {
            f = f.square();
        }
        f = lines(f);
        if digit != 0 {
            f = lines(f);
        }
    }
    // The two last additions.
    f = lines(f);
    lines(f)
}

/// `∏ e(Pᵢ, Qᵢ)` before the final exponentiation; `lines` are those of [`super::g2::walk`], `None` stands for infinity.
pub(crate) fn product(at: &[Option<At>], lines: &[Line]) -> Fe12 {
    let mut steps = lines.chunks_exact(at.len().max(1));
    run(|mut f| {
        for (at, line) in at.iter().zip(steps.next().unwrap_or_default()) {
            if let Some(at) = at {
                f = f.mul_by_monic_line(line.slope.scale(at.x), line.shift.scale(at.y));
            }
        }
        f
    })
}

/// `e(A, B) · ∏ e(Pᵢ, Qᵢ)` likewise: one point that was walked alone, and fixed ones.
pub(crate) fn product_with(a: G1, of_b: &[LooseLine], at: &[Option<At>], fixed: &[Line]) -> Fe12 {
    let mut loose = of_b.iter();
    let mut steps = fixed.chunks_exact(at.len().max(1));
    run(|mut f| {
        if let Some(line) = loose.next() {
            f = f.mul_by_line(line.l0.scale(a.y), line.l1.scale(a.x), line.l2);
        }
        for (at, line) in at.iter().zip(steps.next().unwrap_or_default()) {
            if let Some(at) = at {
                f = f.mul_by_monic_line(line.slope.scale(at.x), line.shift.scale(at.y));
            }
        }
        f
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::fe::Fe;
    use crate::curve::g2::{STEPS, in_subgroup, walk, walk_one};
    use crate::curve::point::{G2, Jacobian};
    use crate::curve::wide::{Fixed, is_inside, walk_alone};
    use ark_bn254::{Bn254, Fq, Fq2, G1Affine, G2Affine, G2Projective};
    use ark_ec::pairing::Pairing;
    use ark_ec::short_weierstrass::SWCurveConfig;
    use ark_ec::{AffineRepr, CurveConfig, CurveGroup};
    use ark_ff::{Field, UniformRand};
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use veilpass_kernels::Machine;
    use veilpass_protocol::field::Fr;

    #[test]
    fn products_are_those_of_arkworks() {
        let mut rng = StdRng::seed_from_u64(1);
        for n in 0..6 {
            let mut p: Vec<G1Affine> = (0..n).map(|_| G1Affine::rand(&mut rng)).collect();
            let mut q: Vec<G2Affine> = (0..n).map(|_| G2Affine::rand(&mut rng)).collect();
            if n > 3 {
                p[1] = G1Affine::zero();
                (p[2], q[2]) = (-p[0], q[0]);
                q[3] = -q[0];
            }
            let walked = walk(&q.iter().filter_map(G2::of).collect::<Vec<_>>());
            assert_eq!(walked.lines.len(), STEPS * n);
            assert_eq!(walked.in_subgroup, vec![true; n]);
            let at: Vec<Option<At>> = p.iter().map(|p| Some(At::all(&[G1::of(p)?])[0])).collect();
            let ark = Bn254::multi_pairing(p.clone(), q.clone()).0;
            let ours = product(&at, &walked.lines).final_exponentiation().unwrap();
            assert_eq!(ours.to_ark(), ark);
            let (a, b) = (G1Affine::rand(&mut rng), G2Affine::rand(&mut rng));
            let of_b = walk_one(G2::of(&b).unwrap()).unwrap();
            assert_eq!(of_b.len(), STEPS);
            p.push(a);
            q.push(b);
            let ark = Bn254::multi_pairing(p.clone(), q).0;
            let (a, b) = (G1::of(&a).unwrap(), G2::of(&b).unwrap());
            let ours = product_with(a, &of_b, &at, &walked.lines);
            assert_eq!(ours.final_exponentiation().unwrap().to_ark(), ark);
            // The same in lanes, for two fixed points.
            let (pairs, _) = walked.lines.as_chunks::<2>();
            if let [first, second] = at[..] {
                let [p, q] = [0, 1].map(|n| {
                    // With some Z.
                    let (p, z) = (G1::of(&p[n]).unwrap(), Fe::of(Fq::rand(&mut rng)));
                    Jacobian { x: p.x.mul(z.square()), y: p.y.mul(z.square()).mul(z), z }
                });
                let none = Jacobian::INFINITY;
                let zero = Jacobian { x: Fe::ZERO, y: Fe::ZERO, z: Fe::ZERO };
                for machine in Machine::all() {
                    let fixed = Fixed::on(machine, pairs).unwrap();
                    let in_lanes = fixed.walk(b).unwrap();
                    assert_eq!(fixed.pairing(a, &in_lanes, [p, q]).unwrap().to_ark(), ark);
                    for (points, at) in
                        [([p, none], [first, None]), ([zero, q], [None, second]), ([none, zero], [None; 2])]
                    {
                        let slow = product_with(a, &of_b, &at, &walked.lines).final_exponentiation();
                        assert_eq!(fixed.pairing(a, &in_lanes, points), slow);
                    }
                }
            }
        }
    }

    /// Any point of the twist with this `x`.
    fn of_x(x: Fq2) -> Option<G2Affine> {
        G2Affine::get_point_from_x_unchecked(x, true)
    }

    /// All checks of ours, arkworks' own and the definition.
    fn judged(q: G2Affine) -> bool {
        let by_order = ark_bn254::g2::Config::mul_affine(&q, Fr::characteristic()).into_affine().is_zero();
        assert!(q.is_on_curve());
        assert_eq!(q.is_in_correct_subgroup_assuming_on_curve(), by_order);
        let ours = G2::of(&q).unwrap();
        assert_eq!(in_subgroup(ours), by_order, "{q}");
        assert_eq!(walk_one(ours).is_some(), by_order, "{q}");
        assert_eq!(walk(&[ours]).in_subgroup, [by_order], "{q}");
        for machine in Machine::all() {
            assert_eq!(walk_alone(machine, ours).is_some(), by_order, "{q}");
        }
        assert_eq!(is_inside(ours), by_order, "{q}");
        by_order
    }

    #[test]
    fn four_subgroup_checks_agree_with_the_order() {
        let mut rng = StdRng::seed_from_u64(2);
        for n in 0..30 {
            let inside = if n == 0 { G2Affine::generator() } else { G2Affine::rand(&mut rng) };
            assert!(judged(inside) && judged(-inside));
        }
        let xs = (0..40u64).map(|n| Fq2::new(Fq::from(n), Fq::from(n / 7)));
        let xs: Vec<Fq2> = xs.chain((0..40).map(|_| Fq2::rand(&mut rng))).collect();
        let outside: Vec<G2Affine> = xs.into_iter().filter_map(of_x).collect();
        assert!(outside.len() > 20);
        for q in outside {
            assert!(!judged(q));
            assert!(judged(q.clear_cofactor()));
            // r·q has no part in the subgroup at all; with a point of it added it has both.
            let cofactor = ark_bn254::g2::Config::mul_affine(&q, Fr::characteristic()).into_affine();
            assert!(!judged(cofactor) && !judged((cofactor + G2Affine::generator()).into_affine()));
        }
    }

    /// In no step of the loop is the multiple of Q infinity, Q or −Q, whatever the order of Q on the twist: the cofactor is
    /// the product of these three primes and one of 178 bits, which is above all multiples.
    #[test]
    fn no_step_meets_a_small_order() {
        let primes = [10069, 5864401, 1875725156269];
        let mut k = 1u128;
        for digit in loop_digits() {
            k *= 2;
            let meets = |prime: u128| k.is_multiple_of(prime) || [1, prime - 1].contains(&(k % prime));
            assert!(digit == 0 || !primes.into_iter().any(meets), "{k}");
            k = k.strict_add_signed(digit.into());
            assert!(!primes.iter().any(|prime| k.is_multiple_of(*prime)), "{k}");
        }
        assert_eq!(k, 6 * u128::from(<ark_bn254::Config as ark_ec::bn::BnConfig>::X[0]) + 2);
    }

    /// Points whose order is a small factor of the cofactor.
    #[test]
    fn points_of_small_order_are_refused() {
        let mut rng = StdRng::seed_from_u64(3);
        let factors: [&[u64]; 3] = [&[10069], &[5864401], &[1875725156269]];
        let cofactor = num(ark_bn254::g2::Config::COFACTOR);
        let mut found = 0;
        for small in &factors {
            let small = num(small);
            let (quotient, rest) = divide(cofactor, small.0[0]);
            assert_eq!(rest, 0, "a factor of the cofactor");
            for _ in 0..6 {
                let q = loop {
                    if let Some(q) = of_x(Fq2::rand(&mut rng)) {
                        break q;
                    }
                };
                let q = ark_bn254::g2::Config::mul_affine(&q, Fr::characteristic()).into_affine();
                let q = q.mul_bigint(quotient).into_affine();
                if q.is_zero() {
                    continue;
                }
                assert!(q.mul_bigint(small).into_affine().is_zero());
                assert!(!judged(q) && !judged((q + G2Affine::generator()).into_affine()));
                found += 1;
            }
        }
        assert!(found > 12);
        // Two in one walk disturb no other one.
        let good = G2::of(&G2Affine::generator()).unwrap();
        let small = G2Projective::from(of_small_order(&mut rng, divide(cofactor, 10069).0)).into_affine();
        let walked = walk(&[good, G2::of(&small).unwrap(), good]);
        assert_eq!(walked.in_subgroup, [true, false, true]);
        let alone = walk(&[good]);
        let same = |a: &Line, b: &Line| a.slope == b.slope && a.shift == b.shift;
        assert!(
            alone.lines.iter().zip(walked.lines.chunks(3)).all(|(l, of)| same(l, &of[0]) && same(l, &of[2]))
        );
    }

    fn of_small_order(rng: &mut StdRng, quotient: ark_ff::BigInt<4>) -> G2Affine {
        loop {
            if let Some(q) = of_x(Fq2::rand(rng)) {
                let q = ark_bn254::g2::Config::mul_affine(&q, Fr::characteristic()).into_affine();
                let q = q.mul_bigint(quotient).into_affine();
                if !q.is_zero() {
                    return q;
                }
            }
        }
    }

    fn num(limbs: &[u64]) -> ark_ff::BigInt<4> {
        let mut all = [0; 4];
        all[..limbs.len()].copy_from_slice(limbs);
        ark_ff::BigInt::new(all)
    }

    fn divide(a: ark_ff::BigInt<4>, by: u64) -> (ark_ff::BigInt<4>, u64) {
        let mut rest = 0u128;
        let mut out = [0; 4];
        for n in (0..4).rev() {
            let t = rest << 64 | u128::from(a.0[n]);
            (out[n], rest) = ((t / u128::from(by)) as u64, t % u128::from(by));
        }
        (ark_ff::BigInt::new(out), rest as u64)
    }
}
