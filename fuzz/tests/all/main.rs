//! The runner finds what it is there for, and the committed corpora hold.

mod control;
mod corpora;
