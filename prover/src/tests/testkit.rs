//! A small world for this crate's tests: an authority that publishes in memory, and people.

use crate::asker::Channel;
use crate::groth16::{ProveError, Prover};
use crate::refusal::Refusal;
use crate::rules::Rules;
use crate::source::{Source, SourceError};
use crate::wallet::Wallet;
use rand::rngs::StdRng;
use rand::{CryptoRng, RngCore, SeedableRng};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use veilpass_circuits::{Witness, native_check};
use veilpass_protocol::attributes::{Attributes, DocumentClass, Sex};
use veilpass_protocol::cells::{Cell, Cells};
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::credential::Credential;
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::directory::PlatformEntry;
use veilpass_protocol::epoch::{Changes, EpochStatement, RemovalReason, RemovedCounts};
use veilpass_protocol::field::Fr;
use veilpass_protocol::network_number::NetworkNumber;
use veilpass_protocol::note::{AuthorityKey, AuthoritySigner};
use veilpass_protocol::predicates::Predicates;
use veilpass_protocol::presentation::{PROOF_BYTES, Presentation};
use veilpass_protocol::scope::{Host, LinkKind};
use veilpass_protocol::statement::Statement;
use veilpass_protocol::tile::{Tile, TileId};
use veilpass_protocol::tree::Tree;

/// The circuit of [`FakeProver`].
pub(crate) const CIRCUIT: CircuitId = CircuitId([7; 32]);
/// When most tests take place: 16:00 in UTC+08:00.
pub(crate) const NOW: &str = "2026-11-22T08:00:00Z";

impl Rules {
    /// No rule at all.
    pub(crate) const NONE: Rules = Rules {
        w1: false,
        w2: false,
        w3: false,
        w4: false,
        w5: false,
        w6: false,
        w7: false,
        w8: false,
        w9: false,
    };
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn day(text: &str) -> Day {
    text.parse().unwrap()
}

pub(crate) fn now() -> Timestamp {
    at(NOW)
}

pub(crate) fn host(text: &str) -> Host {
    text.parse().unwrap()
}

pub(crate) fn from_origin(text: &str) -> Channel {
    Channel { origin: Some(host(text)), scanned: false }
}

/// Proves nothing, but only what is true: for tests in which the proof is not the subject.
pub(crate) struct FakeProver;

impl Prover for FakeProver {
    fn circuit(&self) -> CircuitId {
        CIRCUIT
    }

    fn prove<R: RngCore + CryptoRng>(
        &self,
        statement: &Statement,
        witness: &Witness,
        _: &mut R,
    ) -> Result<[u8; PROOF_BYTES], ProveError> {
        native_check(statement, witness).map_err(ProveError::Unsatisfied)?;
        Ok([0; PROOF_BYTES])
    }
}

/// An adult citizen, enrolled long ago.
pub(crate) fn adult() -> Attributes {
    Attributes {
        birth_date: day("1999-11-13"),
        expires_on: Some(day("2046-06-01")),
        enrolled_on: day("2024-07-06"),
        sex: Sex::Male,
        document_class: DocumentClass::ResidentCard,
        nationality: 156,
        province: 44,
        generation: 0,
    }
}

/// An authority with everything that it publishes, and a log of what was fetched.
pub(crate) struct World {
    pub(crate) rng: StdRng,
    pub(crate) signer: AuthoritySigner,
    pub(crate) tree: Tree,
    pub(crate) notes: BTreeMap<u64, (EpochStatement, String)>,
    pub(crate) cells: Vec<(Cell, u64)>,
    pub(crate) platforms: BTreeMap<Host, PlatformEntry>,
    /// Files that are served instead of the true ones; `None` = missing.
    pub(crate) replaced: BTreeMap<String, Option<Vec<u8>>>,
    pub(crate) fetched: RefCell<Vec<String>>,
}

impl World {
    /// An authority that has sealed nothing.
    pub(crate) fn empty(seed: u64) -> World {
        let mut rng = StdRng::seed_from_u64(seed);
        let signer = AuthoritySigner::generate(&mut rng, "id.example/veilpass").unwrap();
        let cell = Cell {
            sex: Sex::Male,
            document_class: DocumentClass::ResidentCard,
            nationality: 156,
            province: 44,
            birth_year: 1990,
        };
        World {
            rng,
            signer,
            tree: Tree::new(),
            notes: BTreeMap::new(),
            cells: vec![(cell, 5000)],
            platforms: BTreeMap::new(),
            replaced: BTreeMap::new(),
            fetched: RefCell::default(),
        }
    }

    /// One epoch with 5,000 others in it, an hour before [`NOW`].
    pub(crate) fn new(seed: u64) -> World {
        let mut world = World::empty(seed);
        world.seal_others(now().minus(3600), 5000);
        world
    }

    pub(crate) fn key(&self) -> AuthorityKey {
        self.signer.public()
    }

    pub(crate) fn newest(&self) -> &EpochStatement {
        &self.notes.last_key_value().unwrap().1.0
    }

    /// Seals an epoch with so many people whom nobody else knows.
    pub(crate) fn seal_others(&mut self, sealed_at: Timestamp, count: u64) {
        let first = 1_000_000 + self.tree.places();
        self.seal(sealed_at, &(first..first + count).map(Fr::from).collect::<Vec<_>>(), &[]);
    }

    /// Seals an epoch: leaves into the next places, and places that are emptied.
    pub(crate) fn seal(&mut self, sealed_at: Timestamp, added: &[Fr], emptied: &[u64]) {
        let next = self.tree.places();
        let mut changes: Vec<(u64, Fr)> =
            added.iter().enumerate().map(|(i, leaf)| (next + i as u64, *leaf)).collect();
        changes.extend(emptied.iter().map(|place| (*place, Fr::default())));
        if next == 0 {
            self.tree = Tree::from_leaves(added.to_vec());
        } else {
            self.tree.update(&changes).unwrap();
        }
        let mut removed = RemovedCounts::default();
        removed.add(RemovalReason::Withdrawn, emptied.len() as u64);
        let previous = self.notes.last_key_value().map(|(_, (statement, _))| statement);
        let number = previous.map_or(1, |p| p.epoch + 1);
        let cells = Cells::count(number, sealed_at, self.cells.iter().copied());
        let changes = Changes {
            sealed_at,
            root: self.tree.root(),
            added: added.len() as u64,
            removed,
            cells: cells.hash(),
            circuits: vec![CIRCUIT],
        };
        let statement = EpochStatement::next(self.signer.public().origin(), previous, changes).unwrap();
        let note = statement.sign(&self.signer).unwrap();
        self.notes.insert(number, (statement, note));
    }

    /// A credential for a wallet.
    pub(crate) fn credential(&mut self, wallet: &Wallet, attributes: Attributes) -> Credential {
        let number = NetworkNumber::generate(&mut self.rng);
        Credential::issue(
            &self.signer,
            number,
            wallet.identity_commitment(),
            wallet.device_commitment(),
            attributes,
        )
    }

    /// A wallet with a credential that is not sealed yet.
    pub(crate) fn applicant(&mut self, attributes: Attributes) -> Wallet {
        let mut wallet = Wallet::new(&mut self.rng);
        let credential = self.credential(&wallet, attributes);
        wallet.enrol(credential.to_json().as_bytes()).unwrap();
        wallet
    }

    /// People who are enrolled, sealed and synced, in an epoch a minute after the last.
    pub(crate) fn people(&mut self, attributes: &[Attributes]) -> Vec<Wallet> {
        let mut wallets: Vec<Wallet> = attributes.iter().map(|a| self.applicant(a.clone())).collect();
        let leaves: Vec<Fr> = wallets.iter().map(leaf).collect();
        self.seal(self.newest().sealed_at.plus(60), &leaves, &[]);
        for wallet in &mut wallets {
            assert!(wallet.sync(self, &self.key(), now()).unwrap().enrolled);
        }
        wallets
    }

    /// One such person.
    pub(crate) fn person(&mut self, attributes: Attributes) -> Wallet {
        self.people(&[attributes]).remove(0)
    }

    pub(crate) fn published_file(&self, path: &str) -> Option<Vec<u8>> {
        let parts: Vec<&str> = path.split('/').collect();
        let newest = self.newest().epoch;
        match parts[..] {
            ["epochs", file] => {
                let (number, kind) = file.split_once('.').unwrap();
                let (statement, note) = self.notes.get(&number.parse().unwrap())?;
                match kind {
                    "note" => Some(note.clone().into_bytes()),
                    _ if statement.epoch == newest => {
                        Some(Cells::count(newest, statement.sealed_at, self.cells.iter().copied()).to_jcs())
                    }
                    _ => None,
                }
            }
            ["tiles", epoch, level, index] if epoch.parse() == Ok(newest) => {
                let id = TileId { level: level.parse().unwrap(), index: index.parse().unwrap() };
                self.tree.tile(id).as_ref().map(Tile::encode)
            }
            ["platforms.json"] => Some(
                veilpass_protocol::json::to_string(&self.platforms.keys().collect::<Vec<_>>()).into_bytes(),
            ),
            ["platforms", file] => {
                Some(self.platforms.get(&host(file.strip_suffix(".json")?))?.to_json().into_bytes())
            }
            _ => None,
        }
    }

    /// Tiles of level 0 that were fetched since the last call, in order.
    pub(crate) fn fetched_tiles(&self) -> Vec<u64> {
        let log = self.fetched.take();
        log.iter().filter_map(|path| path.strip_prefix("tiles/")?.split_once("/0/")?.1.parse().ok()).collect()
    }
}

impl Source for World {
    fn newest_note(&self) -> Result<String, SourceError> {
        self.notes.last_key_value().map(|(_, (_, note))| note.clone()).ok_or(SourceError("no epoch".into()))
    }

    fn file(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        self.fetched.borrow_mut().push(path.to_owned());
        Ok(match self.replaced.get(path) {
            Some(instead) => instead.clone(),
            None => self.published_file(path),
        })
    }
}

/// The leaf of an enrolled wallet.
pub(crate) fn leaf(wallet: &Wallet) -> Fr {
    wallet.credential().unwrap().leaf()
}

/// What a platform asks; fields are changed as a test needs them.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) rp: &'static str,
    pub(crate) context: &'static str,
    pub(crate) link: LinkKind,
    pub(crate) slots: u32,
    pub(crate) period: Option<u64>,
    pub(crate) predicates: String,
    pub(crate) valid_on: Day,
    pub(crate) nonce: u8,
    pub(crate) response_uri: Option<&'static str>,
    pub(crate) expires_at: Timestamp,
    pub(crate) circuit: CircuitId,
}

/// `forum.example` asks for nothing but a valid identity, unlinked, on the day of [`NOW`].
pub(crate) fn ask() -> Ask {
    Ask {
        rp: "forum.example",
        context: "",
        link: LinkKind::None,
        slots: 65_536,
        period: None,
        predicates: r#"{"valid":true}"#.into(),
        valid_on: day("2026-11-22"),
        nonce: 1,
        response_uri: None,
        expires_at: Timestamp::MAX,
        circuit: CIRCUIT,
    }
}

impl Ask {
    pub(crate) fn account(self) -> Ask {
        Ask { link: LinkKind::Account, slots: 1, ..self }
    }

    pub(crate) fn predicates(self, text: &str) -> Ask {
        Ask { predicates: text.into(), ..self }
    }

    pub(crate) fn asking(self, predicates: &Predicates) -> Ask {
        Ask { predicates: veilpass_protocol::json::to_string(predicates), ..self }
    }

    pub(crate) fn on(self, valid_on: Day) -> Ask {
        Ask { valid_on, ..self }
    }

    /// As JSON: hostile requests, too, so not through `Request::new`.
    pub(crate) fn json(&self) -> String {
        let period = self.period.unwrap_or(if self.link == LinkKind::None {
            self.valid_on.number().into()
        } else {
            0
        });
        let uri = self.response_uri.map_or_else(|| format!("https://{}/answer", self.rp), str::to_owned);
        let nonce = veilpass_protocol::json::base64url::encode(&[self.nonce; 16]);
        format!(
            r#"{{"v":1,"circuit":"{}","rp":"{}","context":"{}","link":"{}","slots":{},"period":{period},"predicates":{},"valid_on":"{}","nonce":"{nonce}","response_uri":"{uri}","expires_at":"{}"}}"#,
            self.circuit,
            self.rp,
            self.context,
            self.link,
            self.slots,
            self.predicates,
            self.valid_on,
            self.expires_at
        )
    }
}

impl Wallet {
    /// Examines and answers, the person agreeing to everything, over the host's own origin.
    pub(crate) fn respond(
        &mut self,
        ask: &Ask,
        time: Timestamp,
        rng: &mut StdRng,
    ) -> Result<Presentation, Refusal> {
        self.respond_over(ask.json().as_bytes(), &from_origin(ask.rp), time, rng)
    }

    /// The same for a request and a channel as they come.
    pub(crate) fn respond_over(
        &mut self,
        request: &[u8],
        channel: &Channel,
        time: Timestamp,
        rng: &mut StdRng,
    ) -> Result<Presentation, Refusal> {
        let question = self.examine(request, channel, false, CIRCUIT, time)?;
        match self.answer(&question, true, &FakeProver, time, rng, |_| Ok::<(), Infallible>(())) {
            Ok(presentation) => Ok(presentation),
            Err(crate::AnswerError::Refused(refusal)) => Err(refusal),
            Err(other) => panic!("{other}"),
        }
    }
}
