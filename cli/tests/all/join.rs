//! What an authority and two platforms can find out together: everything that they hold and logged, put
//! side by side, tells no better than chance who is who.

use crate::binary::veilpass;
use crate::server::{Server, client, get, log, post, text};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::Path;
use veilpass_params::dev;
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::field::{Fr, to_bytes, to_hex};
use veilpass_protocol::note::AuthorityKey;
use veilpass_protocol::poseidon::hash;
use veilpass_protocol::request::Request;
use veilpass_prover::groth16::Engine;
use veilpass_prover::{Channel, Source, SourceError, Wallet};
use veilpass_server::published::Published;

const HEADER: &str = "identity_commitment,device_commitment,document_number,birth_date,expires_on,enrolled_on,sex,document_class,nationality,province,generation\n";

/// People with wallets, among 1,200 others.
fn people() -> usize {
    if std::env::var_os("VEILPASS_LONG").is_some() { 1_000 } else { 24 }
}

/// A guess may be right by chance: once on average. More than this many times in one of the tests below
/// happens once in about ten thousand runs.
const LUCK: usize = 7;

struct Web(Published);

impl Source for Web {
    fn newest_note(&self) -> Result<String, SourceError> {
        let note = self.0.newest_note().map_err(|e| SourceError(e.to_string()))?;
        note.ok_or_else(|| SourceError("no epoch".into()))
    }

    fn file(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        self.0.file(path).map_err(|e| SourceError(e.to_string()))
    }
}

/// What is known of one person on both sides.
struct Person {
    wallet: Wallet,
    credential: Value,
    /// At the forum and at the shop: the truth that is to be guessed.
    pseudonyms: Vec<Fr>,
}

fn now() -> Timestamp {
    veilpass_server::http::now()
}

#[test]
fn both_sides_together_know_nothing() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    let vkey = text(&veilpass(at, "authority init --dir A --origin id.example/veilpass").ok()["vkey"]);
    let mut people = enrol(at, &mut rng);
    let platforms = ["forum", "shop"].map(|name| {
        let made = veilpass(at, &format!("platform keygen --dir {name}")).ok();
        let (key, token) = (text(&made["key"]), text(&made["token"]));
        let line = format!(
            "authority platform --dir A --host {name}.localhost --key {key} --name {name} --purposes adults"
        );
        veilpass(at, &line).ok();
        (name, token)
    });
    let authority = Server::authority(at);
    let url = authority.url("");
    let servers = platforms.each_ref().map(|(name, _)| {
        let line = format!("platform serve --dir {name} --host {name}.localhost --listen 127.0.0.1:0 --authority {vkey} --epochs {url} --epochs-every 1 --allow-dev --rate-per-second 0");
        Server::start(at, name, &line)
    });

    let source = Web(Published::new(&url, client()).unwrap());
    let key: AuthorityKey = vkey.parse().unwrap();
    for person in &mut people {
        assert!(person.wallet.sync(&source, &key, now()).unwrap().enrolled);
    }
    let prover = Engine::new(dev::proving_key().unwrap()).unwrap();
    for ((_, token), server) in platforms.iter().zip(&servers) {
        let mut order: Vec<usize> = (0..people.len()).collect();
        order.shuffle(&mut rng);
        for i in order {
            present(&mut people[i], server, token, &prover);
        }
    }
    for server in servers {
        server.stop();
    }
    authority.stop();
    look(at, &people);
}

/// Everybody in one file in random order; the wallets' owners get their credentials.
fn enrol(at: &Path, rng: &mut StdRng) -> Vec<Person> {
    let row = |[c, d]: [Fr; 2], i: usize, born: usize| {
        let [c, d] = [c, d].map(|x| to_hex(&x));
        format!("{c},{d},P{i},{born}-05-05,2046-06-01,2024-07-06,female,foreign_passport,250,0,0\n")
    };
    let mut wallets: Vec<Wallet> = (0..people()).map(|_| Wallet::new(rng)).collect();
    let commitments = |w: &Wallet| [w.identity_commitment(), w.device_commitment()];
    let own = wallets.iter().enumerate().map(|(i, w)| row(commitments(w), i, 1950 + i % 50));
    let crowd = (0..1_200u64).map(|i| {
        row(
            [2 * i + 10, 2 * i + 11].map(|n| hash(&[Fr::from(n)])),
            100_000 + i as usize,
            1950 + i as usize % 50,
        )
    });
    let mut rows: Vec<String> = own.chain(crowd).collect();
    rows.shuffle(rng);
    std::fs::write(at.join("people.csv"), format!("{HEADER}{}", rows.concat())).unwrap();
    veilpass(at, "authority import --dir A people.csv --credentials c.jsonl").ok();
    veilpass(at, "authority seal --dir A").ok();
    let credentials: Vec<Value> = std::fs::read_to_string(at.join("c.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    std::fs::remove_file(at.join("c.jsonl")).unwrap();
    wallets
        .drain(..)
        .map(|mut wallet| {
            let c = json!(to_hex(&wallet.identity_commitment()));
            let credential = credentials.iter().find(|x| x["identity_commitment"] == c).unwrap().clone();
            wallet.enrol(credential.to_string().as_bytes()).unwrap();
            Person { wallet, credential, pseudonyms: Vec::new() }
        })
        .collect()
}

/// One log-in.
fn present(person: &mut Person, server: &Server, token: &str, prover: &Engine) {
    let client = client();
    let body = json!({"predicates": {"valid": true, "age": {"at_least": 18}}, "link": "account"});
    let (status, made) = post(&client, &server.url("/v1/requests"), &body, Some(token)).unwrap();
    assert_eq!(status, 201, "{made}");
    let signed = client.get(&text(&made["request_uri"]), 1 << 16).unwrap().body;
    let question =
        person.wallet.examine(&signed, &Channel::default(), false, prover_circuit(prover), now()).unwrap();
    let mut rng = rand::rngs::OsRng;
    let persist = |_: &[u8]| Ok::<(), std::convert::Infallible>(());
    let presentation = person.wallet.answer(&question, true, prover, now(), &mut rng, persist).unwrap();
    let request = Request::from_json(made["request"].to_string().as_bytes()).unwrap();
    let body: Value = serde_json::from_str(&presentation.to_json()).unwrap();
    let (status, said) = post(&client, &request.response_uri, &body, None).unwrap();
    assert_eq!((status, said), (200, json!({"received": true})));
    let result = server.url(&format!("/v1/requests/{}/result", text(&made["id"])));
    let (_, result) = get(&client, &result, Some(&text(&made["result_token"]))).unwrap();
    assert_eq!(result["pseudonym"], json!(to_hex(&presentation.pseudonym)));
    person.pseudonyms.push(presentation.pseudonym);
}

fn prover_circuit(prover: &Engine) -> veilpass_protocol::circuit_id::CircuitId {
    use veilpass_prover::groth16::Prover;
    prover.circuit()
}

/// The attempts to join. Each gives, for every person, the pseudonym that it takes for theirs.
fn look(at: &Path, people: &[Person]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let seen = ["forum", "shop"]
        .map(|name| runtime.block_on(veilpass_server::platform::inspect(&at.join(name))).unwrap().pseudonyms);
    let hits = |guesses: &[Option<Fr>], platform: usize| {
        guesses.iter().zip(people).filter(|(guess, p)| **guess == Some(p.pseudonyms[platform])).count()
    };
    let scope_of = |platform: usize| {
        let host = ["forum.localhost", "shop.localhost"][platform].parse().unwrap();
        veilpass_protocol::scope::ScopeParameters {
            link: veilpass_protocol::scope::LinkKind::Account,
            slots: 1,
            rp: host,
            context: Default::default(),
            period: 0,
        }
        .scope()
    };
    let places = places(at, &runtime);
    for (platform, seen) in seen.iter().enumerate() {
        assert_eq!(seen.len(), people.len());
        let known: HashSet<[u8; 32]> = seen.iter().map(to_bytes).collect();
        let scope = scope_of(platform);
        // The control: whoever has a person's secret finds all of them.
        let stolen: Vec<Option<Fr>> = people
            .iter()
            .map(|p| Some(hash(&[p.wallet.export_witness().unwrap().k, scope, Fr::from(0u64)])))
            .collect();
        assert_eq!(hits(&stolen, platform), people.len(), "the guesses are not counted as they should be");

        // Everything that the authority has of a person, in the place of the secret.
        let held = |p: &Person, name: &str| -> Fr {
            let leaf =
                veilpass_protocol::credential::Credential::from_json(p.credential.to_string().as_bytes())
                    .unwrap()
                    .leaf();
            match name {
                "C" => p.wallet.identity_commitment(),
                "D" => p.wallet.device_commitment(),
                _ => leaf,
            }
        };
        for name in ["C", "D", "leaf"] {
            let guess = |p: &Person| {
                let guess = hash(&[held(p, name), scope, Fr::from(0u64)]);
                known.contains(&to_bytes(&guess)).then_some(guess)
            };
            let guesses: Vec<Option<Fr>> = people.iter().map(guess).collect();
            assert_eq!(hits(&guesses, platform), 0, "a pseudonym follows from {name}");
            // By the order of the values.
            let by_value = by_rank(people, |p| to_bytes(&held(p, name)).to_vec(), seen, to_bytes);
            assert!(hits(&by_value, platform) <= LUCK, "{name} and pseudonyms stand in one order");
        }
        // By Network Number, by place in the tree and by the order in which people came.
        let number = |p: &Person| text(&p.credential["network_number"]).into_bytes();
        let by_number = by_rank(people, number, seen, to_bytes);
        assert!(hits(&by_number, platform) <= LUCK, "Network Numbers and pseudonyms stand in one order");
        let place = |p: &Person| places[&to_bytes(&held(p, "leaf"))].to_be_bytes().to_vec();
        let arrival = |u: &Fr| seen.iter().position(|x| x == u).unwrap().to_be_bytes();
        let by_place = by_rank(people, place, seen, arrival);
        assert!(hits(&by_place, platform) <= LUCK, "places tell who came when");
    }
    // The two platforms alone: same person, same rank.
    let by_value = by_rank(people, |p| to_bytes(&p.pseudonyms[0]).to_vec(), &seen[1], to_bytes);
    assert!(hits(&by_value, 1) <= LUCK, "two platforms' pseudonyms stand in one order");
    let both: HashSet<[u8; 32]> = seen.iter().flatten().map(to_bytes).collect();
    assert_eq!(both.len(), 2 * people.len(), "a pseudonym stands at both platforms");

    // No value of one side stands anywhere on the other.
    let side = |names: &[&str]| {
        let mut bytes = Vec::new();
        for name in names {
            for entry in std::fs::read_dir(at.join(name)).unwrap() {
                let path = entry.unwrap().path();
                if path.is_file() {
                    bytes.extend(std::fs::read(path).unwrap());
                }
            }
        }
        bytes
    };
    let (ours, theirs) = (side(&["A"]), side(&["forum", "shop"]));
    let authority = [ours, log(at, "authority").into_bytes()].concat();
    let platforms = [theirs, log(at, "forum").into_bytes(), log(at, "shop").into_bytes()].concat();
    let pseudonyms: HashSet<[u8; 32]> = people.iter().flat_map(|p| &p.pseudonyms).map(to_bytes).collect();
    let commitments = |p: &Person| [p.wallet.identity_commitment(), p.wallet.device_commitment()];
    let known: HashSet<[u8; 32]> = people.iter().flat_map(commitments).map(|x| to_bytes(&x)).collect();
    let numbers: HashSet<String> = people.iter().map(|p| text(&p.credential["network_number"])).collect();
    // The control: each side is found to hold what it does hold.
    assert_eq!(held(&platforms, &pseudonyms), pseudonyms.len(), "the search finds what is there");
    assert_eq!(held(&authority, &known), known.len(), "the search finds what is there");
    assert_eq!(held_texts(&authority, &numbers), numbers.len(), "the search finds what is there");
    assert_eq!(held(&authority, &pseudonyms), 0, "the authority holds a pseudonym");
    assert_eq!(held(&platforms, &known), 0, "a platform holds a commitment");
    assert_eq!(held_texts(&platforms, &numbers), 0, "a platform holds a Network Number");
}

/// How many of these values stand in the bytes, raw or as digits.
fn held(bytes: &[u8], values: &HashSet<[u8; 32]>) -> usize {
    let digits: HashSet<String> =
        values.iter().map(|v| v.iter().map(|b| format!("{b:02x}")).collect()).collect();
    let raw: HashSet<&[u8]> = bytes.windows(32).filter(|w| values.contains(*w)).collect();
    raw.len() + held_texts(bytes, &digits)
}

/// How many of these texts, all of one length, stand in the bytes.
fn held_texts(bytes: &[u8], texts: &HashSet<String>) -> usize {
    let length = texts.iter().next().map_or(1, String::len);
    let texts: HashSet<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
    bytes.windows(length).filter(|w| texts.contains(w)).collect::<HashSet<_>>().len()
}

/// Guesses that two orders are the same.
fn by_rank<K: Ord, L: Ord>(
    people: &[Person],
    of_person: impl Fn(&Person) -> K,
    seen: &[Fr],
    of_pseudonym: impl Fn(&Fr) -> L,
) -> Vec<Option<Fr>> {
    let mut order: Vec<usize> = (0..people.len()).collect();
    order.sort_by_key(|i| of_person(&people[*i]));
    let mut pseudonyms: Vec<Fr> = seen.to_vec();
    pseudonyms.sort_by_key(|u| of_pseudonym(u));
    let mut guesses = vec![None; people.len()];
    for (i, u) in order.into_iter().zip(pseudonyms) {
        guesses[i] = Some(u);
    }
    guesses
}

fn places(at: &Path, runtime: &tokio::runtime::Runtime) -> std::collections::HashMap<[u8; 32], u64> {
    runtime.block_on(async {
        let authority = veilpass_server::authority::Authority::open(&at.join("A")).await.unwrap();
        let state = authority.store().published_state().await.unwrap();
        authority.close().await;
        state.signed.leaves.into_iter().map(|(place, leaf)| (to_bytes(&leaf), place)).collect()
    })
}
