//! What `cargo metadata` says, as far as it is asked here.

use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// A package of the lock file.
#[derive(Debug, Clone, Default)]
pub struct Package {
    /// Cargo's own name of it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence, as an SPDX expression.
    pub license: Option<String>,
    /// The compiler that it asks for.
    pub rust_version: Option<String>,
    /// Where its source is developed.
    pub repository: Option<String>,
    /// Whether it is a member of this workspace.
    pub ours: bool,
    /// The names in its manifest's dependencies of every kind.
    pub declared: Vec<String>,
    /// The ids of what it is resolved to need, to run or to be built, on any target.
    pub needs: Vec<String>,
}

/// All packages of the lock file, those of optional features (micro benches) as well.
pub fn read(root: &Path) -> Result<Vec<Package>, String> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--locked", "--all-features"])
        .current_dir(root)
        .output()
        .map_err(|e| format!("cargo metadata could not be started: {e}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let whole: Value = serde_json::from_slice(&output.stdout).map_err(|e| format!("cargo metadata: {e}"))?;
    let list = |v: &Value| v.as_array().cloned().unwrap_or_default();
    let text = |v: &Value| v.as_str().map(str::to_owned);
    let members: Vec<Option<String>> = list(&whole["workspace_members"]).iter().map(text).collect();
    let nodes = list(&whole["resolve"]["nodes"]);
    let packages = list(&whole["packages"]).into_iter().map(|p| {
        let edges = nodes.iter().find(|node| node["id"] == p["id"]);
        let needs = edges.map(|node| list(&node["deps"])).unwrap_or_default().into_iter();
        let needs = needs.filter(|need| list(&need["dep_kinds"]).iter().any(|k| k["kind"] != "dev"));
        Some(Package {
            id: text(&p["id"])?,
            name: text(&p["name"])?,
            version: text(&p["version"])?,
            // An older spelling of the choice between two.
            license: text(&p["license"]).map(|l| l.replace('/', " OR ")),
            rust_version: text(&p["rust_version"]),
            repository: text(&p["repository"]),
            ours: members.contains(&text(&p["id"])),
            declared: list(&p["dependencies"]).iter().filter_map(|d| text(&d["name"])).collect(),
            needs: needs.filter_map(|need| text(&need["pkg"])).collect(),
        })
    });
    let packages: Vec<Package> = packages.flatten().collect();
    if packages.is_empty() { Err("cargo metadata names no packages".into()) } else { Ok(packages) }
}
