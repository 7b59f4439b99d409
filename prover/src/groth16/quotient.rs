//! The quotient `h = (u·v − w)/Z` of a satisfied assignment, `Z = X^N − 1`, N = 8,192 for `attest-v1`, in the form for which the key
//! has points.
//!
//! On the odd coset Z is −2, so h is `−(u·v − w)/2` there. Let g interpolate u·v there. Then `h = −(g − w)/2` also holds
//! coefficient by coefficient, because both sides have fewer than N coefficients. A key whose points contain the part of
//! w needs only the values of u·v. Otherwise the coefficients of w are needed, but no matrix: on a satisfied assignment
//! the values of w are the products of the rows.

use super::spectrum::Basis;
use ark_ff::{AdditiveGroup, Field, batch_inversion};
use std::sync::OnceLock;
use veilpass_circuits::Dimensions;
use veilpass_circuits::builder::RowValues;
use veilpass_kernels::{Domain, Machine};
use veilpass_protocol::field::Fr;
use zeroize::Zeroizing;

/// The polynomials of an assignment, by their coefficients.
pub(super) struct Polynomials {
    pub a: Zeroizing<Vec<Fr>>,
    /// B, which the late challenge needs too.
    pub b: Zeroizing<Vec<Fr>>,
    /// C, where the key's points want it.
    c: Option<Zeroizing<Vec<Fr>>>,
}

/// The values of all rows: after the circuit's rows each public input has a row of its own with A = the input and
/// B = C = 0, as ark-groth16 has it.
pub(super) fn with_inputs(mut rows: RowValues, wires: &[Fr], inputs: usize) -> RowValues {
    rows.a.extend(wires.iter().take(inputs));
    rows
}

/// The domain and what does not depend on an assignment.
pub(super) struct Quotient {
    machine: Machine,
    basis: Basis,
    dimensions: Dimensions,
    domain: OnceLock<Domain>,
}

impl Quotient {
    /// The domain is made when it is needed first.
    pub fn new(machine: Machine, basis: Basis, dimensions: Dimensions) -> Quotient {
        Quotient { machine, basis, dimensions, domain: OnceLock::new() }
    }

    fn domain(&self) -> &Domain {
        self.domain.get_or_init(|| match Domain::new(self.machine, self.dimensions.domain()) {
            Some(domain) => domain,
            None => unreachable!("the engine has checked the size of the circuit"),
        })
    }

    /// Interpolates.
    pub fn polynomials(&self, rows: &RowValues) -> Polynomials {
        let products = || rows.a.iter().zip(rows.b.iter()).map(|(a, b)| *a * b).collect::<Vec<Fr>>();
        let (a, (b, c)) = rayon::join(
            || self.coefficients(&rows.a),
            || {
                let c = || (self.basis == Basis::Powers).then(|| Zeroizing::new(products()));
                rayon::join(|| self.coefficients(&rows.b), || c().map(|c| self.coefficients(&c)))
            },
        );
        Polynomials { a, b, c }
    }

    /// From values on the roots; those that are missing are zero.
    pub fn coefficients(&self, values: &[Fr]) -> Zeroizing<Vec<Fr>> {
        Zeroizing::new(self.domain().coefficients(values))
    }

    /// To values on the odd coset.
    pub fn odd_values(&self, coefficients: &[Fr]) -> Zeroizing<Vec<Fr>> {
        Zeroizing::new(self.domain().odd_values(coefficients))
    }

    /// H, by its coefficients but the last, which is zero, or by the values of A·B on the odd coset.
    pub fn divide(&self, of: &Polynomials) -> Zeroizing<Vec<Fr>> {
        let (mut values, b) = rayon::join(|| self.odd_values(&of.a), || self.odd_values(&of.b));
        values.iter_mut().zip(b.iter()).for_each(|(a, b)| *a *= b);
        let Some(c) = &of.c else { return values };
        let mut h = Zeroizing::new(self.domain().odd_coefficients(&values));
        let minus_half = -Fr::ONE / Fr::from(2u8);
        h.iter_mut().zip(c.iter()).for_each(|(p, c)| *p = (*p - c) * minus_half);
        h.pop();
        h
    }

    /// `(ωʲ/n)·B(X)/(X − ωʲ)`, with j the row of the challenge: what H gains when the challenge grows by one, from the
    /// coefficients of B.
    pub fn per_challenge(&self, b: &[Fr]) -> Zeroizing<Vec<Fr>> {
        let domain = self.domain();
        // The row of the challenge is that of the last input.
        let row = self.dimensions.rows + self.dimensions.inputs - 1;
        let root = domain.root().pow([row as u64]);
        let scale = root / Fr::from(domain.size() as u64);
        if self.basis == Basis::OddValues {
            // −2 times the values.
            let mut values = self.odd_values(b);
            let mut inverses: Vec<Fr> = domain.odd_points().map(|x| x - root).collect();
            batch_inversion(&mut inverses);
            let scale = -scale.double();
            values.iter_mut().zip(inverses).for_each(|(b, inverse)| *b *= inverse * scale);
            return values;
        }
        // Exact, since B is zero in that row; by synthetic division.
        let mut out = Zeroizing::new(vec![Fr::ZERO; b.len().saturating_sub(1)]);
        let mut carry = Fr::ZERO;
        for (out, b) in out.iter_mut().zip(b.iter().skip(1)).rev() {
            carry = carry * root + b;
            *out = carry * scale;
        }
        out
    }
}
