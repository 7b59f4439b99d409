//! What the commitment of the quotient gains when single rows change.
//!
//! h changes in every coefficient when a row does. But `[h] = Σ hᵢ·[τⁱ Z(τ)/δ]₁` is linear in h. Let the values of rows
//! change by Δu in the first factor and Δv in the second (`alpha` and `beta` below). Then `[h]` changes by
//!
//! ```text
//! Σₛ Δuₛ (ωˢ/N)·[(v − v(ωˢ))/(X − ωˢ)] + Δvₛ (ωˢ/N)·[(u − u(ωˢ))/(X − ωˢ)]
//!    + (Δuₛ Mₛ(Δv) + Δvₛ Mₛ(Δu))·[ℓₛ] + Δuₛ Δvₛ·[(ℓₛ² − ℓₛ)/Z]
//! ```
//!
//! over the changed rows s alone (docs/notes/proving.md). The openings of a polynomial at all roots come from
//! three transforms of points, as in Feist, Khovratovich, "Fast amortized KZG proofs" (ePrint 2023/033); here
//! the cyclic half of the correlation needs none, so that two of single length are left.

use super::blinding::Unblinded;
use super::engine::Engine;
use super::quotient::{Polynomials, challenge_row};
use super::session::difference;
use super::spectrum::{Basis, Spectrum, geometric};
use ark_bn254::{G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, Field, batch_inversion};
use veilpass_circuits::system::RowValues;
use veilpass_kernels::{FixedBases, G1, G2, Machine, Matrix, Recoded};
use veilpass_protocol::field::Fr;
use zeroize::Zeroizing;

/// Widths of the digits for some four hundred wires, and for as many with 1,800 other points.
const WINDOW_OF_WIRES: usize = 10;
const WINDOW_OF_C: usize = 11;

/// Points of a key, one for each root.
pub(super) struct Lagrange {
    spectrum: Spectrum,
    half: Fr,
    /// `2n·ζ^(−1) ω^(−i)`.
    scale: Vec<Fr>,
    /// `n·[ℓₛ]`.
    l: Vec<G1Projective>,
    /// `n²·[(ℓₛ² − ℓₛ)/Z]`.
    k: Vec<G1Projective>,
    /// `−½·[ℓ′ᵢ]`.
    odd: Vec<G1Projective>,
}

impl Lagrange {
    /// From the key's points of H: three transforms of points.
    pub fn new(machine: Machine, h: &[G1Affine], basis: Basis) -> Option<Lagrange> {
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
        Some(Lagrange { spectrum, half: Fr::from(2u8).inverse()?, scale, l, k, odd })
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

/// What a change of scope, slot and predicates can change.
pub(super) struct Changing {
    pub wires: Vec<usize>,
    pub rows: Vec<usize>,
}

/// What a session can turn by: points for the wires and rows that change.
pub(super) struct Openings {
    wires: Vec<usize>,
    /// The row of the challenge first.
    rows: Vec<usize>,
    a: FixedBases<G1>,
    b: FixedBases<G2>,
    /// Four for each row: the openings of B and of A, `n·[ℓₛ]`, `n²·[(ℓₛ² − ℓₛ)/Z]`; then L for the wires.
    c: FixedBases<G1>,
    /// `ωᵗ/(ωˢ − ωᵗ)`, zero where s = t: by row s and column t.
    others: Matrix,
    /// R of the base: what C gains when the challenge grows by one.
    late: G1Projective,
    /// For each row what β counts in R, at `n·[ℓₛ]` and at that of the challenge.
    late_factors: Vec<(Fr, Fr)>,
}

/// By how much the values of the wires and rows that can change do change.
pub(super) struct Changes {
    wires: Zeroizing<Vec<Fr>>,
    a: Zeroizing<Vec<Fr>>,
    b: Zeroizing<Vec<Fr>>,
}

/// A value, or zero beyond the end.
fn at<T: Copy + Default>(values: &[T], place: usize) -> T {
    values.get(place).copied().unwrap_or_default()
}

impl Openings {
    /// For these rows and wires of a base, and the row of the challenge.
    pub fn new(engine: &Engine, base: &Polynomials, changing: Changing) -> Openings {
        let (key, rooms) = (engine.lagrange(), engine.rooms());
        let Spectrum { machine, n_inverse, roots, .. } = &key.spectrum;
        let of = |coefficients: &[Fr]| key.openings(&engine.quotient().odd_values(coefficients));
        let (in_b, in_a) = (of(&base.b), of(&base.a));
        let challenge = challenge_row();
        let mut rows = vec![challenge];
        rows.extend(changing.rows.into_iter().filter(|row| *row != challenge));
        let wires = changing.wires;
        let points = rows.iter().flat_map(|s| [&in_b, &in_a, &key.l, &key.k].map(|of| at(of, *s)));
        let mut c = G1Projective::normalize_batch(&points.collect::<Vec<_>>());
        let (of_a, of_b, of_c) = engine.points_of(&wires);
        c.extend(of_c);
        let root = at(roots, challenge);
        // B is zero in the row of the challenge, so nothing is missing in its opening.
        let late = at(&in_b, challenge) * (root * n_inverse);
        let at_rows: Vec<Fr> = rows.iter().map(|s| at(roots, *s)).collect();
        let mut inverses: Vec<Fr> =
            at_rows.iter().flat_map(|s| at_rows.iter().map(move |t| *s - t)).collect();
        batch_inversion(&mut inverses);
        let to_others: Vec<Fr> =
            at_rows.iter().cycle().zip(&inverses).map(|(t, inverse)| *t * inverse).collect();
        // The first column, of the challenge's row.
        let to_challenge = inverses.iter().step_by(rows.len());
        let factors = at_rows.iter().zip(to_challenge).map(|(s, inverse)| {
            let inverse = *inverse * n_inverse.square();
            (root * inverse, *s * inverse)
        });
        Openings {
            late_factors: factors.collect(),
            a: FixedBases::new(*machine, &of_a, WINDOW_OF_WIRES, rooms),
            b: FixedBases::new(*machine, &of_b, WINDOW_OF_WIRES, rooms),
            c: FixedBases::new(*machine, &c, WINDOW_OF_C, rooms),
            others: Matrix::new(*machine, rows.len(), &to_others),
            wires,
            rows,
            late,
        }
    }

    /// What changes; `None` if it is a wire or row that has no points here.
    pub fn changes(&self, wires: [&[Fr]; 2], base: &RowValues, now: &RowValues) -> Option<Changes> {
        let [then, wires] = wires;
        Some(Changes {
            wires: changes_at(&self.wires, then, wires)?,
            a: changes_at(&self.rows, &base.a, &now.a)?,
            b: changes_at(&self.rows, &base.b, &now.b)?,
        })
    }

    /// What the three sums gain by them.
    pub fn gain(&self, engine: &Engine, base: &RowValues, by: &Changes) -> Unblinded {
        let ((a, b), c) = rayon::join(
            || rayon::join(|| self.a.sum(&by.wires), || self.b.sum(&by.wires)),
            || self.gain_of_c(engine, base, by),
        );
        Unblinded { a, b, c }
    }

    fn gain_of_c(&self, engine: &Engine, base: &RowValues, by: &Changes) -> G1Projective {
        let (key, basis) = (engine.lagrange(), engine.quotient().basis());
        // n·E(α) and n·E(β).
        let [of_a, of_b] = [&by.a, &by.b].map(|x| Zeroizing::new(self.others.times(x)));
        let n_inverse = key.spectrum.n_inverse;
        let mut scalars = Zeroizing::new(Vec::with_capacity(4 * self.rows.len() + self.wires.len()));
        let changes = self.rows.iter().zip(by.a.iter().zip(by.b.iter())).zip(of_a.iter().zip(of_b.iter()));
        for ((row, (alpha, beta)), (of_a, of_b)) in changes {
            let scale = at(&key.spectrum.roots, *row) * n_inverse;
            let others = *alpha * of_b + *beta * of_a;
            // Where C is in the points of the wires, they have had its half (αb + βa + αβ)/2.
            let own = match basis {
                Basis::Powers => *alpha * at(&base.b, *row) + *beta * at(&base.a, *row),
                Basis::OddValues => -*alpha * beta,
            };
            let own = own * key.half;
            scalars.extend([
                *alpha * scale,
                *beta * scale,
                (others * n_inverse + own) * n_inverse,
                *alpha * beta * n_inverse * n_inverse,
            ]);
        }
        scalars.extend_from_slice(&by.wires);
        self.c.sum(&scalars)
    }

    /// R after these changes: `[B/(X − ωʲ)]` of the base, and of each `βₛ·ℓₛ` what
    /// `ℓₛ/(X − ωʲ) = (ℓₛ − ω^(s−j) ℓⱼ)/(ωˢ − ωʲ)` says.
    pub fn late(&self, by: &Changes) -> G1Projective {
        let betas = || by.b.iter().zip(&self.late_factors);
        let far: Fr = betas().map(|(beta, (_, far))| *beta * far).sum();
        let mut scalars = Zeroizing::new(Vec::with_capacity(4 * self.rows.len()));
        for (place, (beta, (near, _))) in betas().enumerate() {
            let of_l = if place == 0 { -far } else { *beta * near };
            scalars.extend([Fr::ZERO, Fr::ZERO, of_l, Fr::ZERO]);
        }
        self.late + self.c.sum(&scalars)
    }
}

/// By how much values change at these places; `None` if they change elsewhere. What is missing is zero.
fn changes_at(places: &[usize], then: &[Fr], now: &[Fr]) -> Option<Zeroizing<Vec<Fr>>> {
    let all = difference(now, then);
    let there = Zeroizing::new(places.iter().map(|place| at(&all, *place)).collect::<Vec<Fr>>());
    let changed = |values: &[Fr]| values.iter().filter(|x| **x != Fr::ZERO).count();
    (changed(&there) == changed(&all)).then_some(there)
}
