//! Transforms against ark-poly's, products of matrices against the definition.

use crate::{Domain, Machine};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, FftField, Field, UniformRand};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use rand::SeedableRng;
use rand::rngs::StdRng;

#[test]
fn transforms_equal_ark() {
    let mut rng = StdRng::seed_from_u64(11);
    for log in [6, 7, 8, 11, 13] {
        let n = 1usize << log;
        let plain = Radix2EvaluationDomain::<Fr>::new(n).unwrap();
        let odd = plain.get_coset(Fr::get_root_of_unity(2 * n as u64).unwrap()).unwrap();
        for machine in Machine::all() {
            let domain = Domain::new(machine, n).unwrap();
            assert_eq!((domain.size(), domain.root()), (n, plain.group_gen));
            for length in [0, 1, 7, n - 9, n] {
                for kind in 0..3 {
                    let input: Vec<Fr> = (0..length)
                        .map(|i| match kind {
                            0 => -Fr::ONE,
                            1 => Fr::from(u64::from(i + 1 == length)),
                            _ => Fr::rand(&mut rng),
                        })
                        .collect();
                    let mut padded = input.clone();
                    padded.resize(n, Fr::ZERO);
                    let name = machine.name();
                    assert_eq!(domain.coefficients(&input), plain.ifft(&padded), "{name} {n} {length}");
                    assert_eq!(domain.odd_values(&input), odd.fft(&padded), "{name} {n} {length}");
                    assert_eq!(domain.odd_coefficients(&input), odd.ifft(&padded), "{name} {n} {length}");
                }
            }
        }
    }
}

#[test]
fn other_sizes_are_refused() {
    for n in [0, 1, 32, 63, 65, 96, 1 << 28] {
        assert!(Domain::new(Machine::portable(), n).is_none(), "{n}");
    }
}
