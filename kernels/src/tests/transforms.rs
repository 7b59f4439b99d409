//! Transforms against ark-poly's, products of matrices against the definition.

use crate::{Domain, Machine, Matrix};
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

#[test]
fn products_of_matrices_are_sums_of_products() {
    let mut rng = StdRng::seed_from_u64(12);
    for (rows, columns) in [(0, 0), (1, 1), (3, 16), (8, 17), (17, 1), (40, 65), (250, 250)] {
        for kind in 0..3 {
            let mut number = |i: usize| match kind {
                0 => -Fr::ONE,
                1 => Fr::from(u64::from(i % 7 == 3)),
                _ => Fr::rand(&mut rng),
            };
            let entries: Vec<Fr> = (0..rows * columns).map(&mut number).collect();
            let x: Vec<Fr> = (0..columns).map(&mut number).collect();
            for length in [0, columns / 2, columns] {
                let product = |row: &[Fr]| row.iter().zip(&x[..length]).map(|(a, b)| *a * b).sum();
                let slow: Vec<Fr> = entries.chunks(columns.max(1)).map(product).collect();
                for machine in Machine::all() {
                    let matrix = Matrix::new(machine, columns, &entries);
                    assert_eq!(
                        matrix.times(&x[..length]),
                        slow,
                        "{} {rows} {columns} {length}",
                        machine.name()
                    );
                    // What is beyond the columns counts for nothing.
                    let more = [&x[..], &[Fr::ONE; 20]].concat();
                    assert!(length < columns || matrix.times(&more) == slow);
                }
            }
        }
    }
}
