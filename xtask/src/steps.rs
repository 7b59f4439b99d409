//! What each command runs, with the time that it took.

use crate::{direction, supply};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// One step of `test`: its name, its budget in minutes on 2 cores, and what it does.
struct Step<'a> {
    name: &'static str,
    budget: u64,
    run: Box<dyn FnOnce() -> Result<(), String> + 'a>,
}

/// Runs a program in a folder; its output goes to ours.
fn run(folder: &Path, program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Result<(), String> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).envs(environment.iter().copied());
    // What cargo told this program about itself. Build scripts that watch these variables would run again, and
    // once more when somebody calls cargo directly.
    for (name, _) in std::env::vars_os() {
        let told = |prefix: &&str| name.to_str().is_some_and(|name| name.starts_with(prefix));
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"].iter().any(told) {
            command.env_remove(&name);
        }
    }
    let status = command.status().map_err(|e| format!("{program} could not be started: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{program} {}` failed", arguments.join(" "))) }
}

/// Everything that CI runs. The budget (build and clippy ≤ 15 minutes, tests ≤ 12, cargo-deny ≤ 3, npm ≤ 2) is
/// that of a fresh clone on 2 cores; a step that takes longer is reported, not failed.
pub fn test(root: &Path, long: bool) -> Result<(), String> {
    let environment: &[(&str, &str)] = if long { &[("VEILPASS_LONG", "1")] } else { &[] };
    let cargo = |arguments: &[&str]| run(root, "cargo", arguments, environment);
    let program = |name: &str, folder: &str| {
        cargo(&["run", "--quiet", "--package", "veilpass-tests", "--bin", name, "--", folder])
    };
    let interop = root.join("tests/interop");
    let client = root.join("tests/client");
    let express = root.join("server/examples/express");
    let steps = [
        Step { name: "formatting", budget: 1, run: Box::new(|| cargo(&["fmt", "--all", "--check"])) },
        Step {
            name: "direction of dependencies",
            budget: 1,
            run: Box::new(|| direction::check(root).map(|said| println!("{said}"))),
        },
        Step {
            name: "reasons for dependencies, compilers",
            budget: 1,
            run: Box::new(|| supply::check(root).map(|said| println!("{said}"))),
        },
        Step { name: "licences, bans, duplicates, sources", budget: 3, run: Box::new(|| supply::deny(root)) },
        Step {
            name: "clippy, warnings denied",
            budget: 5,
            run: Box::new(|| cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])),
        },
        Step {
            name: "build",
            budget: 10,
            run: Box::new(|| cargo(&["build", "--workspace", "--all-targets"])),
        },
        Step {
            name: "tests and doc tests",
            budget: if long { 600 } else { 12 },
            run: Box::new(|| cargo(&["test", "--workspace", "--no-fail-fast"])),
        },
        Step {
            name: "the example of docs/integrate.md",
            budget: 1,
            run: Box::new(|| run(root, "target/debug/examples/memory_sqlite", &[], &[])),
        },
        Step {
            name: "parsers under mutated bytes",
            budget: 3,
            run: Box::new(|| cargo(&["run", "--quiet", "--package", "veilpass-fuzz", "--", "run"])),
        },
        Step {
            name: "packages of the interop checks",
            budget: 2,
            run: Box::new(|| {
                ensure_node(root)?;
                run(&interop, "npm", &["ci"], &[])
            }),
        },
        Step {
            name: "snarkjs agrees with our verdicts",
            budget: if long { 20 } else { 2 },
            run: Box::new(|| {
                let folder = root.join("target/interop").to_string_lossy().into_owned();
                program("interop-cases", &folder)?;
                run(&interop, "node", &["verify.mjs", &folder], &[])
            }),
        },
        Step {
            name: "snarkjs and circom read our files",
            budget: 2,
            run: Box::new(|| {
                let folder = root.join("target/formats").to_string_lossy().into_owned();
                program("format-cases", &folder)?;
                run(&interop, "node", &["formats.mjs", &folder], &[])?;
                run(&interop, "node", &["groth16.mjs", &folder], &[])?;
                program("foreign-proofs", &folder)
            }),
        },
        Step {
            name: "params audit over circomlib",
            budget: 3,
            run: Box::new(|| {
                let folder = root.join("target/audit").to_string_lossy().into_owned();
                let veilpass = root.join("target/debug/veilpass").to_string_lossy().into_owned();
                run(&interop, "node", &["audit.mjs", &folder, &veilpass], &[])
            }),
        },
        Step {
            name: "a TypeScript client compiles",
            budget: 2,
            run: Box::new(|| {
                let folder = root.join("target/descriptions").to_string_lossy().into_owned();
                run(root, "target/debug/examples/descriptions", &[&folder], &[])?;
                run(&client, "npm", &["ci"], &[])?;
                run(&client, "node", &["check.mjs", &folder], &[])
            }),
        },
        Step {
            name: "an Express site in test mode",
            budget: 2,
            run: Box::new(|| {
                let veilpass = root.join("target/debug/veilpass").to_string_lossy().into_owned();
                run(&express, "npm", &["ci"], &[])?;
                run(&express, "node", &["check.mjs", &veilpass], &[])
            }),
        },
    ];
    let mut report = String::new();
    for step in steps {
        println!("\n==> {}", step.name);
        let begun = Instant::now();
        let outcome = (step.run)();
        let took = begun.elapsed();
        let over = if took > Duration::from_secs(60 * step.budget) { ", over its budget" } else { "" };
        report += &format!(
            "  {:<36} {:>6.1} s (budget {} min{over})\n",
            step.name,
            took.as_secs_f64(),
            step.budget
        );
        outcome.map_err(|problem| format!("{}: {problem}\n{report}", step.name))?;
    }
    println!("\nEverything passed.\n{report}");
    Ok(())
}

/// Node runs snarkjs. Where it is missing and we may install packages, Debian's is taken.
fn ensure_node(root: &Path) -> Result<(), String> {
    let there =
        |program: &str| Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success());
    if there("node") && there("npm") {
        return Ok(());
    }
    println!("node and npm are missing: installing the packages nodejs and npm");
    run(root, "apt-get", &["update"], &[])?;
    run(root, "apt-get", &["install", "-y", "nodejs", "npm"], &[])
        .map_err(|problem| format!("{problem}; please install Node.js 20 or newer with npm"))
}

/// Writes the vectors anew, through the generator in `tests`.
pub fn vectors(root: &Path) -> Result<(), String> {
    run(
        root,
        "cargo",
        &["run", "--package", "veilpass-tests", "--bin", "vectors", "--", "tests/vectors/v1"],
        &[],
    )
}

/// A new DEV pair, and the vectors that were made with the old one.
pub fn dev_keys(root: &Path) -> Result<(), String> {
    let made = root.join("target/dev-keys");
    if made.exists() {
        std::fs::remove_dir_all(&made).map_err(|e| format!("{}: {e}", made.display()))?;
    }
    let out = made.to_string_lossy().into_owned();
    run(root, "cargo", &["run", "--package", "veilpass-cli", "--", "params", "setup", "--out", &out], &[])?;
    for name in ["attest-v1.pk", "attest-v1.vk"] {
        let place = root.join("params/keys/attest-v1-dev").join(name);
        std::fs::copy(made.join(name), &place).map_err(|e| format!("{}: {e}", place.display()))?;
    }
    vectors(root)
}
