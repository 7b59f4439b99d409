//! `VEILPASS_MACHINE` (contract §5): which instructions this process computes with.

use crate::outcome::Failure;
use veilpass_kernels::Machine;

/// Refuses a value that names no machine, before anything computes. [`Machine::current`] reads the same variable;
/// child processes inherit it, so `demo` and the measurements of `bench` compute alike.
pub fn check() -> Result<(), Failure> {
    let variable = Machine::VARIABLE;
    let Some(value) = std::env::var_os(variable) else {
        return Ok(());
    };
    if value.to_str().and_then(Machine::named).is_some() {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{variable} is {value:?}, which this processor does not have. Set it to {:?} to compute without AVX-512, or \
         unset it to use the best instructions that the processor has",
        Machine::portable().name()
    )))
}
