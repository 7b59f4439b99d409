//! The story: who does what, and what should come of it.

use super::cast::{Holder, Platform, adult, at_least, hostile};
use super::people::{Person, import_file};
use super::{Expect, Table, Tried};
use crate::authority::failure;
use crate::outcome::Failure;
use crate::progress;
use rand::rngs::OsRng;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use veilpass_circuits::Witness;
use veilpass_params::dev;
use veilpass_protocol::challenge::Nonce;
use veilpass_protocol::credential::Credential;
use veilpass_protocol::day::{Day, Timestamp, birth_limit};
use veilpass_protocol::epoch::RemovalReason;
use veilpass_protocol::field::{Fr, to_bytes, to_hex};
use veilpass_protocol::note::AuthoritySigner;
use veilpass_protocol::presentation::Presentation;
use veilpass_protocol::request::Request;
use veilpass_protocol::scope::LinkKind;
use veilpass_prover::Channel;
use veilpass_prover::groth16::ArkProver;
use veilpass_server::authority::{Authority, PlaceOrder, platform_key};
use veilpass_verifier::Proof;

/// What each party has seen.
#[derive(Debug, Serialize)]
pub struct Seen {
    authority: AuthoritySeen,
    platforms: PlatformsSeen,
    /// The attempt to bring the two sides together.
    pub joined: Joined,
}

#[derive(Debug, Serialize)]
struct AuthoritySeen {
    people: usize,
    epochs: u64,
    database_bytes: usize,
}

#[derive(Debug, Serialize)]
struct PlatformsSeen {
    presentations: usize,
    pseudonyms: usize,
    bytes: usize,
}

/// The join.
#[derive(Debug, Serialize)]
pub struct Joined {
    people: usize,
    pseudonyms: usize,
    /// Values of persons that stand on both sides.
    pub matches: usize,
}

impl Seen {
    /// For people.
    pub fn text(&self) -> String {
        let (a, p, j) = (&self.authority, &self.platforms, &self.joined);
        format!(
            "What each party has seen\n  the authority   {} people, {} epochs ({} bytes of registry); no platform, no pseudonym\n  \
             the platforms   {} answers in {} bytes, {} pseudonyms; no name, number, date or place\n  \
             joined          {} people × {} pseudonyms: {} values stand on both sides",
            a.people,
            a.epochs,
            a.database_bytes,
            p.presentations,
            p.bytes,
            p.pseudonyms,
            j.people,
            j.pseudonyms,
            j.matches
        )
    }
}

fn now() -> Result<Timestamp, Failure> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|e| Failure::fault("the clock", e))?;
    Ok(Timestamp::new(since.as_secs()))
}

fn fault(e: impl std::fmt::Display) -> Failure {
    Failure::Fault(e.to_string())
}

/// The stage: one authority with everybody imported and epoch 1 sealed, two platforms, four wallets.
struct Stage {
    authority: Authority,
    published: PathBuf,
    forum: Platform,
    shop: Platform,
    adult: Holder,
    minor: Holder,
    expired: Holder,
    removed: Holder,
    prover: ArkProver,
    people: Vec<Person>,
    now: Timestamp,
}

/// A refusal or the presentation's way to the platform.
fn answered(
    outcome: Result<Presentation, Tried>,
    platform: &mut Platform,
    request: &Request,
    now: Timestamp,
) -> (Tried, Option<Presentation>) {
    match outcome {
        Ok(presentation) => {
            let tried = platform.receive(request, presentation.to_json().as_bytes(), now);
            (tried, Some(presentation))
        }
        Err(tried) => (tried, None),
    }
}

/// A request's bytes as a browser on the same device carries them, with the origin that it vouches for.
fn over_origin(platform: &Platform) -> Channel {
    Channel { origin: Some(platform.host.clone()), scanned: false }
}

/// Tells it all.
pub async fn tell(folder: &Path, people: usize, table: &mut Table) -> Result<Seen, Failure> {
    let mut stage = Stage::set(folder, people, table).await?;
    table.say("");
    stage.accepted(table)?;
    stage.not_satisfied(table)?;
    stage.removal(table).await?;
    stage.dishonest_wallets(table)?;
    stage.dishonest_platforms(table)?;
    stage.forged_root(table)?;
    stage.bit_flip(table)?;
    stage.small_epoch(folder, table).await?;
    stage.look(folder).await
}

impl Stage {
    /// Enrols everybody from a file made on the spot and seals the first epoch.
    async fn set(folder: &Path, count: usize, table: &Table) -> Result<Stage, Failure> {
        let now = now()?;
        let (today, sealed_at) = (Day::of(now), now.minus(600));
        let years_ago = |n: u32| birth_limit(today, n).ok_or_else(|| fault("the clock is too early"));
        let (adult, minor, expired, removed) = (Holder::new(), Holder::new(), Holder::new(), Holder::new());
        // In the middle of a year of life, so that no birthday is near (W5).
        let born = |age: u32| years_ago(age).map(|d| d.checked_add(-180).unwrap_or(d));
        let later = today.checked_add(3650);
        let mut people = vec![
            Person::with_wallet(&adult.wallet, born(30)?, later),
            Person::with_wallet(&minor.wallet, born(15)?, later),
            Person::with_wallet(&expired.wallet, born(40)?, today.checked_add(-10)),
            Person::with_wallet(&removed.wallet, born(50)?, None),
        ];
        people.extend((people.len()..count).map(|_| Person::anybody(today, &mut OsRng)));
        let enrolled = today.checked_add(-400).ok_or_else(|| fault("the clock is too early"))?;
        let (file, credentials) = (folder.join("people.csv"), folder.join("credentials.jsonl"));
        std::fs::write(&file, import_file(&people, enrolled, &mut OsRng)).map_err(fault)?;

        let verifying_key = dev::verifying_key_bytes();
        let registry = folder.join("authority");
        let authority =
            Authority::init(&registry, "demo.example/veilpass", &[verifying_key.to_vec()], &mut OsRng)
                .await
                .map_err(failure)?;
        let begun = Instant::now();
        let bar = progress::bar(0, "importing");
        let report = authority
            .import(&file, Some(&credentials), sealed_at, &mut OsRng, &mut |p| {
                bar.set_length(p.total_bytes);
                bar.set_position(p.bytes);
            })
            .await
            .map_err(failure)?;
        bar.finish_and_clear();
        if report.added as usize != count {
            return Err(fault(format!(
                "{} of {count} people were imported: {:?}",
                report.added,
                report.rejected.first()
            )));
        }
        table.say(&format!("  imported {count} people from a file in {} ms", begun.elapsed().as_millis()));
        let key = authority.key();
        let (forum, forum_key) =
            Platform::new(&folder.join("forum"), "forum.localhost", &key, verifying_key)?;
        let (shop, shop_key) = Platform::new(&folder.join("shop"), "shop.localhost", &key, verifying_key)?;
        for (platform, public, name) in [(&forum, &forum_key, "The Forum"), (&shop, &shop_key, "The Shop")] {
            let public = platform_key(public).map_err(failure)?;
            let purposes = ["to let adults in".to_owned()];
            authority.put_platform(platform.host.clone(), &public, name, &purposes).await.map_err(failure)?;
        }
        let prover = ArkProver::new(dev::proving_key().map_err(fault)?).map_err(fault)?;
        let published = folder.join("published");
        let mut stage =
            Stage { authority, published, forum, shop, adult, minor, expired, removed, prover, people, now };
        let begun = Instant::now();
        stage.seal(sealed_at).await?;
        table.say(&format!("  sealed and published them as epoch 1 in {} ms", begun.elapsed().as_millis()));
        stage.enrol(&credentials)?;
        let begun = Instant::now();
        stage.sync(now)?;
        table.say(&format!(
            "  four wallets found their leaves in {} ms, without naming them",
            begun.elapsed().as_millis()
        ));
        Ok(stage)
    }

    /// Seals, publishes, and lets both platforms read the new epoch.
    async fn seal(&mut self, at: Timestamp) -> Result<(), Failure> {
        let epoch = self.authority.seal(at, PlaceOrder::Random, &mut OsRng).await.map_err(failure)?;
        self.authority.publish(&self.published).await.map_err(failure)?;
        for platform in [&mut self.forum, &mut self.shop] {
            platform.install(&epoch.note, self.now.max(at)).map_err(fault)?;
        }
        Ok(())
    }

    /// Hands each wallet its credential.
    fn enrol(&mut self, credentials: &Path) -> Result<(), Failure> {
        let text = std::fs::read_to_string(credentials).map_err(fault)?;
        let all: Vec<Credential> = text
            .lines()
            .map(|l| Credential::from_json(l.as_bytes()).map_err(fault))
            .collect::<Result<_, _>>()?;
        for holder in [&mut self.adult, &mut self.minor, &mut self.expired, &mut self.removed] {
            let own = all.iter().find(|c| c.identity_commitment == holder.wallet.identity_commitment());
            let own = own.ok_or_else(|| fault("a credential is missing"))?;
            holder.wallet.enrol(own.to_json().as_bytes()).map_err(fault)?;
        }
        Ok(())
    }

    fn sync(&mut self, now: Timestamp) -> Result<(), Failure> {
        let key = self.authority.key();
        for holder in [&mut self.adult, &mut self.minor, &mut self.expired, &mut self.removed] {
            holder.sync(&self.published, &key, now)?;
        }
        Ok(())
    }

    /// The adult logs in at two platforms.
    fn accepted(&mut self, table: &mut Table) -> Result<(), Failure> {
        let Stage { forum, shop, adult: holder, prover, now, .. } = self;
        let now = *now;
        let mut log_in = |platform: &mut Platform| -> Result<Tried, Failure> {
            let made = platform.ask(LinkKind::Account, adult(), now)?;
            let outcome = holder.present(made.text().as_bytes(), &over_origin(platform), prover, now)?;
            Ok(answered(outcome, platform, &made.request, now).0)
        };
        table.step("adult_accepted", Expect::Accepted, || log_in(forum))?;
        table.step("second_platform_other_pseudonym", Expect::Accepted, || {
            let mut tried = log_in(shop)?;
            if forum.pseudonyms.last() == shop.pseudonyms.last() {
                tried.verdict = Err("the same pseudonym at two platforms".into());
            }
            tried.said = "another pseudonym than at the first".into();
            Ok(tried)
        })?;
        table.step("first_platform_same_pseudonym", Expect::Accepted, || {
            let mut tried = log_in(forum)?;
            if forum.pseudonyms.first() != forum.pseudonyms.last() {
                tried.verdict = Err("another pseudonym at the same platform".into());
            }
            tried.said = "the same pseudonym as before: an account".into();
            Ok(tried)
        })
    }

    /// People for whom the statement is not true.
    fn not_satisfied(&mut self, table: &mut Table) -> Result<(), Failure> {
        let now = self.now;
        let made = self.forum.ask(LinkKind::None, adult(), now)?;
        let refusal =
            |outcome: Result<Presentation, Tried>| outcome.err().ok_or_else(|| fault("the wallet answered"));
        table.step("minor_refused", Expect::Refused("wallet", &["not_satisfied"]), || {
            refusal(self.minor.present(made.text().as_bytes(), &Channel::default(), &self.prover, now)?)
        })?;
        // The hostile wallet proves 14 instead of 18 for the same nonce and answer address.
        let witness = self.witness(&self.minor)?;
        let root = self.newest_root()?;
        table.step("minor_hostile_refused", Expect::Refused("platform", &["proof_invalid"]), || {
            let mut weaker = made.request.clone();
            weaker.predicates = at_least(14);
            let outcome = hostile(&weaker, root, 1, &witness, &self.prover)?;
            Ok(answered(outcome, &mut self.forum, &made.request, now).0)
        })?;
        let expired_request = self.forum.ask(LinkKind::None, adult(), now)?;
        table.step("expired_document_refused", Expect::Refused("wallet", &["credential_expired"]), || {
            let outcome = self.expired.present(
                expired_request.text().as_bytes(),
                &Channel::default(),
                &self.prover,
                now,
            )?;
            refusal(outcome)
        })
    }

    /// Requests that no honest platform sends.
    fn dishonest_platforms(&mut self, table: &mut Table) -> Result<(), Failure> {
        let now = self.now;
        let made = self.forum.ask(LinkKind::None, adult(), now)?;
        let mut try_on_wallet = |table: &mut Table, id, code: &'static [&'static str], request: &[u8]| {
            table.step(id, Expect::Refused("wallet", code), || {
                let outcome = self.adult.present(request, &Channel::default(), &self.prover, now)?;
                outcome.err().ok_or_else(|| fault("the wallet answered"))
            })
        };
        try_on_wallet(table, "unsigned_refused", &["request_unsigned"], made.request.to_json().as_bytes())?;
        let mut elsewhere = made.request.clone();
        elsewhere.response_uri = "https://collector.example/answers".into();
        try_on_wallet(
            table,
            "foreign_answer_refused",
            &["request_host"],
            self.forum.sign(&elsewhere).as_bytes(),
        )?;
        let mut probe = made.request.clone();
        probe.valid_on = probe.valid_on.checked_add(40).unwrap_or(probe.valid_on);
        probe.period = u64::from(probe.valid_on.number());
        try_on_wallet(table, "date_probe_refused", &["request_date"], self.forum.sign(&probe).as_bytes())
    }

    /// Answers that no honest wallet sends.
    fn dishonest_wallets(&mut self, table: &mut Table) -> Result<(), Failure> {
        let now = self.now;
        let made = self.forum.ask(LinkKind::None, adult(), now)?;
        let outcome = self.adult.present(made.text().as_bytes(), &Channel::default(), &self.prover, now)?;
        let (first, presentation) = answered(outcome, &mut self.forum, &made.request, now);
        let presentation = presentation.filter(|_| first.verdict.is_ok());
        let presentation =
            presentation.ok_or_else(|| fault(format!("the honest answer was refused: {}", first.said)))?;
        let replay = Expect::Refused("platform", &["request_replayed"]);
        table.step("replay_refused", replay, || {
            Ok(self.forum.receive(&made.request, presentation.to_json().as_bytes(), now))
        })?;
        table.step("rerandomised_refused", replay, || {
            let again = Presentation { proof: rerandomise(&presentation.proof)?, ..presentation.clone() };
            Ok(self.forum.receive(&made.request, again.to_json().as_bytes(), now))
        })?;
        // Made for the shop, with the forum's nonce: a relay.
        table.step("other_host_refused", Expect::Refused("platform", &["proof_invalid"]), || {
            let asked = self.forum.ask(LinkKind::None, adult(), now)?;
            let mut relayed = self.shop.ask(LinkKind::None, adult(), now)?.request;
            relayed.nonce = Nonce::clone(&asked.request.nonce);
            let signed = self.shop.sign(&relayed);
            let outcome = self.adult.present(signed.as_bytes(), &Channel::default(), &self.prover, now)?;
            Ok(answered(outcome, &mut self.forum, &asked.request, now).0)
        })
    }

    /// One bit of an honest answer.
    fn bit_flip(&mut self, table: &mut Table) -> Result<(), Failure> {
        let now = self.now;
        table.step("bit_flip_refused", Expect::Refused("platform", &["proof_point", "proof_invalid"]), || {
            let asked = self.forum.ask(LinkKind::None, adult(), now)?;
            let outcome =
                self.adult.present(asked.text().as_bytes(), &Channel::default(), &self.prover, now)?;
            let outcome = outcome.map(|mut p| {
                p.proof[40] ^= 0x10;
                p
            });
            Ok(answered(outcome, &mut self.forum, &asked.request, now).0)
        })
    }

    /// Somebody is removed; the old root goes on for the grace period and no longer.
    async fn removal(&mut self, table: &mut Table) -> Result<(), Failure> {
        let old_root = self.newest_root()?;
        let witness = self.witness(&self.removed)?;
        let number = self.removed.wallet.credential().map(|c| c.network_number);
        let number = number.ok_or_else(|| fault("no credential"))?;
        self.authority.remove(&number, RemovalReason::CourtOrder, self.now).await.map_err(failure)?;
        let removed_at = self.now;
        self.seal(removed_at).await?;
        let now = removed_at.plus(1);
        self.sync(now)?;
        table.step("removed_refused", Expect::Refused("wallet", &["credential_removed"]), || {
            let made = self.forum.ask(LinkKind::None, adult(), now)?;
            let outcome =
                self.removed.present(made.text().as_bytes(), &Channel::default(), &self.prover, now)?;
            outcome.err().ok_or_else(|| fault("the wallet answered"))
        })?;
        let grace = 5;
        self.forum.with_grace(grace, dev::verifying_key_bytes())?;
        let mut hostile_at = |table: &mut Table, id, expect, at: Timestamp| {
            table.step(id, expect, || {
                let made = self.forum.ask(LinkKind::None, adult(), at)?;
                let outcome = hostile(&made.request, old_root, 1, &witness, &self.prover)?;
                Ok(answered(outcome, &mut self.forum, &made.request, at).0)
            })
        };
        hostile_at(table, "removed_in_grace_accepted", Expect::Accepted, removed_at.plus(grace - 1))?;
        let late = Expect::Refused("platform", &["epoch_replaced"]);
        hostile_at(table, "removed_after_grace_refused", late, removed_at.plus(grace))?;
        self.now = removed_at.plus(grace);
        Ok(())
    }

    /// A root in the authority's name.
    fn forged_root(&mut self, table: &mut Table) -> Result<(), Failure> {
        let now = self.now.plus(60);
        table.step("forged_root_refused", Expect::Refused("platform", &["epoch_signature"]), || {
            let mut forged = self.forum.epochs.newest().cloned().ok_or_else(|| fault("no epoch"))?;
            forged.epoch += 1;
            forged.root += Fr::from(1u64);
            let impostor = AuthoritySigner::generate(&mut OsRng, &forged.origin).map_err(fault)?;
            let note = forged.sign(&impostor).map_err(fault)?;
            let said = "a root in the authority's name, signed by another key".to_owned();
            Ok(Tried { actor: "platform", verdict: self.forum.install(&note, now), bytes: note.len(), said })
        })
    }

    /// An authority that nobody can hide in.
    async fn small_epoch(&mut self, folder: &Path, table: &mut Table) -> Result<(), Failure> {
        let now = self.now.plus(60);
        let (place, keys) = (folder.join("small"), [dev::verifying_key_bytes().to_vec()]);
        let small = Authority::init(&place, "small.example", &keys, &mut OsRng).await.map_err(failure)?;
        let today = Day::of(self.now);
        let three: Vec<Person> = (0..3).map(|_| Person::anybody(today, &mut OsRng)).collect();
        let file = folder.join("three.csv");
        let enrolled = today.checked_add(-1).unwrap_or(today);
        std::fs::write(&file, import_file(&three, enrolled, &mut OsRng)).map_err(fault)?;
        small.import(&file, None, self.now, &mut OsRng, &mut |_| ()).await.map_err(failure)?;
        let epoch = small.seal(self.now, PlaceOrder::Random, &mut OsRng).await.map_err(failure)?;
        let (mut lonely, _) = Platform::new(
            &folder.join("lonely"),
            "lonely.localhost",
            &small.key(),
            dev::verifying_key_bytes(),
        )?;
        small.close().await;
        table.step("small_epoch_refused", Expect::Refused("platform", &["epoch_below_floor"]), || {
            let said = "an epoch of 3 people hides nobody".to_owned();
            Ok(Tried {
                actor: "platform",
                verdict: lonely.install(&epoch.note, now),
                bytes: epoch.note.len(),
                said,
            })
        })
    }

    /// What each party holds, and whether anything of a person stands on both sides.
    async fn look(self, folder: &Path) -> Result<Seen, Failure> {
        let epochs = self.authority.epoch(None).await.map_err(failure)?.statement.epoch;
        self.authority.close().await;
        let mut registry = Vec::new();
        for entry in std::fs::read_dir(folder.join("authority")).map_err(fault)? {
            let path = entry.map_err(fault)?.path();
            if path.is_file() {
                registry.extend(std::fs::read(path).map_err(fault)?);
            }
        }
        let received: Vec<u8> = [&self.forum, &self.shop].iter().flat_map(|p| p.received.concat()).collect();
        let mut pseudonyms: Vec<Fr> =
            [&self.forum, &self.shop].iter().flat_map(|p| p.pseudonyms.clone()).collect();
        pseudonyms.sort();
        pseudonyms.dedup();
        let known: Vec<Fr> = self.people.iter().flat_map(|p| [p.identity, p.device]).collect();
        let matches = known.iter().filter(|x| contains(&received, x)).count()
            + pseudonyms.iter().filter(|x| contains(&registry, x)).count();
        Ok(Seen {
            authority: AuthoritySeen { people: self.people.len(), epochs, database_bytes: registry.len() },
            platforms: PlatformsSeen {
                presentations: self.forum.received.len() + self.shop.received.len(),
                pseudonyms: pseudonyms.len(),
                bytes: received.len(),
            },
            joined: Joined { people: self.people.len(), pseudonyms: pseudonyms.len(), matches },
        })
    }

    fn newest_root(&self) -> Result<Fr, Failure> {
        self.forum.epochs.newest().map(|e| e.root).ok_or_else(|| fault("no epoch"))
    }

    /// The private inputs of a holder in the newest epoch, for a wallet without rules.
    fn witness(&self, holder: &Holder) -> Result<Witness, Failure> {
        holder.wallet.export_witness().ok_or_else(|| fault("the wallet has no path"))
    }
}

/// Whether bytes hold a field element, raw or as digits.
fn contains(bytes: &[u8], x: &Fr) -> bool {
    let (raw, digits) = (to_bytes(x), to_hex(x));
    bytes.windows(32).any(|w| w == raw) || bytes.windows(64).any(|w| w == digits.as_bytes())
}

/// Another proof of the same statement, as anybody can make one.
fn rerandomise(proof: &[u8; 128]) -> Result<[u8; 128], Failure> {
    let key = dev::verifying_key().map_err(fault)?;
    let proof = Proof::from_bytes(proof).map_err(fault)?;
    veilpass_prover::groth16::rerandomise(&key, &proof, &mut OsRng).map_err(fault)
}
