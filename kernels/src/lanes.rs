//! Eight field elements side by side, and the two machines that compute with them.

use crate::field::Field;
use crate::portable::Eight;
use ark_bn254::{Fq, Fr};
use std::sync::OnceLock;
use zeroize::DefaultIsZeroes;

/// Elements in one vector.
pub const LANES: usize = 8;

/// One cache line: two field elements of 256 bits in the backend's own Montgomery form. What is stored by
/// one backend cannot be read by another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Line(pub [u64; 8]);

/// Eight elements of a field in a backend's own form, as they lie in memory.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub struct Block(pub(crate) [[u64; 8]; 5]);

impl DefaultIsZeroes for Block {}

/// Eight elements of a field. Each may be kept in a redundant form; [`Lanes::to_field`] is canonical.
pub trait Lanes<F: Field>: Copy {
    /// From eight elements of ark's.
    fn from_field(x: [F; LANES]) -> Self;
    /// To eight elements of ark's.
    fn to_field(self) -> [F; LANES];
    /// The same element in every lane.
    fn splat(x: F) -> Self;
    /// Takes two elements from each of eight lines.
    fn read(lines: [&Line; LANES]) -> (Self, Self);
    /// Puts two elements into each of eight lines. Both below 2^256; below p if `reduced` was called.
    fn write(first: Self, second: Self) -> [Line; LANES];
    /// As it was put by [`Lanes::to_block`].
    fn from_block(block: &Block) -> Self;
    /// For memory.
    fn to_block(self) -> Block;
    /// Lane i of vector j becomes lane j of vector i.
    fn transpose(vectors: [Self; LANES]) -> [Self; LANES];
    /// The canonical form, below p.
    fn reduced(self) -> Self;
    /// Sum.
    fn add(self, other: Self) -> Self;
    /// Difference.
    fn sub(self, other: Self) -> Self;
    /// Product.
    fn mul(self, other: Self) -> Self;
    /// `a·b + c·d` with one reduction.
    fn two_products(a: Self, b: Self, c: Self, d: Self) -> Self;
    /// `Σ aᵢ·bᵢ` with one reduction for all; at most 16 terms.
    fn dot<const N: usize>(a: &[Self; N], b: &[Block]) -> Self;
    /// `−x` in the lanes whose bit is set.
    fn negate_where(self, mask: u8) -> Self;
}

/// For the coefficients of one element of an extension field side by side: lanes change places, and sums are brought
/// back only where the caller says so.
///
/// Values may be anything from 0 to 84p (five limbs of 52 bits hold no more), and the caller keeps the account. What
/// comes of [`Slack::plus`] and [`Slack::minus`] is loose: limbs carry nothing on yet and the value may be negative. It may
/// be arranged, added and subtracted further, a hundred terms at most; before a product it is settled or trimmed.
/// [`Lanes::mul`] and [`Lanes::two_products`] take such values too, and come out as [`Slack::finish`] does.
pub trait Slack<F: Field>: Lanes<F> {
    /// Products that wait for one reduction; at most 24 of them, and together below `(84p)²`.
    type Sum: Copy;
    /// Lane i of the result is lane `from[i]` of the first vector, or lane `from[i] − 8` of the second.
    fn arrange(self, other: Self, from: &[u64; LANES]) -> Self;
    /// A loose sum.
    fn plus(self, other: Self) -> Self;
    /// A loose difference.
    fn minus(self, other: Self) -> Self;
    /// The value itself, `K·p` added; loose no more. For values from `−K·p`.
    fn settled<const K: u64>(self) -> Self;
    /// The same residue from 0 to 2p. For values from `−K·p` to `(84 − K)·p`.
    fn trimmed<const K: u64>(self) -> Self;
    /// No products.
    fn nothing() -> Self::Sum;
    /// `sum + a·b`.
    fn accumulate(sum: &mut Self::Sum, a: Self, b: Self);
    /// The sum of products reduced: where it was below `s·p²`, below `(s/84 + 1)·p`.
    fn finish(sum: Self::Sum) -> Self;
}

/// A set of vectors that belong together.
pub trait Backend: 'static {
    /// Whether it has vectors at all. A task that has a better plan without them asks first, and is then not
    /// compiled for the other.
    const WIDE: bool;
    /// Of the base field.
    type Fq: Slack<Fq>;
    /// Of the scalar field.
    type Fr: Lanes<Fr>;

    /// Asks for a value that will soon be read.
    #[inline(always)]
    fn prefetch<T>(_: &T) {}
}

/// A computation over any backend. Everything that `run` calls with vectors must be `#[inline(always)]`, or
/// the machine's wide instructions are called one by one.
pub trait Task {
    /// What comes out.
    type Out;
    /// Computes it.
    fn run<B: Backend>(self) -> Self::Out;
}

/// ark's own arithmetic, one element after the other; runs everywhere.
pub(crate) struct Portable;

impl Backend for Portable {
    const WIDE: bool = false;
    type Fq = Eight<Fq>;
    type Fr = Eight<Fr>;
}

/// What [`Machine::current`] answers.
static CURRENT: OnceLock<Machine> = OnceLock::new();

/// Which machine computes. Chosen at run time; only what the processor has can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Ifma,
}

impl Machine {
    /// The environment variable that names the machine of a process: [`Machine::name`] of one that the processor has.
    pub const VARIABLE: &str = "VEILPASS_MACHINE";

    /// The machine that this process computes on: the one that [`Machine::VARIABLE`] names, or else the best that
    /// the processor has. It is settled by the first call and stays the same until the process ends. A value that
    /// names no machine counts as unset here; `veilpass` refuses it.
    pub fn current() -> Machine {
        *CURRENT.get_or_init(|| {
            let named = std::env::var(Machine::VARIABLE).ok().and_then(|name| Machine::named(&name));
            named.unwrap_or_else(Machine::detect)
        })
    }

    /// The machine of this name, if the processor has it.
    pub fn named(name: &str) -> Option<Machine> {
        Machine::all().into_iter().find(|machine| machine.name() == name)
    }

    /// The best that this processor has.
    pub fn detect() -> Machine {
        #[cfg(target_arch = "x86_64")]
        if crate::ifma::available() {
            return Machine(Kind::Ifma);
        }
        Machine::portable()
    }

    /// The one that runs everywhere.
    pub fn portable() -> Machine {
        Machine(Kind::Portable)
    }

    /// All that this processor has: the portable one first.
    pub fn all() -> Vec<Machine> {
        let mut all = vec![Machine::portable()];
        all.extend(Some(Machine::detect()).filter(|m| *m != Machine::portable()));
        all
    }

    /// `portable` or `avx512ifma`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Kind::Ifma => "avx512ifma",
        }
    }

    /// Runs a task if this machine has vectors. The task is not compiled for the other.
    #[inline]
    pub fn run_wide<T: Task>(self, task: T) -> Option<T::Out> {
        match self.0 {
            Kind::Portable => {
                drop(task);
                None
            }
            #[cfg(target_arch = "x86_64")]
            Kind::Ifma => Some(crate::ifma::run(task)),
        }
    }

    /// Runs a task on this machine.
    #[inline]
    pub fn run<T: Task>(self, task: T) -> T::Out {
        match self.0 {
            Kind::Portable => task.run::<Portable>(),
            #[cfg(target_arch = "x86_64")]
            Kind::Ifma => crate::ifma::run(task),
        }
    }
}
