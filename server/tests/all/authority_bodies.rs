//! What the authority's routes take as bodies, over sockets: one form and no other.

use crate::authority_harness::{Serving, application, number};
use crate::authority_routes::{HOLDERS, REGISTRARS};
use serde_json::{Value, json};

/// What a good body of each route looks like.
fn bodies() -> [(&'static str, Value); 5] {
    let [c, d] = ["1", "2"].map(|digit| digit.repeat(64));
    [
        (REGISTRARS[0], application("enrol", &number(1))),
        (REGISTRARS[1], json!({"words": ["a", "b", "c", "d", "e", "f"]})),
        (REGISTRARS[2], json!({"network_number": "7K2M0QX4R3", "reason": "error"})),
        (HOLDERS[0], json!({"code": "0", "identity_commitment": c, "device_commitment": d})),
        (HOLDERS[1], json!({"network_number": "7K2M0QX4R3", "device_secret": c})),
    ]
}

/// Every object of a body in turn, changed by `change`.
fn variants(value: &Value, change: &dyn Fn(&mut serde_json::Map<String, Value>)) -> Vec<Value> {
    let mut all = Vec::new();
    if let Value::Object(object) = value {
        let mut own = object.clone();
        change(&mut own);
        all.push(Value::Object(own));
        for (name, inner) in object {
            for inner in variants(inner, change) {
                let mut outer = object.clone();
                outer.insert(name.clone(), inner);
                all.push(Value::Object(outer));
            }
        }
    }
    all
}

#[tokio::test]
async fn bodies_are_read_strictly() {
    let serving = Serving::start(804).await;
    for (route, good) in bodies() {
        let text = good.to_string();
        let syntax = async |body: &[u8]| {
            let reply = serving.post_raw(route, Some(&serving.token), body).await;
            assert_eq!(
                (reply.status, reply.code().as_str()),
                (400, "request_syntax"),
                "{}",
                String::from_utf8_lossy(body)
            );
        };
        // The good one passes the reader, whatever becomes of it.
        let reply = serving.post_raw(route, Some(&serving.token), text.as_bytes()).await;
        assert_ne!(reply.status, 400, "{route}: {}", reply.text());

        for (n, _) in text.char_indices().step_by(7) {
            syntax(&text.as_bytes()[..n]).await;
        }
        for body in variants(&good, &|object| drop(object.insert("extra".into(), json!(1)))) {
            syntax(body.to_string().as_bytes()).await;
        }
        let names: Vec<String> = good.as_object().unwrap().keys().cloned().collect();
        for name in &names {
            let without = variants(&good, &|object| drop(object.remove(name)));
            syntax(without[0].to_string().as_bytes()).await;
            for wrong in [json!(null), json!(1), json!([]), json!({}), json!(true)] {
                let mut body = good.clone();
                body[name] = wrong;
                syntax(body.to_string().as_bytes()).await;
            }
            let twice = format!("{},\"{name}\":{}}}", &text[..text.len() - 1], good[name]);
            syntax(twice.as_bytes()).await;
        }
        let nested = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
        let mut deep = good.clone();
        deep[&names[0]] = json!("REPLACED");
        for body in [
            &b""[..],
            b"null",
            b"[]",
            b"\"\"",
            b"{",
            b"\xff\xfe",
            nested.as_bytes(),
            deep.to_string().replace("\"REPLACED\"", &nested).as_bytes(),
            format!("{text} {{}}").as_bytes(),
            format!("[{text}]").as_bytes(),
            [text.as_bytes(), b"\0"].concat().as_slice(),
            json!(good.as_object().unwrap().values().collect::<Vec<_>>()).to_string().as_bytes(),
        ] {
            syntax(body).await;
        }
        // White space around is still the same JSON.
        let spaced = format!(" \r\n\t{text}\n");
        assert_ne!(serving.post_raw(route, Some(&serving.token), spaced.as_bytes()).await.status, 400);

        let bearer = format!("Bearer {}", serving.token);
        for media_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
            let headers = [("Authorization", bearer.as_str()), ("Content-Type", media_type)];
            serving.ask("POST", route, &headers, text.as_bytes()).await.refused(400, "request_syntax");
        }
        let headers =
            [("Authorization", bearer.as_str()), ("Content-Type", "Application/JSON; charset=utf-8")];
        assert_ne!(serving.ask("POST", route, &headers, text.as_bytes()).await.status, 400);
        let only = [("Authorization", bearer.as_str())];
        serving.ask("POST", route, &only, text.as_bytes()).await.refused(400, "request_syntax");

        let fits = format!("{text}{}", " ".repeat(16 * 1024 - text.len()));
        assert_ne!(serving.post_raw(route, Some(&serving.token), fits.as_bytes()).await.status, 413);
        let over = format!("{fits} ");
        serving.post_raw(route, Some(&serving.token), over.as_bytes()).await.refused(413, "too_large");
    }
    serving.stop().await;
}

/// What a registrar's engineer reads who mistypes. A value is never repeated: it is about a person.
#[tokio::test]
async fn a_typing_error_is_explained() {
    let serving = Serving::start(807).await;
    let good = application("enrol", &number(1)).to_string();
    let zone = |class: &str, lines: &str| {
        format!(
            r#"{{"operation":"enrol","document":{{"type":"mrz","document_class":"{class}","lines":{lines}}}}}"#
        )
    };
    for (body, words) in [
        (
            good.replace("enrol", "enroll"),
            "`operation` must be \"enrol\", \"renew\", \"rotate\" or \"reset\"; did you mean \"enrol\"?",
        ),
        (
            good.replace("\"operation\"", "\"operaton\""),
            "the body takes no member `operaton`; did you mean `operation`?",
        ),
        (
            good.replace("\"type\":\"resident_number\"", "\"type\":\"passport\""),
            "`document.type` must be `resident_number` or `mrz`",
        ),
        (
            good.replace("\"expires_on\"", "\"expires\""),
            "`document` takes no member `expires`; did you mean `expires_on`?",
        ),
        (good.replace("\"expires_on\":\"2046-06-01\",", ""), "`document.expires_on` is missing"),
        (
            good.replace("\"2046-06-01\"", "20460601"),
            "`document.expires_on` must be a text such as \"2035-12-31\"",
        ),
        (zone("foreign_pasport", "[\"a\"]"), "`document.document_class` must be"),
        (zone("foreign_passport", "\"a\""), "`document.lines` must be a list"),
        (zone("foreign_passport", "[7]"), "`document.lines[]` must be a text"),
        (r#"{"operation":"enrol","document":["resident_number"]}"#.into(), "`document` must be an object"),
        (
            format!(r#"{{"{}":1,"operation":"enrol"}}"#, number(1)),
            "the body takes not all of its members; it takes",
        ),
    ] {
        let reply = serving.post_raw("/v1/applications", Some(&serving.token), body.as_bytes()).await;
        let text = reply.text();
        reply.refused(400, "request_syntax");
        let detail: serde_json::Value = serde_json::from_str(text).unwrap();
        println!("{body}\n    {detail}");
        assert!(detail["detail"].as_str().unwrap().contains(words), "{body}: {detail}");
        assert!(!text.contains(&number(1)) && !text.contains("20460601"), "{text}");
    }
    serving.stop().await;
}

/// The forms inside an application that serde alone would let pass.
#[tokio::test]
async fn documents_have_one_form() {
    let serving = Serving::start(805).await;
    let good = application("enrol", &number(1)).to_string();
    let no_expiry = good.replace("\"2046-06-01\"", "null");
    serving.post_raw("/v1/applications", Some(&serving.token), no_expiry.as_bytes()).await.good(201);
    for body in [
        good.replace("\"enrol\"", "{\"enrol\":null}"),
        good.replace("\"enrol\"", "\"Enrol\""),
        good.replace("\"enrol\"", "0"),
        good.replace("\"resident_number\"", "0"),
        good.replace("\"resident_number\"", "\"passport\""),
        good.replace("\"type\"", "\"Type\""),
        good.replace("\"2046-06-01\"", "\"2046-6-1\""),
        good.replace("\"2046-06-01\"", "\"2046-02-30\""),
        good.replace("\"expires_on\":\"2046-06-01\",", ""),
        good.replace("{\"expires_on\"", "{\"type\":\"resident_number\",\"expires_on\""),
        good.replace("{\"expires_on\"", "{\"number\":\"x\",\"expires_on\""),
        format!("{{\"operation\":\"enrol\",\"document\":[\"resident_number\",\"{}\",null]}}", number(1)),
        json!({"operation": "enrol", "document": {"type": "mrz", "lines": ["a", "b"]}}).to_string(),
        json!({"operation": "enrol", "document": {"type": "mrz", "document_class": "passport", "lines": []}}).to_string(),
        json!({"operation": "enrol", "document": {"type": "mrz", "document_class": "foreign_passport", "lines": "a"}})
            .to_string(),
    ] {
        assert_ne!(body, good);
        let reply = serving.post_raw("/v1/applications", Some(&serving.token), body.as_bytes()).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "request_syntax"), "{body}");
    }
    let mrz = |lines: &[&str]| {
        let document = json!({"type": "mrz", "document_class": "foreign_passport", "lines": lines});
        json!({"operation": "enrol", "document": document})
    };
    let bad_number = &format!("{}0", &number(1)[..17]);
    for body in [
        application("enrol", ""),
        application("enrol", bad_number),
        mrz(&[]),
        mrz(&["", ""]),
        mrz(&["P<FRA", "x"]),
        mrz(&["a"; 500]),
    ] {
        serving.as_registrar("/v1/applications", &body).await.refused(422, "document_invalid");
    }
    // ICAO's specimen, of a state that exists, in force until 2032.
    let lines =
        ["P<FRAMARTIN<<JEANNE<<<<<<<<<<<<<<<<<<<<<<<<<", "12AB345672FRA9001014F3201015<<<<<<<<<<<<<<00"];
    let checked = specimen(lines);
    serving.as_registrar("/v1/applications", &mrz(&[lines[0], &checked])).await.good(201);
    serving.stop().await;
}

/// The second line of a TD3 zone with its check digits worked out (ICAO 9303-3, 4.9).
fn specimen(lines: [&str; 2]) -> String {
    let digit = |text: &str| {
        let value = |c: char| c.to_digit(36).unwrap_or(0);
        let sum: u32 = text.chars().zip([7, 3, 1].into_iter().cycle()).map(|(c, w)| value(c) * w).sum();
        (sum % 10).to_string()
    };
    let line = lines[1];
    let (document, birth, expiry, rest) = (&line[..9], &line[13..19], &line[21..27], &line[28..42]);
    let [a, b, c, d] = [document, birth, expiry, rest].map(digit);
    let composite = digit(&format!("{document}{a}{birth}{b}{expiry}{c}{rest}{d}"));
    format!("{document}{a}{}{birth}{b}{}{expiry}{c}{rest}{d}{composite}", &line[10..13], &line[20..21])
}
