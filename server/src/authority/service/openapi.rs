//! What the description of the routes holds beside the routes themselves: how registrars authenticate,
//! and which codes each route can answer.

use crate::http::{ProblemDocument, status_of};
use axum::http::StatusCode;
use std::collections::BTreeMap;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{IntoResponses, Modify, OpenApi};

/// The parts of the description that belong to no route.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Veilpass authority",
        description = "Applications, enrolments, removals, and the published folder. No route takes a place, \
                       leaf or commitment to answer where it is."
    ),
    components(schemas(ProblemDocument)),
    servers((url = "/", description = "The authority that serves this description")),
    tags(
        (name = "registrars", description = "Who examines documents, with a token"),
        (name = "holders", description = "Wallets"),
        (name = "published", description = "What everybody may read; open to pages of other origins"),
        (name = "server", description = "How the server is"),
    ),
    modifiers(&RegistrarToken)
)]
pub(super) struct Description;

struct RegistrarToken;

impl Modify for RegistrarToken {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A registrar's token, shown once when the registrar was added"))
            .build();
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("registrar", SecurityScheme::Http(scheme));
    }
}

/// What any route can answer: too many requests, too slow a client, a server that cannot.
const ANYWHERE: &[&str] = &["timeout", "rate_limited", "unavailable"];

/// Responses for codes, each under the status that it has.
fn refusals(codes: &[&'static str]) -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
    let mut by_status: BTreeMap<StatusCode, Vec<&str>> = BTreeMap::new();
    for code in codes.iter().chain(ANYWHERE) {
        // The authority's routes have this code for bodies, which are the client's (`Problem::malformed`).
        let status = if *code == "request_syntax" { StatusCode::BAD_REQUEST } else { status_of(code) };
        by_status.entry(status).or_default().push(code);
    }
    let responses = by_status.into_iter().map(|(status, codes)| {
        let words: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
        let schema = Ref::from_schema_name("ProblemDocument");
        let response = ResponseBuilder::new()
            .description(words.join(" or "))
            .content("application/problem+json", ContentBuilder::new().schema(Some(schema)).build())
            .build();
        (status.as_str().to_owned(), RefOr::T(response))
    });
    responses.collect()
}

/// Names the codes that a route can answer, for its annotation.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident: $($code:literal)*;)+) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
                refusals(&[$($code),*])
            }
        }
    )+};
}

refusals! {
    /// Of routes that only tell how the server is.
    PlainRefusals:;
    /// Of routes that give a file.
    FileRefusals: "not_found";
    /// Of filing an application.
    FilingRefusals: "request_syntax" "unauthorised" "too_large" "document_invalid";
    /// Of confirming one.
    ConfirmRefusals: "request_syntax" "unauthorised" "not_found" "too_large" "words_differ" "person_unknown"
        "document_used" "person_pending" "reset_waits" "code_expired";
    /// Of redeeming a code.
    EnrolmentRefusals: "request_syntax" "too_large" "code_unknown" "code_used" "code_expired"
        "commitment_invalid" "commitment_used" "document_used" "person_unknown" "person_pending" "reset_waits"
        "already_removed";
    /// Of a removal.
    RemovalRefusals: "request_syntax" "unauthorised" "too_large" "network_number_unknown" "already_removed";
    /// Of a withdrawal.
    WithdrawalRefusals: "request_syntax" "unauthorised" "too_large" "person_pending" "already_removed";
}
