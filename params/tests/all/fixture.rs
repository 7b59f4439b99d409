//! Honest people with honest proofs, made by ark-groth16's own prover under the DEV key.

use ark_bn254::{Bn254, G1Affine, G2Affine};
use ark_ec::CurveGroup;
use ark_ff::{Field, UniformRand};
use ark_groth16::Groth16;
use ark_serialize::CanonicalSerialize;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::sync::LazyLock;
use veilpass_circuits::{Attest, Synthesis, Witness};
use veilpass_params::{ProvingKey, dev};
use veilpass_protocol::attributes::{Attributes, DocumentClass, Sex};
use veilpass_protocol::challenge::Nonce;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::epoch::{Changes, EpochStatement, RemovedCounts};
use veilpass_protocol::field::Fr;
use veilpass_protocol::identity::{DeviceSecret, PseudonymSecret, leaf, pseudonym};
use veilpass_protocol::note::AuthoritySigner;
use veilpass_protocol::predicates::{AgePredicate, Predicates};
use veilpass_protocol::presentation::Presentation;
use veilpass_protocol::request::{NewRequest, Request};
use veilpass_protocol::scope::LinkKind;
use veilpass_protocol::statement::Statement;
use veilpass_protocol::tree::Tree;
use veilpass_verifier::{AcceptedEpochs, Policy, PreparedKey, Proof, Verifier};

pub type ArkProof = ark_groth16::Proof<Bn254>;

/// One answered request.
pub struct Answer {
    pub request: Request,
    pub statement: Statement,
    pub presentation: Presentation,
}

impl Answer {
    pub fn proof(&self) -> Proof {
        Proof::from_bytes(&self.presentation.proof).unwrap()
    }
}

/// Everything the tests share; made once.
pub struct Fixture {
    pub key: ProvingKey,
    pub prepared: PreparedKey,
    pub ark: ark_groth16::PreparedVerifyingKey<Bn254>,
    pub verifier: Verifier,
    pub epochs: AcceptedEpochs,
    pub answers: Vec<Answer>,
}

pub fn now() -> Timestamp {
    "2026-11-22T08:00:00Z".parse().unwrap()
}

pub fn fixture() -> &'static Fixture {
    static FIXTURE: LazyLock<Fixture> = LazyLock::new(make);
    &FIXTURE
}

pub fn proof_bytes(proof: &ArkProof) -> [u8; 128] {
    let mut bytes = Vec::new();
    proof.serialize_compressed(&mut bytes).unwrap();
    bytes.try_into().unwrap()
}

pub fn ark_proof(proof: &Proof) -> ArkProof {
    ArkProof { a: *proof.a(), b: *proof.b(), c: *proof.c() }
}

pub fn points_bytes(a: G1Affine, b: G2Affine, c: G1Affine) -> [u8; 128] {
    proof_bytes(&ArkProof { a, b, c })
}

/// As anybody can: `A/ρ, ρB + ρtδ, C + tA`.
pub fn rerandomise(proof: &Proof, delta: G2Affine, rng: &mut StdRng) -> [u8; 128] {
    let (rho, t) = (Fr::rand(rng), Fr::rand(rng));
    let a = (*proof.a() * rho.inverse().unwrap()).into_affine();
    let b = (*proof.b() * rho + delta * (rho * t)).into_affine();
    points_bytes(a, b, (*proof.a() * t + proof.c()).into_affine())
}

fn make() -> Fixture {
    let mut rng = StdRng::seed_from_u64(2026);
    let key = dev::proving_key().expect("`cargo xtask dev-keys` makes the pair for a changed circuit");
    let circuit = key.circuit_id();

    // The person of contract §3 among 1,200 others.
    let attributes = Attributes {
        birth_date: day("1999-11-13"),
        expires_on: Some(day("2046-06-01")),
        enrolled_on: day("2024-07-06"),
        sex: Sex::Male,
        document_class: DocumentClass::ResidentCard,
        nationality: 156,
        province: 44,
        generation: 0,
    };
    let (k, d) =
        (PseudonymSecret::from_fr(Fr::from(1u64)).unwrap(), DeviceSecret::from_fr(Fr::from(2u64)).unwrap());
    let link = Fr::from(0u64);
    let own = leaf(&k.commitment(), &d.commitment(), &attributes.pack(), &link);
    let mut leaves: Vec<Fr> = (0..1200).map(|_| Fr::rand(&mut rng)).collect();
    leaves[777] = own;
    let tree = Tree::from_leaves(leaves);

    let signer = AuthoritySigner::generate(&mut rng, "id.example/veilpass").unwrap();
    let changes = Changes {
        sealed_at: now().minus(3600),
        root: tree.root(),
        added: 1200,
        removed: RemovedCounts::default(),
        cells: [0; 32],
        circuits: vec![circuit],
    };
    let epoch = EpochStatement::next("id.example/veilpass", None, changes).unwrap();
    let policy = Policy::default().allowing_dev_keys();
    let mut epochs = AcceptedEpochs::starting_without_memory(signer.public());
    epochs.install(&epoch.sign(&signer).unwrap(), &policy, now()).unwrap();

    let answer = |(n, (link_kind, slot)): (usize, (LinkKind, u32))| {
        let request = request(circuit, link_kind, n as u8);
        let u = pseudonym(&k, &request.scope().unwrap(), slot);
        let statement = Statement::for_request(&request, tree.root(), u).unwrap();
        let witness = Witness {
            k: *k.expose(),
            d: *d.expose(),
            packed: attributes.pack(),
            link,
            slot: Fr::from(slot),
            path: tree.path(777).unwrap().0,
        };
        let circuit_with_inputs = Synthesis::new(&Attest, &statement, &witness);
        let mut rng = StdRng::seed_from_u64(n as u64);
        let proof = Groth16::<Bn254>::create_random_proof_with_reduction(
            circuit_with_inputs,
            key.groth16(),
            &mut rng,
        );
        let presentation =
            Presentation { circuit, epoch: 1, pseudonym: u, proof: proof_bytes(&proof.unwrap()) };
        Answer { request, statement, presentation }
    };
    let links =
        [(LinkKind::Account, 0), (LinkKind::Tokens, 2), (LinkKind::None, 40_000), (LinkKind::Account, 0)];
    let answers = links.into_iter().enumerate().map(answer).collect();

    let verifying_key = key.verifying_key().clone();
    Fixture {
        prepared: PreparedKey::new(verifying_key.clone()).unwrap(),
        ark: ark_groth16::prepare_verifying_key(&key.groth16().vk),
        verifier: Verifier::new(policy).with_verifying_key(verifying_key).unwrap(),
        epochs,
        answers,
        key,
    }
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// Request number 3 asks for everything at once, the others for the age alone.
fn request(circuit: CircuitId, link: LinkKind, n: u8) -> Request {
    let valid_on = Day::of(now());
    let (slots, period) = match link {
        LinkKind::Account => (1, 0),
        LinkKind::Tokens => (3, 20414),
        LinkKind::None => (65536, valid_on.number().into()),
    };
    let mut predicates = Predicates::valid();
    predicates.age = Some(AgePredicate { at_least: Some(18), below: None });
    if n == 3 {
        predicates.age = Some(AgePredicate { at_least: Some(18), below: Some(60) });
        predicates.sex = Some(Sex::Male);
        predicates.documents = Some(veilpass_protocol::attributes::DocumentGroup::Citizen);
        predicates.nationality = Some(156);
        predicates.province = Some(44);
        predicates.enrolled_on_or_before = Some(day("2025-01-01"));
        predicates.generation_at_most = Some(0);
    }
    Request::new(NewRequest {
        circuit,
        rp: "forum.example".parse().unwrap(),
        context: "".parse().unwrap(),
        link,
        slots,
        period,
        predicates,
        valid_on,
        nonce: Nonce::new(&[n; 16]).unwrap(),
        response_uri: "https://forum.example/v1/requests/0f8c1d/presentation".into(),
        expires_at: now().plus(300),
    })
    .unwrap()
}
