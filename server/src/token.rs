//! Bearer tokens of registrars and platforms: 32 random bytes, shown once, stored hashed.

use rand::{CryptoRng, RngCore};
use sha2::{Digest, Sha256};
use veilpass_protocol::json::base64url;
use zeroize::Zeroizing;

/// A new token (43 characters of base64url) and the hash that is stored of it.
pub fn generate<R: RngCore + CryptoRng>(rng: &mut R) -> (String, [u8; 32]) {
    let mut bytes = Zeroizing::new([0u8; 32]);
    rng.fill_bytes(&mut *bytes);
    let token = base64url::encode(&*bytes);
    let stored = hash(&token);
    (token, stored)
}

/// What is stored of a token: SHA-256("veilpass:token:v1" ‖ token as text). The token has 256 random
/// bits, so neither salt nor stretching adds anything.
pub fn hash(token: &str) -> [u8; 32] {
    Sha256::new().chain_update("veilpass:token:v1").chain_update(token).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    #[test]
    fn tokens_differ_and_are_found_by_their_hash() {
        let mut rng = StdRng::seed_from_u64(1);
        let ((a, stored), (b, _)) = (generate(&mut rng), generate(&mut rng));
        assert_ne!(a, b);
        assert_eq!(a.len(), 43);
        assert_eq!(hash(&a), stored);
        assert_ne!(hash(&b), stored);
    }
}
