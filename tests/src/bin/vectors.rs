//! Writes the vectors: `vectors FOLDER` → compute.jsonl, eval.jsonl, presentations.jsonl and the keys that
//! they name. They are our own results (regression tests for us, vectors for others); what another
//! implementation made stands in docs/spec/contract.md §3 and in poseidon_bn254_circomlib.json.

use std::path::PathBuf;
use veilpass_tests::{World, compute_vectors, eval_vectors, presentation_vectors};

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "tests/vectors/v1".into()));
    std::fs::create_dir_all(folder.join("keys"))?;
    let mut world = World::new(2);
    for (name, bytes) in presentation_vectors::keys(&world) {
        std::fs::write(folder.join("keys").join(name), bytes)?;
    }
    let files = [
        ("compute.jsonl", compute_vectors::lines()),
        ("eval.jsonl", eval_vectors::lines(&mut world)),
        ("presentations.jsonl", presentation_vectors::lines(&mut world)),
    ];
    for (name, lines) in files {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        println!("{name}: {} lines, {} bytes", lines.len(), text.len());
        std::fs::write(folder.join(name), text)?;
    }
    Ok(())
}
