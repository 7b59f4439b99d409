//! The description of the routes: exactly those that there are, none of which tells where somebody is,
//! and a page that asks nobody else.

use crate::authority_harness::Serving;
use serde_json::Value;
use std::collections::BTreeMap;

/// Contract §8, as the description writes it. The page and the description stand beside.
const ROUTES: [(&str, &str); 14] = [
    ("post", "/v1/applications"),
    ("post", "/v1/applications/{id}/confirm"),
    ("post", "/v1/enrolments"),
    ("post", "/v1/removals"),
    ("post", "/v1/withdrawals"),
    ("get", "/v1/published/vkey"),
    ("get", "/v1/published/epochs/{file}"),
    ("get", "/v1/published/tiles/{epoch}/{level}/{tile}"),
    ("get", "/v1/published/circuits/{file}"),
    ("get", "/v1/published/platforms.json"),
    ("get", "/v1/published/platforms/{file}"),
    ("get", "/v1/epochs/latest"),
    ("get", "/healthz"),
    ("get", "/readyz"),
];

const METHODS: [&str; 8] = ["get", "post", "put", "patch", "delete", "options", "head", "trace"];

/// Follows a reference into the components.
fn resolved<'a>(description: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(path) => description.pointer(path.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

/// Names of all members that a schema takes, at any depth.
fn members(description: &Value, schema: &Value, into: &mut Vec<String>) {
    let schema = resolved(description, schema);
    if let Some(properties) = schema["properties"].as_object() {
        for (name, inner) in properties {
            into.push(name.clone());
            members(description, inner, into);
        }
    }
    for several in ["oneOf", "allOf", "anyOf"] {
        for inner in schema[several].as_array().into_iter().flatten() {
            members(description, inner, into);
        }
    }
    if schema["items"].is_object() {
        members(description, &schema["items"], into);
    }
}

#[tokio::test]
async fn exactly_the_routes_that_there_are() {
    let mut serving = Serving::start(860).await;
    serving.fixture.import(&crate::people::people(0..1)).await;
    serving.seal_elsewhere().await;
    serving.until_epoch(1).await;
    let description = serving.description();
    let mut described: Vec<(String, String)> = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        let item = item.as_object().unwrap();
        let methods = item.keys().filter(|key| METHODS.contains(&key.as_str()));
        described.extend(methods.map(|method| (method.clone(), path.clone())));
    }
    let mut expected: Vec<(String, String)> =
        ROUTES.iter().map(|(method, path)| (method.to_string(), path.to_string())).collect();
    described.sort();
    expected.sort();
    assert_eq!(described, expected);

    // Each answers something of its own, and no other method does.
    let circuit = serving.fixture.authority.circuits()[0].to_string();
    for (method, path) in ROUTES {
        let target = path
            .replace("circuits/{file}", &format!("circuits/{circuit}.vk"))
            .replace("epochs/{file}", "epochs/1.note")
            .replace("platforms/{file}", "platforms/none.example.json")
            .replace("{epoch}/{level}/{tile}", "1/0/0")
            .replace("{id}", &"0".repeat(32));
        for other in METHODS {
            let reply = serving.ask(&other.to_uppercase(), &target, &[], b"").await;
            let there = other == method || (other == "head" && method == "get");
            if other == "options" {
                assert_eq!((reply.status, reply.header("allow").is_some()), (204, true), "{path}");
                continue;
            }
            let may_be_absent = path.ends_with("platforms/{file}");
            assert_eq!(reply.status != 404, there && !may_be_absent, "{other} {path}: {}", reply.status);
        }
    }
    serving.stop().await;
}

/// No route takes a place, leaf or commitment to answer where it is. The one route that takes
/// commitments is the one by which they become known.
#[tokio::test]
async fn nobody_can_ask_where_somebody_is() {
    let serving = Serving::start(861).await;
    let description = serving.description();
    let mut taken: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (method, path) in ROUTES {
        let operation = &description["paths"][path][method];
        let mut names: Vec<String> = Vec::new();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert_eq!(parameter["in"], "path", "{path}: only parts of the path, no queries");
            names.push(parameter["name"].as_str().unwrap().to_owned());
        }
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!(body.is_null(), method == "get", "{path}");
        members(description, body, &mut names);
        names.sort();
        names.dedup();
        if !names.is_empty() {
            taken.insert(path.to_owned(), names);
        }
    }
    let list = |names: &str| names.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let expected: BTreeMap<String, Vec<String>> = [
        ("/v1/applications", "document document_class expires_on lines number operation type"),
        ("/v1/applications/{id}/confirm", "id words"),
        ("/v1/enrolments", "code device_commitment identity_commitment"),
        ("/v1/removals", "network_number reason"),
        ("/v1/withdrawals", "device_secret network_number"),
        ("/v1/published/epochs/{file}", "file"),
        ("/v1/published/tiles/{epoch}/{level}/{tile}", "epoch level tile"),
        ("/v1/published/circuits/{file}", "file"),
        ("/v1/published/platforms/{file}", "file"),
    ]
    .map(|(path, names)| (path.to_owned(), list(names)))
    .into();
    assert_eq!(taken, expected);

    // And what the answers hold: no place and no leaf.
    for (method, path) in ROUTES {
        for (status, response) in description["paths"][path][method]["responses"].as_object().unwrap() {
            let mut names = Vec::new();
            for content in response["content"].as_object().into_iter().flatten().map(|(_, content)| content) {
                members(description, &content["schema"], &mut names);
            }
            let telling =
                names.iter().find(|n| n.contains("place") || n.contains("leaf") || n.contains("index"));
            assert_eq!(telling, None, "{path} {status}");
        }
    }
    serving.stop().await;
}

#[tokio::test]
async fn registrars_and_problems_are_described() {
    let serving = Serving::start(862).await;
    let description = serving.description();
    let scheme = &description["components"]["securitySchemes"]["registrar"];
    assert_eq!((scheme["type"].as_str(), scheme["scheme"].as_str()), (Some("http"), Some("bearer")));
    let mut problem = Vec::new();
    let schema = &description["components"]["schemas"]["ProblemDocument"];
    members(description, schema, &mut problem);
    for member in ["type", "title", "status", "code", "detail"] {
        assert!(problem.iter().any(|m| m == member), "{member}");
    }
    for (method, path) in ROUTES {
        let operation = &description["paths"][path][method];
        let registrars =
            ["/v1/applications", "/v1/applications/{id}/confirm", "/v1/removals"].contains(&path);
        assert_eq!(operation["security"][0]["registrar"].is_array(), registrars, "{path}");
        assert!(operation["summary"].as_str().is_some_and(|words| !words.is_empty()), "{path}");
        for (status, response) in operation["responses"].as_object().unwrap() {
            let content = &response["content"]["application/problem+json"]["schema"];
            let is_problem = status.as_str() >= "400";
            assert_eq!(
                resolved(description, content)["properties"]["code"].is_object(),
                is_problem,
                "{path} {status}"
            );
        }
    }
    // Every code of the authority (contract §7) is some route's.
    let all = description["paths"].to_string();
    for code in [
        "unauthorised",
        "document_invalid",
        "document_used",
        "person_unknown",
        "words_differ",
        "code_unknown",
        "code_used",
        "code_expired",
        "commitment_invalid",
        "commitment_used",
        "person_pending",
        "reset_waits",
        "network_number_unknown",
        "already_removed",
        "not_found",
        "too_large",
        "timeout",
        "rate_limited",
        "unavailable",
    ] {
        assert!(all.contains(&format!("`{code}`")), "{code}");
    }
    serving.stop().await;
}

#[tokio::test]
async fn the_page_asks_nobody_else() {
    let serving = Serving::start(863).await;
    assert_eq!(serving.get("/docs").await.good(303).header("location"), Some("/docs/"));
    let page = serving.get("/docs/").await.good(200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("http"),
        "{policy}"
    );
    // Everything that the page loads stands beside it.
    let (mut rest, mut loaded) = (page.text(), 0);
    while let Some((_, after)) = rest.split_once("src=\"").or_else(|| rest.split_once("href=\"")) {
        let (address, after) = after.split_once('"').unwrap();
        assert!(!address.contains("//"), "{address}");
        let part = serving.get(&format!("/docs/{}", address.trim_start_matches("./"))).await.good(200);
        assert!(part.header("content-security-policy").is_some());
        (rest, loaded) = (after, loaded + 1);
    }
    assert!(loaded >= 3, "{loaded} parts");
    let start = serving.get("/docs/swagger-initializer.js").await.good(200);
    assert!(
        start.text().contains("\"/openapi.json\"") && start.text().contains("\"validatorUrl\": \"none\"")
    );
    assert!(!start.text().contains("://"), "{}", start.text());
    serving.get("/docs/absent.js").await.refused(404, "not_found");
    serving.get("/docs/..%2f..%2fsigning.key").await.refused(404, "not_found");
    serving.stop().await;
}
