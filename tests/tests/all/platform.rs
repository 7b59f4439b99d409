//! A platform's service with proofs that the real circuit allowed.

use serde_json::{Value, json};
use std::path::Path;
use std::sync::Barrier;
use veilpass_params::dev;
use veilpass_protocol::epoch::{Changes, EpochStatement, RemovedCounts};
use veilpass_protocol::field::to_hex;
use veilpass_protocol::presentation::Presentation;
use veilpass_protocol::request::Request;
use veilpass_prover::groth16::rerandomise;
use veilpass_server::client::{Answer, Client, ClientSettings};
use veilpass_server::http::{Settings, now};
use veilpass_server::platform::{PlatformKeys, PlatformService, PlatformSettings};
use veilpass_server::published::Published;
use veilpass_tests::{PEOPLE, World};
use veilpass_verifier::{Policy, Proof};

/// The people of the world, sealed ten minutes ago.
fn publish(world: &World, folder: &Path) {
    let changes = Changes {
        sealed_at: now().minus(600),
        root: world.trees[0].root(),
        added: PEOPLE as u64,
        removed: RemovedCounts::default(),
        cells: [7; 32],
        circuits: vec![world.key.circuit_id()],
    };
    let statement = EpochStatement::next("id.example/veilpass", None, changes).unwrap();
    std::fs::create_dir_all(folder.join("epochs")).unwrap();
    std::fs::write(folder.join("epochs/1.note"), statement.sign(&world.signer).unwrap()).unwrap();
}

struct Platform {
    base: String,
    token: String,
    client: Client,
}

struct Asked {
    json: Value,
    request: Request,
}

impl Platform {
    fn ask(&self, body: Value) -> Asked {
        let url = format!("{}/v1/requests", self.base);
        let body = body.to_string();
        let answer = self.client.post(&url, "application/json", body.as_bytes(), Some(&self.token), 65536);
        let answer = answer.unwrap();
        assert_eq!(answer.status, 201);
        let json: Value = serde_json::from_slice(&answer.body).unwrap();
        let request = Request::from_json(json["request"].to_string().as_bytes()).unwrap();
        Asked { json, request }
    }

    fn send(&self, asked: &Asked, presentation: &Presentation) -> Answer {
        let body = presentation.to_binary();
        let url = &asked.request.response_uri;
        self.client.post(url, "application/octet-stream", &body, None, 65536).unwrap()
    }

    fn code(&self, asked: &Asked, presentation: &Presentation) -> Option<String> {
        self.send(asked, presentation).problem_code()
    }
}

#[test]
fn real_proofs_at_a_running_platform() {
    let home = tempfile::tempdir().unwrap();
    let (folder, published) = (home.path().join("platform"), home.path().join("published"));
    let mut world = World::new(20);
    publish(&world, &published);
    let token = PlatformKeys::generate(&folder, world.rng()).unwrap().token;
    let client = Client::new(ClientSettings::default()).unwrap();
    let mut settings = PlatformSettings::new(
        folder,
        "forum.localhost".parse().unwrap(),
        Settings::new("127.0.0.1:0".parse().unwrap()),
        world.signer.public(),
        Published::new(published.to_str().unwrap(), client.clone()).unwrap(),
        dev::verifying_key_bytes().to_vec(),
    );
    settings.policy = Policy::default().allowing_dev_keys();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let service = runtime.block_on(PlatformService::bind(settings)).unwrap();
    let base = format!("http://forum.localhost:{}", service.address().port());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = runtime.spawn(service.run(async { drop(stopped.await) }));
    let platform = Platform { base, token, client };

    // One adult: accepted once, whatever the copies look like that race with the proof.
    let adult = json!({"predicates": {"valid": true, "age": {"at_least": 18}}, "link": "account"});
    let asked = platform.ask(adult.clone());
    let presentation = world.present(0, &asked.request, 1);
    let proof = Proof::from_bytes(&presentation.proof).unwrap();
    let key = world.key.clone();
    let copies: Vec<Presentation> = (0..16)
        .map(|_| Presentation {
            proof: rerandomise(&key, &proof, world.rng()).unwrap(),
            ..presentation.clone()
        })
        .collect();
    let barrier = Barrier::new(copies.len());
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let send = |copy| {
            barrier.wait();
            platform.send(&asked, copy).status
        };
        let threads: Vec<_> = copies.iter().map(|copy| scope.spawn(move || send(copy))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let count = |status| statuses.iter().filter(|s| **s == status).count();
    assert_eq!((count(200), count(409)), (1, 15), "{statuses:?}");
    assert_eq!(platform.code(&asked, &presentation).as_deref(), Some("request_replayed"));
    let url = format!("{}/result", asked.json["request_uri"].as_str().unwrap());
    let result = platform.client.get_as(&url, asked.json["result_token"].as_str().unwrap(), 4096).unwrap();
    let result: Value = serde_json::from_slice(&result.body).unwrap();
    assert_eq!(result, json!({"state": "accepted", "pseudonym": to_hex(&presentation.pseudonym)}));

    // The same person is the same account; the answer to one question is none to another.
    let again = platform.ask(adult);
    assert_eq!(platform.code(&again, &presentation).as_deref(), Some("proof_invalid"));
    let second = world.present(0, &again.request, 1);
    assert_eq!(second.pseudonym, presentation.pseudonym);
    assert_eq!(platform.send(&again, &second).status, 200);

    // Person 3 is 15: a proof of a weaker statement is no proof of this one.
    let asked = platform.ask(json!({"predicates": {"valid": true, "age": {"at_least": 18}}}));
    let mut weaker = asked.request.clone();
    weaker.predicates.age = None;
    let weaker = world.present(3, &weaker, 1);
    assert_eq!(platform.code(&asked, &weaker).as_deref(), Some("proof_invalid"));

    stop.send(()).unwrap();
    runtime.block_on(running).unwrap().unwrap();
}
