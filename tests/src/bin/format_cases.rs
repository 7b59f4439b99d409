//! Writes circuits, assignments and circom source for snarkjs, circom and the analysers:
//! `format-cases FOLDER` → cases.json, and for each circuit `.r1cs`, `.sym`, `.wtns`, `.circom` and
//! `.json`, the matrices once more, from no file format.

use ark_ff::{AdditiveGroup, Field};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use veilpass_circuits::attest::PRIVATE_INPUTS;
use veilpass_circuits::audit::undetermined;
use veilpass_circuits::{Attest, Circuit};
use veilpass_params::circom::{R1cs, symbols, write_r1cs, write_sym, write_wtns};
use veilpass_protocol::field::Fr;
use veilpass_protocol::predicates::Predicates;
use veilpass_protocol::scope::LinkKind;
use veilpass_tests::World;
use veilpass_tests::alone::{Alone, broken, fourteen, gadgets, without};
use veilpass_tests::circom_source::source;

/// Wires of `attest-v1` that are changed, one per assignment: at least one of each part.
const CHANGED: [&str; 12] = [
    "root",
    "pseudonym",
    "valid_on",
    "challenge",
    "k",
    "path[5][3]",
    "commitments.device[10]",
    "unpacking.S2[70]",
    "path.level3.hash[17]",
    "path.level9.member[5]",
    "comparisons.S7[20]",
    "sets.S11[3]",
];

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "target/formats".into()));
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    let sound: Vec<Alone> = gadgets().into_iter().chain([fourteen(), attest()]).collect();
    let mut circuits = Vec::new();
    for circuit in &sound {
        circuits.push(write(&folder, circuit)?);
    }
    let mut bad = Vec::new();
    for (circuit, what) in broken().iter().chain([&pseudonym_free()]) {
        let mut entry = write(&folder, circuit)?;
        entry["what"] = json!(what);
        bad.push(entry);
    }
    // What our propagation leaves open, for the page that compares: of a sound circuit nothing.
    let open = |list: &[Value]| -> Vec<String> {
        let any = |c: &&Value| c["open"].as_array().is_some_and(|wires| !wires.is_empty());
        list.iter().filter(any).map(|c| c["name"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(open(&circuits), [""; 0]);
    println!("wires are open in {}", open(&bad).join(", "));
    let count: usize = sound.iter().map(|circuit| circuit.assignments.len()).sum();
    println!("{} circuits with {count} assignments, {} broken circuits", circuits.len(), bad.len());
    std::fs::write(folder.join("cases.json"), json!({"sound": circuits, "broken": bad}).to_string())
}

/// The whole circuit with three claims that hold and some that do not.
fn attest() -> Alone {
    let mut world = World::new(1);
    let names = Attest.wire_names();
    let mut assignments = Vec::new();
    for (place, link) in [(0, LinkKind::Account), (13, LinkKind::Tokens), (1198, LinkKind::None)] {
        let request = world.request(link, Predicates::valid());
        let (statement, witness) = world.claim(place, &request, 2);
        assignments.push((format!("person {place}"), Attest.assign(&statement, &witness).to_vec()));
    }
    for name in CHANGED {
        let wire = names.iter().position(|n| n == name).unwrap_or_else(|| panic!("no wire {name}"));
        let mut changed = assignments[0].1.clone();
        changed[wire] += Fr::ONE;
        assignments.push((format!("{name} changed"), changed));
    }
    let r1cs = R1cs::new(Attest.shape().matrices().clone(), PRIVATE_INPUTS);
    Alone { name: "attest-v1".into(), r1cs, names, assignments }
}

/// The whole circuit without the row that ties the pseudonym to the secret.
fn pseudonym_free() -> (Alone, &'static str) {
    let pseudonym = 3;
    let tied =
        |row: &usize| Attest.shape().matrices().abc[2][*row].iter().any(|(_, wire)| *wire == pseudonym);
    let row = (0..Attest.shape().rows()).find(tied).unwrap_or_else(|| panic!("the pseudonym is in no row"));
    let circuit = Alone {
        name: format!("attest-v1_without_row_{row}"),
        r1cs: R1cs::new(without(Attest.shape().matrices(), row), PRIVATE_INPUTS),
        names: Attest.wire_names(),
        assignments: vec![],
    };
    (circuit, "the pseudonym is in no row")
}

/// Writes the files of a circuit and says what they are.
fn write(folder: &Path, circuit: &Alone) -> std::io::Result<Value> {
    let Alone { name, r1cs, names, assignments } = circuit;
    let file = |ending: &str, bytes: &[u8]| std::fs::write(folder.join(format!("{name}.{ending}")), bytes);
    file("r1cs", &write_r1cs(r1cs))?;
    file("sym", write_sym(&symbols(names)).as_bytes())?;
    file("circom", source(r1cs, names).as_bytes())?;
    file("json", rows(r1cs).to_string().as_bytes())?;
    let inputs = r1cs.inputs().unwrap_or_else(|e| panic!("{name}: {e}")).wires();
    let mut listed = Vec::new();
    for (i, (what, assignment)) in assignments.iter().enumerate() {
        let broken: Vec<usize> =
            (0..r1cs.matrices.rows()).filter(|row| !r1cs.matrices.holds(*row, assignment)).collect();
        let meant = |words: &[&str]| words.iter().any(|word| what.starts_with(word));
        assert!(broken.is_empty() || !meant(&["good", "person"]), "{name}, {what}: {broken:?}");
        assert!(!broken.is_empty() || !meant(&["bad"]), "{name}, {what}");
        file(&format!("{i}.wtns"), &write_wtns(assignment))?;
        listed.push(json!({"file": format!("{name}.{i}.wtns"), "what": what, "broken": broken}));
    }
    // Zeros, wire 0 too, fit any rows. Our reader refuses such a file.
    file("zeros.wtns", &write_wtns(&vec![Fr::ZERO; r1cs.matrices.wires]))?;
    Ok(json!({
        "name": name,
        "rows": r1cs.matrices.rows(),
        "wires": r1cs.matrices.wires,
        "outputs": r1cs.outputs,
        "public": r1cs.public_inputs,
        "private": r1cs.private_inputs,
        "open": undetermined(&r1cs.matrices, inputs),
        "assignments": listed,
    }))
}

/// For each row its three combinations: wire → coefficient in decimal.
fn rows(r1cs: &R1cs) -> Value {
    let [a, b, c] = &r1cs.matrices.abc;
    let combination = |entries: &Vec<(Fr, usize)>| {
        let one = |(x, wire): &(Fr, usize)| (wire.to_string(), Value::String(x.to_string()));
        Value::Object(entries.iter().map(one).collect::<Map<_, _>>())
    };
    a.iter().zip(b).zip(c).map(|((a, b), c)| json!([a, b, c].map(combination))).collect()
}
