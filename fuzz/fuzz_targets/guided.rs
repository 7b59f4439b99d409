//! libFuzzer around one target: the one that `VEILPASS_FUZZ_TARGET` names. One binary for all of them,
//! because linking is what costs.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;
use veilpass_fuzz::{Target, target};

fn chosen() -> &'static Target {
    static CHOSEN: OnceLock<&'static Target> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let name = std::env::var("VEILPASS_FUZZ_TARGET").expect("VEILPASS_FUZZ_TARGET names a target");
        target(&name).unwrap_or_else(|| panic!("no target is called {name}"))
    })
}

fuzz_target!(|input: &[u8]| {
    (chosen().judge)(input);
});
