//! The page of the built-in wallet: plain HTML without scripts. Everything that came from elsewhere is escaped.

use super::people::Person;
use super::stage::NAME;
use super::wallet::{Outcome, Said};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::fmt::Write;
use veilpass_prover::Question;
use veilpass_server::http::ProblemCode;

/// The page sends forms to this server, and does nothing else.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);
/// Browsers tell where a form comes from (`Origin`) only if the page lets them.
const REFERRER: HeaderValue = HeaderValue::from_static("same-origin");

/// What each person would be told, with a button for each.
pub fn asks(request_uri: &str, scanned: bool, preview: &[(Person, Result<Question, Said>)]) -> Response {
    let mut body = String::new();
    match preview.iter().find_map(|(_, judged)| judged.as_ref().ok()) {
        Some(question) => body += &told(question),
        None => body += "<p>No wallet would show this question. The reasons stand below.</p>",
    }
    body += "<h2>Answer as</h2>";
    for (person, judged) in preview {
        let would = match judged {
            Ok(_) if person.agrees() => "The wallet shows the question, and this person agrees.".to_owned(),
            Ok(_) => "The wallet shows the question, and this person says no.".to_owned(),
            Err(said) => format!("The wallet declines: {}", why(said)),
        };
        let hidden = if scanned { r#"<input type="hidden" name="scanned" value="true">"# } else { "" };
        // Writing into a String cannot fail.
        let _ = write!(
            body,
            r#"<form method="post" action="/test/wallet/{name}"><input type="hidden" name="request_uri" value="{uri}">{hidden}<p><button>{name}</button> ({about}) {would}</p></form>"#,
            name = person.name(),
            uri = escaped(request_uri),
            about = person.about(),
        );
    }
    let (word, other) =
        if scanned { ("", "opened on this device") } else { ("true", "scanned from another screen") };
    let _ = write!(
        body,
        r#"<form method="get" action="/test/wallet"><input type="hidden" name="request_uri" value="{uri}"><input type="hidden" name="scanned" value="{word}"><p><button>Judge it as if it were {other}</button></p></form>"#,
        uri = escaped(request_uri),
    );
    page("A site asks", &body)
}

fn told(question: &Question) -> String {
    let (name, purposes) = question.known_as.clone().unwrap_or_else(|| (NAME.to_owned(), Vec::new()));
    let sentences = question.told.iter().chain([&question.link]);
    let list: String = sentences.map(|sentence| format!("<li>{}</li>", escaped(sentence))).collect();
    let part = match question.context.as_str() {
        "" => String::new(),
        context => format!(", part “{}”", escaped(context)),
    };
    let mut text = format!(
        "<p><strong>{}</strong> ({}{part}) asks. The answer would tell it:</p><ul>{list}</ul>",
        escaped(question.host.as_str()),
        escaped(&name),
    );
    if !purposes.is_empty() {
        let _ = write!(text, "<p>It says that it needs this {}.</p>", escaped(&purposes.join("; ")));
    }
    let _ = write!(text, "<p>About {} people fit what is asked.</p>", question.crowd);
    text
}

/// What became of an answer, and why.
pub fn answered(person: Person, outcome: &Outcome) -> Response {
    let name = person.name();
    let (title, body) = match outcome {
        Outcome::Accepted => {
            ("Accepted", format!("<p>The site accepted the answer of <strong>{name}</strong>.</p>"))
        }
        Outcome::Declined(said) => (
            "Declined",
            format!(
                "<p>The wallet of <strong>{name}</strong> declined. The site learns only that: <code>declined</code>.</p>{}",
                reasons(said)
            ),
        ),
        Outcome::Refused(said) => (
            "Refused",
            format!("<p>The site refused the answer of <strong>{name}</strong>.</p>{}", reasons(said)),
        ),
    };
    page(title, &format!("{body}<p>Now go back to the site's window.</p>"))
}

fn reasons(said: &Said) -> String {
    let mut text = format!("<p>For you, because this is a test: {}</p>", why(said));
    if !said.to_person().is_empty() {
        let _ = write!(text, "<p>The person reads: “{}”</p>", escaped(said.to_person()));
    }
    text
}

fn why(said: &Said) -> String {
    let detail =
        if said.detail.is_empty() { String::new() } else { format!(" Here: {}.", escaped(&said.detail)) };
    format!("{}{detail} (<code>{}</code>)", escaped(said.to_engineer()), escaped(&said.code))
}

/// The platform does not hand the request out.
pub fn refused(status: StatusCode, code: &'static str, said: &Said) -> Response {
    let mut response = page("There is no such question", &format!("<p>{}</p>", why(said)));
    *response.status_mut() = status;
    response.extensions_mut().insert(ProblemCode(code));
    response
}

/// Asks for the address of a request.
pub fn empty() -> Response {
    let field = r#"<label>The <code>request_uri</code> that the site got: <input name="request_uri" size="70" required></label>"#;
    page(
        "Test wallet",
        &format!(r#"<form method="get" action="/test/wallet"><p>{field} <button>Open</button></p></form>"#),
    )
}

fn page(title: &str, body: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title} – test wallet</title></head><body><p><em>Test mode. The people \
         here are made up, and no identity is proved.</em></p><h1>{title}</h1>{body}</body></html>\n"
    );
    let mut response = html.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::REFERRER_POLICY, REFERRER);
    response
}

/// Text that is safe inside an element and inside a quoted attribute.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_gets_out_of_an_attribute() {
        assert_eq!(super::escaped("a\"><script>'&"), "a&quot;&gt;&lt;script&gt;&#39;&amp;");
    }
}
