//! `compute.jsonl`: values of contract §2, `{"op","in","out"}`.

use ark_ff::UniformRand;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use veilpass_protocol::challenge::{Nonce, challenge, handover};
use veilpass_protocol::day::{Day, birth_limit};
use veilpass_protocol::field::{Fr, to_hex};
use veilpass_protocol::identity::{PseudonymSecret, pseudonym};
use veilpass_protocol::network_number::NetworkNumber;
use veilpass_protocol::poseidon::hash_slice;
use veilpass_protocol::scope::{LinkKind, ScopeParameters};
use veilpass_protocol::tree::sparse_root;

/// A line.
fn line(op: &str, input: Value, out: Value) -> Value {
    json!({"op": op, "in": input, "out": out})
}

/// All lines; the same every time.
pub fn lines() -> Vec<Value> {
    let rng = &mut StdRng::seed_from_u64(3);
    let mut out = Vec::new();
    for n in 1..=8 {
        for inputs in [vec![Fr::from(0u64); n], (0..n).map(|_| Fr::rand(rng)).collect()] {
            let hash = hash_slice(&inputs).map(|h| to_hex(&h));
            out.push(line("poseidon", json!(inputs.iter().map(to_hex).collect::<Vec<_>>()), json!(hash)));
        }
    }
    for text in
        ["1800-01-01", "1900-02-28", "1900-03-01", "2000-02-29", "2026-11-22", "2100-02-28", "2517-01-01"]
    {
        let day: Day = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
        out.push(line("day", json!(text), json!(day.number())));
        for age in [14, 16, 18, 60] {
            if let Some(limit) = birth_limit(day, age) {
                out.push(line("birth_limit", json!({"valid_on": text, "age": age}), json!(limit)));
            }
        }
    }
    for count in [0, 1, 2, 9, 100] {
        let leaves: BTreeMap<u64, Fr> =
            (0..count).map(|_| (rng.gen_range(0..1u64 << 33), Fr::rand(rng))).collect();
        let input: BTreeMap<String, String> =
            leaves.iter().map(|(place, leaf)| (place.to_string(), to_hex(leaf))).collect();
        out.push(line(
            "root",
            json!(input),
            json!(sparse_root(&leaves).map(|r| to_hex(&r)).unwrap_or_default()),
        ));
    }
    for (link, slots, rp, context, period) in [
        (LinkKind::Account, 1, "a.example", "", 0),
        (LinkKind::Tokens, 65536, "xn--fiq228c.example", "论坛", (1 << 53) - 1),
        (LinkKind::None, 65536, "localhost", "caf\u{e9}", 82870),
    ] {
        let parse_host = rp.parse().unwrap_or_else(|e| panic!("{rp}: {e}"));
        let parse_context = context.parse().unwrap_or_else(|e| panic!("{context}: {e}"));
        let p = ScopeParameters { link, slots, rp: parse_host, context: parse_context, period };
        let input = json!({"link": link, "slots": slots, "rp": rp, "context": context, "period": period});
        out.push(line("scope", input, json!(to_hex(&p.scope()))));
        let (k, slot) = (Fr::rand(rng), rng.gen_range(0..slots));
        let u = PseudonymSecret::from_fr(k).map(|k| to_hex(&pseudonym(&k, &p.scope(), slot)));
        out.push(line(
            "pseudonym",
            json!({"k": to_hex(&k), "scope": to_hex(&p.scope()), "slot": slot}),
            json!(u),
        ));
    }
    for length in [16, 17, 32] {
        let bytes: Vec<u8> = (0..length).map(|_| rng.r#gen()).collect();
        let nonce = Nonce::new(&bytes).unwrap_or_else(|e| panic!("{e}"));
        let uri = format!("https://a.example/{}", "x".repeat(300));
        let h = handover("a.example", &nonce, &uri);
        let input = json!({"client_id": "a.example", "nonce": nonce, "response_uri": uri});
        let hex: String = h.iter().map(|b| format!("{b:02x}")).collect();
        out.push(line("challenge", input, json!({"handover": hex, "challenge": to_hex(&challenge(&h))})));
    }
    for body in ["000000000", "ZZZZZZZZZ", "7K2M0QX4R"] {
        let number = NetworkNumber::from_body(body).map(|n| n.to_string()).unwrap_or_default();
        out.push(line("network_number", json!(body), json!(number)));
    }
    // Samples that others published (ADR 13); what they say is read off by the standard.
    for (number, birth, sex, province, class, nationality) in [
        ("11010519491231002X", "1949-12-31", "female", 11, "resident_card", None),
        ("810000199408230021", "1994-08-23", "female", 81, "residence_permit", None),
        ("830000199201300022", "1992-01-30", "female", 83, "residence_permit", None),
        ("932682198501010017", "1985-01-01", "male", 32, "permanent_residence", Some(682)),
    ] {
        let mut says =
            json!({"birth_date": birth, "sex": sex, "province": province, "document_class": class});
        if let Some(nationality) = nationality {
            says["nationality"] = json!(nationality);
        }
        out.push(line("resident_number", json!(number), says));
    }
    out
}
