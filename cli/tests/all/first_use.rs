//! What a person meets first: one address, one folder, plain words; and the story that `demo --serve` prints.

use crate::binary::{PASSPHRASE, Run, quicken, veilpass};
use crate::fake::{Fake, Say, problem};
use crate::life::{NOW, Stage};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use veilpass_protocol::identity::authority_words;
use veilpass_protocol::note::AuthorityKey;

/// Runs without `--json`, with another environment than usual.
fn plain(at: &Path, line: &str, environment: &[(&str, &str)]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_veilpass"))
        .args(line.split_whitespace())
        .current_dir(at)
        .env("VEILPASS_PASSPHRASE", PASSPHRASE)
        .envs(environment.iter().copied())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { exit: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn words(vkey: &str) -> String {
    authority_words(&vkey.parse::<AuthorityKey>().unwrap()).join(" ")
}

/// The authority's folder behind an address, as its server gives it.
fn published(folder: &Path) -> Fake {
    let folder = folder.to_owned();
    Fake::serve(move |got| {
        let path = got.line.strip_prefix("GET ").unwrap_or_default();
        let path = match path {
            "/v1/epochs/latest" => "epochs/1.note",
            other => other.strip_prefix("/v1/published/").unwrap_or("none"),
        };
        match std::fs::read(folder.join(path)) {
            Ok(bytes) => Say::Answer(200, "application/octet-stream", bytes),
            Err(_) => problem(404, "not_found"),
        }
    })
}

#[test]
fn the_authority_is_named_once() {
    let stage = Stage::set("1999-11-13", "");
    let at = stage.at();
    let server = published(&at.join("pub"));
    let url = server.url("id.localhost");
    // Nothing is known yet, and nothing is asked of anybody.
    let unknown = stage.run("wallet sync --dir W");
    assert!(unknown.exit == 2 && unknown.stderr.contains("--from"), "{unknown:?}");
    assert_eq!(stage.run("wallet show --dir W").ok()["authority"], Value::Null);

    // The first sync fetches the key, shows it as words, and pins both.
    let first = plain(at, &format!("wallet sync --dir W --from {url}/ --now {NOW}"), &[]);
    assert_eq!(first.exit, 0, "{first:?}");
    assert!(first.stderr.contains(&words(&stage.vkey)), "{first:?}");
    assert!(first.stdout.contains("You are in the authority's list (number 1)."), "{first:?}");
    quicken(&at.join("W"));
    let home =
        json!({"place": url, "key": stage.vkey, "words": authority_words(&stage.vkey.parse().unwrap())});
    assert_eq!(stage.run("wallet show --dir W").ok()["authority"], home);
    let again = plain(at, &format!("wallet sync --dir W --now {NOW}"), &[]);
    assert!(again.exit == 0 && again.stderr.is_empty(), "{again:?}");
    assert_eq!(server.got().iter().filter(|got| got.line.ends_with("/vkey")).count(), 1, "never again");

    // A mirror is used once, and is judged by the key that is pinned.
    stage.run(&format!("wallet sync --dir W --from pub --now {NOW}")).ok();
    assert_eq!(stage.run("wallet show --dir W").ok()["authority"]["place"], json!(url));

    // An export carries it to the next device.
    stage.run("wallet export --dir W --out copy.age").ok();
    stage.run("wallet import --dir W2 copy.age").ok();
    assert_eq!(stage.run("wallet show --dir W2").ok()["authority"], home);
    stage.run(&format!("wallet sync --dir W2 --now {NOW}")).ok();
}

/// Whoever answers at the address with another key, gets nothing; the control is the honest folder.
#[test]
fn another_authority_is_refused() {
    let stage = Stage::set("1999-11-13", "");
    let other = Stage::set("1999-11-13", "");
    let at = stage.at();
    let foreign = published(&other.at().join("pub")).url("id.localhost");
    // Before anything is pinned the credential speaks for its authority.
    let deceived = stage.run(&format!("wallet sync --dir W --from {foreign} --now {NOW}"));
    assert_eq!(deceived.code(), "attributes_unexplained");
    assert_eq!(stage.run("wallet show --dir W").ok()["authority"], Value::Null, "a failed sync pins nothing");
    stage.run(&format!("wallet sync --dir W --from pub --now {NOW}")).ok();
    for line in [
        format!("sync --dir W --from {foreign} --now {NOW}"),
        format!("sync --dir W --authority {} --now {NOW}", other.vkey),
        format!("renew --dir W --authority {foreign} --code AAAA-AAAA"),
        format!("withdraw --dir W --authority {foreign} --yes"),
    ] {
        assert_eq!(stage.run(&format!("wallet {line}")).code(), "epoch_signature", "{line}");
    }
    let place = at.join("pub").display().to_string();
    assert_eq!(stage.run("wallet show --dir W").ok()["authority"]["place"], json!(place));
}

#[test]
fn a_person_has_one_folder() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    let home = at.join("home").display().to_string();
    let data = at.join("data").display().to_string();
    let xdg = [("HOME", home.as_str()), ("XDG_DATA_HOME", data.as_str())];
    let made = plain(at, "wallet new", &xdg);
    assert_eq!(made.exit, 0, "{made:?}");
    assert!(at.join("data/veilpass/wallet/wallet.age").exists());
    // What to do next stands there, without the folder that needs no name.
    assert!(made.stdout.contains("\n     veilpass wallet enrol --authority ADDRESS\n"), "{made:?}");
    assert!(made.stdout.contains("veilpass wallet export --out FILE"), "{made:?}");
    let shown = plain(at, "wallet show", &xdg);
    assert!(shown.stdout.contains("not enrolled. Next: veilpass wallet enrol"), "{shown:?}");
    assert_eq!(plain(at, "wallet new", &xdg).exit, 2, "one wallet");
    // Without XDG_DATA_HOME, and by name.
    let bare = [("HOME", home.as_str()), ("XDG_DATA_HOME", "")];
    plain(at, "wallet new", &bare);
    assert!(at.join("home/.local/share/veilpass/wallet/wallet.age").exists());
    let named = plain(at, "wallet new", &[("VEILPASS_WALLET", "mine")]);
    assert!(named.exit == 0 && at.join("mine/wallet.age").exists(), "{named:?}");
    let missing = plain(at, "wallet show --dir nowhere", &[]);
    assert!(missing.exit == 2 && missing.stderr.contains("`veilpass wallet new` makes one"), "{missing:?}");
}

#[test]
fn a_short_passphrase_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    for (passphrase, exit) in
        [("abc", 2), ("elevenchars", 2), ("aaaaaaaaaaaaaaaa", 2), ("", 2), ("twelve chars", 0)]
    {
        let run = plain(at, "wallet new --dir W", &[("VEILPASS_PASSPHRASE", passphrase)]);
        assert_eq!((run.exit, at.join("W").exists()), (exit, exit == 0), "{passphrase}: {run:?}");
    }
    // An old wallet with a short one still opens.
    let short = secrecy::SecretString::from("abc".to_owned());
    let (file, long) = (at.join("W/wallet.age"), secrecy::SecretString::from("twelve chars".to_owned()));
    let holder = veilpass_prover::Wallet::open(&std::fs::read(&file).unwrap(), &[], &long).unwrap();
    let work = veilpass_prover::WorkFactor::new(2).unwrap();
    std::fs::write(&file, holder.wallet_file(&short, work).unwrap()).unwrap();
    assert_eq!(plain(at, "wallet show --dir W", &[("VEILPASS_PASSPHRASE", "abc")]).exit, 0);
}

/// Who was removed does not hear the same as who waits.
#[test]
fn sync_says_how_things_stand() {
    let stage = Stage::set("1999-11-13", "");
    let at = stage.at();
    let sync = |now: &str| plain(at, &format!("wallet sync --dir W --now {now}"), &[]).stdout;
    stage.sync();
    assert!(sync(NOW).contains("You are in the authority's list (number 1)."));
    let number = stage.run("wallet show --dir W").ok()["credential"]["network_number"].clone();
    let remove =
        format!("authority remove --dir A --network-number {} --reason fraud", number.as_str().unwrap());
    stage.run(&format!("{remove} --now {NOW}")).ok();
    stage.run("authority seal --dir A --now 2026-11-22T09:00:00Z").ok();
    stage.run("authority publish --dir A --out pub").ok();
    let removed = sync("2026-11-22T09:00:00Z");
    assert!(removed.contains("no longer in the authority's list (number 2)"), "{removed}");
    assert!(removed.contains("removed by the authority"), "{removed}");

    // A wallet that was enrolled from a file and is not sealed yet.
    veilpass(at, "wallet new --dir N").ok();
    let stranger = Stage::set("1999-11-13", "");
    let waiting = plain(stranger.at(), "wallet show --dir W", &[]).stdout;
    assert!(waiting.contains("never synced. Next: veilpass wallet sync --dir W"), "{waiting}");
    let unenrolled = plain(at, "wallet show --dir N", &[]).stdout;
    assert!(unenrolled.contains("not enrolled. Next: veilpass wallet enrol --dir N"), "{unenrolled}");
}

/// Leaf, epoch and the like are not words for people.
#[test]
fn wallets_speak_plainly() {
    let stage = Stage::set("1999-11-13", "");
    stage.sync();
    stage.request(r#"{"valid":true,"sex":"male"}"#, "--sign P");
    let at = stage.at();
    let line = format!("wallet present --dir W --request R --yes --now {NOW}");
    let refused = plain(at, &line, &[]);
    let said = format!(
        "{}{}{}{}",
        refused.stderr,
        plain(at, "wallet show --dir W", &[]).stdout,
        plain(at, &format!("wallet sync --dir W --now {NOW}"), &[]).stdout,
        plain(at, "wallet history --dir W", &[]).stdout
    );
    assert!(refused.stderr.contains("Here: the sex in your document does not fit"), "{refused:?}");
    assert!(said.contains("not answered (not_satisfied)"), "{said}");
    for word in ["leaf", "epoch", "nullifier", "commitment", "root", "predicate", "S10"] {
        assert!(!said.contains(word), "{word}: {said}");
    }
}

/// A copy of somebody else's wallet, or anything else, is not lost to an export.
#[test]
fn an_export_replaces_only_an_older_copy() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    for wallet in ["W", "V"] {
        veilpass(at, &format!("wallet new --dir {wallet}")).ok();
        quicken(&at.join(wallet));
    }
    veilpass(at, "wallet export --dir W --out copy.age").ok();
    let copy = std::fs::read(at.join("copy.age")).unwrap();
    let refused = veilpass(at, "wallet export --dir V --out copy.age");
    assert!(refused.exit == 2 && refused.stderr.contains("not a copy of this wallet"), "{refused:?}");
    std::fs::write(at.join("letter.txt"), "dear diary").unwrap();
    assert_eq!(veilpass(at, "wallet export --dir W --out letter.txt").exit, 2);
    assert!(std::fs::read(at.join("copy.age")).unwrap() == copy, "untouched");
    assert_eq!(std::fs::read_to_string(at.join("letter.txt")).unwrap(), "dear diary");
    veilpass(at, "wallet export --dir W --out copy.age").ok();
    assert!(std::fs::read(at.join("copy.age")).unwrap() != copy, "control: its own older copy is replaced");
}
