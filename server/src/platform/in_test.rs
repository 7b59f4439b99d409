//! How the routes of a platform in test mode are described.

use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa_axum::router::OpenApiRouter;

/// The same routes, described as those of test mode: what a server answers has the member `test`. What a
/// client sends has none, and its schemas admit no other members.
pub fn as_test(mut routes: OpenApiRouter) -> OpenApiRouter {
    let openapi = routes.get_openapi_mut();
    let schemas = openapi.components.iter_mut().flat_map(|parts| parts.schemas.values_mut());
    for schema in schemas {
        if let RefOr::T(Schema::Object(object)) = schema
            && object.additional_properties.is_none()
        {
            let always = ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([true]));
            let always = always.description(Some("Always `true`: this is a test"));
            object.properties.insert("test".into(), always.into());
        }
    }
    let info = &mut openapi.info;
    info.title = "Veilpass platform in test mode".into();
    info.description = Some(
        "Requests, presentations and results (contract §8) with made-up people. Every answer has the header \
         `Veilpass-Test: true`, and every JSON document has the member `test`, which is `true`."
            .into(),
    );
    routes
}
