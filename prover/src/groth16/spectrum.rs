//! The key's points for the quotient under Fourier transforms.
//!
//! Let `[f]` be `Σ fᵢ·[τⁱ Z(τ)/δ]₁` for f of degree at most N − 2. A key has the points `[Xⁱ]`. Their transforms serve f
//! given by its values: on the roots of unity, with `ℓₛ` the Lagrange polynomial of `ωˢ`, or on the odd coset, with `ℓ′ᵢ`
//! that of `ζωⁱ`, ζ² = ω. The coefficient of `X^(N−1)` in these has no point and needs none: in every sum it vanishes.

use ark_bn254::G1Projective;
use ark_ff::{AdditiveGroup, FftField, Field};
use veilpass_kernels::{Machine, Recoded, multiples, transform};
use veilpass_protocol::field::Fr;

/// In which form H is written, by the points that there are for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Basis {
    /// By its n − 1 coefficients, as in ark's key.
    Powers,
    /// By the n values of A·B on the odd coset, where Z is −2, for points `−½·[ℓ′ᵢ]`. What C subtracts is linear in the
    /// wires, and in their points.
    OddValues,
}

/// Transforms of n points.
pub(super) struct Spectrum {
    pub machine: Machine,
    pub n: usize,
    pub n_inverse: Fr,
    /// `ωⁱ` for i < n/2.
    powers: Vec<Recoded>,
    /// `−ζ^(−i)/(2n)`.
    pub twist: Vec<Recoded>,
}

impl Spectrum {
    /// `None` if the field has no root of unity of order 2n.
    pub fn new(machine: Machine, n: usize) -> Option<Spectrum> {
        let zeta = Fr::get_root_of_unity(2 * n as u64)?;
        let powers = geometric(Fr::ONE, zeta.square(), n / 2).map(|root| Recoded::new(&root)).collect();
        let n_inverse = Fr::from(n as u64).inverse()?;
        let first = -n_inverse * Fr::from(2u8).inverse()?;
        let twist = geometric(first, zeta.inverse()?, n).map(|x| Recoded::new(&x)).collect();
        Some(Spectrum { machine, n, n_inverse, powers, twist })
    }

    /// `n·[ℓₛ]` from the `[Xʲ]`.
    pub fn on_roots(&self, powers: &[G1Projective]) -> Vec<G1Projective> {
        self.backward(&self.padded(powers))
    }

    /// `−½·[ℓ′ᵢ]` from the `[Xʲ]`.
    pub fn on_odd(&self, powers: &[G1Projective]) -> Vec<G1Projective> {
        self.backward(&self.times(&self.padded(powers), &self.twist))
    }

    /// The points, and infinity up to n of them.
    pub fn padded(&self, points: &[G1Projective]) -> Vec<G1Projective> {
        let mut points = points.to_vec();
        points.resize(self.n, G1Projective::ZERO);
        points
    }

    /// `factors[i] · points[i]`.
    pub fn times(&self, points: &[G1Projective], factors: &[Recoded]) -> Vec<G1Projective> {
        multiples(self.machine, points, &factors.iter().collect::<Vec<_>>())
    }

    /// `Σ ω^(jk)·xⱼ`.
    pub fn forward(&self, points: &[G1Projective]) -> Vec<G1Projective> {
        transform(self.machine, points, &self.powers)
    }

    /// `Σ ω^(−jk)·xⱼ`.
    pub fn backward(&self, points: &[G1Projective]) -> Vec<G1Projective> {
        let mut points = self.forward(points);
        if let Some(rest) = points.get_mut(1..) {
            rest.reverse();
        }
        points
    }
}

/// `first, first·ratio, …`
pub(super) fn geometric(first: Fr, ratio: Fr, n: usize) -> impl Iterator<Item = Fr> {
    std::iter::successors(Some(first), move |x| Some(*x * ratio)).take(n)
}
