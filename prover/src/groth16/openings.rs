//! What the commitment of the quotient gains when single rows change.
//!
//! H changes in every coefficient when a row does. But with `H = Σ hₖ Xᵏ ↦ Σ hₖ·[τᵏ Z(τ)/δ]₁` linear, and row values that
//! change by α in A and β in B, the commitment changes by
//!
//! ```text
//! Σₛ αₛ (ωˢ/n)·[(B − bₛ)/(X − ωˢ)] + βₛ (ωˢ/n)·[(A − aₛ)/(X − ωˢ)] + (αₛEₛ(β) + βₛEₛ(α))·[Lₛ] + αₛβₛ·[(Lₛ² − Lₛ)/Z]
//! ```
//!
//! over the changed rows s alone (docs/notes/proving.md). The openings of a polynomial at all roots come from
//! three transforms of points, as in Feist, Khovratovich, "Fast amortized KZG proofs" (ePrint 2023/033); here
//! the cyclic half of the correlation needs none, so that two of single length are left.

use super::quotient::{Polynomials, Quotient};
use super::session::difference;
use ark_bn254::{G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, FftField, Field, batch_inversion};
use veilpass_circuits::dimensions;
use veilpass_circuits::system::RowValues;
use veilpass_kernels::{FixedBases, G1, Machine, Recoded, Rooms, multiples, transform};
use veilpass_protocol::field::Fr;
use veilpass_protocol::statement::INPUTS;
use zeroize::Zeroizing;

/// Width of the digits for a few thousand points of which a thousand count.
const WINDOW: usize = 9;

/// Points of a key, one for each root.
pub(super) struct Lagrange {
    machine: Machine,
    rooms: Rooms,
    n: usize,
    n_inverse: Fr,
    half: Fr,
    /// `ωⁱ`.
    roots: Vec<Fr>,
    /// `ωⁱ` for i < n/2, for transforms.
    powers: Vec<Recoded>,
    /// `ζ^(−i)`, ζ² = ω.
    twist: Vec<Recoded>,
    /// `ζ^(−1) ω^(−i)/(2n)`.
    scale: Vec<Fr>,
    /// `n·[Lₛ]`, without the coefficient of X^(n−1): in every sum that is used it vanishes.
    l: Vec<G1Projective>,
    /// `n²·[(Lₛ² − Lₛ)/Z]`.
    k: Vec<G1Projective>,
    /// `Σ ζ^(−j) ω^(−ij)·[τʲ Z(τ)/δ]₁`.
    odd: Vec<G1Projective>,
}

impl Lagrange {
    /// From `[τᵏ Z(τ)/δ]₁`, k from 0 to n − 2: three transforms of points.
    pub fn new(machine: Machine, h: &[G1Affine], rooms: Rooms) -> Option<Lagrange> {
        let n = (h.len() + 1).next_power_of_two();
        let zeta = Fr::get_root_of_unity(2 * n as u64)?;
        let (root, back) = (zeta.square(), zeta.inverse()?);
        let powers_of = |x: Fr| std::iter::successors(Some(Fr::ONE), move |y| Some(*y * x)).take(n);
        let roots: Vec<Fr> = powers_of(root).collect();
        let powers: Vec<Recoded> = roots.iter().take(n / 2).map(Recoded::new).collect();
        let twist: Vec<Recoded> = powers_of(back).map(|x| Recoded::new(&x)).collect();
        let (n_inverse, half) = (Fr::from(n as u64).inverse()?, Fr::from(2u8).inverse()?);
        let factor = back * n_inverse * half;
        let scale = powers_of(back.square()).map(|x| x * factor).collect();
        let mut points: Vec<G1Projective> = h.iter().map(|p| p.into_group()).collect();
        points.resize(n, G1Projective::ZERO);
        let degrees: Vec<Recoded> = (0..n).map(|j| Recoded::new(&Fr::from((n - 1 - j) as u64))).collect();
        let times = |factors: &[Recoded]| multiples(machine, &points, &factors.iter().collect::<Vec<_>>());
        let backward = |points: &[G1Projective]| reversed(transform(machine, points, &powers));
        let (l, k, odd) = (backward(&points), backward(&times(&degrees)), backward(&times(&twist)));
        Some(Lagrange { machine, rooms, n, n_inverse, half, roots, powers, twist, scale, l, k, odd })
    }

    /// For every row s its opening `[(P − P(ωˢ))/(X − ωˢ)]` less `P(ωˢ)·ω^(−s)·n/2·[Lₛ]`, from P's values on the odd
    /// coset.
    ///
    /// The opening is `Σ ω^(si)·Vᵢ` with `Vᵢ = Σⱼ p_(i+1+j)·[τʲ Z(τ)/δ]`, a correlation without wrapping: half the sum of the
    /// cyclic one, which at a root is a product and here left out, and of the negacyclic one.
    fn openings(&self, odd_values: &[Fr]) -> Vec<G1Projective> {
        let factors: Vec<Recoded> = odd_values
            .iter()
            .zip(&self.scale)
            .map(|(value, scale)| Recoded::new(&(*value * scale)))
            .collect();
        let products = multiples(self.machine, &self.odd, &factors.iter().collect::<Vec<_>>());
        let sums = reversed(transform(self.machine, &products, &self.powers));
        let sums = multiples(self.machine, &sums, &self.twist.iter().collect::<Vec<_>>());
        transform(self.machine, &sums, &self.powers)
    }
}

/// From `Σ ω^(jk) xⱼ` to `Σ ω^(−jk) xⱼ`.
fn reversed(mut points: Vec<G1Projective>) -> Vec<G1Projective> {
    if let Some(rest) = points.get_mut(1..) {
        rest.reverse();
    }
    points
}

/// What a session can turn by: points for the rows that a change of scope, slot and predicates changes.
pub(super) struct Openings {
    /// The row of the challenge first.
    rows: Vec<usize>,
    /// Four for each of them: the openings of B and of A, `n·[Lₛ]`, `n²·[(Lₛ² − Lₛ)/Z]`.
    points: FixedBases<G1>,
    /// R of the base: what C gains when the challenge grows by one.
    late: G1Projective,
    /// For each row what β counts in R, at `n·[Lₛ]` and at that of the challenge.
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
        let points = FixedBases::new(key.machine, &points, WINDOW, &key.rooms);
        let root = at(&key.roots, challenge);
        // B is zero in the row of the challenge, so nothing is missing in its opening.
        let late = at(&in_b, challenge) * (root * key.n_inverse);
        let mut inverses: Vec<Fr> = rows.iter().map(|s| at(&key.roots, *s) - root).collect();
        batch_inversion(&mut inverses);
        let factors = rows.iter().zip(inverses).map(|(s, inverse)| {
            let inverse = inverse * key.n_inverse.square();
            (root * inverse, at(&key.roots, *s) * inverse)
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
        let n_inverse = key.n_inverse;
        let degree = Fr::from(key.n as u64) - Fr::ONE;
        let mut scalars = Zeroizing::new(Vec::with_capacity(4 * self.rows.len()));
        for row in self.rows.iter().copied() {
            let (alpha, beta) = (at(&by.a, row), at(&by.b, row));
            let scale = at(&key.roots, row) * n_inverse;
            // n·(αE(β) + βE(α)).
            let others = alpha * at(&of_b, row) + beta * at(&of_a, row) - alpha * beta * degree;
            let own = (alpha * at(&base.b, row) + beta * at(&base.a, row)) * key.half;
            scalars.extend([
                alpha * scale,
                beta * scale,
                (others * n_inverse + own) * n_inverse,
                alpha * beta * n_inverse * n_inverse,
            ]);
        }
        self.points.sum(&scalars)
    }

    /// R after these changes: `[B/(X − ωʲ)]` of the base, and of each `βₛ·Lₛ` what
    /// `Lₛ/(X − ωʲ) = (Lₛ − ω^(s−j) Lⱼ)/(ωˢ − ωʲ)` says.
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
