//! Key files: arkworks' bytes behind our headers; what is refused; the embedded DEV pair; a setup.

use crate::fixture::fixture;
use ark_bn254::{Bn254, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use rand::SeedableRng;
use rand::rngs::StdRng;
use veilpass_circuits::{Attest, Circuit};
use veilpass_params::{Kind, ProvingKey, ProvingKeyError, Stage, dev, inspect, setup};
use veilpass_protocol::circuit_id::ATTEST_V1;
use veilpass_verifier::{Origin, VerifyingKey};

fn ark_bytes<T: CanonicalSerialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.serialize_compressed(&mut bytes).unwrap();
    bytes
}

fn body(file: &[u8]) -> &[u8] {
    let end = file.windows(2).position(|w| w == b"\n\n").unwrap();
    &file[end + 2..]
}

fn error(file: &[u8]) -> ProvingKeyError {
    ProvingKey::from_bytes(Attest, file).unwrap_err()
}

/// The one test that fails, with what to do, when the circuit has changed and the pair has not.
#[test]
fn the_dev_pair_belongs_to_the_circuit() {
    let matrices = Attest.shape().matrices();
    let key = match dev::proving_key() {
        Ok(key) => key,
        Err(e) => panic!("{e}: run `cargo xtask dev-keys`"),
    };
    assert_eq!(key.groth16().a_query.len(), matrices.wires);
    assert_eq!(dev::verifying_key().as_ref(), Ok(key.verifying_key()));
    assert_eq!((key.origin(), key.verifying_key().origin()), (Origin::Dev, Origin::Dev));
    let size = dev::verifying_key_bytes().len() + dev::proving_key_bytes().len();
    assert!(size <= 2_000_000, "{size} bytes");
}

#[test]
fn behind_the_headers_are_arkworks_bytes() {
    let f = fixture();
    let groth16 = f.key.groth16();
    let (vk, pk) = (f.key.verifying_key().to_bytes(), f.key.to_bytes());
    assert_eq!(body(&vk), ark_bytes(&groth16.vk));
    assert_eq!(body(&pk), ark_bytes(groth16));
    assert_eq!(pk, dev::proving_key_bytes());
    assert_eq!(vk, dev::verifying_key_bytes());
    type ArkVk = ark_groth16::VerifyingKey<Bn254>;
    assert_eq!(ArkVk::deserialize_compressed(body(&vk)).unwrap(), groth16.vk);
    let header = format!(
        "veilpass proving key v1\ncircuit attest-v1\norigin dev\nverifying-key {}\n\n",
        f.key.circuit_id()
    );
    assert!(pk.starts_with(header.as_bytes()));
    // A key of any number of inputs, also none, is written the same way.
    for n in [0, 1, 15, 40] {
        let ark = ArkVk { gamma_abc_g1: vec![G1Affine::generator(); n], ..groth16.vk.clone() };
        let points = veilpass_verifier::KeyPoints {
            ic: ark.gamma_abc_g1.clone(),
            ..f.key.verifying_key().points().clone()
        };
        let ours = VerifyingKey::from_points(ATTEST_V1, Origin::Ceremony, points);
        assert_eq!(body(&ours.to_bytes()), ark_bytes(&ark));
        assert_eq!(VerifyingKey::from_bytes(&ours.to_bytes()), Ok(ours));
    }
}

#[test]
fn headers_are_exact() {
    let good = dev::proving_key_bytes();
    let text = &good[..good.len() - body(good).len()];
    let text = std::str::from_utf8(text).unwrap();
    let id = fixture().key.circuit_id().to_string();
    for (from, to) in [
        ("v1\ncircuit", "v2\ncircuit"),
        ("attest-v1", "attest-v2"),
        ("origin dev", "origin test"),
        ("origin dev\n", ""),
        ("verifying-key ", "verifying-key  "),
        ("\n\n", "\n"),
        ("\n\n", "\n\n\n"),
        ("\n", "\r\n"),
        (&id, &id[1..]),
        (&id, &id.to_uppercase()),
        ("proving", "verifying"),
    ] {
        assert!(text.contains(from));
        let bad = [text.replacen(from, to, 1).as_bytes(), body(good)].concat();
        assert!(ProvingKey::from_bytes(Attest, &bad).is_err(), "{from:?} -> {to:?}");
    }
    // Another id, another origin: the verifying key inside has another name.
    for (from, to) in [(id.as_str(), "0".repeat(64)), ("origin dev", "origin ceremony".into())] {
        let bad = [text.replacen(from, &to, 1).as_bytes(), body(good)].concat();
        assert!(matches!(error(&bad), ProvingKeyError::Mismatch { .. }));
    }
}

#[test]
fn cut_longer_or_resized_files_are_refused() {
    let good = dev::proving_key_bytes();
    let start = good.len() - body(good).len();
    for end in (0..start + 800).chain([good.len() / 2, good.len() - 1]) {
        assert!(ProvingKey::from_bytes(Attest, &good[..end]).is_err(), "{end}");
    }
    assert_eq!(error(&[good, &[0][..]].concat()).code(), "key_mismatch");
    // The counts of the vectors: a_query's is the first after vk, β₁ and δ₁.
    let at = start + 32 + 3 * 64 + 8 + 15 * 32 + 64;
    assert_eq!(good[at..at + 8], (Attest.shape().matrices().wires as u64).to_le_bytes());
    for count in [0, 1 << 60, u64::MAX] {
        let mut bad = good.to_vec();
        bad[at..at + 8].copy_from_slice(&u64::to_le_bytes(count));
        assert_eq!(error(&bad), ProvingKeyError::AnotherCircuit("number of points"));
    }
    // The challenge is in no row of B: its point there is infinity, which has one spelling.
    let in_b = at + 8 + Attest.shape().matrices().wires * 32 + 8 + 14 * 32;
    assert_eq!((good[in_b], good[in_b + 31]), (0, 0x40));
    let mut bad = good.to_vec();
    bad[in_b] = 9;
    assert_eq!(error(&bad), ProvingKeyError::Syntax("a point is not in its canonical encoding"));
    // A point that is none, in each region.
    for at in [start, start + 32, at - 64, at + 8, good.len() - 32] {
        let mut bad = good.to_vec();
        bad[at..at + 32].fill(0xff);
        assert!(matches!(error(&bad), ProvingKeyError::Syntax(_)), "{at}");
    }
}

/// A key whose parts come from different setups, or whose challenge column is not empty (S14).
#[test]
fn parts_that_do_not_fit_are_refused() {
    let f = fixture();
    type Edit = fn(&mut ark_groth16::ProvingKey<Bn254>);
    let edits: [(Edit, &str); 9] = [
        (|k| k.beta_g1 = G1Affine::generator(), "key_unsafe"),
        (|k| k.delta_g1 = -k.delta_g1, "key_unsafe"),
        (|k| k.a_query[14] = G1Affine::identity(), "key_unsafe"),
        (|k| k.a_query[14] = k.a_query[13], "key_unsafe"),
        (|k| k.b_g1_query[14] = G1Affine::generator(), "key_unsafe"),
        (|k| k.b_g2_query[14] = G2Affine::generator(), "key_unsafe"),
        (|k| k.vk.gamma_abc_g1[14] = G1Affine::generator(), "key_unsafe"),
        (|k| k.h_query.truncate(8190), "key_mismatch"),
        (|k| k.a_query.truncate(5000), "key_mismatch"),
    ];
    for (i, (edit, code)) in edits.into_iter().enumerate() {
        let mut bad = f.key.groth16().clone();
        edit(&mut bad);
        let refused = ProvingKey::from_groth16(Attest, Origin::Dev, bad).unwrap_err();
        assert_eq!(refused.code(), code, "edit {i}: {refused}");
    }
}

#[test]
fn inspection() {
    let id = fixture().key.circuit_id();
    for (file, kind) in
        [(dev::verifying_key_bytes(), Kind::VerifyingKey), (dev::proving_key_bytes(), Kind::ProvingKey)]
    {
        let seen = inspect(file).unwrap();
        assert_eq!((seen.kind, seen.circuit, seen.circuit_id, seen.origin), (kind, "attest-v1", id, "dev"));
    }
    let json = serde_json::to_string(&inspect(dev::proving_key_bytes()).unwrap()).unwrap();
    assert_eq!(
        json,
        format!(r#"{{"kind":"proving_key","circuit":"attest-v1","circuit_id":"{id}","origin":"dev"}}"#)
    );
    assert_eq!(inspect(b"").unwrap_err().code(), "key_syntax");
    assert_eq!(inspect(b"veilpass proving key v1\n").unwrap_err().code(), "key_syntax");
}

#[test]
fn a_setup_of_its_own() {
    let mut stages = Vec::new();
    let mut rng = StdRng::seed_from_u64(5);
    let key = setup(Attest, Origin::Ceremony, &mut rng, |stage| stages.push(stage)).unwrap();
    assert_eq!(stages, Stage::ALL);
    assert_eq!(key.origin(), Origin::Ceremony);
    assert_ne!(key.circuit_id(), fixture().key.circuit_id());
    assert_eq!(ProvingKey::from_bytes(Attest, &key.to_bytes()).as_ref(), Ok(&key));
    // Other numbers, another key: nothing but the RNG goes in.
    let other = setup(Attest, Origin::Ceremony, &mut rng, |_| ()).unwrap();
    assert_ne!(other.circuit_id(), key.circuit_id());
    let again = setup(Attest, Origin::Ceremony, &mut StdRng::seed_from_u64(5), |_| ()).unwrap();
    assert_eq!(again, key);
}
