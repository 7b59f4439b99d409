//! Tells the program how it was compiled: a figure means nothing without it.

use std::env::var;
use std::process::Command;

fn main() {
    let compiler = var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let version = Command::new(compiler).arg("--version").output();
    let version = version.ok().and_then(|o| String::from_utf8(o.stdout).ok()).unwrap_or_default();
    println!("cargo::rustc-env=VEILPASS_RUSTC={}", version.trim());
    // Flags are separated by the unit separator there.
    let flags = var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default().replace('\u{1f}', " ");
    println!("cargo::rustc-env=VEILPASS_RUSTFLAGS={flags}");
    for name in ["PROFILE", "OPT_LEVEL", "TARGET"] {
        println!("cargo::rustc-env=VEILPASS_{name}={}", var(name).unwrap_or_default());
    }
    println!(
        "cargo::rustc-env=VEILPASS_TARGET_FEATURES={}",
        var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default()
    );
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
}
