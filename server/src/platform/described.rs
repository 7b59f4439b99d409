//! The forms of what a platform sends and takes, for the OpenAPI description and for explanations
//! ([`crate::explain`]). The protocol crate reads and writes the same forms and knows no OpenAPI; a test
//! holds every example against its schema and against the protocol's reader.

use crate::http::openapi::one_of;
use serde::Deserialize;
use utoipa::openapi::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};
use veilpass_protocol::attributes::{DocumentGroup, Sex};

/// What is asked: `valid` always, everything else only where it is a member
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Predicates,
         example = json!({"valid": true, "age": {"at_least": 18}}))]
#[allow(dead_code)] // the description of `veilpass_protocol::predicates::Predicates`
pub struct PredicatesDoc {
    /// Always `true`: the person has a valid identity
    #[schema(schema_with = always_true)]
    valid: bool,
    /// Ages that can be asked for are 14, 16, 18 and 60
    #[schema(schema_with = AgeDoc::schema, required = false)]
    age: Option<AgeDoc>,
    /// The sex that the document states
    #[schema(schema_with = sexes, required = false)]
    sex: Option<String>,
    /// A group of documents
    #[schema(schema_with = documents, required = false)]
    documents: Option<String>,
    /// A country by its ISO 3166-1 number, 1 to 999
    #[schema(minimum = 1, maximum = 999, nullable = false, example = 156)]
    nationality: Option<u16>,
    /// A province by the first two digits of GB/T 2260, 1 to 99
    #[schema(minimum = 1, maximum = 99, nullable = false, example = 44)]
    province: Option<u8>,
    /// A 1 January or 1 July that lies at least 180 days back
    #[schema(format = Date, nullable = false, example = "2026-01-01")]
    enrolled_on_or_before: Option<String>,
    /// Only 0 can be asked for: the person has never lost the secrets
    #[schema(minimum = 0, maximum = 254, nullable = false, example = 0)]
    generation_at_most: Option<u8>,
}

/// The one value `true`
fn always_true() -> Schema {
    let only = ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([true]));
    only.description(Some("Always `true`")).into()
}

fn sexes() -> Schema {
    one_of("The sex that the document states", Sex::ALL.iter().map(|sex| sex.as_str()))
}

fn documents() -> Schema {
    one_of("A group of documents", DocumentGroup::ALL.iter().map(|group| group.as_str()))
}

fn links() -> Schema {
    one_of(
        "`none`: two visits do not meet; `tokens`: `slots` pseudonyms in each `period`; `account`: one that lasts",
        ["none", "tokens", "account"],
    )
}

/// `at_least`, `below`, or both with `at_least` < `below`; ages are 14, 16, 18, 60
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"at_least": 18}))]
#[allow(dead_code)]
struct AgeDoc {
    /// The person has had this birthday: 14, 16, 18 or 60
    #[schema(minimum = 0, nullable = false, example = 18)]
    at_least: Option<u32>,
    /// The person has not had this birthday yet: 14, 16, 18 or 60
    #[schema(minimum = 0, nullable = false, example = 60)]
    below: Option<u32>,
}

/// What a platform's own program asks for. Only `predicates` is required
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewRequest,
         example = json!({"predicates": {"valid": true, "age": {"at_least": 18}}}))]
#[allow(dead_code)] // the description of `desk::Wanted`
pub struct WantedDoc {
    predicates: PredicatesDoc,
    /// `none` (two visits do not meet), `tokens` (`slots` pseudonyms in each `period`) or `account` (one that lasts); `none` if absent
    #[schema(schema_with = links, required = false)]
    link: Option<String>,
    /// The platform's own subdivision, part of the pseudonym's scope: at most 256 bytes
    #[schema(nullable = false, example = "poll-1")]
    context: Option<String>,
    /// The number of the period that `tokens` are counted in; `tokens` needs it
    #[schema(minimum = 0, maximum = 9007199254740991u64, nullable = false, example = 20414)]
    period: Option<u64>,
    /// How many pseudonyms a person has in each period, 1 to 65536; `tokens` needs it
    #[schema(minimum = 0, maximum = 4294967295u64, nullable = false, example = 3)]
    slots: Option<u32>,
    /// Whether a pseudonym is accepted one time in its scope; `tokens` and `none` imply it
    #[schema(nullable = false)]
    once: Option<bool>,
}

/// A request as wallets read it
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Request, example = json!({
    "v": 1, "circuit": "35a94d5bf1a4ea2de32a9ad05eec2bb0bcc1f5bd2a9be4a50ac8f0b6e4f2d2ee", "rp": "forum.example",
    "context": "", "link": "none", "slots": 65536, "period": 82870,
    "predicates": {"valid": true, "age": {"at_least": 18}}, "valid_on": "2026-11-22",
    "nonce": "AAECAwQFBgcICQoLDA0ODw",
    "response_uri": "https://forum.example/v1/requests/3f0c6b1e9d2a4758b6c1d0e2f3a49586/presentation",
    "expires_at": "2026-11-22T08:05:00Z",
}))]
#[allow(dead_code)] // the description of `veilpass_protocol::request::Request`
pub struct RequestDoc {
    /// Always 1
    #[schema(minimum = 1, maximum = 1)]
    v: u32,
    /// The verifying key that will check the answer
    circuit: String,
    /// The platform's host
    rp: String,
    /// The platform's own subdivision
    context: String,
    /// How two visits of one person relate
    #[schema(schema_with = links)]
    link: String,
    /// Pseudonyms in each period
    slots: u32,
    /// The period that the pseudonym holds for
    period: u64,
    predicates: PredicatesDoc,
    /// The day for which everything is to hold
    #[schema(format = Date)]
    valid_on: String,
    /// 16 random bytes or more, base64url
    nonce: String,
    /// Where the answer goes
    response_uri: String,
    /// From this instant on no answer is accepted
    #[schema(format = DateTime)]
    expires_at: String,
}

/// A presentation: the person's answer
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Presentation, example = json!({
    "v": 1, "circuit": "35a94d5bf1a4ea2de32a9ad05eec2bb0bcc1f5bd2a9be4a50ac8f0b6e4f2d2ee", "epoch": 7,
    "pseudonym": "0a1b2c3d4e5f60718293a4b5c6d7e8f900112233445566778899aabbccddeeff",
    "proof": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0-P0BBQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWltcXV5fYGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn8",
}))]
#[allow(dead_code)] // the description of `veilpass_protocol::presentation::Presentation`
pub struct PresentationDoc {
    /// Always 1
    #[schema(minimum = 1, maximum = 1)]
    v: u64,
    /// The verifying key that it was made for
    circuit: String,
    /// The number of the epoch
    epoch: u64,
    /// 64 hex digits
    pseudonym: String,
    /// 128 bytes, base64url
    proof: String,
}

/// The person does not answer
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Decline, example = json!({"v": 1, "declined": true}))]
#[allow(dead_code)]
pub struct DeclineDoc {
    /// Always 1
    #[schema(minimum = 1, maximum = 1)]
    v: u64,
    /// Always `true`
    #[schema(schema_with = always_true)]
    declined: bool,
}

/// What a wallet sends as JSON
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Answer)]
#[allow(dead_code)]
pub enum AnswerDoc {
    Presentation(PresentationDoc),
    Decline(DeclineDoc),
}
