//! `VEILPASS_MACHINE` (contract §5): which instructions this process computes with.

use crate::outcome::Failure;
use veilpass_kernels::Machine;

/// The variable. Child processes inherit it, so `demo` and the measurements of `bench` compute alike.
const VARIABLE: &str = "VEILPASS_MACHINE";

/// Reads the variable. Has to be called before anything computes.
pub fn choose() -> Result<(), Failure> {
    let Some(value) = std::env::var_os(VARIABLE) else {
        return Ok(());
    };
    let portable = Machine::portable();
    if value != portable.name() {
        return Err(Failure::Usage(format!(
            "{VARIABLE} is {value:?}, which is not known. Set it to {:?} to compute without AVX-512, or unset it \
             to use the best instructions that the processor has",
            portable.name()
        )));
    }
    let late = |other: Machine| Failure::Fault(format!("this process computes on {} already", other.name()));
    portable.choose().map_err(late)
}
