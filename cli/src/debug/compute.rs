//! `debug compute`: forms and ranges of contract §2 only, not whether dates, classes and codes fit.

use super::LineError;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use veilpass_protocol::attributes::{Attributes, DocumentClass};
use veilpass_protocol::challenge::{Nonce, challenge, handover};
use veilpass_protocol::day::{Day, Timestamp, birth_limit};
use veilpass_protocol::field::{Fr, from_hex, to_bytes, to_hex};
use veilpass_protocol::identity::{DeviceSecret, PseudonymSecret, leaf, pseudonym};
use veilpass_protocol::json::{self, object, unique_map};
use veilpass_protocol::network_number::NetworkNumber;
use veilpass_protocol::poseidon::hash_slice;
use veilpass_protocol::request::{PolicyError, Request};
use veilpass_protocol::scope::{Context, Host, LinkKind, MAX_PERIOD, NONE_SLOTS, ScopeParameters};
use veilpass_protocol::statement::Statement;
use veilpass_protocol::tree::sparse_root;
use veilpass_server::authority::documents;
use veilpass_server::authority::resident::resident_number;

/// One line in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    op: String,
    r#in: Box<RawValue>,
}

/// One line out.
#[derive(Serialize)]
pub struct Out {
    out: Value,
}

fn syntax(detail: impl std::fmt::Display) -> LineError {
    LineError::new("request_syntax", detail)
}

fn range(detail: impl std::fmt::Display) -> LineError {
    LineError::new("attribute_range", detail)
}

/// Reads a member object strictly.
fn members<T: DeserializeOwned>(value: &RawValue) -> Result<T, LineError> {
    json::parse(value.get().as_bytes()).map_err(syntax)
}

/// Reads a plain value.
fn plain<T: DeserializeOwned>(value: &RawValue) -> Result<T, LineError> {
    serde_json::from_str(value.get()).map_err(syntax)
}

fn fr(text: &str) -> Result<Fr, LineError> {
    from_hex(text).map_err(|e| LineError::new("not_canonical", e))
}

/// Answers one line.
pub fn line(bytes: &[u8], now: Timestamp) -> Result<Out, LineError> {
    let line: Line = json::parse(bytes).map_err(syntax)?;
    let input = &*line.r#in;
    let out = match line.op.as_str() {
        "poseidon" => poseidon(input)?,
        "day" => json!(plain::<String>(input)?.parse::<Day>().map_err(range)?.number()),
        "birth_limit" => birth(input)?,
        "leaf" => leaf_of(input)?,
        "root" => root(input)?,
        "scope" => scope(input)?,
        "challenge" => challenge_of(input)?,
        "pseudonym" => pseudonym_of(input)?,
        "public_inputs" => public_inputs(input)?,
        "network_number" => {
            let number = NetworkNumber::from_body(&plain::<String>(input)?);
            json!(number.map_err(|e| LineError::new("not_canonical", e))?)
        }
        "resident_number" => {
            let read = resident_number(&plain::<String>(input)?);
            let read = read.map_err(|e| LineError::new("document_invalid", e))?;
            let mut out = json!({"birth_date": read.birth_date, "sex": read.sex, "province": read.province,
                "document_class": read.document_class});
            if read.document_class == DocumentClass::PermanentResidence {
                out["nationality"] = json!(read.nationality);
            }
            out
        }
        "mrz" => {
            let read = documents::mrz(&plain::<Vec<String>>(input)?, Day::of(now));
            let read = read.map_err(|e| LineError::new("document_invalid", e))?;
            json!({"birth_date": read.birth_date, "expires_on": read.expires_on, "sex": read.sex, "nationality": read.nationality})
        }
        other => return Err(syntax(format!("unknown operation `{other}`"))),
    };
    Ok(Out { out })
}

fn poseidon(input: &RawValue) -> Result<Value, LineError> {
    let inputs: Vec<String> = plain(input)?;
    let inputs: Vec<Fr> = inputs.iter().map(|x| fr(x)).collect::<Result<_, _>>()?;
    let hash = hash_slice(&inputs).ok_or_else(|| range("Poseidon takes 1 to 8 inputs"))?;
    Ok(json!(to_hex(&hash)))
}

fn birth(input: &RawValue) -> Result<Value, LineError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct In {
        valid_on: Day,
        age: u32,
    }
    let In { valid_on, age } = members(input)?;
    Ok(json!(birth_limit(valid_on, age).ok_or_else(|| range("so many years before, days have no number"))?))
}

fn leaf_of(input: &RawValue) -> Result<Value, LineError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct In {
        k: String,
        d: String,
        link: String,
        #[serde(deserialize_with = "object")]
        attributes: Attributes,
    }
    let input: In = members(input)?;
    input.attributes.check().map_err(range)?;
    let zero = || LineError::new("commitment_invalid", "a secret is zero, or both are the same");
    let k = PseudonymSecret::from_fr(fr(&input.k)?).ok_or_else(zero)?;
    let d = DeviceSecret::from_fr(fr(&input.d)?).ok_or_else(zero)?;
    let link = fr(&input.link)?;
    let (c, dc, packed) = (k.commitment(), d.commitment(), input.attributes.pack());
    if c == dc {
        return Err(zero());
    }
    Ok(json!({
        "identity_commitment": to_hex(&c),
        "device_commitment": to_hex(&dc),
        "packed": to_hex(&packed),
        "leaf": to_hex(&leaf(&c, &dc, &packed, &link)),
    }))
}

fn root(input: &RawValue) -> Result<Value, LineError> {
    let mut members = serde_json::Deserializer::from_str(input.get());
    let given: BTreeMap<String, String> = unique_map(&mut members).map_err(syntax)?;
    let mut leaves = BTreeMap::new();
    for (place, leaf) in given {
        let number: u64 = place.parse().map_err(|_| syntax(format!("`{place}` is no place")))?;
        if number.to_string() != place {
            return Err(syntax(format!("`{place}` is no place")));
        }
        leaves.insert(number, fr(&leaf)?);
    }
    Ok(json!(to_hex(&sparse_root(&leaves).map_err(range)?)))
}

fn scope(input: &RawValue) -> Result<Value, LineError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct In {
        link: LinkKind,
        slots: u32,
        rp: Host,
        context: Context,
        period: u64,
    }
    let In { link, slots, rp, context, period } = members(input)?;
    let parameters = ScopeParameters { link, slots, rp, context, period };
    if !parameters.slots_fit() || period > MAX_PERIOD {
        return Err(LineError::new("request_policy", "slots or period do not fit the kind of link"));
    }
    Ok(json!(to_hex(&parameters.scope())))
}

fn challenge_of(input: &RawValue) -> Result<Value, LineError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct In {
        client_id: String,
        nonce: Nonce,
        response_uri: String,
    }
    let input: In = members(input)?;
    let handover = handover(&input.client_id, &input.nonce, &input.response_uri);
    Ok(json!({"handover": hex::encode(&handover), "challenge": to_hex(&challenge(&handover))}))
}

fn pseudonym_of(input: &RawValue) -> Result<Value, LineError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct In {
        k: String,
        scope: String,
        slot: u32,
    }
    let input: In = members(input)?;
    let zero = || LineError::new("commitment_invalid", "the pseudonym secret is zero");
    let k = PseudonymSecret::from_fr(fr(&input.k)?).ok_or_else(zero)?;
    if input.slot >= NONE_SLOTS {
        return Err(LineError::new("request_policy", "slots count from 0 to 65535"));
    }
    let scope = fr(&input.scope)?;
    if to_bytes(&scope).first() != Some(&0) {
        return Err(range("a scope has 31 bytes"));
    }
    Ok(json!(to_hex(&pseudonym(&k, &scope, input.slot))))
}

fn public_inputs(input: &RawValue) -> Result<Value, LineError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct In {
        request: Box<RawValue>,
        root: String,
        pseudonym: String,
    }
    let input: In = members(input)?;
    let request = Request::from_json(input.request.get().as_bytes()).map_err(syntax)?;
    let policy = |e: PolicyError| LineError::new("request_policy", e);
    let statement =
        Statement::for_request(&request, fr(&input.root)?, fr(&input.pseudonym)?).map_err(policy)?;
    Ok(json!(statement.to_array().iter().map(to_hex).collect::<Vec<_>>()))
}
