//! Contract §3 through `debug compute`. The values were made by another implementation.

use crate::binary::run_with;
use serde_json::{Value, json};
use std::path::Path;

const K: &str = "0000000000000000000000000000000000000000000000000000000000000001";
const D: &str = "0000000000000000000000000000000000000000000000000000000000000002";
const ZERO: &str = "0000000000000000000000000000000000000000000000000000000000000000";
const C_: &str = "29176100eaa962bdc1fe6c654d6a3c130e96a4d1168b33848b897dc502820133";
const D_: &str = "131d73cf6b30079aca0dff6a561cd0ee50b540879abe379a25a06b24bde2bebd";
const P: &str = "000000000000000000000000000000000000000000000b09c15405157e451d27";
const L: &str = "03489ee1b54bf2b48dbebd8f92e94409b6aa6b89102f4a0ff8347a7fb8876f88";
const A: &str = "000fcf9cd81f530772fbf6811ff6306c263649096eec9c411728a4756169887f";
const T: &str = "009c0cb3708f530297fc5940e3dba48e96a495f8243f4a0875f92832e6f10dd2";
const N: &str = "004ad957ad806f92c0a036a69d462a9dcc4fbb7c7778e3946f62a0cad10dcc7e";
const U: &str = "117156f92cfe03924f2f6a7f459998fdcbc9f279d296d1a801a15c65673af87c";
const ROOT: &str = "14c4dda7a74017b33f3a94750f066755144a216ed2a648918943dbe4b7e81ece";
const URI: &str = "https://forum.example/v1/requests/0f8c1d/presentation";
const CHALLENGE: &str = "00c598d53e108e825b8cca14bbb4ffc3504c1e354dd8c9e99b8d319ee5b8069a";

/// Answers to many lines, one process.
pub fn compute(lines: &[Value]) -> Vec<Value> {
    let input: String = lines.iter().map(|l| format!("{l}\n")).collect();
    let run =
        run_with(Path::new("."), &["debug", "compute", "--now", "2026-11-22T08:00:00Z"], input.as_bytes());
    assert_eq!(run.exit, 0, "{run:?}");
    let answers: Vec<Value> = run.stdout.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(answers.len(), lines.len());
    answers
}

#[test]
fn every_known_value() {
    let op = |op: &str, input: Value| json!({"op": op, "in": input});
    let scope = |link: &str, slots: u32, context: &str, period: u64| {
        op(
            "scope",
            json!({"link": link, "slots": slots, "rp": "forum.example", "context": context, "period": period}),
        )
    };
    let pseudonym = |scope: &str, slot: u32| op("pseudonym", json!({"k": K, "scope": scope, "slot": slot}));
    let limit = |on: &str, age: u32| op("birth_limit", json!({"valid_on": on, "age": age}));
    let attributes = json!({"birth_date": "1999-11-13", "expires_on": "2046-06-01", "enrolled_on": "2024-07-06", "sex": "male",
        "document_class": "resident_card", "nationality": 156, "province": 44, "generation": 0});
    let request = json!({"v": 1, "circuit": ZERO, "rp": "forum.example", "context": "", "link": "account", "slots": 1, "period": 0,
        "predicates": {"valid": true, "age": {"at_least": 18}}, "valid_on": "2026-11-22", "nonce": "AAECAwQFBgcICQoLDA0ODw",
        "response_uri": URI, "expires_at": "2026-11-22T08:05:00Z"});
    let number = |n: u64| json!(format!("{n:064x}"));
    let cases = [
        (
            op("leaf", json!({"k": K, "d": D, "link": ZERO, "attributes": attributes})),
            json!({"identity_commitment": C_, "device_commitment": D_, "packed": P, "leaf": L}),
        ),
        (op("poseidon", json!([K])), json!(C_)),
        (
            op("poseidon", json!([ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO])),
            json!("035ebc384d320413c9b97d446bf7de69e04d6278d68d52934a4f5f653348622a"),
        ),
        (op("root", json!({})), json!("113546cad171002bd1b8f16603b113e11df1e25b1185ae23b092a7804737d912")),
        (op("root", json!({"0": L})), json!(ROOT)),
        (
            op("root", json!({"0": L, "9": D_, "4096": C_})),
            json!("131b8e345b36479355555ff3a5a5e6ad576fdeda52bf7552476b7f65bce1c358"),
        ),
        (scope("account", 1, "", 0), json!(A)),
        (scope("tokens", 3, "poll-1", 20414), json!(T)),
        (scope("none", 65536, "", 82870), json!(N)),
        (pseudonym(A, 0), json!(U)),
        (pseudonym(T, 2), json!("1963c8f2506cef2f77350d77fa69a4e4ca7dc2f547ae39cf8bb1d9d7daaa310a")),
        (pseudonym(N, 40000), json!("1c45b89370764804e1be047a06bd0840087bbb418732eec62a5e0a5bd37efca7")),
        (
            op("poseidon", json!([K, C_, ZERO, ZERO, ZERO])),
            json!("0c6a9a50162113578ca627a0d3dc25c4c6d02456a622cfe9fd2c9eadd6ff031b"),
        ),
        (
            op(
                "challenge",
                json!({"client_id": "forum.example", "nonce": "AAECAwQFBgcICQoLDA0ODw", "response_uri": URI}),
            ),
            json!({"handover": "82714f70656e494434565048616e646f7665725820dbe56a7c02ffe6c9f96f5f004067970dd1b0a1a587d4b6b7b306b8e4c0afce52", "challenge": CHALLENGE}),
        ),
        (limit("2026-11-22", 18), json!("2008-11-22")),
        (limit("2026-02-28", 18), json!("2008-02-28")),
        (limit("2026-03-01", 18), json!("2008-03-01")),
        (limit("2028-02-29", 18), json!("2010-02-28")),
        (limit("2024-02-29", 16), json!("2008-02-29")),
        (
            op("public_inputs", json!({"request": request, "root": ROOT, "pseudonym": U})),
            json!([
                ROOT,
                A,
                U,
                number(1),
                number(82870),
                number(0),
                number(76296),
                number(262143),
                number(255),
                number(15),
                number(65535),
                number(0),
                number(0),
                CHALLENGE
            ]),
        ),
        (op("network_number", json!("7K2M0QX4R")), json!("7K2M0QX4R3")),
        (
            op("resident_number", json!("440301199911130013")),
            json!({"birth_date": "1999-11-13", "sex": "male", "province": 44, "document_class": "resident_card"}),
        ),
        (
            op("resident_number", json!("11010519491231002X")),
            json!({"birth_date": "1949-12-31", "sex": "female", "province": 11, "document_class": "resident_card"}),
        ),
        (
            op("resident_number", json!("810000199408230021")),
            json!({"birth_date": "1994-08-23", "sex": "female", "province": 81, "document_class": "residence_permit"}),
        ),
        (
            op("resident_number", json!("932682198501010017")),
            json!({"birth_date": "1985-01-01", "sex": "male", "province": 32, "document_class": "permanent_residence",
                "nationality": 682}),
        ),
        (op("day", json!("2008-02-29")), json!(76029)),
    ];
    let (lines, expected): (Vec<Value>, Vec<Value>) = cases.into_iter().unzip();
    for ((line, answer), out) in lines.iter().zip(compute(&lines)).zip(&expected) {
        assert_eq!(answer["out"], *out, "{line}\n{answer}");
    }
}

/// Places whose codes are missing from lists of counties are provinces all the same; 99 is none.
#[test]
fn resident_numbers_of_every_province() {
    let number = |region: &str| {
        let body = format!("{region}19900101001");
        let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
        let sum: usize = body.bytes().zip(weights).map(|(b, w)| usize::from(b - b'0') * w).sum();
        json!({"op": "resident_number", "in": format!("{body}{}", char::from(b"10X98765432"[sum % 11]))})
    };
    let regions = ["441900", "442000", "620201", "460400", "110101", "710000", "830000", "990101", "000000"];
    let answers = compute(&regions.map(number));
    let known: Vec<bool> = answers.iter().map(|a| a["out"].is_object()).collect();
    assert_eq!(known, [true, true, true, true, true, true, true, false, false], "{answers:?}");
}

/// Forms and ranges of §2: everything else is an error with a code, and the next line is answered.
#[test]
fn other_forms_are_errors() {
    let r = "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001";
    let lines = [
        json!({"op": "poseidon", "in": [r]}),
        json!({"op": "poseidon", "in": ["1"]}),
        json!({"op": "poseidon", "in": []}),
        json!({"op": "poseidon", "in": [K, K, K, K, K, K, K, K, K]}),
        json!({"op": "day", "in": "2026-02-29"}),
        json!({"op": "day", "in": "1799-12-31"}),
        json!({"op": "root", "in": {"8589934592": K}}),
        json!({"op": "root", "in": {"01": K}}),
        json!({"op": "scope", "in": {"link": "none", "slots": 65536, "rp": "127.0.0.1", "context": "", "period": 0}}),
        json!({"op": "scope", "in": {"link": "account", "slots": 2, "rp": "a.example", "context": "", "period": 0}}),
        json!({"op": "scope", "in": {"link": "tokens", "slots": 2, "rp": "a.example", "context": "e\u{301}", "period": 0}}),
        json!({"op": "scope", "in": {"link": "tokens", "slots": 2, "rp": "a.example", "context": "", "period": 9007199254740992u64}}),
        json!({"op": "pseudonym", "in": {"k": ZERO, "scope": A, "slot": 0}}),
        json!({"op": "pseudonym", "in": {"k": K, "scope": C_, "slot": 0}}),
        json!({"op": "network_number", "in": "7K2M0QX4"}),
        json!({"op": "resident_number", "in": "440301199911130014"}),
        json!({"op": "resident_number", "in": "11010519491231002x"}),
        json!({"op": "resident_number", "in": "911156199911130013"}),
        json!({"op": "mrz", "in": ["P<FRA"]}),
        json!({"op": "unknown", "in": 0}),
        json!({"op": "day"}),
        json!({"op": "day", "in": "2008-02-29", "more": 1}),
        json!([]),
    ];
    for (line, answer) in lines.iter().zip(compute(&lines)) {
        assert!(answer["error"]["code"].is_string() && answer["out"].is_null(), "{line}\n{answer}");
    }
}
