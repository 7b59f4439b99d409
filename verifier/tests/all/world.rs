//! A small world to verify in: an authority that seals, a platform that asks, a holder whose proofs
//! are simulated.

use crate::testkit::Trapdoor;
use rand::SeedableRng;
use rand::rngs::StdRng;
use veilpass_verifier::protocol::challenge::Nonce;
use veilpass_verifier::protocol::circuit_id::CircuitId;
use veilpass_verifier::protocol::day::{Day, Timestamp};
use veilpass_verifier::protocol::epoch::{Changes, EpochStatement, RemovedCounts};
use veilpass_verifier::protocol::field::Fr;
use veilpass_verifier::protocol::note::{AuthorityKey, AuthoritySigner};
use veilpass_verifier::protocol::predicates::{AgePredicate, Predicates};
use veilpass_verifier::protocol::presentation::Presentation;
use veilpass_verifier::protocol::request::{NewRequest, Request};
use veilpass_verifier::protocol::scope::LinkKind;
use veilpass_verifier::protocol::statement::Statement;
use veilpass_verifier::{AcceptedEpochs, Origin, Policy, Verifier};

pub const ORIGIN: &str = "id.example/veilpass";
pub const HOUR: u64 = 3600;

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The time at which most tests take place.
pub fn noon() -> Timestamp {
    at("2026-11-22T04:00:00Z")
}

pub struct Authority {
    pub signer: AuthoritySigner,
    pub statements: Vec<EpochStatement>,
    pub notes: Vec<String>,
}

impl Authority {
    pub fn new(seed: u64) -> Authority {
        let mut rng = StdRng::seed_from_u64(seed);
        let signer = AuthoritySigner::generate(&mut rng, ORIGIN).unwrap();
        Authority { signer, statements: Vec::new(), notes: Vec::new() }
    }

    pub fn key(&self) -> AuthorityKey {
        self.signer.public()
    }

    /// The statement that would follow, unsigned.
    pub fn draft(&self, sealed_at: Timestamp, added: u64) -> EpochStatement {
        let changes = Changes {
            sealed_at,
            root: Fr::from(sealed_at.seconds()),
            added,
            removed: RemovedCounts::default(),
            cells: [1; 32],
            circuits: vec![CircuitId([2; 32])],
        };
        EpochStatement::next(ORIGIN, self.statements.last(), changes).unwrap()
    }

    pub fn sign(&self, statement: &EpochStatement) -> String {
        statement.sign(&self.signer).unwrap()
    }

    pub fn seal(&mut self, sealed_at: Timestamp, added: u64) -> &EpochStatement {
        let statement = self.draft(sealed_at, added);
        self.notes.push(self.sign(&statement));
        self.statements.push(statement);
        self.statements.last().unwrap()
    }

    /// Seals at each of the times, 2,000 people in the first epoch.
    pub fn with_epochs(seed: u64, times: &[Timestamp]) -> Authority {
        let mut authority = Authority::new(seed);
        for (i, time) in times.iter().enumerate() {
            authority.seal(*time, if i == 0 { 2000 } else { 0 });
        }
        authority
    }

    pub fn note(&self) -> &str {
        self.notes.last().unwrap()
    }
}

pub struct World {
    pub trapdoor: Trapdoor,
    pub circuit: CircuitId,
    pub verifier: Verifier,
    pub authority: Authority,
    pub epochs: AcceptedEpochs,
    pub rng: StdRng,
}

impl World {
    /// Sealed at 01:00, 02:00, 03:00; it is 04:00 UTC, noon of the civil day.
    pub fn new() -> World {
        let trapdoor = Trapdoor::from_seed(1);
        let key = trapdoor.key(Origin::Ceremony);
        let circuit = key.circuit_id();
        let policy = Policy::default();
        let times = [3, 2, 1].map(|hours| noon().minus(hours * HOUR));
        let authority = Authority::with_epochs(1, &times);
        let mut epochs = AcceptedEpochs::starting_without_memory(authority.key());
        epochs.install(authority.note(), &policy, noon()).unwrap();
        World {
            trapdoor,
            circuit,
            verifier: Verifier::new(policy).with_verifying_key(key).unwrap(),
            authority,
            epochs,
            rng: StdRng::seed_from_u64(99),
        }
    }

    pub fn ask(&self, link: LinkKind, nonce: u8) -> Request {
        Request::new(self.new_request(link, nonce)).unwrap()
    }

    pub fn new_request(&self, link: LinkKind, nonce: u8) -> NewRequest {
        let valid_on = Day::of(noon());
        let (slots, period) = match link {
            LinkKind::Account => (1, 0),
            LinkKind::Tokens => (3, 20414),
            LinkKind::None => (65536, valid_on.number().into()),
        };
        let age = AgePredicate { at_least: Some(18), below: None };
        NewRequest {
            circuit: self.circuit,
            rp: "forum.example".parse().unwrap(),
            context: "".parse().unwrap(),
            link,
            slots,
            period,
            predicates: Predicates { age: Some(age), ..Predicates::valid() },
            valid_on,
            nonce: Nonce::new(&[nonce; 16]).unwrap(),
            response_uri: "https://forum.example/v1/requests/0f8c1d/presentation".into(),
            expires_at: noon().plus(300),
        }
    }

    /// A presentation for `request` with a root of an epoch sealed before.
    pub fn answer(&mut self, request: &Request, epoch: u64, pseudonym: u64) -> Presentation {
        let root = self.authority.statements[epoch as usize - 1].root;
        let pseudonym = Fr::from(pseudonym);
        let statement = Statement::for_request(request, root, pseudonym).unwrap();
        let proof = self.trapdoor.simulate(&statement, &mut self.rng);
        Presentation { circuit: self.circuit, epoch, pseudonym, proof }
    }
}
