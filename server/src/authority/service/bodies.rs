//! What clients send and get, in the forms of contract §8. All members are required, unknown and
//! repeated ones are refused.

use super::Failure;
use crate::http::openapi::one_of;
use crate::http::{Problem, Received};
use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::{DeserializeOwned, Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt::Display;
use std::str::FromStr;
use utoipa::ToSchema;
use utoipa::openapi::Schema;
use veilpass_protocol::attributes::{DocumentClass, Sex};
use veilpass_protocol::credential::Credential;
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::epoch::RemovalReason;
use veilpass_protocol::json::{nullable, object};
use veilpass_protocol::operation::Operation;
use zeroize::Zeroizing;

/// Reads a body, or says that it is not what the route takes.
pub(super) fn read<T: DeserializeOwned + ToSchema>(received: &Received) -> Result<T, Problem> {
    received.json().map_err(Problem::malformed)
}

/// Room for any answer: a text that grows leaves copies behind.
const LONGEST_ANSWER: usize = 4096;

/// Writes an answer that nobody may keep, and that is wiped once it has been sent: it may hold a code.
pub(super) fn answer<T: Serialize>(status: StatusCode, value: &T) -> Response {
    let mut text = Zeroizing::new(Vec::with_capacity(LONGEST_ANSWER));
    if let Err(e) = serde_json::to_writer(&mut *text, value) {
        return Problem::from(Failure::new("writing an answer", &e)).into_response();
    }
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, Bytes::from_owner(text)).into_response()
}

/// An application for one operation of one person
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"operation": "enrol", "document":
    {"type": "resident_number", "number": "110101199003070010", "expires_on": "2035-12-31"}}))]
pub(super) struct ApplicationBody {
    /// `enrol`, `renew`, `rotate` or `reset`
    #[serde(deserialize_with = "text")]
    #[schema(schema_with = operations)]
    pub operation: Operation,
    /// The document that the registrar has examined
    #[serde(deserialize_with = "object")]
    pub document: DocumentBody,
}

/// A document: a resident number with its expiry, or a machine readable zone
#[derive(Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum DocumentBody {
    /// A resident card, a residence permit, or a permanent residence card with 18 digits: the number says which
    ResidentNumber {
        /// The number of GB 11643, 18 characters
        number: String,
        /// The card's last day; `null` if it has none
        #[serde(deserialize_with = "nullable")]
        #[schema(value_type = Option<String>, format = Date, required = true, example = "2035-12-31")]
        expires_on: Option<Day>,
    },
    /// A document with a machine readable zone of ICAO 9303
    Mrz {
        /// The class of the document
        #[schema(schema_with = classes)]
        document_class: DocumentClass,
        /// Two lines of 44 or three lines of 30 characters
        #[schema(min_items = 1, max_items = 3)]
        lines: Vec<String>,
    },
}

/// An application that was filed
#[derive(Serialize, ToSchema)]
pub(super) struct ApplicationAnswer {
    /// Its name
    pub application: String,
    /// The one-time code for the person's wallet
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String)]
    pub code: Zeroizing<String>,
    /// When the code ends
    #[schema(value_type = String, example = "2026-11-22T08:15:00Z")]
    pub expires_at: Timestamp,
}

/// The words that the person's wallet shows
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"words": ["zoo", "zone", "zero", "zebra", "youth", "young"]}))]
pub(super) struct WordsBody {
    /// Six words of the BIP-39 English list
    #[schema(value_type = Vec<String>, min_items = 6, max_items = 6)]
    pub words: [String; 6],
}

/// An application that was confirmed
#[derive(Serialize, ToSchema)]
pub(super) struct ConfirmedAnswer {
    /// Its name
    pub application: String,
    /// `confirmed`
    #[schema(value_type = String)]
    pub state: &'static str,
}

/// A wallet's offer
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"code": "7K2M-0QX4-R3TV-9WYZ-ABCD-EFGH-JK",
    "identity_commitment": "0a1b2c3d4e5f60718293a4b5c6d7e8f900112233445566778899aabbccddeeff",
    "device_commitment": "0b1b2c3d4e5f60718293a4b5c6d7e8f900112233445566778899aabbccddeeff"}))]
pub(super) struct EnrolmentBody {
    /// The one-time code; case, `-` and spaces do not count
    #[serde(deserialize_with = "wiped")]
    #[schema(value_type = String)]
    pub code: Zeroizing<String>,
    /// `C`, 64 lower-case hex digits
    pub identity_commitment: String,
    /// `D`, 64 lower-case hex digits
    pub device_commitment: String,
}

/// What the wallet gets
#[derive(Serialize, ToSchema)]
pub(super) struct EnrolmentAnswer {
    /// The credential, signed (its form is the one that wallets keep)
    #[schema(value_type = CredentialDoc)]
    pub credential: Credential,
    /// The pairing words to show to the registrar
    #[schema(value_type = Vec<String>, min_items = 6, max_items = 6)]
    pub words: [&'static str; 6],
}

/// A removal
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"network_number": "7K2M0QX4R3", "reason": "deceased"}))]
pub(super) struct RemovalBody {
    /// Whose
    pub network_number: String,
    /// The class of the reason
    #[schema(schema_with = reasons)]
    #[serde(deserialize_with = "text")]
    pub reason: RemovalReason,
}

/// A removal or withdrawal that takes effect at the next seal
#[derive(Serialize, ToSchema)]
pub(super) struct RemovalAnswer {
    /// Whose
    pub network_number: String,
    /// The class of the reason; not told at withdrawals
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = reasons, required = false)]
    pub reason: Option<RemovalReason>,
    /// `pending`
    #[schema(value_type = String)]
    pub state: &'static str,
}

/// A withdrawal by the holder
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"network_number": "7K2M0QX4R3",
    "device_secret": "0c1b2c3d4e5f60718293a4b5c6d7e8f900112233445566778899aabbccddeeff"}))]
pub(super) struct WithdrawalBody {
    /// The holder's number
    pub network_number: String,
    /// `d` as 64 lower-case hex digits: the proof of possession, of no further use
    #[serde(deserialize_with = "wiped")]
    #[schema(value_type = String)]
    pub device_secret: Zeroizing<String>,
}

/// A credential as wallets keep it
#[derive(Deserialize, ToSchema)]
#[schema(as = Credential)]
#[allow(dead_code)] // the description of `veilpass_protocol::credential::Credential`
pub(super) struct CredentialDoc {
    /// Always 1
    v: u32,
    /// The authority's name
    origin: String,
    /// The person's number at the authority
    network_number: String,
    /// `C`, 64 lower-case hex digits
    identity_commitment: String,
    /// `D`, 64 lower-case hex digits
    device_commitment: String,
    /// `X`, 64 lower-case hex digits
    link: String,
    attributes: AttributesDoc,
    /// 64 bytes, base64url
    signature: String,
}

/// What is attested of a person
#[derive(Deserialize, ToSchema)]
#[schema(as = Attributes)]
#[allow(dead_code)] // the description of `veilpass_protocol::attributes::Attributes`
struct AttributesDoc {
    #[schema(format = Date)]
    birth_date: String,
    /// `null` if the document does not expire
    #[schema(format = Date, required = true)]
    expires_on: Option<String>,
    #[schema(format = Date)]
    enrolled_on: String,
    #[schema(schema_with = sexes)]
    sex: String,
    #[schema(schema_with = classes)]
    document_class: String,
    nationality: u16,
    province: u8,
    generation: u8,
}

fn operations() -> Schema {
    one_of("What is applied for", Operation::ALL.iter().map(|operation| operation.as_str()))
}

fn sexes() -> Schema {
    one_of("As the document states it", Sex::ALL.iter().map(|sex| sex.as_str()))
}

fn classes() -> Schema {
    one_of("The class of the document", DocumentClass::ALL.iter().map(|class| class.as_str()))
}

fn reasons() -> Schema {
    one_of("The class of the reason", RemovalReason::ALL.iter().map(|reason| reason.as_str()))
}

/// A text that is wiped after use. The reader hands over its own copy; the body is wiped as well.
fn wiped<'de, D: Deserializer<'de>>(d: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(d).map(Zeroizing::new)
}

fn shown<S: Serializer>(text: &Zeroizing<String>, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(text)
}

/// A name of a closed list, as a text and in no other form.
fn text<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(d: D) -> Result<T, D::Error> {
    String::deserialize(d)?.parse().map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::memory::{ALONE, Planted};
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn no_copy_of_an_answer_stays_in_memory() {
        let _alone = ALONE.lock().await;
        let planted = Planted::new();
        let code = Zeroizing::new(String::from_utf8(planted.clear()).unwrap());
        // The clear copy's vector became the text: it is wiped with it.
        let told = ApplicationAnswer { application: "1".into(), code, expires_at: Timestamp::new(0) };
        let response = answer(StatusCode::CREATED, &told);
        drop(told);
        assert!(planted.is_in_memory(), "as long as it is not sent");
        drop(response.into_body().collect().await.unwrap());
        assert!(!planted.is_in_memory());
    }
}
