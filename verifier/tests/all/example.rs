//! The files of `example/`, which the crate's documentation verifies. They are simulated under a key
//! of their own whose trapdoor is known, so they outlive every change of the circuit; made anew with
//! `VEILPASS_WRITE_EXAMPLE=1 cargo test -p veilpass-verifier --test all example`.

use crate::testkit::Trapdoor;
use crate::world::{World, noon};
use veilpass_verifier::protocol::request::{NewRequest, Request};
use veilpass_verifier::protocol::scope::LinkKind;
use veilpass_verifier::{Files, Origin, Policy, verify_files};

#[test]
fn the_files_of_the_documentation() {
    let mut w = World::new();
    w.trapdoor = Trapdoor::from_seed(2026);
    let key = w.trapdoor.key(Origin::Dev);
    w.circuit = key.circuit_id();
    let new = NewRequest { context: "sign-up".parse().unwrap(), ..w.new_request(LinkKind::Account, 42) };
    let request = Request::new(new).unwrap();
    let presentation = w.answer(&request, 3, 1_234_567);
    let note = w.authority.note().to_owned();
    let files = [
        ("attest-v1.vk", key.to_bytes()),
        ("authority.vkey", format!("{}\n", w.authority.key()).into_bytes()),
        ("epoch.note", note.clone().into_bytes()),
        ("request.json", format!("{}\n", request.to_json()).into_bytes()),
        ("presentation.json", presentation.to_json().into_bytes()),
    ];
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/example/");
    for (name, contents) in &files {
        let path = format!("{folder}{name}");
        if std::env::var_os("VEILPASS_WRITE_EXAMPLE").is_some_and(|v| v == "1") {
            std::fs::write(&path, contents).unwrap();
        }
        assert_eq!(&std::fs::read(&path).unwrap(), contents, "{path}");
    }
    let verified = verify_files(&Files {
        request: &files[3].1,
        presentation: &files[4].1,
        notes: &[note],
        authority: &w.authority.key(),
        key: &files[0].1,
        policy: Policy::default().allowing_dev_keys(),
        now: noon(),
    });
    assert_eq!(verified.unwrap().pseudonym(), &presentation.pseudonym);
}
