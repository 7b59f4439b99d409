//! What registrars do: file applications, confirm them, and remove people.

use super::bodies::{
    ApplicationAnswer, ApplicationBody, ConfirmedAnswer, DocumentBody, RemovalAnswer, RemovalBody, WordsBody,
    answer, read,
};
use super::openapi::{ConfirmRefusals, FilingRefusals, RemovalRefusals};
use super::{Service, refusal};
use crate::RegistryError;
use crate::authority::Document;
use crate::http::{Bearer, Problem, Received, now};
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use rand::rngs::OsRng;
use std::sync::Arc;

/// A registrar, by its token. It is taken before the body, so that nobody else's body is read.
pub(super) struct Registrar(String);

impl FromRequestParts<Arc<Service>> for Registrar {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Registrar, Problem> {
        let Bearer(token) = Bearer::from_request_parts(parts, service).await?;
        let name = service.authority.registrar(&token).await.map_err(refusal)?;
        name.map(Registrar).ok_or_else(Problem::unauthorised)
    }
}

/// File an application
///
/// The code is told once, to be handed to the person.
#[utoipa::path(
    post, path = "/v1/applications", tag = "registrars", security(("registrar" = [])),
    request_body = ApplicationBody,
    responses((status = 201, description = "It is filed", body = ApplicationAnswer), FilingRefusals)
)]
pub(super) async fn file_application(
    State(service): State<Arc<Service>>,
    Registrar(registrar): Registrar,
    received: Received,
) -> Result<Response, Problem> {
    let ApplicationBody { operation, document } = read(&received)?;
    let document = match document {
        DocumentBody::ResidentNumber { number, expires_on } => {
            Document::ResidentNumber { number, expires_on }
        }
        DocumentBody::Mrz { document_class, lines } => Document::Mrz { document_class, lines },
    };
    let filed = service.authority.file_application(&registrar, operation, &document, now(), &mut OsRng).await;
    let filed = filed.map_err(refusal)?;
    let told = ApplicationAnswer {
        application: filed.id.to_string(),
        code: filed.code.as_text(),
        expires_at: filed.expires_at,
    };
    Ok(answer(StatusCode::CREATED, &told))
}

/// Confirm an application
///
/// With the words that the person's wallet shows; nothing is sealed without.
#[utoipa::path(
    post, path = "/v1/applications/{id}/confirm", tag = "registrars", security(("registrar" = [])),
    params(("id" = String, Path, description = "The application")),
    request_body = WordsBody,
    responses((status = 200, description = "It is sealed with the next epoch", body = ConfirmedAnswer),
              ConfirmRefusals)
)]
pub(super) async fn confirm(
    State(service): State<Arc<Service>>,
    Registrar(registrar): Registrar,
    Path(id): Path<String>,
    received: Received,
) -> Result<Response, Problem> {
    let WordsBody { words } = read(&received)?;
    let application = id.parse().map_err(|_| Problem::not_found())?;
    service.authority.confirm(&registrar, &application, &words, now()).await.map_err(refusal)?;
    Ok(answer(StatusCode::OK, &ConfirmedAnswer { application: application.to_string(), state: "confirmed" }))
}

/// Remove somebody
///
/// Effective with the next epoch, which counts the removal under its reason.
#[utoipa::path(
    post, path = "/v1/removals", tag = "registrars", security(("registrar" = [])),
    request_body = RemovalBody,
    responses((status = 202, description = "It is noted", body = RemovalAnswer), RemovalRefusals)
)]
pub(super) async fn remove(
    State(service): State<Arc<Service>>,
    _: Registrar,
    received: Received,
) -> Result<Response, Problem> {
    let RemovalBody { network_number, reason } = read(&received)?;
    // What is no number is nobody's.
    let number = network_number.parse().map_err(|_| refusal(RegistryError::NetworkNumberUnknown))?;
    service.authority.remove(&number, reason, now()).await.map_err(refusal)?;
    Ok(answer(
        StatusCode::ACCEPTED,
        &RemovalAnswer { network_number, reason: Some(reason), state: "pending" },
    ))
}
