//! The routes in OpenAPI, and a page to browse them that asks nobody else for anything.

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::middleware::map_response;
use axum::response::Response;
use utoipa::openapi::{ObjectBuilder, OpenApi, Schema, Type};
use utoipa_swagger_ui::{Config, SwaggerUi};

/// The page loads scripts, styles and pictures from beside it and the description from this server; its
/// styles hold pictures as `data:` addresses. It sends nothing anywhere else, and nobody frames it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// `/openapi.json` and `/docs/`, to be merged into a service's routes.
pub fn docs(openapi: OpenApi) -> Router {
    // Without this the page asks a validator on the web about the description.
    let config = Config::default().validator_url("none").display_operation_id(false);
    let page: Router = SwaggerUi::new("/docs").url("/openapi.json", openapi).config(config).into();
    page.layer(map_response(with_policy))
}

/// The schema of a closed list of names.
pub fn one_of<'a>(description: &str, names: impl IntoIterator<Item = &'a str>) -> Schema {
    let list = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names));
    list.description(Some(description)).into()
}

async fn with_policy(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}
