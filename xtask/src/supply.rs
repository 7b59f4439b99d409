//! What comes from others: the list of why each direct dependency is trusted is complete, none asks for a newer
//! compiler than we do, and licences, bans, duplicates and sources are judged by cargo-deny.

use crate::metadata::{self, Package};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// The page that names every direct dependency.
pub const PAGE: &str = "docs/dependencies.md";

/// Packages of npm that tests, the bench and the example of a site use.
const PACKAGES: [&str; 3] =
    ["tests/interop/package.json", "bench/semaphore/package.json", "server/examples/express/package.json"];

/// The version of cargo-deny that reads `deny.toml`; another one could judge otherwise.
const CARGO_DENY: &str = "0.20.2";

/// The page against the manifests, and compilers.
pub fn check(root: &Path) -> Result<String, String> {
    let read = |path: &str| {
        std::fs::read_to_string(root.join(path)).map_err(|e| format!("{}: {e}", root.join(path).display()))
    };
    let packages = metadata::read(root)?;
    let direct = direct(&packages);
    let chosen = chosen(&read("Cargo.toml")?);
    let mut npm = BTreeSet::new();
    for package in PACKAGES {
        npm.extend(npm_names(&read(package)?)?);
    }
    let mut problems = disagreements(&named(&read(PAGE)?), &direct, &npm);
    problems.extend(
        chosen
            .difference(&direct)
            .map(|name| format!("Cargo.toml chooses {name} and no crate of ours uses it")),
    );
    let compilers = Compilers::of(&packages)?;
    problems.extend(compilers.newer.iter().map(|p| format!("{p}, newer than our {}", compilers.ours)));
    if !problems.is_empty() {
        return Err(problems.join("\n"));
    }
    Ok(format!(
        "{} direct dependencies and {} of npm have their reasons in {PAGE}; of {} packages none asks for a \
         compiler newer than {}, {} ask for none in particular",
        direct.len(),
        npm.len(),
        packages.len(),
        compilers.ours,
        compilers.silent
    ))
}

/// Licences, bans, duplicates and sources by `deny.toml`; a line of it that is needed no longer is refused, too.
pub fn deny(root: &Path) -> Result<(), String> {
    let tools = root.join("target/tools");
    let program = tools.join("bin/cargo-deny");
    let installed = Command::new(&program).arg("--version").output();
    let installed = installed.is_ok_and(|o| o.stdout == format!("cargo-deny {CARGO_DENY}\n").into_bytes());
    if !installed {
        println!("installing cargo-deny {CARGO_DENY} into {}", tools.display());
        // Without optimisation: it runs for seconds and would take minutes more to build.
        let status = Command::new("cargo")
            .args(["install", "cargo-deny", "--locked", "--debug", "--force", "--version", CARGO_DENY])
            .arg("--root")
            .arg(&tools)
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env_remove("CARGO_TARGET_DIR")
            .status();
        if !status.map_err(|e| format!("cargo could not be started: {e}"))?.success() {
            return Err(format!("cargo-deny {CARGO_DENY} could not be installed"));
        }
    }
    let check = ["check", "--hide-inclusion-graph", "-D", "warnings", "licenses", "bans", "sources"];
    let status = Command::new(&program).args(check).current_dir(root).status();
    if status.map_err(|e| format!("{}: {e}", program.display()))?.success() {
        Ok(())
    } else {
        Err("cargo-deny has refused something; deny.toml says why".into())
    }
}

/// Third-party packages that our manifests name.
fn direct(packages: &[Package]) -> BTreeSet<String> {
    let ours = packages.iter().filter(|p| p.ours);
    ours.flat_map(|p| p.declared.iter()).filter(|name| !name.starts_with("veilpass-")).cloned().collect()
}

/// Third-party names of `[workspace.dependencies]`.
fn chosen(manifest: &str) -> BTreeSet<String> {
    let lines = manifest.lines().skip_while(|line| *line != "[workspace.dependencies]").skip(1);
    let names = lines.take_while(|line| !line.starts_with('[')).filter_map(|line| line.split_once(" = "));
    names.map(|(name, _)| name.to_owned()).filter(|name| !name.starts_with("veilpass-")).collect()
}

/// What `package.json` names.
fn npm_names(package: &str) -> Result<BTreeSet<String>, String> {
    let package: serde_json::Value =
        serde_json::from_str(package).map_err(|e| format!("package.json: {e}"))?;
    let names = |kind: &str| package[kind].as_object().into_iter().flatten().map(|(name, _)| name.clone());
    Ok(names("dependencies").chain(names("devDependencies")).collect())
}

/// First column of the page's tables, with the number of times that each name stands there.
fn named(page: &str) -> BTreeMap<String, usize> {
    let mut names = BTreeMap::new();
    for cell in page.lines().filter_map(|line| line.strip_prefix("| `")) {
        if let Some((name, _)) = cell.split_once('`') {
            *names.entry(name.to_owned()).or_default() += 1;
        }
    }
    names
}

fn disagreements(
    named: &BTreeMap<String, usize>,
    direct: &BTreeSet<String>,
    npm: &BTreeSet<String>,
) -> Vec<String> {
    let missing = direct.union(npm).filter(|name| !named.contains_key(*name));
    let stale = named.keys().filter(|name| !direct.contains(*name) && !npm.contains(*name));
    let twice = named.iter().filter(|(_, times)| **times > 1);
    missing
        .map(|name| format!("{PAGE} does not say why {name} is trusted"))
        .chain(stale.map(|name| format!("{PAGE} names {name}, which nothing of ours depends on")))
        .chain(twice.map(|(name, times)| format!("{PAGE} names {name} {times} times")))
        .collect()
}

/// What the packages ask of the compiler.
struct Compilers {
    ours: String,
    newer: Vec<String>,
    silent: usize,
}

impl Compilers {
    fn of(packages: &[Package]) -> Result<Compilers, String> {
        let ours: BTreeSet<&String> =
            packages.iter().filter(|p| p.ours).flat_map(|p| &p.rust_version).collect();
        let [ours] = ours.iter().collect::<Vec<_>>()[..] else {
            return Err(format!("our crates declare several compilers: {ours:?}"));
        };
        let newest = number(ours)?;
        let mut newer = Vec::new();
        for package in packages {
            if let Some(asked) = &package.rust_version
                && number(asked)? > newest
            {
                newer.push(format!("{} {} asks for Rust {asked}", package.name, package.version));
            }
        }
        let silent = packages.iter().filter(|p| p.rust_version.is_none()).count();
        Ok(Compilers { ours: (*ours).clone(), newer, silent })
    }
}

/// `1.94` and `1.94.0` are one version.
fn number(version: &str) -> Result<[u32; 3], String> {
    let mut parts = [0; 3];
    for (i, part) in version.split('.').enumerate() {
        let place = parts.get_mut(i).ok_or_else(|| format!("{version} is no version of Rust"))?;
        *place = part.parse().map_err(|_| format!("{version} is no version of Rust"))?;
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    #[test]
    fn the_page_is_held_to_the_manifests() {
        let page = "text\n| dependency | why |\n|---|---|\n| `serde` | x `y` |\n| `rand` | x |\n\n| `snarkjs` | x |\n";
        assert_eq!(disagreements(&named(page), &set(&["serde", "rand"]), &set(&["snarkjs"])), [""; 0]);
        let (without, more) = (set(&["serde"]), set(&["serde", "rand", "time"]));
        assert_eq!(disagreements(&named(page), &without, &set(&["snarkjs"])).len(), 1, "stale");
        assert_eq!(disagreements(&named(page), &more, &set(&["snarkjs"])).len(), 1, "missing");
        assert_eq!(disagreements(&named(page), &set(&["serde", "rand"]), &set(&[])).len(), 1, "stale, npm");
        let twice = format!("{page}| `rand` | again |\n");
        assert_eq!(disagreements(&named(&twice), &set(&["serde", "rand"]), &set(&["snarkjs"])).len(), 1);
    }

    #[test]
    fn manifests_are_read() {
        let manifest = "[a]\nx = 1\n[workspace.dependencies]\nveilpass-x = { path = \"x\" }\n\nrand = \"1\"\n# no\nserde = { version = \"1\" }\n[b]\ny = 2\n";
        assert_eq!(chosen(manifest), set(&["rand", "serde"]));
        let npm = npm_names(r#"{"dependencies":{"a":"1"},"devDependencies":{"b":"2"}}"#);
        assert_eq!(npm, Ok(set(&["a", "b"])));
    }

    #[test]
    fn compilers_are_compared_as_numbers() {
        assert_eq!(number("1.94").unwrap(), number("1.94.0").unwrap());
        assert!(number("1.100").unwrap() > number("1.94.1").unwrap());
        assert!(number("1.9x").is_err() && number("1.2.3.4").is_err());
        let package = |name: &str, ours: bool, asked: Option<&str>| Package {
            name: name.into(),
            ours,
            rust_version: asked.map(str::to_owned),
            ..Package::default()
        };
        let all = [
            package("us", true, Some("1.94")),
            package("a", false, Some("1.94.0")),
            package("b", false, None),
        ];
        let good = Compilers::of(&all).unwrap();
        assert_eq!((good.newer.len(), good.silent), (0, 1));
        let bad = [package("us", true, Some("1.94")), package("a", false, Some("1.95"))];
        assert_eq!(Compilers::of(&bad).unwrap().newer.len(), 1);
    }
}
