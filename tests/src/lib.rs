//! A small world for checks that need several crates: an authority with 1,200 people in two epochs, and
//! wallets without rules that prove whatever the circuit allows.

pub mod alone;
pub mod circom_source;
pub mod circuit_suite;
pub mod compute_vectors;
pub mod eval_vectors;
pub mod interop;
pub mod presentation_vectors;

use ark_ff::{AdditiveGroup, UniformRand};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use veilpass_circuits::Witness;
use veilpass_params::dev;
use veilpass_protocol::attributes::{Attributes, DocumentClass, Sex};
use veilpass_protocol::challenge::Nonce;
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::epoch::{Changes, EpochStatement, RemovalReason, RemovedCounts};
use veilpass_protocol::field::Fr;
use veilpass_protocol::identity::{DeviceSecret, PseudonymSecret, leaf, pseudonym};
use veilpass_protocol::note::AuthoritySigner;
use veilpass_protocol::predicates::Predicates;
use veilpass_protocol::presentation::Presentation;
use veilpass_protocol::request::{NewRequest, Request};
use veilpass_protocol::scope::{LinkKind, NONE_SLOTS};
use veilpass_protocol::statement::Statement;
use veilpass_protocol::tree::Tree;
use veilpass_prover::groth16::Engine;
use veilpass_verifier::VerifyingKey;

/// People in epoch 1; epoch 2 removes the last of them and adds one.
pub const PEOPLE: usize = 1200;

/// A person with both secrets.
pub struct Person {
    /// `k`.
    pub k: PseudonymSecret,
    /// `d`.
    pub d: DeviceSecret,
    /// What is attested.
    pub attributes: Attributes,
}

impl Person {
    /// The leaf.
    pub fn leaf(&self) -> Fr {
        leaf(&self.k.commitment(), &self.d.commitment(), &self.attributes.pack(), &Fr::ZERO)
    }
}

/// The world.
pub struct World {
    /// The authority.
    pub signer: AuthoritySigner,
    /// The DEV key.
    pub key: VerifyingKey,
    /// Trees of epochs 1 and 2.
    pub trees: [Tree; 2],
    /// Statements of epochs 1 and 2.
    pub epochs: [EpochStatement; 2],
    /// Notes of epochs 1 and 2.
    pub notes: [String; 2],
    /// Everybody, by place.
    pub people: Vec<Person>,
    prover: Engine,
    rng: StdRng,
}

/// Reads a literal of this file.
fn literal<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

/// When epoch 1 is sealed; epoch 2 follows an hour later.
pub fn sealed_at() -> Timestamp {
    literal("2026-11-22T06:00:00Z")
}

/// A time at which everything is fresh: ten minutes after epoch 2.
pub fn now() -> Timestamp {
    sealed_at().plus(3600 + 600)
}

impl World {
    /// The same people for the same seed; the authority's key as well.
    pub fn new(seed: u64) -> World {
        let mut rng = StdRng::seed_from_u64(seed);
        let people: Vec<Person> = (0..=PEOPLE).map(|i| person(i, &mut rng)).collect();
        let signer =
            AuthoritySigner::generate(&mut rng, "id.example/veilpass").unwrap_or_else(|e| panic!("{e}"));
        let key = VerifyingKey::from_bytes(dev::verifying_key_bytes()).unwrap_or_else(|e| panic!("{e}"));
        let first = Tree::from_leaves(people.iter().take(PEOPLE).map(Person::leaf).collect());
        let mut second = first.clone();
        let last = PEOPLE as u64;
        second
            .update(&[(last - 1, Fr::ZERO), (last, people[PEOPLE].leaf())])
            .unwrap_or_else(|e| panic!("{e}"));
        let seal =
            |previous: Option<&EpochStatement>, at: Timestamp, root: Fr, added: u64, withdrawn: u64| {
                let mut removed = RemovedCounts::default();
                removed.add(RemovalReason::Withdrawn, withdrawn);
                let changes = Changes {
                    sealed_at: at,
                    root,
                    added,
                    removed,
                    cells: [7; 32],
                    circuits: vec![key.circuit_id()],
                };
                EpochStatement::next("id.example/veilpass", previous, changes)
                    .unwrap_or_else(|e| panic!("{e}"))
            };
        let one = seal(None, sealed_at(), first.root(), last, 0);
        let two = seal(Some(&one), sealed_at().plus(3600), second.root(), 1, 1);
        let notes = [&one, &two].map(|e| e.sign(&signer).unwrap_or_else(|e| panic!("{e}")));
        let prover = dev::proving_key().unwrap_or_else(|e| panic!("{e}"));
        let prover = Engine::new(prover).unwrap_or_else(|e| panic!("{e}"));
        World { signer, key, trees: [first, second], epochs: [one, two], notes, people, prover, rng }
    }

    /// A request of forum.example with a fresh nonce.
    pub fn request(&mut self, link: LinkKind, predicates: Predicates) -> Request {
        let valid_on = Day::of(now());
        let (slots, period) = match link {
            LinkKind::Account => (1, 0),
            LinkKind::Tokens => (3, 20414),
            LinkKind::None => (NONE_SLOTS, u64::from(valid_on.number())),
        };
        let request = NewRequest {
            circuit: self.key.circuit_id(),
            rp: literal("forum.example"),
            context: Default::default(),
            link,
            slots,
            period,
            predicates,
            valid_on,
            nonce: Nonce::new(&self.rng.r#gen::<[u8; 16]>()).unwrap_or_else(|e| panic!("{e}")),
            response_uri: "https://forum.example/v1/requests/0f8c1d/presentation".into(),
            expires_at: now().plus(300),
        };
        Request::new(request).unwrap_or_else(|e| panic!("{e}"))
    }

    /// Statement and witness of a person in an epoch (1 or 2), whether they hold or not.
    pub fn claim(&mut self, place: usize, request: &Request, epoch: usize) -> (Statement, Witness) {
        let person = &self.people[place];
        let tree = &self.trees[epoch - 1];
        let slot = self.rng.gen_range(0..request.slots);
        let scope = request.scope().unwrap_or_else(|e| panic!("{e}"));
        let statement = Statement::for_request(request, tree.root(), pseudonym(&person.k, &scope, slot));
        let witness = Witness {
            k: *person.k.expose(),
            d: *person.d.expose(),
            packed: person.attributes.pack(),
            link: Fr::ZERO,
            slot: Fr::from(slot),
            path: tree.path(place as u64).unwrap_or_else(|e| panic!("{e}")).0,
        };
        (statement.unwrap_or_else(|e| panic!("{e}")), witness)
    }

    /// Proves a claim that holds.
    pub fn prove(&mut self, statement: &Statement, witness: &Witness) -> [u8; 128] {
        self.prover.prove(statement, witness, &mut self.rng).unwrap_or_else(|e| panic!("{e}"))
    }

    /// A presentation of a claim that holds.
    pub fn present(&mut self, place: usize, request: &Request, epoch: usize) -> Presentation {
        let (statement, witness) = self.claim(place, request, epoch);
        let proof = self.prove(&statement, &witness);
        Presentation { circuit: request.circuit, epoch: epoch as u64, pseudonym: statement.pseudonym, proof }
    }

    /// The world's generator, for whatever else is drawn.
    pub fn rng(&mut self) -> &mut StdRng {
        &mut self.rng
    }
}

/// Adults of all kinds; every tenth is 15, every seventh has no expiry.
fn person(i: usize, rng: &mut StdRng) -> Person {
    let year = if i % 10 == 3 { 2011 } else { 1950 + (i % 55) as i32 };
    let secret = |rng: &mut StdRng| Fr::rand(rng);
    let attributes = Attributes {
        birth_date: Day::from_ymd(year, 1 + (i % 12) as u8, 1 + (i % 28) as u8).unwrap_or(Day::MAX),
        expires_on: (!i.is_multiple_of(7)).then(|| literal("2036-06-01")),
        enrolled_on: literal("2024-07-06"),
        sex: Sex::ALL[i % 3],
        document_class: DocumentClass::ALL[i % 7],
        nationality: if i.is_multiple_of(2) { 156 } else { 250 },
        province: if i.is_multiple_of(7) { 44 } else { 0 },
        generation: u8::from(i.is_multiple_of(5)),
    };
    let k = PseudonymSecret::from_fr(secret(rng)).unwrap_or_else(|| panic!("zero"));
    let d = DeviceSecret::from_fr(secret(rng)).unwrap_or_else(|| panic!("zero"));
    Person { k, d, attributes }
}
