//! What wallets do: redeem a code, and withdraw.

use super::bodies::{EnrolmentAnswer, EnrolmentBody, RemovalAnswer, WithdrawalBody, answer, read};
use super::openapi::{EnrolmentRefusals, WithdrawalRefusals};
use super::{Service, refusal};
use crate::http::{Problem, Received, now};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use rand::rngs::OsRng;
use std::sync::Arc;
use veilpass_protocol::field;
use veilpass_protocol::identity::DeviceSecret;
use zeroize::Zeroizing;

/// Redeem a one-time code
///
/// The leaf is in the tree from the next epoch after the registrar's confirmation. The same body
/// again gets the same answer until it is sealed and the code has expired.
#[utoipa::path(
    post, path = "/v1/enrolments", tag = "holders",
    request_body = EnrolmentBody,
    responses(
        (status = 201, description = "The credential", body = EnrolmentAnswer),
        (status = 200, description = "The same again", body = EnrolmentAnswer),
        EnrolmentRefusals,
    )
)]
pub(super) async fn enrol(
    State(service): State<Arc<Service>>,
    received: Received,
) -> Result<Response, Problem> {
    let body: EnrolmentBody = read(&received)?;
    let redeemed = service
        .authority
        .redeem(&body.code, &body.identity_commitment, &body.device_commitment, now(), &mut OsRng)
        .await
        .map_err(refusal)?;
    let status = if redeemed.again { StatusCode::OK } else { StatusCode::CREATED };
    Ok(answer(status, &EnrolmentAnswer { credential: redeemed.credential, words: redeemed.words }))
}

/// Withdraw
///
/// Effective with the next epoch.
#[utoipa::path(
    post, path = "/v1/withdrawals", tag = "holders",
    request_body = WithdrawalBody,
    responses((status = 202, description = "It is noted", body = RemovalAnswer), WithdrawalRefusals)
)]
pub(super) async fn withdraw(
    State(service): State<Arc<Service>>,
    received: Received,
) -> Result<Response, Problem> {
    let WithdrawalBody { network_number, device_secret } = read(&received)?;
    // A number or secret that can be nobody's is as wrong as another's, and told in the same way.
    let number = network_number.parse().map_err(|_| Problem::unauthorised())?;
    let secret = secret(&device_secret).ok_or_else(Problem::unauthorised)?;
    service.authority.withdraw(&number, &secret, now()).await.map_err(refusal)?;
    Ok(answer(StatusCode::ACCEPTED, &RemovalAnswer { network_number, reason: None, state: "pending" }))
}

/// Reads the device secret; what it passes through is wiped.
fn secret(digits: &str) -> Option<DeviceSecret> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    hex::decode_to_slice(digits, &mut *bytes)
        .ok()
        .filter(|()| !digits.bytes().any(|b| b.is_ascii_uppercase()))?;
    DeviceSecret::from_fr(field::from_bytes(&bytes).ok()?)
}
