//! The holder's two secrets, the commitments to them, the leaf, and the pairing words.

use crate::field::{Fr, to_bytes};
use crate::note::AuthorityKey;
use crate::poseidon::hash;
use ark_ff::{UniformRand, Zero};
use rand::{CryptoRng, RngCore};
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(Fr);

        impl $name {
            /// Draws a fresh one, uniform and non-zero.
            pub fn generate<R: RngCore + CryptoRng>(rng: &mut R) -> Self {
                loop {
                    if let Some(secret) = Self::from_fr(Fr::rand(rng)) {
                        return secret;
                    }
                }
            }

            /// Takes a stored value; zero is refused.
            pub fn from_fr(value: Fr) -> Option<Self> {
                (!value.is_zero()).then_some($name(value))
            }

            /// The public commitment `H_1(secret)`.
            pub fn commitment(&self) -> Fr {
                hash(&[self.0])
            }

            /// The bare value: for proving and for the holder's encrypted file, nothing else.
            pub fn expose(&self) -> &Fr {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                self.0.zeroize();
            }
        }

        impl ZeroizeOnDrop for $name {}
    };
}

secret! {
    /// `k`: every pseudonym is a function of it. It outlives the device in the holder's backup.
    PseudonymSecret
}
secret! {
    /// `d`: stands for the device, and is replaced with it.
    DeviceSecret
}

/// Leaf `L = H_4(C, D, P, X)`.
pub fn leaf(identity_commitment: &Fr, device_commitment: &Fr, packed: &Fr, link: &Fr) -> Fr {
    hash(&[*identity_commitment, *device_commitment, *packed, *link])
}

/// Link `X = H_5(kind, e1, e2, e3, e4)`; kinds count from 1.
pub fn link(kind: u32, elements: &[Fr; 4]) -> Option<Fr> {
    let [a, b, c, d] = *elements;
    (kind >= 1).then(|| hash(&[Fr::from(kind), a, b, c, d]))
}

/// Pseudonym `U = H_3(k, scope, slot)`.
pub fn pseudonym(k: &PseudonymSecret, scope: &Fr, slot: u32) -> Fr {
    hash(&[k.0, *scope, Fr::from(slot)])
}

/// Entry of the authority's used-set: SHA-256("veilpass:used:v1" ‖ value). Kept for ever for every
/// accepted commitment, whichever role it had.
pub fn used_tag(commitment: &Fr) -> [u8; 32] {
    Sha256::new().chain_update("veilpass:used:v1").chain_update(to_bytes(commitment)).finalize().into()
}

/// The six words that wallet and registrar compare: the first 66 bits of
/// SHA-256("veilpass:pair:v1" ‖ C ‖ D), 11 bits each, in the BIP-39 English list.
pub fn pairing_words(identity_commitment: &Fr, device_commitment: &Fr) -> [&'static str; 6] {
    let hash = Sha256::new().chain_update("veilpass:pair:v1");
    six_words(hash.chain_update(to_bytes(identity_commitment)).chain_update(to_bytes(device_commitment)))
}

/// The six words by which a person recognises an authority's key: the first 66 bits of
/// SHA-256("veilpass:authority:v1" ‖ vkey line), 11 bits each, in the BIP-39 English list.
pub fn authority_words(key: &AuthorityKey) -> [&'static str; 6] {
    six_words(Sha256::new().chain_update("veilpass:authority:v1").chain_update(key.to_string()))
}

/// The first 66 bits of a digest as words.
fn six_words(hash: Sha256) -> [&'static str; 6] {
    let digest = hash.finalize();
    let bits = digest.iter().take(16).fold(0u128, |n, b| n << 8 | u128::from(*b));
    let list = bip39::Language::English.word_list();
    [0, 1, 2, 3, 4, 5].map(|i| {
        let index = (bits >> (128 - 11 * (i + 1))) & 0x7ff;
        list.get(index as usize).copied().unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attributes::tests::known;
    use crate::field::{from_hex, to_hex};

    #[test]
    fn known_leaf() {
        let k = PseudonymSecret::from_fr(Fr::from(1u64)).unwrap();
        let d = DeviceSecret::from_fr(Fr::from(2u64)).unwrap();
        let (c, dc) = (k.commitment(), d.commitment());
        assert_eq!(to_hex(&c), "29176100eaa962bdc1fe6c654d6a3c130e96a4d1168b33848b897dc502820133");
        assert_eq!(to_hex(&dc), "131d73cf6b30079aca0dff6a561cd0ee50b540879abe379a25a06b24bde2bebd");
        assert_eq!(
            to_hex(&leaf(&c, &dc, &known().pack(), &Fr::from(0u64))),
            "03489ee1b54bf2b48dbebd8f92e94409b6aa6b89102f4a0ff8347a7fb8876f88"
        );
        let zero = Fr::from(0u64);
        assert_eq!(
            to_hex(&link(1, &[c, zero, zero, zero]).unwrap()),
            "0c6a9a50162113578ca627a0d3dc25c4c6d02456a622cfe9fd2c9eadd6ff031b"
        );
        assert_eq!(link(0, &[c, zero, zero, zero]), None);
    }

    #[test]
    fn known_pseudonyms() {
        let k = PseudonymSecret::from_fr(Fr::from(1u64)).unwrap();
        for (scope, slot, u) in [
            (
                "000fcf9cd81f530772fbf6811ff6306c263649096eec9c411728a4756169887f",
                0,
                "117156f92cfe03924f2f6a7f459998fdcbc9f279d296d1a801a15c65673af87c",
            ),
            (
                "009c0cb3708f530297fc5940e3dba48e96a495f8243f4a0875f92832e6f10dd2",
                2,
                "1963c8f2506cef2f77350d77fa69a4e4ca7dc2f547ae39cf8bb1d9d7daaa310a",
            ),
            (
                "004ad957ad806f92c0a036a69d462a9dcc4fbb7c7778e3946f62a0cad10dcc7e",
                40000,
                "1c45b89370764804e1be047a06bd0840087bbb418732eec62a5e0a5bd37efca7",
            ),
        ] {
            assert_eq!(to_hex(&pseudonym(&k, &from_hex(scope).unwrap(), slot)), u);
        }
    }

    #[test]
    fn secrets_do_not_show() {
        let k = PseudonymSecret::from_fr(Fr::from(123_456_789u64)).unwrap();
        assert_eq!(format!("{k:?}"), "PseudonymSecret(…)");
        assert_eq!(DeviceSecret::from_fr(Fr::from(0u64)), None);
    }

    /// Computed by `printf 'veilpass:authority:v1%s' "$VKEY" | sha256sum` and the list of BIP-39.
    #[test]
    fn known_authority_words() {
        let line = "id.example/veilpass+7ca01c59+AYZ5wGjigREqY6u8EN0uQY+koTmj97l7Urrcsr+2EXN5";
        let words = authority_words(&line.parse().unwrap());
        assert_eq!(words.join(" "), "knife casual fringe put trim globe");
    }

    /// The words by a second reading of the text: bit by bit over the digest.
    #[test]
    fn words_are_eleven_bits_each() {
        let (c, d) = (Fr::from(5u64), Fr::from(6u64));
        let digest = Sha256::digest([&b"veilpass:pair:v1"[..], &to_bytes(&c), &to_bytes(&d)].concat());
        let bit = |i: usize| usize::from(digest[i / 8] >> (7 - i % 8) & 1);
        let list = bip39::Language::English.word_list();
        let slow: Vec<&str> = (0..6).map(|w| list[(0..11).fold(0, |n, i| n * 2 + bit(w * 11 + i))]).collect();
        assert_eq!(pairing_words(&c, &d).to_vec(), slow);
    }
}
