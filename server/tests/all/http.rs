//! The HTTP server against clients that are slow, large, many or wrong.

use crate::serving::{HUGE, Running, closes_within, connect, reply, settings, tls_file};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use veilpass_server::http::{ServeError, Server, Settings, TlsFiles};

fn bind(settings: Settings) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(Server::bind(settings)).map(|_| ())
}

#[test]
fn what_is_not_there_is_a_problem() {
    let server = Running::start(|_| {});
    for (ask, status, code) in [
        ("GET /nothing HTTP/1.1\r\n", 404, "not_found"),
        ("GET /v1/echo HTTP/1.1\r\n", 404, "not_found"),
        ("DELETE /healthz HTTP/1.1\r\n", 404, "not_found"),
        ("FETCH /healthz HTTP/1.1\r\n", 404, "not_found"),
        ("GET /docs/nothing.js HTTP/1.1\r\n", 404, "not_found"),
        ("GET /v1/things/none HTTP/1.1\r\n", 400, "request_syntax"),
        ("GET /v1/secret HTTP/1.1\r\n", 401, "unauthorised"),
        ("GET /v1/secret HTTP/1.1\r\nauthorization: Basic eDp5\r\n", 401, "unauthorised"),
        ("GET /v1/secret HTTP/1.1\r\nauthorization: Bearer\r\n", 401, "unauthorised"),
        (
            "GET /v1/secret HTTP/1.1\r\nauthorization: Bearer a\r\nauthorization: Bearer a\r\n",
            401,
            "unauthorised",
        ),
    ] {
        let reply = server.ask(&format!("{ask}host: x\r\nconnection: close\r\n\r\n"));
        assert_eq!((reply.status, reply.code().as_str()), (status, code), "{ask}");
    }
    let good = server.get("/v1/things/7", "");
    assert_eq!((good.status, good.body.as_str()), (200, "7"));
    assert_eq!(server.get("/v1/secret", "authorization: bearer abc\r\n").status, 200);
    server.stop();
}

#[test]
fn every_answer_has_the_headers_of_caution() {
    let server = Running::start(|_| {});
    for path in ["/healthz", "/nothing", "/v1/secret", "/v1/panic"] {
        let reply = server.get(path, "");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(
            reply.header("content-security-policy"),
            Some("default-src 'none'; frame-ancestors 'none'"),
            "{path}"
        );
    }
    assert_eq!(server.get("/v1/cached", "").header("cache-control"), Some("no-cache"));
    server.stop();
}

#[test]
fn bodies_over_the_limit_are_refused_whichever_way_they_come() {
    let server = Running::start(|_| {});
    let post = "POST /v1/echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: Text/Plain; x=y\r\n";
    let sized = |n: usize| format!("{post}content-length: {n}\r\n\r\n{}", "x".repeat(n));
    let chunked = |n: usize| {
        let chunks: String = (0..n / 1024).map(|_| format!("400\r\n{}\r\n", "x".repeat(1024))).collect();
        format!("{post}transfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n")
    };
    for request in [sized(16384), chunked(16384)] {
        let reply = server.ask(&request);
        assert_eq!((reply.status, reply.body.as_str()), (200, "text/plain 16384"));
    }
    for request in [sized(16385), sized(300_000), chunked(17 * 1024), chunked(300 * 1024)] {
        let reply = server.ask(&request);
        assert_eq!((reply.status, reply.code().as_str()), (413, "too_large"));
    }
    // The length alone is enough: nothing of it has to come.
    let reply = server.ask(&format!("{post}content-length: 9000000000\r\n\r\n"));
    assert_eq!((reply.status, reply.code().as_str()), (413, "too_large"));
    server.stop();
}

#[test]
fn slow_clients_are_timed_out() {
    let server = Running::start(|_| {});
    let begun = Instant::now();
    // Nothing, half a head, and a connection between two requests.
    let mut silent = connect(server.address);
    let mut half = connect(server.address);
    half.write_all(b"POST /v1/echo HTTP/1.1\r\nhost: x\r\nx-half").unwrap();
    let mut idle = connect(server.address);
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut head = [0u8; 12];
    idle.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    // Half a body, and one that comes a byte at a time.
    let body = b"POST /v1/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nhalf";
    let mut stalled = connect(server.address);
    stalled.write_all(body).unwrap();
    let trickling = connect(server.address);
    let mut feeding = trickling.try_clone().unwrap();
    let feeder = std::thread::spawn(move || {
        let mut fed = feeding.write_all(body);
        while fed.is_ok() && begun.elapsed() < Duration::from_secs(8) {
            std::thread::sleep(Duration::from_millis(100));
            fed = feeding.write_all(b"x");
        }
    });
    for stream in [&mut silent, &mut half, &mut idle] {
        assert!(closes_within(stream, Duration::from_secs(4)));
    }
    for slow in [stalled, trickling] {
        let reply = reply(slow);
        assert_eq!((reply.status, reply.code().as_str()), (408, "timeout"));
    }
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    feeder.join().unwrap();
    server.stop();
}

/// An answer that is not read is given up; one that is read slowly but steadily arrives whole.
#[test]
fn whoever_does_not_read_cannot_hold_a_connection() {
    let server = Running::start(|_| {});
    let request = b"GET /v1/huge HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let mut deaf = connect(server.address);
    deaf.write_all(request).unwrap();
    let mut slow = connect(server.address);
    slow.write_all(request).unwrap();
    let (mut got, mut piece) = (0, vec![0u8; 1 << 20]);
    let begun = Instant::now();
    loop {
        let n = slow.read(&mut piece).unwrap();
        got += n;
        if n == 0 {
            break;
        }
        if begun.elapsed() < Duration::from_secs(3) {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    assert!(got > HUGE && begun.elapsed() > Duration::from_millis(1600), "{got} in {:?}", begun.elapsed());
    let end = Instant::now() + Duration::from_secs(5);
    while server.metric("veilpass_http_connections ") != Some(0.0) {
        assert!(Instant::now() < end, "the connection that nobody reads from is still open");
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut rest = Vec::new();
    let cut = deaf.read_to_end(&mut rest);
    assert!(cut.is_err() || rest.len() < HUGE);
    server.stop();
}

#[test]
fn heads_have_limits_too() {
    let server = Running::start(|_| {});
    let long = format!("x-long: {}\r\n", "x".repeat(20_000));
    let many: String = (0..100).map(|i| format!("x-{i}: 1\r\n")).collect();
    for headers in [long, many] {
        assert_eq!(server.get("/healthz", &headers).status, 431);
    }
    let fitting: String = (0..50).map(|i| format!("x-{i}: {}\r\n", "x".repeat(200))).collect();
    assert_eq!(server.get("/healthz", &fitting).status, 200);
    // Only HTTP/1: the preface of HTTP/2 is no request, and gets no frame of HTTP/2 in return.
    let mut two = connect(server.address);
    two.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    two.read_to_end(&mut answer).unwrap();
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{answer:?}");
    server.stop();
}

#[test]
fn the_rate_of_a_client_is_limited() {
    let server = Running::start(|settings| (settings.rate_per_second, settings.rate_burst) = (1, 5));
    let mut refused = 0;
    for i in 0..12 {
        // Nobody trusts this peer's claims, so they change nothing.
        let reply = server.get("/v1/things/7", &format!("x-forwarded-for: 203.0.113.{i}\r\n"));
        if reply.status == 429 {
            assert_eq!(reply.code(), "rate_limited");
            let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=5).contains(&wait), "{wait}");
            refused += 1;
        }
    }
    assert!((5..=7).contains(&refused), "{refused} of 12 refused");
    assert_eq!(server.get("/nothing", "").status, 429);
    for _ in 0..20 {
        assert_eq!(server.get("/healthz", "").status, 200);
    }
    assert!(server.metric("veilpass_http_rate_limited_total ").unwrap() >= f64::from(refused));
    server.stop();
}

#[test]
fn a_trusted_proxy_says_who_asks() {
    let server = Running::start(|settings| {
        (settings.rate_per_second, settings.rate_burst) = (1, 2);
        settings.trusted_proxies = vec![[127, 0, 0, 1].into()];
    });
    let status = |claim: &str| server.get("/v1/things/7", &format!("x-forwarded-for: {claim}\r\n")).status;
    for i in 0..10 {
        assert_eq!(status(&format!("203.0.113.{i}")), 200);
    }
    // What stands before the proxy's own entry is the client's invention.
    let mine: Vec<u16> = (0..5).map(|i| status(&format!("198.51.100.{i}, 203.0.113.77"))).collect();
    assert_eq!(mine[..2], [200, 200]);
    assert!(mine[2..].contains(&429), "{mine:?}");
    server.stop();
}

#[test]
fn a_panic_is_one_request_s_affair() {
    let server = Running::start(|_| {});
    for _ in 0..3 {
        let reply = server.get("/v1/panic", "");
        assert_eq!((reply.status, reply.code().as_str()), (503, "unavailable"));
        assert!(!reply.body.contains("planted"));
        assert!(reply.header("retry-after").is_some());
    }
    assert_eq!(server.get("/healthz", "").status, 200);
    assert_eq!(server.metric("veilpass_http_requests_in_flight "), Some(0.0));
    server.stop();
}

#[test]
fn a_request_under_way_is_finished_when_the_server_stops() {
    let server = Running::start(|_| {});
    let mut idle = connect(server.address);
    let mut stream = connect(server.address);
    stream.write_all(b"GET /v1/slow HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(150));
    let address = server.address;
    let took = server.stop();
    let reply = reply(stream);
    assert_eq!((reply.status, reply.body.as_str()), (200, "slow"));
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert!(closes_within(&mut idle, Duration::from_secs(1)));
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn the_grace_ends() {
    let server = Running::start(|settings| {
        settings.shutdown_grace = Duration::from_millis(300);
        settings.request_timeout = Duration::from_secs(60);
    });
    let mut stalled = connect(server.address);
    stalled.write_all(b"POST /v1/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let took = server.stop();
    assert!((Duration::from_millis(250)..Duration::from_secs(3)).contains(&took), "{took:?}");
}

#[test]
fn metrics_are_apart_and_count_by_template() {
    let server = Running::start(|settings| settings.metrics = Some(([127, 0, 0, 1], 0).into()));
    server.get("/v1/things/7", "");
    server.get("/v1/things/8?planted", "");
    server.get("/planted", "");
    assert_eq!(server.get("/metrics", "").status, 404);
    let page = crate::serving::ask(
        server.metrics_address.unwrap(),
        b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    );
    assert_eq!(page.status, 200);
    for line in [
        "veilpass_http_requests_total{route=\"/v1/things/{id}\",method=\"GET\",status=\"2xx\",code=\"\"} 2",
        "veilpass_http_requests_total{route=\"-\",method=\"GET\",status=\"4xx\",code=\"not_found\"} 2",
        "veilpass_http_request_seconds_count{route=\"/v1/things/{id}\"} 2",
    ] {
        assert!(page.body.lines().any(|l| l == line), "{line} is not in\n{}", page.body);
    }
    assert!(!page.body.contains("planted"));
    server.stop();
}

#[test]
fn plain_http_stays_on_loopback_unless_it_is_said() {
    let everywhere = |plain_http| Settings { plain_http, ..Settings::new(([0, 0, 0, 0], 0).into()) };
    assert!(matches!(bind(everywhere(false)), Err(ServeError::PlainHttp(_))));
    let with = |certificate: &str, key: &str| {
        let tls = TlsFiles { certificate: tls_file(certificate), key: tls_file(key) };
        bind(Settings { tls: Some(tls), ..settings() })
    };
    assert_eq!(with("localhost.pem", "localhost.key"), Ok(()));
    // A key where the certificate should be, the other way round, another's, and none at all.
    for (certificate, key) in [
        ("localhost.key", "localhost.key"),
        ("localhost.pem", "localhost.pem"),
        ("other.pem", "localhost.key"),
        ("absent.pem", "localhost.key"),
        ("localhost.pem", "absent.key"),
        ("README.md", "README.md"),
    ] {
        let refused = with(certificate, key).unwrap_err();
        assert!(matches!(refused, ServeError::Tls(..)), "{refused}");
        assert!(!refused.to_string().contains("BEGIN"));
    }
}

#[test]
fn the_page_of_the_routes_asks_nobody_else() {
    let server = Running::start(|_| {});
    let description = server.get("/openapi.json", "");
    let description: serde_json::Value = serde_json::from_str(&description.body).unwrap();
    assert!(description["paths"]["/v1/echo"]["post"]["responses"]["413"].is_object());
    assert!(description["components"]["schemas"]["ProblemDocument"]["properties"]["code"].is_object());
    let page = server.get("/docs/", "");
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self';"), "{policy}");
    // The policy lets everything run that the page names: files beside it, and no script within it.
    let mut named = 0;
    for part in page.body.split(['<', '>']).filter(|p| p.starts_with("script ") || p.starts_with("link ")) {
        let from = part.split("src=\"").nth(1).or_else(|| part.split("href=\"").nth(1));
        let file = from.and_then(|rest| rest.split('"').next()).unwrap().trim_start_matches("./");
        assert!(!file.contains("//"), "{file}");
        let reply = server.get(&format!("/docs/{file}"), "");
        assert_eq!(reply.status, 200, "{file}");
        assert!(!reply.header("content-type").unwrap().is_empty());
        named += 1;
    }
    assert!(named >= 6, "{named}");
    assert!(!page.body.contains("style=") && !page.body.contains("onload="));
    let start = server.get("/docs/swagger-initializer.js", "");
    assert!(
        start.body.contains("/openapi.json") && start.body.contains("\"validatorUrl\": \"none\""),
        "{}",
        start.body
    );
    server.stop();
}

/// Load balancers send the next request into a connection that they hold open. It is not ended after the
/// time that a head may take.
#[test]
fn a_connection_rests_longer_than_a_head_may_take() {
    let server = Running::start(|settings| {
        settings.header_timeout = Duration::from_millis(300);
        settings.idle_timeout = Duration::from_secs(3);
    });
    let ask = |stream: &mut TcpStream| {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut answer = [0u8; 4096];
        let n = stream.read(&mut answer).unwrap();
        assert!(answer[..n].starts_with(b"HTTP/1.1 200"));
    };
    let mut resting = connect(server.address);
    for _ in 0..3 {
        ask(&mut resting);
        std::thread::sleep(Duration::from_millis(700));
    }
    ask(&mut resting);
    // The attack: who has been answered once begins a head and leaves it, or feeds it byte by byte.
    let mut half = connect(server.address);
    ask(&mut half);
    half.write_all(b"GET /healthz HTT").unwrap();
    let begun = Instant::now();
    assert!(closes_within(&mut half, Duration::from_secs(2)), "the head of a second request has no end");
    assert!(begun.elapsed() < Duration::from_millis(1500), "{:?}", begun.elapsed());
    let mut trickling = connect(server.address);
    ask(&mut trickling);
    let begun = Instant::now();
    let mut fed = Ok(());
    while fed.is_ok() && begun.elapsed() < Duration::from_secs(4) {
        fed = trickling.write_all(b"x");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    // A new connection has begun its first head.
    let mut silent = connect(server.address);
    let begun = Instant::now();
    assert!(closes_within(&mut silent, Duration::from_secs(2)));
    assert!(begun.elapsed() < Duration::from_millis(1500), "{:?}", begun.elapsed());
    // The control: the time of rest ends as well.
    assert!(closes_within(&mut resting, Duration::from_secs(6)));
    server.stop();
}

/// The crowd was answered once and rests; it has every seat. Whoever comes is answered at once.
#[test]
fn a_crowd_that_rests_makes_room() {
    let server = Running::start(|settings| {
        settings.max_connections = 8;
        settings.idle_timeout = Duration::from_secs(75);
    });
    let mut crowd: Vec<TcpStream> = (0..8).map(|_| connect(server.address)).collect();
    for stream in &mut crowd {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut head = [0u8; 12];
        stream.read_exact(&mut head).unwrap();
    }
    std::thread::sleep(Duration::from_millis(200));
    for _ in 0..4 {
        let begun = Instant::now();
        assert_eq!(server.get("/healthz", "").status, 200);
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    }
    let gone =
        crowd.iter_mut().filter_map(|s| closes_within(s, Duration::from_millis(50)).then_some(())).count();
    assert!((1..8).contains(&gone), "{gone} of 8 made room");
    server.stop();
}

/// Every family that a server shows says what it is.
#[test]
fn metrics_explain_themselves() {
    let server = Running::start(|_| {});
    server.get("/healthz", "");
    explained(&server.metrics.text());
    server.stop();
}

/// Checks that each family has a sentence, and that each sample belongs to a family.
pub fn explained(text: &str) {
    let help = |line: &str| {
        let (name, words) = line.strip_prefix("# HELP ")?.split_once(' ')?;
        (words.trim_end_matches('.').len() > 10).then(|| name.to_owned())
    };
    let helped: Vec<String> = text.lines().filter_map(help).collect();
    let families: Vec<&str> =
        text.lines().filter_map(|l| l.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert!(families.len() >= 5, "{text}");
    for family in &families {
        assert!(helped.iter().any(|name| name == family), "{family} has no help:\n{text}");
    }
    for sample in text.lines().filter(|line| !line.starts_with('#')) {
        let name = sample.split(['{', ' ']).next().unwrap();
        let known = families.iter().any(|family| name.strip_prefix(family).is_some());
        assert!(known, "{sample} belongs to no family");
    }
}
