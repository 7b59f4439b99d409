//! Key files that are exchanged between being read and being used: what is used is what was checked, and
//! whatever lies there afterwards is judged anew.

use crate::binary::{Run, quicken, veilpass};
use crate::life::{HEADER, NOW, Stage, crowd, row};
use crate::server::{Server, client, get, log, post, text};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::JoinHandle;
use veilpass_params::dev;

/// A key file that is exchanged at the worst moment: whoever opens `name` first reads `first`, and as soon as it
/// is open, before a byte was read, `then` lies there for everybody who opens it again.
fn exchanged(at: &Path, name: &str, first: Vec<u8>, then: Vec<u8>) -> JoinHandle<()> {
    let path = at.join(name);
    let _ = std::fs::remove_file(&path);
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let aside = at.join(format!("{name}.then"));
    std::fs::write(&aside, then).unwrap();
    std::thread::spawn(move || {
        let mut pipe = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        std::fs::rename(&aside, &path).unwrap();
        pipe.write_all(&first).unwrap();
    })
}

/// Another pair of the same circuit: verifying and proving key.
fn another_pair(at: &Path) -> (Vec<u8>, Vec<u8>) {
    veilpass(at, "params setup --out other").ok();
    let read = |name: &str| std::fs::read(at.join("other").join(name)).unwrap();
    (read("attest-v1.vk"), read("attest-v1.pk"))
}

fn vector_key(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/v1/keys").join(name)
}

#[test]
fn wallets_and_verifiers_read_a_key_once() {
    let stage = Stage::set("1999-11-13", "");
    let at = stage.at();
    quicken(&at.join("W"));
    let (other_vk, other_pk) = another_pair(at);
    let (dev_vk, dev_pk) = (dev::verifying_key_bytes().to_vec(), dev::proving_key_bytes().to_vec());
    let present = || -> Run {
        let _ = std::fs::remove_file(at.join("presentation"));
        stage.request(r#"{"valid":true}"#, "--sign P");
        stage.run(&format!("wallet present --dir W --request R --yes --pk pk --out presentation --now {NOW}"))
    };
    stage.request(r#"{"valid":true}"#, "--sign P");
    stage.sync();

    // The wallet: the key that it opened, whatever lies there by then.
    for (first, then, works) in [(&dev_pk, &other_pk, true), (&other_pk, &dev_pk, false)] {
        let swap = exchanged(at, "pk", first.clone(), then.clone());
        let run = present();
        swap.join().unwrap();
        assert_eq!(&std::fs::read(at.join("pk")).unwrap(), then, "it was exchanged");
        if works {
            assert_eq!(run.ok()["circuit"], json!(dev::verifying_key().unwrap().circuit_id()));
        } else {
            assert_eq!(run.code(), "circuit_unknown");
        }
        // And the next run judges what lies there now.
        let again = present();
        if works { assert_eq!(again.code(), "circuit_unknown") } else { drop(again.ok()) }
    }
    // A key under the right name with the bases of the first two private wires exchanged: it loads, and
    // nothing leaves.
    let mut damaged = dev_pk.clone();
    let end = damaged.len();
    let at_wires = end - 32 * dev::proving_key().unwrap().groth16().l_query.len();
    let (left, right) = damaged[at_wires..at_wires + 64].split_at_mut(32);
    left.swap_with_slice(right);
    assert_ne!(damaged, dev_pk);
    std::fs::write(at.join("pk"), &damaged).unwrap();
    let run = present();
    assert_eq!(run.exit, 3, "{run:?}");
    assert!(run.stdout.contains("does not verify"), "{run:?}");
    assert!(!at.join("presentation").exists());
    for (bytes, code) in [
        (dev_pk[..end - 1].to_vec(), "key_mismatch"),
        (dev_vk.clone(), "key_syntax"),
        ([&dev_pk[..end - 32], &[0xff; 32][..]].concat(), "key_syntax"),
    ] {
        std::fs::write(at.join("pk"), bytes).unwrap();
        assert_eq!(present().code(), code);
    }

    // The verifier.
    std::fs::write(at.join("pk"), &dev_pk).unwrap();
    present().ok();
    let verify = || {
        let line = "verify --request R --presentation presentation --epochs pub --key vk --allow-dev";
        stage.run(&format!("{line} --authority {} --now {NOW}", stage.vkey))
    };
    for (first, then, works) in [(&dev_vk, &other_vk, true), (&other_vk, &dev_vk, false)] {
        let swap = exchanged(at, "vk", first.clone(), then.clone());
        let run = verify();
        swap.join().unwrap();
        let again = verify();
        let (good, bad) = if works { (run, again) } else { (again, run) };
        assert_eq!(good.ok()["accepted"], json!(true));
        assert_eq!(bad.code(), "key_mismatch");
    }
}

/// A town on the system's clock: servers have no other.
struct Town {
    place: tempfile::TempDir,
    vkey: String,
    token: String,
}

impl Town {
    fn found() -> Town {
        let place = tempfile::tempdir().unwrap();
        let at = place.path();
        let vkey = text(&veilpass(at, "authority init --dir A --origin id.example/veilpass").ok()["vkey"]);
        let made = veilpass(at, "wallet new --dir W").ok();
        let (c, d) = (text(&made["identity_commitment"]), text(&made["device_commitment"]));
        let people = format!("{HEADER}\n{}{}", row(&c, &d, 999_999, "1999-11-13", ""), crowd(1_200));
        std::fs::write(at.join("people.csv"), people).unwrap();
        veilpass(at, "authority import --dir A people.csv --credentials c.jsonl").ok();
        let credentials = std::fs::read_to_string(at.join("c.jsonl")).unwrap();
        std::fs::write(at.join("credential.json"), credentials.lines().next().unwrap()).unwrap();
        let keys = veilpass(at, "platform keygen --dir P").ok();
        let entry = "authority platform --dir A --host forum.localhost --name Forum --purposes adults --key";
        veilpass(at, &format!("{entry} {}", text(&keys["key"]))).ok();
        veilpass(at, "authority seal --dir A").ok();
        veilpass(at, "authority publish --dir A --out pub").ok();
        quicken(&at.join("W"));
        veilpass(at, "wallet enrol --dir W --credential credential.json").ok();
        quicken(&at.join("W"));
        veilpass(at, &format!("wallet sync --dir W --from pub --authority {vkey}")).ok();
        Town { place, vkey, token: text(&keys["token"]) }
    }

    fn serve(&self, more: &str) -> Option<Server> {
        let line = format!(
            "platform serve --dir P --host forum.localhost --listen 127.0.0.1:0 --authority {} --epochs pub --key vk {more}",
            self.vkey
        );
        Server::try_start(self.place.path(), "platform", &line.split_whitespace().collect::<Vec<_>>())
    }

    /// Asks, answers with the DEV key and fetches the result.
    fn visit(&self, server: &Server) -> (Run, Value, Value) {
        let client = client();
        let body = json!({"predicates": {"valid": true}});
        let (status, asked) = post(&client, &server.url("/v1/requests"), &body, Some(&self.token)).unwrap();
        assert_eq!(status, 201, "{asked}");
        let uri = text(&asked["request_uri"]);
        let run =
            veilpass(self.place.path(), &format!("wallet present --dir W --request {uri} --send --yes"));
        let result = server.url(&format!("/v1/requests/{}/result", text(&asked["id"])));
        let (_, result) = get(&client, &result, Some(&text(&asked["result_token"]))).unwrap();
        (run, asked, result)
    }
}

#[test]
fn servers_keep_the_key_that_they_checked() {
    let town = Town::found();
    let at = town.place.path();
    let (other_vk, _) = another_pair(at);
    let dev_vk = dev::verifying_key_bytes().to_vec();
    let vk = at.join("vk");

    let swap = exchanged(at, "vk", dev_vk.clone(), other_vk.clone());
    let server = town.serve("--allow-dev").unwrap_or_else(|| panic!("{}", log(at, "platform")));
    swap.join().unwrap();
    let accepted = |server: &Server| {
        let (run, asked, result) = town.visit(server);
        run.ok();
        assert_eq!(asked["request"]["circuit"], json!(dev::verifying_key().unwrap().circuit_id()));
        assert_eq!(result["state"], json!("accepted"), "{result}");
    };
    // The other key lies there; then a key under which anybody could forge; then nothing at all.
    accepted(&server);
    std::fs::copy(vector_key("gamma-is-delta.vk"), &vk).unwrap();
    accepted(&server);
    std::fs::remove_file(&vk).unwrap();
    accepted(&server);
    server.stop();

    // Started anew, it judges what lies there.
    assert!(town.serve("--allow-dev").is_none(), "no key");
    let refused = |code: &str, more: &str| {
        let before = log(at, "platform").len();
        assert!(town.serve(more).is_none(), "{code}");
        let said = &log(at, "platform")[before..];
        assert!(said.contains(code), "{code}: {said}");
        let line = format!(
            "platform serve --check --dir P --host forum.localhost --listen 127.0.0.1:0 --authority {} --epochs pub --key vk {more}",
            town.vkey
        );
        assert_eq!(veilpass(at, &line).code(), code);
    };
    std::fs::copy(vector_key("gamma-is-delta.vk"), &vk).unwrap();
    refused("key_unsafe", "--allow-dev");
    std::fs::write(&vk, &dev_vk[..700]).unwrap();
    refused("key_syntax", "--allow-dev");
    std::fs::write(&vk, &dev_vk).unwrap();
    refused("key_dev", "");
    std::fs::write(&vk, &other_vk).unwrap();
    let server = town.serve("--allow-dev").unwrap_or_else(|| panic!("{}", log(at, "platform")));
    let (run, asked, result) = town.visit(&server);
    assert_ne!(asked["request"]["circuit"], json!(dev::verifying_key().unwrap().circuit_id()));
    assert_eq!(run.code(), "circuit_unknown", "a wallet does not answer for a key that it does not have");
    assert_eq!(result["state"], json!("declined"));
    server.stop();
}

/// The authority publishes key files under their hash. One that was changed in its folder since is not
/// published under a name that says otherwise.
#[test]
fn authorities_publish_the_keys_that_they_checked() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    let (other_vk, _) = another_pair(at);
    let swap = exchanged(at, "vk", dev::verifying_key_bytes().to_vec(), other_vk.clone());
    let made = veilpass(at, "authority init --dir A --origin id.example --key vk").ok();
    swap.join().unwrap();
    let id = dev::verifying_key().unwrap().circuit_id().to_string();
    assert_eq!(made["circuits"], json!([id]));
    veilpass(at, "authority seal --dir A").ok();
    veilpass(at, "authority publish --dir A --out pub").ok();
    let published = || std::fs::read(at.join(format!("pub/circuits/{id}.vk"))).unwrap();
    assert_eq!(published(), dev::verifying_key_bytes());
    let own = at.join(format!("A/circuits/{id}.vk"));
    std::fs::write(&own, &other_vk).unwrap();
    let run = veilpass(at, "authority publish --dir A --out pub");
    assert_ne!(run.exit, 0, "{run:?}");
    assert!(
        run.stderr.contains("not the key of this name") || run.stdout.contains("not the key of this name"),
        "{run:?}"
    );
    assert_eq!(published(), dev::verifying_key_bytes(), "what was published stays");
    std::fs::write(&own, dev::verifying_key_bytes()).unwrap();
    veilpass(at, "authority publish --dir A --out pub").ok();
}
