//! The project's chores: `cargo xtask test | vectors | dev-keys | check-direction | check-dependencies | deny | sbom`.

mod direction;
mod metadata;
mod sbom;
mod steps;
mod supply;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "cargo xtask COMMAND

  test [--long]       everything: formatting, clippy, tests, doc tests, direction, interop
  check-direction     which crate may depend on which
  check-dependencies  every direct dependency has its reason, and none asks for a newer compiler
  deny                licences, bans, duplicates and sources, by cargo-deny (installed into target/tools)
  sbom [TARGET]       the program's bill of materials in CycloneDX, into target/sbom
  vectors             writes tests/vectors/v1 anew
  dev-keys            writes params/keys/attest-v1-dev anew (after a change of the circuit)";

fn main() -> ExitCode {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["test"] => steps::test(&root, false),
        ["test", "--long"] => steps::test(&root, true),
        ["check-direction"] => direction::check(&root).map(|said| println!("{said}")),
        ["check-dependencies"] => supply::check(&root).map(|said| println!("{said}")),
        ["deny"] => supply::deny(&root),
        ["sbom"] => sbom::write(&root, sbom::TARGET).map(|said| println!("{said}")),
        ["sbom", target] => sbom::write(&root, target).map(|said| println!("{said}")),
        ["vectors"] => steps::vectors(&root),
        ["dev-keys"] => steps::dev_keys(&root),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::FAILURE
        }
    }
}
