//! Verification from files, without memory: what `veilpass verify` does (contract §6).

use crate::epochs::AcceptedEpochs;
use crate::error::{Misconfigured, VerifyError};
use crate::evidence::VerifiedPresentation;
use crate::key::{KeyError, VerifyingKey};
use crate::policy::Policy;
use crate::verifier::{Verifier, check_request};
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::note::AuthorityKey;
use veilpass_protocol::request::AnyRequest;

/// The contents of every file that takes part, and the circumstances.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    /// The request, JSON or JWS. It is the platform's own: the signature is not checked again.
    pub request: &'a [u8],
    /// The presentation, JSON or binary.
    pub presentation: &'a [u8],
    /// Epoch notes in any order; the highest number counts.
    pub notes: &'a [String],
    /// The authority's key.
    pub authority: &'a AuthorityKey,
    /// The verifying key file.
    pub key: &'a [u8],
    /// Grace, greatest age, floor, DEV keys.
    pub policy: Policy,
    /// The time of verification.
    pub now: Timestamp,
}

/// Verifies one presentation from files. It keeps no memory: whether the request was answered before
/// and whether the pseudonym is spent, the platform's store has to say.
pub fn verify_files(files: &Files<'_>) -> Result<VerifiedPresentation, VerifyError> {
    let key = VerifyingKey::from_bytes(files.key)?;
    let request = AnyRequest::read(files.request);
    if let Ok(request) = &request {
        let asked = request.request().circuit;
        if asked != key.circuit_id() {
            return Err(KeyError::Mismatch { asked }.into());
        }
    }
    let verifier = Verifier::new(files.policy).with_verifying_key(key)?;
    let request = request.map_err(|e| Misconfigured::RequestSyntax(e.to_string()))?;
    let request = request.request();
    check_request(request, files.now)?;
    let epochs = AcceptedEpochs::from_notes(files.notes, files.authority.clone(), &files.policy, files.now)?;
    verifier.verify(request, files.presentation, &epochs, files.now)
}
