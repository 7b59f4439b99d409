//! Only `server`, `cli`, `xtask` and tests touch time, disk, network and the system's randomness
//! (ARCHITECTURE.md): everything else takes them as arguments.

use std::path::{Path, PathBuf};

/// What the pure crates must not name.
const IMPURE: [&str; 9] = [
    "SystemTime",
    "Instant::now",
    "std::fs",
    "std::net",
    "std::env",
    "OsRng",
    "thread_rng",
    "from_entropy",
    "rand::random",
];

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "tests") {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

/// The file without its unit tests, which stand at its end.
fn program(text: &str) -> &str {
    text.split("\n#[cfg(test)]").next().unwrap()
}

fn impure(text: &str) -> Vec<&'static str> {
    IMPURE.iter().copied().filter(|word| program(text).contains(word)).collect()
}

#[test]
fn pure_crates_take_time_disk_and_randomness_as_arguments() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for folder in ["protocol", "circuits", "verifier", "params", "prover"] {
        let mut files = Vec::new();
        sources(&root.join(folder).join("src"), &mut files);
        assert!(files.len() >= 5, "{folder}");
        for file in files {
            let named = impure(&std::fs::read_to_string(&file).unwrap());
            assert!(named.is_empty(), "{} names {named:?}", file.display());
        }
    }
}

/// The check would notice.
#[test]
fn impurity_is_noticed() {
    assert_eq!(impure("fn f() { std::fs::read(p) }\n#[cfg(test)]\nmod t { OsRng }"), ["std::fs"]);
}
