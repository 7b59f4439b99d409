//! `params audit`: the committed report, and circuits of other people.

use crate::binary::veilpass;
use serde_json::{Value, json};
use std::path::Path;
use veilpass_circuits::builder::{Builder, Lc};
use veilpass_circuits::shape::{Matrices, Shape};
use veilpass_circuits::{Attest, Circuit};
use veilpass_params::circom::{R1cs, write_r1cs, write_wtns};
use veilpass_protocol::field::Fr;

/// The report of the long form.
const COMMITTED: &str = include_str!("../../../docs/audit-attest-v1.json");

/// What CI finds is what the committed report says, but for the number of statements: the circuit did not
/// change since, nor what the engines see in it.
#[test]
fn the_committed_report_is_of_this_circuit() {
    let place = tempfile::tempdir().unwrap();
    let mut now = veilpass(place.path(), "params audit --seed 1 --statements 600").ok();
    let mut committed: Value = serde_json::from_str(COMMITTED).unwrap();
    assert_eq!(committed["shape"], Attest.shape().stats().shape);
    assert_eq!(committed["ok"], true);
    let agreement = committed["agreement"].take();
    assert_eq!(agreement["statements"], 1_000_000);
    assert_eq!(agreement["differing"], 0);
    let refused =
        agreement["refused"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum::<u64>();
    assert_eq!(refused + agreement["satisfied"].as_u64().unwrap(), 1_000_000);
    assert_eq!(now["agreement"].take()["differing"], 0);
    assert_eq!(now, committed);
}

/// Writes x·x = y with what `more` adds, and a good assignment.
fn circuit(folder: &Path, more: impl FnOnce(&mut Builder, &Lc, &Lc)) {
    let mut b = Builder::with_rows();
    let (y, x) = (b.wire(Fr::from(9u64)), b.wire(Fr::from(3u64)));
    b.row(&x, &x, &y);
    more(&mut b, &x, &y);
    let (values, rows) = b.finish();
    let shape = Shape::new(rows, 2, values.len());
    let matrices: Matrices = shape.matrices().clone();
    let labels: Vec<u64> = (0..values.len() as u64).collect();
    let label_count = labels.len() as u64;
    let r1cs = R1cs { matrices, outputs: 1, public_inputs: 0, private_inputs: 1, labels, label_count };
    std::fs::write(folder.join("mine.r1cs"), write_r1cs(&r1cs)).unwrap();
    std::fs::write(folder.join("good.wtns"), write_wtns(&values)).unwrap();
}

#[test]
fn a_circuit_of_somebody_else() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    circuit(at, |_, _, _| {});
    let sound = veilpass(at, "params audit --r1cs mine.r1cs --wtns good.wtns").ok();
    assert_eq!((&sound["ok"], &sound["circuit"], &sound["given"]), (&json!(true), &json!("mine"), &json!(1)));
    assert_eq!(sound["findings"], json!([]));
    assert_eq!(sound.get("agreement"), None, "nothing is known of its statement");

    // z·z = x·x may be x or −x: free for propagation, and z is used by nothing; a linear row besides.
    circuit(at, |b, x, y| {
        let z = b.wire(Fr::from(3u64));
        b.row(&z, &z, y);
        let doubled = b.wire(Fr::from(6u64));
        b.row(&(x * Fr::from(2u64)), &b.constant(Fr::from(1u64)), &doubled);
        b.row(&doubled, x, &(y * Fr::from(2u64)));
    });
    std::fs::write(at.join("mine.sym"), "1,1,0,main.y\n2,2,0,main.x\n3,3,0,main.z\n4,4,0,main.doubled\n")
        .unwrap();
    let run = veilpass(at, "params audit --r1cs mine.r1cs --wtns good.wtns --sym mine.sym");
    assert_eq!(run.exit, 1, "{run:?}");
    let found = run.json();
    let kinds: Vec<(&str, String)> = found["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| {
            (
                f["kind"].as_str().unwrap(),
                format!("{}{}", f["wires"][0]["name"].as_str().unwrap_or(""), f["rows"]),
            )
        })
        .collect();
    let of = |kind: &'static str, at: &str| (kind, at.to_owned());
    assert_eq!(
        kinds,
        [
            of("wire_dangling", "main.z[]"),
            of("row_linear", "[2]"),
            of("wire_undetermined", "main.z[]"),
            // Rows 0 and 3 say the same of y: either could go.
            of("row_idle", "[0]"),
            of("row_idle", "[3]"),
        ]
    );

    // Reasons turn findings into remarks; one that is missing is still a fault.
    let mut reasons = vec![
        json!({"kind": "wire_dangling", "at": 3, "reason": "for show"}),
        json!({"kind": "row_linear", "at": 2, "reason": "for show"}),
        json!({"kind": "wire_undetermined", "at": 3, "reason": "for show"}),
        json!({"kind": "row_idle", "at": 0, "reason": "for show"}),
    ];
    let audit = "params audit --r1cs mine.r1cs --wtns good.wtns --accepted reasons.json";
    std::fs::write(at.join("reasons.json"), json!(reasons).to_string()).unwrap();
    assert_eq!(veilpass(at, audit).exit, 1);
    reasons.push(json!({"kind": "row_idle", "at": 3, "reason": "for show"}));
    std::fs::write(at.join("reasons.json"), json!(reasons).to_string()).unwrap();
    assert_eq!(veilpass(at, audit).ok()["ok"], true);
}

#[test]
fn what_cannot_be_looked_at_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    circuit(at, |_, _, _| {});
    let audit = "params audit --r1cs mine.r1cs --wtns good.wtns";
    for (name, bytes, code) in [
        ("good.wtns", write_wtns(&[Fr::from(1u64), Fr::from(9u64), Fr::from(4u64)]), "not_satisfied"),
        ("good.wtns", write_wtns(&[Fr::from(1u64), Fr::from(9u64)]), "file_damaged"),
        ("good.wtns", b"wtns".to_vec().into(), "file_damaged"),
        ("mine.r1cs", b"nothing".to_vec().into(), "file_damaged"),
    ] {
        let good = std::fs::read(at.join(name)).unwrap();
        std::fs::write(at.join(name), bytes).unwrap();
        assert_eq!(veilpass(at, audit).code(), code, "{name}");
        std::fs::write(at.join(name), good).unwrap();
    }
    for reasons in [
        "{}",
        r#"[{"kind":"row_linear","at":0}]"#,
        r#"[{"kind":"row_linear","at":0,"reason":" "}]"#,
        r#"[{"kind":"anything","at":0,"reason":"x"}]"#,
        r#"[{"kind":"row_linear","at":0,"reason":"x","more":1}]"#,
    ] {
        std::fs::write(at.join("reasons.json"), reasons).unwrap();
        assert_eq!(veilpass(at, &format!("{audit} --accepted reasons.json")).exit, 2, "{reasons}");
    }
    for usage in [
        "params audit --statements 0",
        "params audit --r1cs mine.r1cs",
        "params audit --wtns good.wtns",
        "params audit --accepted reasons.json",
        "params audit --r1cs mine.r1cs --wtns good.wtns --statements 5",
    ] {
        assert_eq!(veilpass(at, usage).exit, 2, "{usage}");
    }
    assert_eq!(veilpass(at, "params audit --r1cs missing.r1cs --wtns good.wtns").exit, 3);
}
