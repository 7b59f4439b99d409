//! The published folder over HTTP: the bytes of the files, caching, and nothing but these files.

use crate::authority_harness::{Serving, parse, send};
use crate::people::{Fixture, people};
use crate::registry::snapshot;
use sha2::{Digest, Sha256};
use std::time::Duration;
use veilpass_server::client::{Client, ClientSettings};

/// One that has published two epochs of people and two platforms.
async fn filled(seed: u64) -> Serving {
    let mut fixture = Fixture::new(seed).await;
    fixture.import(&people(0..5000)).await;
    fixture.seal(0).await;
    let key = ed25519_dalek::SigningKey::generate(&mut fixture.rng).verifying_key();
    for host in ["a.example", "b.localhost"] {
        fixture.authority.put_platform(host.parse().unwrap(), &key, host, &["p".into()]).await.unwrap();
    }
    let serving = Serving::with(fixture, 0, |_| ()).await;
    serving.until_epoch(1).await;
    serving
}

#[tokio::test]
async fn every_file_is_served_as_it_is() {
    let mut serving = filled(820).await;
    serving.seal_elsewhere().await;
    serving.until_epoch(2).await;
    let folder = serving.fixture.folder().join("published");
    let files = snapshot(&folder);
    let names: Vec<String> =
        files.keys().map(|p| p.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned()).collect();
    for some in
        ["vkey", "epochs/1.note", "epochs/2.cells", "tiles/1/0/1", "tiles/2/2/0", "platforms/a.example.json"]
    {
        assert!(names.iter().any(|n| n == some), "{some} is not among {names:?}");
    }
    for (name, bytes) in names.iter().zip(files.values()) {
        let target = format!("/v1/published/{name}");
        let reply = serving.get(&target).await.good(200);
        assert_eq!(&reply.body, bytes, "{name}");
        let etag = format!("\"{}\"", hex::encode(Sha256::digest(bytes)));
        assert_eq!(reply.header("etag"), Some(etag.as_str()));
        let may_change = name == "vkey" || name.starts_with("platforms");
        let caching = if may_change { "no-cache" } else { "public, max-age=31536000, immutable" };
        assert_eq!(reply.header("cache-control"), Some(caching), "{name}");
        let media_type = match name.rsplit_once('.').map(|(_, end)| end) {
            Some("note") => "text/plain; charset=utf-8",
            Some("cells" | "json") => "application/json",
            None if name == "vkey" => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        };
        assert_eq!(reply.header("content-type"), Some(media_type), "{name}");

        let head = serving.ask("HEAD", &target, &[], b"").await.good(200);
        assert_eq!((head.body.len(), head.header("etag")), (0, Some(etag.as_str())));
        assert_eq!(head.header("content-length"), Some(bytes.len().to_string().as_str()));
        for method in ["GET", "HEAD"] {
            let known = serving.ask(method, &target, &[("If-None-Match", &etag)], b"").await.good(304);
            assert_eq!((known.body.len(), known.header("etag")), (0, Some(etag.as_str())));
            assert_eq!(known.header("cache-control"), Some(caching));
        }
        let other = [("If-None-Match", "\"0\"")];
        assert_eq!(&serving.ask("GET", &target, &other, b"").await.good(200).body, bytes);
        // A query changes nothing.
        assert_eq!(&serving.get(&format!("{target}?x=../y")).await.good(200).body, bytes);
    }
    serving.stop().await;
}

#[tokio::test]
async fn the_newest_note() {
    let mut serving = Serving::start(821).await;
    serving.until("readiness", "/readyz", |reply| reply.status == 200).await;
    serving.get("/v1/epochs/latest").await.refused(404, "not_found");
    serving.seal_elsewhere().await;
    let first = serving.until_epoch(1).await;
    let note = serving.fixture.authority.epoch(Some(1)).await.unwrap().note;
    assert_eq!((first.text(), first.header("cache-control")), (note.as_str(), Some("no-cache")));
    assert_eq!(first.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(first.body, serving.get("/v1/published/epochs/1.note").await.good(200).body);
    let etag = first.header("etag").unwrap().to_owned();
    let condition = [("If-None-Match", etag.as_str())];
    serving.ask("GET", "/v1/epochs/latest", &condition, b"").await.good(304);
    serving.seal_elsewhere().await;
    serving.until_epoch(2).await;
    let second = serving.ask("GET", "/v1/epochs/latest", &condition, b"").await.good(200);
    assert_ne!(second.header("etag"), Some(etag.as_str()));
    serving.stop().await;
}

#[tokio::test]
async fn nothing_else_is_served() {
    let serving = filled(822).await;
    let folder = serving.fixture.folder();
    // What lies in the folder by accident is not published either.
    for stray in ["published/secret", "published/epochs/1.txt", "published/platforms/1.note"] {
        std::fs::write(folder.join(stray), "stray").unwrap();
    }
    for path in [
        "",
        "/",
        "secret",
        "epochs",
        "epochs/",
        "epochs/1.txt",
        "platforms/1.note",
        "epochs/0.note",
        "epochs/01.note",
        "epochs/3.note",
        "epochs/1.note/",
        "epochs//1.note",
        "epochs/1%2enote",
        "epochs%2f1.note",
        "tiles/1/0",
        "tiles/1/0/00",
        "tiles/1/3/0",
        "tiles/1/0/999999",
        "tiles/.new/0/0",
        "VKEY",
        "vkey/",
        "vkey%00",
        "vkey/..",
        "./vkey",
        "../signing.key",
        "../authority.db",
        "..%2fsigning.key",
        "%2e%2e/signing.key",
        "%2e%2e%2fsigning.key",
        "..\\signing.key",
        "epochs/../../signing.key",
        "epochs/..%2f..%2fsigning.key",
        "platforms/../../signing.key",
        "platforms/..%2F..%2Fsigning.key.json",
        "circuits/../../fingerprint.key",
        "/etc/passwd",
        "//etc/passwd",
        "platforms/c.example.json",
        "platforms/A.example.json",
    ] {
        // Sent as it stands: no client has tidied the path up.
        let request = format!("GET /v1/published/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        parse(&send(serving.address, request.as_bytes()).await).refused(404, "not_found");
    }
    serving.get("/v1/published").await.refused(404, "not_found");
    for method in ["PUT", "POST", "DELETE"] {
        serving.ask(method, "/v1/published/vkey", &[], b"x").await.refused(404, "not_found");
    }
    // A client that is no server's friend: a full address, of another host.
    let request = "GET http://other.example/v1/published/../signing.key HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    parse(&send(serving.address, request.as_bytes()).await).refused(404, "not_found");
    serving.stop().await;
}

/// What wallets and platforms use, on the same addresses.
#[tokio::test]
async fn the_client_reads_it() {
    let serving = filled(823).await;
    let base = format!("http://{}", serving.address);
    let note = serving.fixture.authority.epoch(None).await.unwrap().note;
    let read = move || {
        let client = Client::new(ClientSettings::default()).unwrap();
        let latest = client.get(&format!("{base}/v1/epochs/latest"), 1 << 20).unwrap();
        assert_eq!((latest.status, latest.body), (200, note.into_bytes()));
        let same =
            client.get_if_changed(&format!("{base}/v1/epochs/latest"), latest.etag.as_deref(), 1).unwrap();
        assert_eq!((same.status, same.body.len()), (304, 0));
        let published = veilpass_server::published::Published::new(&base, client).unwrap();
        let tile = published.file("tiles/1/0/0").unwrap().unwrap();
        assert_eq!(published.file("tiles/1/0/7").unwrap(), None);
        tile
    };
    let tile = tokio::task::spawn_blocking(read).await.unwrap();
    assert_eq!(tile, std::fs::read(serving.fixture.folder().join("published/tiles/1/0/0")).unwrap());
    serving.stop().await;
}

/// Whoever reads while epochs come finds every file that the newest note stands for, and whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_under_way() {
    let mut serving = filled(824).await;
    let address = serving.address;
    let reader = tokio::spawn(async move {
        let get = async |target: &str| {
            let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            parse(&send(address, request.as_bytes()).await)
        };
        let (mut rounds, mut seen) = (0, 0u64);
        while seen < 4 {
            let note = get("/v1/epochs/latest").await.good(200);
            let statement = veilpass_protocol::epoch::peek_note(note.text()).unwrap();
            assert!(statement.epoch >= seen);
            seen = statement.epoch;
            let cells = get(&format!("/v1/published/epochs/{seen}.cells")).await.good(200);
            assert_eq!(<[u8; 32]>::from(Sha256::digest(&cells.body)), statement.cells);
            let sizes = [32 * 4096, 32 * (5000 - 4096)];
            for (index, size) in sizes.into_iter().enumerate() {
                let tile = get(&format!("/v1/published/tiles/{seen}/0/{index}")).await.good(200);
                assert_eq!(tile.body.len(), size);
            }
            rounds += 1;
        }
        rounds
    });
    for epoch in 2..=4 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(serving.seal_elsewhere().await, epoch);
    }
    assert!(reader.await.unwrap() > 5);
    serving.stop().await;
}
