//! What the handlers read in a body, in the contract's form again: for `fuzz/`, which compares the two.

use super::bodies::{
    ApplicationBody, DocumentBody, EnrolmentBody, RemovalBody, WithdrawalBody, WordsBody, read,
};
use super::names::Name;
use crate::http::{Problem, Received};
use serde_json::{Value, json};

/// The routes that take a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// `POST /v1/applications`
    Application,
    /// `POST /v1/applications/{id}/confirm`
    Words,
    /// `POST /v1/enrolments`
    Enrolment,
    /// `POST /v1/removals`
    Removal,
    /// `POST /v1/withdrawals`
    Withdrawal,
}

/// Reads a body as the handler of its route does and writes it again.
pub fn body(route: Taken, received: &Received) -> Result<Value, Problem> {
    Ok(match route {
        Taken::Application => {
            let ApplicationBody { operation, document } = read(received)?;
            let document = match document {
                DocumentBody::ResidentNumber { number, expires_on } => {
                    json!({"type": "resident_number", "number": number, "expires_on": expires_on})
                }
                DocumentBody::Mrz { document_class, lines } => {
                    json!({"type": "mrz", "document_class": document_class, "lines": lines})
                }
            };
            json!({"operation": operation.as_str(), "document": document})
        }
        Taken::Words => json!({"words": read::<WordsBody>(received)?.words}),
        Taken::Enrolment => {
            let EnrolmentBody { code, identity_commitment, device_commitment } = read(received)?;
            json!({"code": *code, "identity_commitment": identity_commitment, "device_commitment": device_commitment})
        }
        Taken::Removal => {
            let RemovalBody { network_number, reason } = read(received)?;
            json!({"network_number": network_number, "reason": reason})
        }
        Taken::Withdrawal => {
            let WithdrawalBody { network_number, device_secret } = read(received)?;
            json!({"network_number": network_number, "device_secret": *device_secret})
        }
    })
}

/// Reads the name of a published file (`GET /v1/published/…`) and writes it again.
pub fn published_name(path: &str) -> Option<String> {
    Name::parse(path).map(|name| name.to_string())
}
