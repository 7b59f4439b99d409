//! `presentations.jsonl`: good and bad presentations with everything that their verification needs, each
//! code of contract §7's first four rows at least once, but the two that need a store.

use crate::{World, now, sealed_at};
use ark_ff::UniformRand;
use serde_json::{Value, json};
use veilpass_protocol::attributes::Sex;
use veilpass_protocol::circuit_id::ATTEST_V1;
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::epoch::EpochStatement;
use veilpass_protocol::field::{Fr, to_hex};
use veilpass_protocol::json::base64url;
use veilpass_protocol::note::AuthoritySigner;
use veilpass_protocol::predicates::{AgePredicate, Predicates};
use veilpass_protocol::presentation::Presentation;
use veilpass_protocol::request::{Request, SignedRequest};
use veilpass_protocol::scope::LinkKind;
use veilpass_verifier::{KeyPoints, Origin, VerifyingKey};

/// The key files that lines name: the DEV key, keys that no lint lets pass, a damaged file, and a key of
/// the ceremony's kind that belongs to no request.
pub fn keys(world: &World) -> Vec<(&'static str, Vec<u8>)> {
    let points = || world.key.points().clone();
    let of = |origin, points: KeyPoints| VerifyingKey::from_points(ATTEST_V1, origin, points).to_bytes();
    let edited = |edit: fn(&mut KeyPoints)| {
        let mut p = points();
        edit(&mut p);
        of(Origin::Dev, p)
    };
    let mut damaged = world.key.to_bytes();
    damaged.push(0);
    vec![
        ("dev.vk", world.key.to_bytes()),
        ("gamma-is-delta.vk", edited(|p| p.gamma_g2 = p.delta_g2)),
        ("delta-is-generator.vk", edited(|p| p.delta_g2 = ark_ec::AffineRepr::generator())),
        ("ic-repeats.vk", edited(|p| p.ic[14] = p.ic[13])),
        ("damaged.vk", damaged),
        ("other.vk", edited(|p| p.ic.swap(1, 2))),
    ]
}

/// One line, before it is written.
#[derive(Clone)]
struct Case {
    name: String,
    request: String,
    /// Text, or `{"base64url": …}` for the binary form.
    presentation: Value,
    notes: Vec<String>,
    vkey: String,
    key: &'static str,
    now: Timestamp,
    options: Value,
}

impl Case {
    fn accepted(&self, world: &World, request: &Request, presentation: &Presentation) -> Value {
        let scope = to_hex(&request.scope().unwrap_or_else(|e| panic!("{e}")));
        debug_assert_eq!(world.key.circuit_id(), presentation.circuit);
        self.line(json!({"accepted": true, "pseudonym": to_hex(&presentation.pseudonym), "scope": scope, "epoch": presentation.epoch}))
    }

    fn refused(&self, blame: &str, code: &str) -> Value {
        self.line(json!({"accepted": false, "blame": blame, "code": code}))
    }

    fn line(&self, expect: Value) -> Value {
        json!({
            "name": self.name, "request": self.request, "presentation": self.presentation, "notes": self.notes, "vkey": self.vkey,
            "key": format!("keys/{}", self.key), "now": self.now, "options": self.options, "expect": expect,
        })
    }

    fn with(&self, name: &str, edit: impl FnOnce(&mut Case)) -> Case {
        let mut case = self.clone();
        case.name = name.to_owned();
        edit(&mut case);
        case
    }
}

fn text(p: &Presentation) -> Value {
    json!(p.to_json())
}

/// All lines.
pub fn lines(world: &mut World) -> Vec<Value> {
    let mut out = Vec::new();
    let adult =
        Predicates { age: Some(AgePredicate { at_least: Some(18), below: None }), ..Predicates::valid() };
    let request = world.request(LinkKind::None, adult.clone());
    let good = world.present(0, &request, 2);
    let base = Case {
        name: "age, none".into(),
        request: request.to_json(),
        presentation: text(&good),
        notes: world.notes.to_vec(),
        vkey: world.signer.public().to_string(),
        key: "dev.vk",
        now: now(),
        options: json!({"allow_dev": true}),
    };
    out.push(base.accepted(world, &request, &good));
    accepted(world, &base, &request, &good, &mut out);
    malformed(&base, &good, &mut out);
    unacceptable(world, &base, &request, &good, &mut out);
    invalid(world, &base, &request, &good, &mut out);
    misconfigured(world, &base, &request, &mut out);
    out
}

fn accepted(world: &mut World, base: &Case, request: &Request, good: &Presentation, out: &mut Vec<Value>) {
    let binary = base
        .with("binary form", |c| c.presentation = json!({"base64url": base64url::encode(&good.to_binary())}));
    out.push(binary.accepted(world, request, good));
    let signed = SignedRequest::sign(request, &ed25519_dalek::SigningKey::from_bytes(&[5; 32]));
    out.push(base.with("signed request", |c| c.request = signed).accepted(world, request, good));
    let asked = [
        ("account", LinkKind::Account, Predicates::valid(), 13),
        (
            "tokens, sex, never reset",
            LinkKind::Tokens,
            Predicates { sex: Some(Sex::Male), generation_at_most: Some(0), ..Predicates::valid() },
            1,
        ),
        (
            "below 16",
            LinkKind::None,
            Predicates {
                age: Some(AgePredicate { at_least: Some(14), below: Some(16) }),
                ..Predicates::valid()
            },
            3,
        ),
        (
            "nationality and province",
            LinkKind::None,
            Predicates { nationality: Some(156), province: Some(44), ..Predicates::valid() },
            14,
        ),
    ];
    for (name, link, predicates, place) in asked {
        let request = world.request(link, predicates);
        let presentation = world.present(place, &request, 2);
        let case = base.with(name, |c| {
            c.request = request.to_json();
            c.presentation = text(&presentation);
        });
        out.push(case.accepted(world, &request, &presentation));
    }
    // Epoch 1 was replaced an hour after it was sealed; one second of its grace is left.
    let before = world.present(1199, request, 1);
    let last = base.with("removed, last second of grace", |c| {
        c.presentation = text(&before);
        c.options = json!({"allow_dev": true, "grace": 601});
    });
    out.push(last.accepted(world, request, &before));
    let over = last.with("removed, grace over", |c| c.options = json!({"allow_dev": true, "grace": 600}));
    out.push(over.refused("unacceptable", "epoch_replaced"));
}

fn malformed(base: &Case, good: &Presentation, out: &mut Vec<Value>) {
    let mut push = |name: &str, presentation: Value, code: &str| {
        out.push(base.with(name, |c| c.presentation = presentation).refused("malformed", code));
    };
    let json = good.to_json();
    let edited = |from: &str, to: &str| json!(json.replacen(from, to, 1));
    push("no JSON", json!("hello"), "presentation_syntax");
    push("a decline", json!(r#"{"v":1,"declined":true}"#), "presentation_syntax");
    push("unknown member", edited("\"v\":1", "\"v\":1,\"x\":0"), "presentation_syntax");
    push("repeated member", edited("\"v\":1", "\"v\":1,\"v\":1"), "presentation_syntax");
    push("missing member", edited("\"epoch\":2,", ""), "presentation_syntax");
    push("trailing data", json!(format!("{json}{{}}")), "presentation_syntax");
    push(
        "200 bytes",
        json!({"base64url": base64url::encode(&good.to_binary()[..200])}),
        "presentation_syntax",
    );
    push("version 2", edited("\"v\":1", "\"v\":2"), "version_unsupported");
    let u = to_hex(&good.pseudonym);
    let r = "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001";
    push("pseudonym is r", edited(&u, r), "not_canonical");
    push("pseudonym in capitals", edited(&u, &"A".repeat(64)), "not_canonical");
    push("circuit in capitals", edited("\"circuit\":\"", "\"circuit\":\"A"), "not_canonical");
    push("proof with padding", json!(json.replacen("\"}", "=\"}", 1)), "not_canonical");
    let proof = |edit: fn(&mut [u8; 128])| {
        let mut p = good.clone();
        edit(&mut p.proof);
        text(&p)
    };
    push("A not on the curve", proof(|p| p[..32].copy_from_slice(&[4; 32])), "proof_point");
    push(
        "A at infinity",
        proof(|p| p[..32].copy_from_slice(&[[0; 31].as_slice(), &[0x40]].concat())),
        "proof_point",
    );
    push("A of x + q", proof(|p| p[..32].copy_from_slice(&[0xff; 32])), "proof_point");
}

fn unacceptable(
    world: &mut World,
    base: &Case,
    request: &Request,
    good: &Presentation,
    out: &mut Vec<Value>,
) {
    let other = base.with("another circuit", |c| {
        let mut p = good.clone();
        p.circuit.0[0] ^= 1;
        c.presentation = text(&p);
    });
    out.push(other.refused("unacceptable", "circuit_unknown"));
    let future = base.with("epoch 3", |c| c.presentation = text(&Presentation { epoch: 3, ..good.clone() }));
    out.push(future.refused("unacceptable", "epoch_unknown"));
    let late = base.with("request expired", |c| c.now = request.expires_at);
    out.push(late.refused("unacceptable", "request_expired"));
    let in_time = base.with("request in its last second", |c| c.now = request.expires_at.minus(1));
    out.push(in_time.accepted(world, request, good));
}

fn invalid(world: &mut World, base: &Case, request: &Request, good: &Presentation, out: &mut Vec<Value>) {
    let mut push = |name: &str, edit: &dyn Fn(&mut Case)| {
        out.push(base.with(name, |c| edit(c)).refused("invalid_proof", "proof_invalid"));
    };
    let asked = |edit: &dyn Fn(&mut Request)| {
        let mut r = request.clone();
        edit(&mut r);
        r.to_json()
    };
    push("made for another nonce", &|c| {
        c.request = asked(&|r| r.nonce = "AAECAwQFBgcICQoLDA0ODw".parse().unwrap_or_else(|e| panic!("{e}")))
    });
    push("made for another host", &|c| {
        c.request = asked(&|r| {
            r.rp = "shop.example".into();
            r.response_uri = r.response_uri.replace("forum", "shop");
        });
    });
    push("made for another answer address", &|c| c.request = asked(&|r| r.response_uri.push_str("/x")));
    push("made for another threshold", &|c| {
        c.request = asked(&|r| r.predicates.age = Some(AgePredicate { at_least: Some(16), below: None }))
    });
    push("made for another context", &|c| {
        c.request = asked(&|r| r.context = "vip".parse().unwrap_or_else(|e| panic!("{e}")))
    });
    push("the root of another epoch", &|c| c.presentation = text(&Presentation { epoch: 1, ..good.clone() }));
    let drawn = Fr::rand(world.rng());
    push("another pseudonym", &|c| c.presentation = text(&Presentation { pseudonym: drawn, ..good.clone() }));
    push("A negated", &|c| {
        let mut p = good.clone();
        p.proof[31] ^= 0x80;
        c.presentation = text(&p);
    });
}

fn misconfigured(world: &mut World, base: &Case, request: &Request, out: &mut Vec<Value>) {
    let impostor =
        AuthoritySigner::generate(world.rng(), "id.example/veilpass").unwrap_or_else(|e| panic!("{e}"));
    let mut push = |name: &str, code: &str, edit: &dyn Fn(&mut Case)| {
        out.push(base.with(name, |c| edit(c)).refused("misconfigured", code));
    };
    let replaced = |from: &'static str, to: &'static str| request.to_json().replacen(from, to, 1);
    push("request with an unknown predicate", "request_syntax", &|c| {
        c.request = replaced("\"valid\":true", "\"valid\":true,\"rich\":true")
    });
    push("request without a member", "request_syntax", &|c| c.request = replaced("\"context\":\"\",", ""));
    push("age 17", "request_policy", &|c| c.request = replaced("18}", "17}"));
    push("slots do not fit", "request_policy", &|c| c.request = replaced("65536", "3"));
    push("period does not fit", "request_policy", &|c| c.request = replaced("82870", "82869"));
    push("answer to another host", "request_policy", &|c| {
        c.request = replaced("https://forum", "https://shop")
    });
    push("host with a port", "request_policy", &|c| {
        c.request = replaced("\"forum.example\"", "\"forum.example:443\"")
    });
    push("two days from today", "request_date", &|c| c.now = now().plus(2 * 86_400));
    push("damaged key", "key_syntax", &|c| c.key = "damaged.vk");
    push("another key", "key_mismatch", &|c| c.key = "other.vk");
    push("DEV key not allowed", "key_dev", &|c| c.options = json!({}));
    let keys = keys(world);
    for (name, file) in [
        ("gamma is delta", "gamma-is-delta.vk"),
        ("delta is the generator", "delta-is-generator.vk"),
        ("one IC point twice", "ic-repeats.vk"),
    ] {
        let bytes = &keys.iter().find(|(n, _)| *n == file).unwrap_or_else(|| panic!("{file}")).1;
        let id = veilpass_protocol::circuit_id::CircuitId::of_file(bytes);
        let mut asked = request.clone();
        asked.circuit = id;
        let file: &'static str = file;
        push(name, "key_unsafe", &|c| {
            c.key = file;
            c.request = asked.to_json();
        });
    }
    let [one, two] = world.notes.clone();
    let edited = |from: &'static str, to: &'static str| vec![two.replacen(from, to, 1)];
    let signed = |edit: fn(&mut EpochStatement)| {
        let mut statement = world.epochs[1].clone();
        edit(&mut statement);
        vec![statement.sign(&world.signer).unwrap_or_else(|e| panic!("{e}"))]
    };
    push("no note", "epochs_syntax", &|c| c.notes = vec!["hello".into()]);
    push("a line too many", "epochs_syntax", &|c| c.notes = edited("live", "dead 1\nlive"));
    push("one more live leaf", "epoch_signature", &|c| c.notes = edited("live 1200", "live 1201"));
    push("another authority's key", "epoch_signature", &|c| c.vkey = impostor.public().to_string());
    push("two texts of epoch 2", "epochs_conflict", &|c| c.notes.extend(signed(|s| s.cells = [8; 32])));
    push("window out of order", "epochs_conflict", &|c| {
        c.notes = signed(|s| s.window[0].replaced_at = s.sealed_at.minus(1))
    });
    push("window not there", "epochs_conflict", &|c| c.notes = signed(|s| s.window.clear()));
    push("older than two days", "epochs_stale", &|c| {
        c.now = sealed_at().plus(3600 + 172_800);
        let mut later = request.clone();
        later.valid_on = veilpass_protocol::day::Day::of(c.now);
        later.period = later.valid_on.number().into();
        c.request = later.to_json();
    });
    push("older than this platform allows", "epochs_stale", &|c| {
        c.options = json!({"allow_dev": true, "max_age": 600})
    });
    push("three minutes ahead", "epochs_from_future", &|c| c.now = sealed_at().plus(3600).minus(180));
    push("floor above the crowd", "epoch_below_floor", &|c| {
        c.options = json!({"allow_dev": true, "min_live": 1201})
    });
    // The newest alone decides: epoch 1 by itself is fresh and has no window.
    let old = base.with("only the old note is known", |c| c.notes = vec![one.clone()]);
    out.push(old.refused("unacceptable", "epoch_unknown"));
}
