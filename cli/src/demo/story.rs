//! The story: who does what, and what should come of it, in the order of contract §9.

use super::cast::{Asked, Holder, Platform, at_least, fault, hostile, keep};
use super::people::{Person, import_file};
use super::process::{Binary, Secret, accepted};
use super::stage::{GRACE, Stage, text};
use super::{Expect, Table, Tried};
use crate::outcome::Failure;
use rand::rngs::OsRng;
use serde_json::{Value, json};
use std::time::Duration;
use veilpass_params::dev;
use veilpass_protocol::challenge::Nonce;
use veilpass_protocol::day::Day;
use veilpass_protocol::epoch::peek_note;
use veilpass_protocol::field::Fr;
use veilpass_protocol::note::AuthoritySigner;
use veilpass_protocol::presentation::Presentation;
use veilpass_verifier::Proof;

/// Tells it all.
pub fn tell(stage: &mut Stage, table: &mut Table) -> Result<(), Failure> {
    stage.accepted(table)?;
    stage.not_satisfied(table)?;
    stage.removal(table)?;
    stage.dishonest_wallets(table)?;
    stage.dishonest_platforms(table)?;
    stage.forged_root(table)?;
    stage.bit_flip(table)?;
    stage.small_epoch(table)
}

impl Stage {
    /// The adult logs in at two platforms.
    fn accepted(&self, table: &mut Table) -> Result<(), Failure> {
        let mut first = Vec::new();
        let log_in = |platform: &Platform| -> Result<(Tried, Value), Failure> {
            let asked = platform.ask(&self.web, "account", at_least(18))?;
            let ran = self.adult.present(&self.binary, &asked.request_uri, true)?;
            let result = platform.result(&self.web, &asked)?;
            let verdict = match (result["state"].as_str(), ran.code()) {
                (Some("accepted"), None) => Ok(()),
                (state, code) => Err(format!("{} {}", state.unwrap_or("?"), code.unwrap_or(""))),
            };
            let said = "18 or older; nothing else".to_owned();
            let bytes = ran.json.to_string().len();
            Ok((Tried { actor: "platform", verdict, bytes, said }, result["pseudonym"].clone()))
        };
        table.step("adult_accepted", Expect::Accepted, || {
            let (tried, pseudonym) = log_in(&self.forum)?;
            first.push(pseudonym);
            Ok(tried)
        })?;
        let differs = |tried: &mut Tried, wrong: bool, said: &str| {
            if wrong {
                tried.verdict = Err(format!("not {said}"));
            }
            tried.said = said.to_owned();
        };
        table.step("second_platform_other_pseudonym", Expect::Accepted, || {
            let (mut tried, pseudonym) = log_in(&self.shop)?;
            differs(&mut tried, first.contains(&pseudonym), "another pseudonym than at the first");
            Ok(tried)
        })?;
        table.step("first_platform_same_pseudonym", Expect::Accepted, || {
            let (mut tried, pseudonym) = log_in(&self.forum)?;
            differs(&mut tried, !first.contains(&pseudonym), "the same pseudonym as before: an account");
            Ok(tried)
        })
    }

    /// A wallet that keeps to its rules refuses; the platform must have got a decline and nothing else.
    fn declines(&self, holder: &Holder) -> Result<Tried, Failure> {
        let asked = self.forum.ask(&self.web, "none", at_least(18))?;
        let ran = holder.present(&self.binary, &asked.request_uri, true)?;
        let mut tried = holder.refuses(&ran, asked.request.to_json().len());
        let result = self.forum.result(&self.web, &asked)?;
        if result != json!({"state": "declined"}) {
            tried.verdict = Err(format!("the platform got something else than a decline: {result}"));
        }
        Ok(tried)
    }

    /// People for whom the statement is not true, each with an honest and with a hostile wallet.
    fn not_satisfied(&self, table: &mut Table) -> Result<(), Failure> {
        let (epoch, root) = self.newest()?;
        table.step("minor_refused", Expect::Refused("wallet", &["not_satisfied"]), || {
            self.declines(&self.minor)
        })?;
        // The hostile wallet proves 14 instead of 18 for the same nonce and answer address.
        table.step("minor_hostile_refused", Expect::Refused("platform", &["proof_invalid"]), || {
            let asked = self.forum.ask(&self.web, "none", at_least(18))?;
            let witness = self.minor.witness()?;
            let cannot = hostile(&self.binary, "minor", &asked.request, (&root, epoch), &witness)?;
            if cannot != Err("not_satisfied".to_owned()) {
                return Err(fault("the circuit let a minor be 18"));
            }
            let mut weaker = asked.request.clone();
            weaker.predicates =
                veilpass_protocol::json::parse(at_least(14).to_string().as_bytes()).map_err(fault)?;
            let made = hostile(&self.binary, "minor", &weaker, (&root, epoch), &witness)?;
            let made = made.map_err(|code| fault(format!("no proof for 14 either: {code}")))?;
            self.forum.receive(&self.web, &asked, made.to_json().as_bytes())
        })?;
        table.step("expired_document_refused", Expect::Refused("wallet", &["credential_expired"]), || {
            let mut tried = self.declines(&self.expired)?;
            let asked = self.forum.ask(&self.web, "none", at_least(18))?;
            let witness = self.expired.witness()?;
            match hostile(&self.binary, "expired", &asked.request, (&root, epoch), &witness)? {
                Err(code) if code == "not_satisfied" => {
                    tried.said += "; a hostile wallet: the circuit has no such proof"
                }
                _ => tried.verdict = Err("the circuit let an expired document through".into()),
            }
            Ok(tried)
        })
    }

    /// Somebody is removed; the old root goes on for the grace period and no longer.
    fn removal(&mut self, table: &mut Table) -> Result<(), Failure> {
        let old = self.newest()?;
        let witness = self.removed.witness()?;
        // Both answers are made before the removal is sealed: the old root is what they prove against.
        let (in_grace, late) = (
            self.forum.ask(&self.web, "none", at_least(18))?,
            self.forum.ask(&self.web, "none", at_least(18))?,
        );
        let prove = |asked: &Asked| -> Result<Presentation, Failure> {
            let made = hostile(&self.binary, "removed", &asked.request, (&old.1, old.0), &witness)?;
            made.map_err(|code| fault(format!("the removed person's own proof failed: {code}")))
        };
        let (early_answer, late_answer) = (prove(&in_grace)?, prove(&late)?);
        let url = self.url();
        let secret = Secret { token: Some(&self.registrar), input: "" };
        let remove = [
            "registrar",
            "remove",
            "--authority",
            &url,
            "--network-number",
            &self.removed_number,
            "--reason",
            "court_order",
        ];
        accepted("registrar", self.binary.run("registrar", &secret, remove)?)?;
        self.epoch = self.binary.done("authority", ["authority", "seal", "--dir", "authority"])?;
        let (epoch, _) = self.newest()?;
        for platform in [&self.forum, &self.shop] {
            platform.wait_for(&self.web, epoch)?;
        }
        table.step("removed_refused", Expect::Refused("wallet", &["credential_removed"]), || {
            self.removed.sync(&self.binary, &url, &self.vkey)?;
            self.declines(&self.removed)
        })?;
        table.step("removed_in_grace_accepted", Expect::Accepted, || {
            let mut tried = self.forum.receive(&self.web, &in_grace, early_answer.to_json().as_bytes())?;
            tried.said = format!("a hostile wallet with the old root, within {GRACE} s");
            Ok(tried)
        })?;
        let sealed_at = peek_note(&text(&self.epoch, "note")?).map_err(fault)?.sealed_at;
        let over = sealed_at.plus(GRACE);
        while veilpass_server::http::now() < over {
            std::thread::sleep(Duration::from_millis(100));
        }
        self.adult.sync(&self.binary, &url, &self.vkey)?;
        table.step("removed_after_grace_refused", Expect::Refused("platform", &["epoch_replaced"]), || {
            self.forum.receive(&self.web, &late, late_answer.to_json().as_bytes())
        })
    }

    /// A presentation of the adult for a request, made but not sent.
    fn made(&self, request: &str) -> Result<Presentation, Failure> {
        let ran = self.adult.present(&self.binary, request, false)?;
        Presentation::from_json(accepted("adult", ran)?.to_string().as_bytes()).map_err(fault)
    }

    /// Answers that no honest wallet sends.
    fn dishonest_wallets(&self, table: &mut Table) -> Result<(), Failure> {
        let asked = self.forum.ask(&self.web, "none", at_least(18))?;
        let presentation = self.made(&asked.request_uri)?;
        let first = self.forum.receive(&self.web, &asked, presentation.to_json().as_bytes())?;
        first.verdict.map_err(|code| fault(format!("the honest answer was refused: {code}")))?;
        let replayed = Expect::Refused("platform", &["request_replayed"]);
        table.step("replay_refused", replayed, || {
            self.forum.receive(&self.web, &asked, presentation.to_json().as_bytes())
        })?;
        table.step("rerandomised_refused", replayed, || {
            let again = Presentation { proof: rerandomise(&presentation.proof)?, ..presentation.clone() };
            self.forum.receive(&self.web, &asked, again.to_json().as_bytes())
        })?;
        // Made for the shop, with the forum's nonce: a relay.
        table.step("other_host_refused", Expect::Refused("platform", &["proof_invalid"]), || {
            let asked = self.forum.ask(&self.web, "none", at_least(18))?;
            let mut relayed = self.shop.ask(&self.web, "none", at_least(18))?.request;
            relayed.nonce = Nonce::clone(&asked.request.nonce);
            let signed = keep(&self.binary, "relayed.jws", &self.shop.sign(&relayed)?)?;
            let presentation = self.made(&signed)?;
            self.forum.receive(&self.web, &asked, presentation.to_json().as_bytes())
        })
    }

    /// Requests that no honest platform sends.
    fn dishonest_platforms(&self, table: &mut Table) -> Result<(), Failure> {
        let asked = self.forum.ask(&self.web, "none", at_least(18))?;
        let mut tried = |id, code: &'static [&'static str], name: &str, request: &str| {
            table.step(id, Expect::Refused("wallet", code), || {
                let file = keep(&self.binary, name, request)?;
                let ran = self.adult.present(&self.binary, &file, false)?;
                Ok(self.adult.refuses(&ran, request.len()))
            })
        };
        tried("unsigned_refused", &["request_unsigned"], "unsigned.json", &asked.request.to_json())?;
        let mut elsewhere = asked.request.clone();
        elsewhere.response_uri = "https://collector.example/answers".into();
        tried("foreign_answer_refused", &["request_host"], "elsewhere.jws", &self.forum.sign(&elsewhere)?)?;
        let mut probe = asked.request.clone();
        probe.valid_on = probe.valid_on.checked_add(40).unwrap_or(probe.valid_on);
        probe.period = u64::from(probe.valid_on.number());
        tried("date_probe_refused", &["request_date"], "probe.jws", &self.forum.sign(&probe)?)
    }

    /// A root in the authority's name: whoever serves the epochs to a platform makes one up.
    fn forged_root(&self, table: &mut Table) -> Result<(), Failure> {
        let forge = || -> Result<String, Failure> {
            let mut forged = peek_note(&text(&self.epoch, "note")?).map_err(fault)?;
            forged.root += Fr::from(1u64);
            let impostor = AuthoritySigner::generate(&mut OsRng, &forged.origin).map_err(fault)?;
            let folder = self.binary.path("forged");
            std::fs::create_dir_all(folder.join("epochs")).map_err(fault)?;
            let note = forged.sign(&impostor).map_err(fault)?;
            std::fs::write(folder.join(format!("epochs/{}.note", forged.epoch)), note).map_err(fault)?;
            Ok(folder.display().to_string())
        };
        let said = "a root in the authority's name, signed by another key";
        let expect = Expect::Refused("platform", &["epoch_signature"]);
        self.refused_epoch(table, ("forged_root_refused", "deceived"), expect, &forge()?, &self.vkey, said)
    }

    /// A platform whose epochs come from this folder.
    fn refused_epoch(
        &self,
        table: &mut Table,
        (id, actor): (&'static str, &'static str),
        expect: Expect,
        epochs: &str,
        vkey: &str,
        said: &str,
    ) -> Result<(), Failure> {
        let mut platform = Platform::new(&self.binary, actor)?;
        platform.start(&self.binary, vkey, epochs, GRACE)?;
        table.step(id, expect, || {
            let asked = platform.ask(&self.web, "none", at_least(18))?;
            let verdict = platform.ready(&self.web)?.map(|_| ());
            // What it says of itself is also what an answer gets; the proof is not looked at.
            let any = Presentation {
                circuit: asked.request.circuit,
                epoch: 1,
                pseudonym: Fr::from(1u64),
                proof: [0; 128],
            };
            let answer = platform.receive(&self.web, &asked, any.to_json().as_bytes())?;
            if answer.verdict.is_ok() {
                return Err(fault("a platform without an epoch accepted something"));
            }
            Ok(Tried { actor: "platform", verdict, bytes: answer.bytes, said: said.to_owned() })
        })?;
        platform.stop()
    }

    /// One bit of an honest answer.
    fn bit_flip(&self, table: &mut Table) -> Result<(), Failure> {
        table.step("bit_flip_refused", Expect::Refused("platform", &["proof_point", "proof_invalid"]), || {
            let asked = self.forum.ask(&self.web, "none", at_least(18))?;
            let mut presentation = self.made(&asked.request_uri)?;
            presentation.proof[40] ^= 0x10;
            self.forum.receive(&self.web, &asked, presentation.to_json().as_bytes())
        })
    }

    /// An authority that nobody can hide in.
    fn small_epoch(&self, table: &mut Table) -> Result<(), Failure> {
        let binary: &Binary = &self.binary;
        let init =
            binary.done("small", ["authority", "init", "--dir", "small", "--origin", "small.example"])?;
        let today = Day::of(veilpass_server::http::now());
        let three: Vec<Person> = (0..3).map(|_| Person::anybody(today, &mut OsRng)).collect();
        let enrolled = today.checked_add(-1).unwrap_or(today);
        keep(binary, "three.csv", &import_file(&three, enrolled, &mut OsRng))?;
        binary.done("small", ["authority", "import", "--dir", "small", "three.csv"])?;
        binary.done("small", ["authority", "seal", "--dir", "small"])?;
        binary.done("small", ["authority", "publish", "--dir", "small", "--out", "small-published"])?;
        let said = "an epoch of 3 people hides nobody";
        let expect = Expect::Refused("platform", &["epoch_below_floor"]);
        let epochs = binary.path("small-published").display().to_string();
        self.refused_epoch(
            table,
            ("small_epoch_refused", "lonely"),
            expect,
            &epochs,
            &text(&init, "vkey")?,
            said,
        )
    }
}

/// Another proof of the same statement, as anybody can make one.
fn rerandomise(proof: &[u8; 128]) -> Result<[u8; 128], Failure> {
    let key = dev::verifying_key().map_err(fault)?;
    let proof = Proof::from_bytes(proof).map_err(fault)?;
    veilpass_prover::groth16::rerandomise(&key, &proof, &mut OsRng).map_err(fault)
}
