//! What the commitment of the quotient gains when single rows change.
//!
//! H changes in every coefficient when a row does. But with `H = Σ hₖ Xᵏ ↦ Σ hₖ·[τᵏ Z(τ)/δ]₁` linear, and row values that
//! change by α in A and β in B, the commitment changes by
//!
//! ```text
//! Σₛ αₛ (ωˢ/n)·[(B − bₛ)/(X − ωˢ)] + βₛ (ωˢ/n)·[(A − aₛ)/(X − ωˢ)] + (αₛEₛ(β) + βₛEₛ(α))·[ℓₛ] + αₛβₛ·[(ℓₛ² − ℓₛ)/Z]
//! ```
//!
//! over the changed rows s alone (docs/notes/proving.md). The openings of a polynomial at all roots come from
//! three transforms of points, as in Feist, Khovratovich, "Fast amortized KZG proofs" (ePrint 2023/033); here
//! the cyclic half of the correlation needs none, so that two of single length are left.

use super::quotient::{Polynomials, Quotient};
use super::session::difference;
use super::spectrum::{Basis, Spectrum, geometric};
use ark_bn254::{G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, Field, batch_inversion};
use veilpass_circuits::dimensions;
use veilpass_circuits::system::RowValues;
use veilpass_kernels::{FixedBases, G1, Machine, Recoded, Rooms};
use veilpass_protocol::field::Fr;
use veilpass_protocol::statement::INPUTS;
use zeroize::Zeroizing;

/// Width of the digits for a few thousand points of which a thousand count.
const WINDOW: usize = 9;

/// Points of a key, one for each root.
pub(super) struct Lagrange {
    spectrum: Spectrum,
    rooms: Rooms,
    half: Fr,
    /// `2n·ζ^(−1) ω^(−i)`.
    scale: Vec<Fr>,
    /// `n·[ℓₛ]`.
    l: Vec<G1Projective>,
    /// `n²·[(ℓₛ² − ℓₛ)/Z]`.
    k: Vec<G1Projective>,
    /// `−½·[λᵢ]`.
    odd: Vec<G1Projective>,
}

impl Lagrange {
    /// From the key's points of H: three transforms of points.
    pub fn new(machine: Machine, h: &[G1Affine], basis: Basis, rooms: Rooms) -> Option<Lagrange> {
        let spectrum = Spectrum::new(machine, h.len().next_power_of_two())?;
        let (n, back) = (spectrum.n, spectrum.zeta.inverse()?);
        let scale = geometric(back * Fr::from(2 * n as u64), back.square(), n).collect();
        let h: Vec<G1Projective> = h.iter().map(|p| p.into_group()).collect();
        let (powers, odd) = match basis {
            Basis::Powers => (spectrum.padded(&h), spectrum.on_odd(&h)),
            Basis::OddValues => (spectrum.powers(&h), h),
        };
        let degrees: Vec<Recoded> = (0..n).map(|j| Recoded::new(&Fr::from((n - 1 - j) as u64))).collect();
        let k = spectrum.backward(&spectrum.times(&powers, &degrees));
        let l = spectrum.on_roots(&powers);
        Some(Lagrange { spectrum, rooms, half: Fr::from(2u8).inverse()?, scale, l, k, odd })
    }

    /// For every row s its opening `[(P − P(ωˢ))/(X − ωˢ)]` less `P(ωˢ)·ω^(−s)·n/2·[ℓₛ]`, from P's values on the odd
    /// coset.
    ///
    /// The opening is `Σ ω^(si)·Vᵢ` with `Vᵢ = Σⱼ p_(i+1+j)·[Xʲ]`, a correlation without wrapping: half the sum of the
    /// cyclic one, which at a root is a product and here left out, and of the negacyclic one.
    fn openings(&self, odd_values: &[Fr]) -> Vec<G1Projective> {
        let factors = odd_values.iter().zip(&self.scale);
        let factors: Vec<Recoded> = factors.map(|(value, scale)| Recoded::new(&(*value * scale))).collect();
        let sums = self.spectrum.backward(&self.spectrum.times(&self.odd, &factors));
        self.spectrum.forward(&self.spectrum.times(&sums, &self.spectrum.twist))
    }
}

/// What a session can turn by: points for the rows that a change of scope, slot and predicates changes.
pub(super) struct Openings {
    /// The row of the challenge first.
    rows: Vec<usize>,
    /// Four for each of them: the openings of B and of A, `n·[ℓₛ]`, `n²·[(ℓₛ² − ℓₛ)/Z]`.
    points: FixedBases<G1>,
    /// R of the base: what C gains when the challenge grows by one.
    late: G1Projective,
    /// For each row what β counts in R, at `n·[ℓₛ]` and at that of the challenge.
    late_factors: Vec<(Fr, Fr)>,
}

/// By how much the rows' values change, row by row.
pub(super) struct Changes {
    a: Zeroizing<Vec<Fr>>,
    b: Zeroizing<Vec<Fr>>,
}

/// A value, or zero beyond the end.
fn at<T: Copy + Default>(values: &[T], place: usize) -> T {
    values.get(place).copied().unwrap_or_default()
}

/// The row of the challenge.
fn challenge_row() -> usize {
    dimensions().rows + INPUTS
}

impl Openings {
    /// For these rows of a base, and that of the challenge.
    pub fn new(key: &Lagrange, quotient: &Quotient, base: &Polynomials, others: Vec<usize>) -> Openings {
        let of = |coefficients: &[Fr]| key.openings(&quotient.odd_values(coefficients));
        let (in_b, in_a) = (of(&base.b), of(&base.a));
        let challenge = challenge_row();
        let mut rows = vec![challenge];
        rows.extend(others.into_iter().filter(|row| *row != challenge));
        let points = rows.iter().flat_map(|s| [&in_b, &in_a, &key.l, &key.k].map(|of| at(of, *s)));
        let points = G1Projective::normalize_batch(&points.collect::<Vec<_>>());
        let points = FixedBases::new(key.spectrum.machine, &points, WINDOW, &key.rooms);
        let root = at(&key.spectrum.roots, challenge);
        // B is zero in the row of the challenge, so nothing is missing in its opening.
        let late = at(&in_b, challenge) * (root * key.spectrum.n_inverse);
        let mut inverses: Vec<Fr> = rows.iter().map(|s| at(&key.spectrum.roots, *s) - root).collect();
        batch_inversion(&mut inverses);
        let factors = rows.iter().zip(inverses).map(|(s, inverse)| {
            let inverse = inverse * key.spectrum.n_inverse.square();
            (root * inverse, at(&key.spectrum.roots, *s) * inverse)
        });
        let late_factors = factors.collect();
        Openings { rows, points, late, late_factors }
    }

    /// What changes; `None` if it is a row that has no points here.
    pub fn changes(&self, base: &RowValues, now: &RowValues) -> Option<Changes> {
        let changes = Changes { a: difference(&now.a, &base.a), b: difference(&now.b, &base.b) };
        let changed = |row: &usize| at(&changes.a, *row) != Fr::ZERO || at(&changes.b, *row) != Fr::ZERO;
        let known = self.rows.iter().filter(|row| changed(row)).count();
        let all = (0..changes.a.len()).filter(changed).count();
        (known == all).then_some(changes)
    }

    /// What the quotient's commitment gains by them.
    pub fn gain(&self, key: &Lagrange, quotient: &Quotient, base: &RowValues, by: &Changes) -> G1Projective {
        let (of_a, of_b) = rayon::join(|| slopes(quotient, &by.a), || slopes(quotient, &by.b));
        let n_inverse = key.spectrum.n_inverse;
        let degree = Fr::from(key.spectrum.n as u64) - Fr::ONE;
        let mut scalars = Zeroizing::new(Vec::with_capacity(4 * self.rows.len()));
        for row in self.rows.iter().copied() {
            let (alpha, beta) = (at(&by.a, row), at(&by.b, row));
            let scale = at(&key.spectrum.roots, row) * n_inverse;
            // n·(αE(β) + βE(α)).
            let others = alpha * at(&of_b, row) + beta * at(&of_a, row) - alpha * beta * degree;
            // Where C is in the points of the wires, they have had its half (αb + βa + αβ)/2.
            let own = match quotient.basis() {
                Basis::Powers => alpha * at(&base.b, row) + beta * at(&base.a, row),
                Basis::OddValues => -alpha * beta,
            };
            let own = own * key.half;
            scalars.extend([
                alpha * scale,
                beta * scale,
                (others * n_inverse + own) * n_inverse,
                alpha * beta * n_inverse * n_inverse,
            ]);
        }
        self.points.sum(&scalars)
    }

    /// R after these changes: `[B/(X − ωʲ)]` of the base, and of each `βₛ·ℓₛ` what
    /// `ℓₛ/(X − ωʲ) = (ℓₛ − ω^(s−j) ℓⱼ)/(ωˢ − ωʲ)` says.
    pub fn late(&self, by: &Changes) -> G1Projective {
        let betas = || self.rows.iter().map(|row| at(&by.b, *row)).zip(&self.late_factors);
        let far: Fr = betas().map(|(beta, (_, far))| beta * far).sum();
        let mut scalars = Zeroizing::new(Vec::with_capacity(4 * self.rows.len()));
        for (place, (beta, (near, _))) in betas().enumerate() {
            let of_l = if place == 0 { -far } else { beta * near };
            scalars.extend([Fr::ZERO, Fr::ZERO, of_l, Fr::ZERO]);
        }
        self.late + self.points.sum(&scalars)
    }
}

/// `ωˢ X′(ωˢ)` for the polynomial with X(ωᵗ) = xₜ. It is `Σ xₜ ωᵗ/(ωˢ − ωᵗ)` over t ≠ s, which is n·Eₛ, and
/// `xₛ (n − 1)/2`.
fn slopes(quotient: &Quotient, x: &[Fr]) -> Zeroizing<Vec<Fr>> {
    let mut derivative = quotient.coefficients(x);
    let mut degree = Fr::ZERO;
    for c in derivative.iter_mut() {
        *c *= degree;
        degree += Fr::ONE;
    }
    quotient.values(&derivative)
}
