//! Multiples of points and their transform against ark's.

use crate::{Machine, Recoded, multiples, transform};
use ark_bn254::{Fr, G1Projective};
use ark_ec::PrimeGroup;
use ark_ff::{AdditiveGroup, FftField, Field, UniformRand};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use rand::SeedableRng;
use rand::rngs::StdRng;

#[test]
fn multiples_equal_ark() {
    let mut rng = StdRng::seed_from_u64(21);
    let g = G1Projective::generator();
    let two = |n: u32| Fr::from(2u8).pow([u64::from(n)]);
    let mut scalars = vec![Fr::ZERO, Fr::ONE, -Fr::ONE, two(127), two(128), -two(128), two(253)];
    scalars.extend((0..32).map(|n| two(4 * n) * Fr::from(8u8)));
    // λ, and what lies beside it: halves of 0 and ±1.
    let lambda = <ark_bn254::g1::Config as ark_ec::scalar_mul::glv::GLVConfig>::LAMBDA;
    scalars.extend([lambda, -lambda, lambda + Fr::ONE, lambda - Fr::ONE]);
    scalars.extend((0..40).map(|_| Fr::rand(&mut rng)));
    let points: Vec<G1Projective> = (0..scalars.len())
        .map(|n| match n % 5 {
            0 => g,
            1 => -g.double(),
            2 => G1Projective::ZERO,
            _ => G1Projective::rand(&mut rng),
        })
        .collect();
    let recoded: Vec<Recoded> = scalars.iter().map(Recoded::new).collect();
    for machine in Machine::all() {
        for shift in 0..5 {
            // Every scalar meets every kind of point; lengths that end within a vector.
            let points: Vec<G1Projective> = points.iter().skip(shift).copied().collect();
            let factors: Vec<&Recoded> = recoded.iter().take(points.len()).collect();
            let slow: Vec<G1Projective> = points.iter().zip(&scalars).map(|(p, s)| *p * s).collect();
            assert_eq!(multiples(machine, &points, &factors), slow, "{} {shift}", machine.name());
        }
        assert!(multiples(machine, &[], &[]).is_empty());
    }
}

#[test]
fn transforms_of_points_equal_ark() {
    let mut rng = StdRng::seed_from_u64(22);
    let g = G1Projective::generator();
    for log in [0, 1, 2, 3, 6] {
        let n = 1usize << log;
        let domain = Radix2EvaluationDomain::<Fr>::new(n).unwrap();
        let root = Fr::get_root_of_unity(n as u64).unwrap();
        let powers: Vec<Recoded> = (0..n / 2).map(|i| Recoded::new(&root.pow([i as u64]))).collect();
        for kind in 0..3 {
            let scalars: Vec<Fr> = (0..n)
                .map(|i| match kind {
                    0 => Fr::ONE,
                    1 => Fr::from(u64::from(i == n / 2)),
                    _ => Fr::rand(&mut rng),
                })
                .collect();
            let points: Vec<G1Projective> = scalars.iter().map(|s| g * s).collect();
            let slow: Vec<G1Projective> = domain.fft(&scalars).iter().map(|s| g * s).collect();
            for machine in Machine::all() {
                assert_eq!(transform(machine, &points, &powers), slow, "{} {n} {kind}", machine.name());
            }
        }
    }
}
