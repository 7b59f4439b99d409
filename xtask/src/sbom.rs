//! The bill of materials of the program `veilpass`: CycloneDX 1.6, from what cargo resolved and the checksums of
//! the lock file. Everything is in it that the lock file has below the program, with the use that is made of it.
//! The same sources give the same bytes: there is no time and no serial number in it.

use crate::metadata::{self, Package};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// What it is made for unless another target is named.
pub const TARGET: &str = "x86_64-unknown-linux-gnu";
/// The package whose program is described.
const PROGRAM: &str = "veilpass-cli";

/// Writes the file and says what is in it.
pub fn write(root: &Path, target: &str) -> Result<String, String> {
    let (bill, count) = bill(root, target)?;
    let folder = root.join("target/sbom");
    let path = folder.join(format!("veilpass-{target}.cdx.json"));
    let text = serde_json::to_string_pretty(&bill).map_err(|e| e.to_string())? + "\n";
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(&path, text))
        .map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(format!("{}: {count}", path.display()))
}

/// The document, and its figures in words.
fn bill(root: &Path, target: &str) -> Result<(Value, String), String> {
    let packages = metadata::read(root)?;
    let lock = std::fs::read_to_string(root.join("Cargo.lock")).map_err(|e| format!("Cargo.lock: {e}"))?;
    let checksums = checksums(&lock);
    let by_id: BTreeMap<&str, &Package> = packages.iter().map(|p| (p.id.as_str(), p)).collect();
    let program = packages.iter().find(|p| p.name == PROGRAM).ok_or("there is no veilpass-cli")?;
    let linked = compiled(root, target, "normal,no-proc-macro")?;
    let built = compiled(root, target, "normal,build")?;
    let reference = |p: &Package| {
        let version = p.version.replace('+', "%2B");
        if p.ours {
            format!("veilpass:{}@{version}", p.name)
        } else {
            format!("pkg:cargo/{}@{version}", p.name)
        }
    };
    let mut components = BTreeMap::new();
    let mut dependencies = BTreeMap::new();
    let mut uses = BTreeMap::new();
    for package in below(&by_id, program) {
        let own = reference(package);
        let needs: BTreeSet<String> =
            package.needs.iter().filter_map(|id| by_id.get(id.as_str())).map(|p| reference(p)).collect();
        dependencies.insert(own.clone(), json!({"ref": own, "dependsOn": needs}));
        if package.id == program.id {
            continue;
        }
        let key = (package.name.clone(), package.version.clone());
        let used = match (linked.contains(&key), built.contains(&key)) {
            (true, _) => "linked",
            (false, true) => "at work when it is built",
            (false, false) => "not compiled",
        };
        *uses.entry(used).or_insert(0) += 1;
        components.insert(own.clone(), component(package, &own, used, &checksums)?);
    }
    let figures = uses.iter().map(|(used, count)| format!("{count} {used}")).collect::<Vec<_>>().join(", ");
    let bill = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application", "bom-ref": reference(program), "name": "veilpass", "version": program.version,
                "licenses": [{"expression": program.license}]
            },
            "properties": [{"name": "veilpass:target", "value": target}]
        },
        "components": components.into_values().collect::<Vec<_>>(),
        "dependencies": dependencies.into_values().collect::<Vec<_>>()
    });
    Ok((bill, figures))
}

fn component(
    package: &Package,
    reference: &str,
    used: &str,
    checksums: &BTreeMap<(String, String), String>,
) -> Result<Value, String> {
    let (name, version) = (&package.name, &package.version);
    let license = package.license.as_ref().ok_or(format!("{name} {version} declares no licence"))?;
    let scope = if used == "linked" { "required" } else { "excluded" };
    let mut component = json!({
        "type": "library", "bom-ref": reference, "name": name, "version": version, "scope": scope,
        "licenses": [{"expression": license}], "properties": [{"name": "veilpass:use", "value": used}]
    });
    if !package.ours {
        let checksum = checksums.get(&(name.clone(), version.clone()));
        let checksum = checksum.ok_or(format!("{name} {version} has no checksum in Cargo.lock"))?;
        component["purl"] = json!(reference);
        component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
        if let Some(url) = &package.repository {
            component["externalReferences"] = json!([{"type": "vcs", "url": url}]);
        }
    }
    Ok(component)
}

/// The package and everything below it in the lock file, tests' packages left out.
fn below<'a>(by_id: &BTreeMap<&str, &'a Package>, program: &'a Package) -> Vec<&'a Package> {
    let mut found = BTreeMap::new();
    let mut open = vec![program.id.as_str()];
    while let Some(id) = open.pop() {
        if let Some(package) = by_id.get(id)
            && found.insert(id, *package).is_none()
        {
            open.extend(package.needs.iter().map(String::as_str));
        }
    }
    found.into_values().collect()
}

/// Names and versions of what cargo compiles for the program with the features that are chosen.
fn compiled(root: &Path, target: &str, edges: &str) -> Result<BTreeSet<(String, String)>, String> {
    let output = Command::new("cargo")
        .args(["tree", "--package", PROGRAM, "--prefix", "none", "--locked"])
        .args(["--target", target, "--edges", edges])
        .current_dir(root)
        .output()
        .map_err(|e| format!("cargo tree could not be started: {e}"))?;
    if !output.status.success() {
        return Err(format!("cargo tree failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = text.lines().filter_map(|line| line.split_once(" v"));
    let version = |rest: &str| rest.split(' ').next().unwrap_or_default().to_owned();
    Ok(lines.map(|(name, rest)| (name.to_owned(), version(rest))).collect())
}

/// SHA-256 of each package as the registry gave it.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let value = |block: &str, name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""));
        line.and_then(|rest| rest.strip_suffix('"')).map(str::to_owned)
    };
    let blocks = lock.split("[[package]]\n");
    blocks.filter_map(|b| Some(((value(b, "name")?, value(b, "version")?), value(b, "checksum")?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn root() -> PathBuf {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
    }

    /// Everything below the program by another way: the lock file's own lists, in which a version stands
    /// where a name alone would not do. (They hold what tests need, too, which by our rule is no more.)
    fn below_in_the_lock_file(lock: &str) -> BTreeMap<(String, String), Option<String>> {
        let value = |block: &str, name: &str| {
            let line = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""));
            line.and_then(|rest| rest.strip_suffix('"')).map(str::to_owned)
        };
        let blocks: Vec<&str> = lock.split("[[package]]\n").skip(1).collect();
        let mut found = BTreeMap::new();
        let mut open = vec![PROGRAM.to_owned()];
        while let Some(wanted) = open.pop() {
            let (name, version) = wanted.split_once(' ').map_or((&wanted[..], None), |(n, v)| (n, Some(v)));
            let of_name = blocks.iter().filter(|b| value(b, "name").as_deref() == Some(name));
            let matching: Vec<&&str> = of_name
                .filter(|b| version.is_none_or(|v| value(b, "version").as_deref() == Some(v)))
                .collect();
            let [block] = matching[..] else { panic!("{wanted}: {}", matching.len()) };
            let key = (name.to_owned(), value(block, "version").unwrap());
            if found.insert(key, value(block, "checksum")).is_none() {
                let listed = block.lines().filter_map(|l| l.strip_prefix(" \"")?.strip_suffix("\","));
                open.extend(listed.map(str::to_owned));
            }
        }
        found
    }

    /// Every package that the lock file has below the program is named once, with its own checksum and licence.
    #[test]
    fn everything_in_the_lock_file_is_named() {
        let (bill, _) = bill(&root(), TARGET).unwrap();
        let components = bill["components"].as_array().unwrap();
        let of = |c: &Value, member: &str| c[member].as_str().unwrap().to_owned();
        let mut locked = below_in_the_lock_file(&std::fs::read_to_string(root().join("Cargo.lock")).unwrap());
        assert!(locked.len() > 300, "{}", locked.len());
        locked.retain(|(name, _), _| name != PROGRAM);
        for component in components {
            let key = (of(component, "name"), of(component, "version"));
            let checksum = locked.remove(&key).unwrap_or_else(|| panic!("{key:?}: twice, or not locked"));
            assert_eq!(checksum.as_deref(), component["hashes"][0]["content"].as_str(), "{key:?}");
            assert!(checksum.is_some() || key.0.starts_with("veilpass-"), "{key:?}");
            assert!(component["licenses"][0]["expression"].as_str().is_some_and(|l| !l.is_empty()));
        }
        assert!(locked.is_empty(), "not named: {locked:?}");
        // What runs, what builds it, and what no feature asks for.
        let scope = |name: &str| {
            let found: Vec<&Value> = components.iter().filter(|c| c["name"] == name).collect();
            let [one] = found[..] else { panic!("{name}: {}", found.len()) };
            (of(one, "scope"), of(&one["properties"][0], "value"))
        };
        let pair = |scope: &str, used: &str| (scope.to_owned(), used.to_owned());
        assert_eq!(scope("ark-groth16"), pair("required", "linked"));
        assert_eq!(scope("rustls"), pair("required", "linked"));
        assert_eq!(scope("serde_derive"), pair("excluded", "at work when it is built"));
        assert_eq!(scope("cc"), pair("excluded", "at work when it is built"));
        assert_eq!(scope("sqlx-mysql"), pair("excluded", "not compiled"));
        // The graph is closed: every reference is a component or the program.
        let mut known: BTreeSet<String> = components.iter().map(|c| of(c, "bom-ref")).collect();
        known.insert(of(&bill["metadata"]["component"], "bom-ref"));
        for node in bill["dependencies"].as_array().unwrap() {
            let needs = node["dependsOn"].as_array().unwrap().iter().map(|r| r.as_str().unwrap());
            assert!(needs.chain([node["ref"].as_str().unwrap()]).all(|r| known.contains(r)), "{node}");
        }
    }

    #[test]
    fn the_same_sources_give_the_same_bytes() {
        let twice = [(); 2].map(|()| bill(&root(), TARGET).unwrap().0.to_string());
        assert_eq!(twice[0], twice[1]);
    }

    #[test]
    fn checksums_are_read() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"s\"\nchecksum = \"ff\"\n\n[[package]]\nname = \"ours\"\nversion = \"0.1.0\"\n";
        let found = checksums(lock);
        assert_eq!(found.len(), 1);
        assert_eq!(found.get(&("a".into(), "1.0.0".into())).map(String::as_str), Some("ff"));
    }
}
