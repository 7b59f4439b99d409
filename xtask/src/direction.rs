//! Which crate may depend on which: checked against what cargo resolved, not against a promise.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Each of our crates and the ones of ours that it may depend on, directly or not.
const ALLOWED: [(&str, &[&str]); 12] = [
    ("kernels", &[]),
    ("protocol", &["kernels"]),
    ("circuits", &["kernels", "protocol"]),
    ("verifier", &["kernels", "protocol"]),
    ("params", &["kernels", "protocol", "circuits", "verifier"]),
    ("prover", &["kernels", "protocol", "circuits", "verifier", "params"]),
    ("server", &["kernels", "protocol", "circuits", "verifier", "params", "prover"]),
    ("bench", &["kernels", "protocol", "circuits", "verifier", "params", "prover", "server"]),
    ("cli", &["kernels", "protocol", "circuits", "verifier", "params", "prover", "server", "bench"]),
    ("tests", &["kernels", "protocol", "circuits", "verifier", "params", "prover", "server"]),
    ("fuzz", &["kernels", "protocol", "circuits", "verifier", "params", "prover", "server"]),
    ("xtask", &[]),
];

/// What a platform must not have to link, anywhere below `veilpass-verifier`.
const NOT_IN_VERIFIER: [&str; 9] =
    ["ark-r1cs-std", "ark-relations", "ark-groth16", "tokio", "axum", "hyper", "reqwest", "sqlx", "rayon"];

/// Most packages below the verifier, third-party ones included.
const VERIFIER_TREE: usize = 95;

/// Checks the directions, the verifier's tree, and that no crate has third-party packages for its tests
/// alone (after `cargo demo`, building the tests compiles no third-party crate).
pub fn check(root: &Path) -> Result<String, String> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root)
        .output()
        .map_err(|e| format!("cargo metadata could not be started: {e}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let metadata: Value =
        serde_json::from_slice(&output.stdout).map_err(|e| format!("cargo metadata: {e}"))?;
    let graph = Graph::read(&metadata)?;
    let mut problems = Vec::new();
    for (name, allowed) in ALLOWED {
        let package = format!("veilpass-{name}");
        if !graph.edges.contains_key(&package) {
            problems.push(format!("{package} is not in the workspace"));
        }
        for below in graph.below(&package) {
            let ours = below.strip_prefix("veilpass-").filter(|_| below != package);
            if ours.is_some_and(|folder| !allowed.contains(&folder)) {
                problems.push(format!("{package} depends on {below}"));
            }
        }
        problems.extend(
            graph.test_only(&package).into_iter().map(|p| format!("{package}: {p} is used by tests alone")),
        );
    }
    let named: BTreeSet<String> = ALLOWED.iter().map(|(name, _)| format!("veilpass-{name}")).collect();
    problems.extend(
        graph.members.difference(&named).map(|p| format!("{p} has no direction in xtask/src/direction.rs")),
    );
    let tree = verifier_tree(root)?;
    problems.extend(
        NOT_IN_VERIFIER.iter().filter(|p| tree.contains(**p)).map(|p| format!("the verifier links {p}")),
    );
    if tree.len() > VERIFIER_TREE {
        problems.push(format!("the verifier's tree has {} packages, more than {VERIFIER_TREE}", tree.len()));
    }
    if problems.is_empty() {
        Ok(format!(
            "directions hold for {} crates; the verifier's tree has {} packages",
            ALLOWED.len(),
            tree.len()
        ))
    } else {
        Err(problems.join("\n"))
    }
}

/// What a platform links that depends on the verifier alone: features of other crates do not count.
fn verifier_tree(root: &Path) -> Result<BTreeSet<String>, String> {
    let arguments =
        ["tree", "--package", "veilpass-verifier", "--edges", "normal", "--prefix", "none", "--locked"];
    let output = Command::new("cargo")
        .args(arguments)
        .current_dir(root)
        .output()
        .map_err(|e| format!("cargo tree: {e}"))?;
    if !output.status.success() {
        return Err(format!("cargo tree failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|n| !n.is_empty())
        .map(str::to_owned)
        .collect())
}

/// Packages by name, with what they need to build and run.
struct Graph {
    edges: BTreeMap<String, BTreeSet<String>>,
    dev: BTreeMap<String, BTreeSet<String>>,
    members: BTreeSet<String>,
}

impl Graph {
    fn read(metadata: &Value) -> Result<Graph, String> {
        let list = |v: &Value| v.as_array().cloned().unwrap_or_default();
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let names: BTreeMap<String, String> =
            list(&metadata["packages"]).iter().map(|p| (text(&p["id"]), text(&p["name"]))).collect();
        let name = |id: &Value| names.get(id.as_str().unwrap_or_default()).cloned().unwrap_or_default();
        let mut graph = Graph {
            edges: BTreeMap::new(),
            dev: BTreeMap::new(),
            members: list(&metadata["workspace_members"]).iter().map(&name).collect(),
        };
        for node in list(&metadata["resolve"]["nodes"]) {
            for dependency in list(&node["deps"]) {
                let kinds: Vec<String> =
                    list(&dependency["dep_kinds"]).iter().map(|k| text(&k["kind"])).collect();
                let dev_only = kinds.iter().all(|kind| kind == "dev");
                let into = if dev_only { &mut graph.dev } else { &mut graph.edges };
                into.entry(name(&node["id"])).or_default().insert(name(&dependency["pkg"]));
            }
            graph.edges.entry(name(&node["id"])).or_default();
        }
        if graph.members.is_empty() { Err("cargo metadata names no packages".into()) } else { Ok(graph) }
    }

    /// The package and everything that it needs, directly or not.
    fn below(&self, package: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut open = vec![package.to_owned()];
        while let Some(next) = open.pop() {
            if found.insert(next.clone()) {
                open.extend(self.edges.get(&next).into_iter().flatten().cloned());
            }
        }
        found
    }

    /// Third-party packages that a crate's tests need and the program does not.
    fn test_only(&self, package: &str) -> Vec<String> {
        let program = self.below("veilpass-cli");
        let dev = self.dev.get(package).into_iter().flatten();
        dev.filter(|p| !p.starts_with("veilpass-") && !program.contains(*p)).cloned().collect()
    }
}
