//! Readers of received bytes that are private to their modules: for `fuzz/`, and no stable interface.

pub use crate::authority::lines::{Line, Lines};
pub use crate::authority::rows::{Checked, Form, Row, csv_fields};
pub use crate::authority::service::reread::{Taken, body, published_name};
pub use crate::platform::desk::{DeskError, Wanted};

use crate::authority::Document;
use crate::authority::documents::DocumentError;
use veilpass_protocol::attributes::Attributes;
use veilpass_protocol::day::Day;

/// The body of `POST /v1/requests` at a platform.
pub fn wanted(body: &[u8]) -> Result<Wanted, DeskError> {
    crate::platform::desk::Desk::wanted(body)
}

/// Whether an answer is the decline of contract §4.
pub fn is_decline(body: &[u8]) -> bool {
    crate::platform::desk::is_decline(body)
}

/// What an examined document says, as the attributes of somebody who enrols today.
pub fn examine(document: &Document, today: Day) -> Result<Attributes, DocumentError> {
    let (said, _) = document.examine(today)?;
    Ok(Attributes {
        birth_date: said.birth_date,
        expires_on: said.expires_on,
        enrolled_on: today,
        sex: said.sex,
        document_class: said.document_class,
        nationality: said.nationality,
        province: said.province,
        generation: 0,
    })
}

/// Scheme and host that the client would go to.
pub fn client_goes_to(url: &str) -> Option<(String, String)> {
    let uri = crate::client::parse(url).ok()?;
    Some((uri.scheme_str()?.to_owned(), uri.host()?.to_owned()))
}

/// Whether a client asks for a published file of this name.
pub fn is_published_name(path: &str) -> bool {
    crate::published::is_name(path)
}
