//! The platform directory.

use crate::strict::{Shape, one_reading};
use crate::{BYTES, Target, Verdict, seeds};
use veilpass_protocol::directory::{DirectoryError, PlatformEntry, read_hosts};
use veilpass_protocol::json;
use veilpass_server::reading::{is_published_name, published_name};

/// An entry `platforms/<host>.json`.
pub const ENTRY: Target = Target {
    name: "platform_entry",
    judge: entry,
    seeds: seeds::entries,
    repair: None,
    words: &[
        "\"host\":",
        "\"name\":",
        "\"key\":",
        "\"purposes\":[\"",
        "\"signature\":",
        "forum.example",
        "论坛",
    ],
    short: 200_000,
    full: BYTES,
};

/// `platforms.json`.
pub const HOSTS: Target = Target {
    name: "platform_hosts",
    judge: hosts,
    seeds: || vec![b"[]".to_vec(), br#"["a.example","b.example","forum.localhost"]"#.to_vec()],
    repair: None,
    words: &["\"a.example\"", ",", "\"b.example\"", "\"127.0.0.1\"", "\"xn--a.example\"", "localhost"],
    short: 1_000_000,
    full: BYTES,
};

fn entry(input: &[u8]) -> Verdict {
    let read = PlatformEntry::from_json(input);
    if let Ok(entry) = &read {
        one_reading(input, &Shape::default(), &|t| {
            Some(PlatformEntry::from_json(t).ok()?.to_json().into_bytes())
        });
        let authority = seeds::authority();
        match entry.verify(&authority.public()) {
            Ok(key) => {
                // The signature is over the value: issued again it is the same, for Ed25519 draws nothing.
                let again = PlatformEntry::issue(
                    authority,
                    entry.host.clone(),
                    &entry.name,
                    &key,
                    entry.purposes.clone(),
                );
                assert_eq!(&again, entry, "the signature fits another entry");
                assert!(!key.is_weak());
            }
            Err(DirectoryError::Signature(host) | DirectoryError::Key(host)) => assert_eq!(host, entry.host),
            Err(other) => panic!("{other}"),
        }
        let path = format!("platforms/{}.json", entry.host);
        assert!(
            is_published_name(&path) && published_name(&path).as_ref() == Some(&path),
            "{path} cannot be published"
        );
    } else if let Err(e) = &read {
        assert!(matches!(e, DirectoryError::Syntax(_)));
    }
    Verdict::from(&read)
}

fn hosts(input: &[u8]) -> Verdict {
    let read = read_hosts(input);
    match &read {
        Ok(hosts) => {
            assert!(hosts.is_sorted_by(|a, b| a < b), "out of order, or one twice");
            assert_eq!(read_hosts(json::to_string(hosts).as_bytes()).as_ref(), Ok(hosts));
            for follows in [&b" 1"[..], b",", b"]", b"[]"] {
                assert!(read_hosts(&[input, follows].concat()).is_err(), "something follows");
            }
        }
        Err(e) => assert!(matches!(e, DirectoryError::Syntax(_) | DirectoryError::Order(_))),
    }
    Verdict::from(&read)
}
