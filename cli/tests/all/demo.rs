//! The demo tells the story of contract §9, and ends well only if every line came out as it should.

use crate::binary::veilpass;
use serde_json::{Value, json};

/// Step, who decided, and the code (`null`: accepted).
const STEPS: [(&str, &str, &[&str]); 18] = [
    ("adult_accepted", "platform", &[]),
    ("second_platform_other_pseudonym", "platform", &[]),
    ("first_platform_same_pseudonym", "platform", &[]),
    ("minor_refused", "wallet", &["not_satisfied"]),
    ("minor_hostile_refused", "platform", &["proof_invalid"]),
    ("expired_document_refused", "wallet", &["credential_expired"]),
    ("removed_refused", "wallet", &["credential_removed"]),
    ("removed_in_grace_accepted", "platform", &[]),
    ("removed_after_grace_refused", "platform", &["epoch_replaced"]),
    ("replay_refused", "platform", &["request_replayed"]),
    ("rerandomised_refused", "platform", &["request_replayed"]),
    ("other_host_refused", "platform", &["proof_invalid"]),
    ("unsigned_refused", "wallet", &["request_unsigned"]),
    ("foreign_answer_refused", "wallet", &["request_host"]),
    ("date_probe_refused", "wallet", &["request_date"]),
    ("forged_root_refused", "platform", &["epoch_signature"]),
    ("bit_flip_refused", "platform", &["proof_point", "proof_invalid"]),
    ("small_epoch_refused", "platform", &["epoch_below_floor"]),
];

#[test]
fn every_step_comes_out_as_it_should() {
    let place = tempfile::tempdir().unwrap();
    let told = veilpass(place.path(), "demo --people 1500 --keep kept").ok();
    assert_eq!(
        (&told["ok"], &told["people"], &told["seen"]["joined"]["matches"]),
        (&json!(true), &json!(1500), &json!(0))
    );
    let steps = told["steps"].as_array().unwrap();
    assert_eq!(steps.len(), STEPS.len());
    for ((id, actor, codes), step) in STEPS.into_iter().zip(steps) {
        assert_eq!(step["id"], json!(id), "the order of contract §9");
        assert_eq!(step["actor"], json!(actor), "{id}");
        match codes {
            [] => assert_eq!((&step["outcome"], &step["code"]), (&json!("accepted"), &Value::Null), "{id}"),
            codes => assert!(
                step["outcome"] == json!("refused") && codes.contains(&step["code"].as_str().unwrap()),
                "{step}"
            ),
        }
    }
    // What was kept is a real authority's folder.
    assert_eq!(veilpass(place.path(), "authority epoch --dir kept/authority").ok()["epoch"], json!(2));
    assert_eq!(veilpass(place.path(), "demo --keep kept").exit, 2, "nothing is overwritten");
}
