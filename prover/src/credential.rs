//! W9, first half: a credential that the wallet can explain, down to the last attribute. Anything
//! odd in it could be a mark by which its owner is told apart.

use crate::refusal::Refusal;
use veilpass_protocol::credential::Credential;
use veilpass_protocol::field::Fr;
use veilpass_protocol::identity::{DeviceSecret, PseudonymSecret};
use veilpass_protocol::note::AuthorityKey;

/// Checks that the commitments are ours, that there is no link (a wallet that knows no guardians can
/// open none), that dates and codes can be, and the signature if the authority's key is known.
pub(crate) fn explain(
    credential: &Credential,
    k: &PseudonymSecret,
    d: &DeviceSecret,
    authority: Option<&AuthorityKey>,
) -> Result<(), Refusal> {
    let check = |holds: bool, what: &str| {
        if holds { Ok(()) } else { Err(Refusal::AttributesUnexplained(what.to_owned())) }
    };
    check(credential.identity_commitment == k.commitment(), "the identity commitment is not this wallet's")?;
    check(credential.device_commitment == d.commitment(), "the device commitment is not this wallet's")?;
    check(credential.link == Fr::default(), "it has a link that this wallet cannot open")?;
    let attributes = &credential.attributes;
    attributes.check().map_err(|e| Refusal::AttributesUnexplained(e.to_string()))?;
    check(attributes.birth_date <= attributes.enrolled_on, "enrolled before birth")?;
    check(
        attributes.expires_on.is_none_or(|day| attributes.birth_date <= day),
        "the document expired before birth",
    )?;
    match authority {
        Some(key) => credential.verify(key).map_err(|e| Refusal::AttributesUnexplained(e.to_string())),
        None => Ok(()),
    }
}
