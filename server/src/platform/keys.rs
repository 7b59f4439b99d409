//! A platform's folder: the key that signs its requests, and the hash of its token.

use super::service::DATABASE;
use crate::error::RegistryError;
use crate::files::{self, Access, NewFolder};
use crate::store::database_file;
use crate::token;
use ed25519_dalek::{SigningKey, VerifyingKey};
use rand::{CryptoRng, RngCore};
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use veilpass_protocol::field::hex32;
use veilpass_protocol::json::base64url;
use zeroize::Zeroizing;

pub(super) const REQUEST_KEY: &str = "request.key";
pub(super) const TOKEN_HASH: &str = "token.sha256";
const HEADER: &str = "veilpass platform key v1";

/// What `platform keygen` shows, once.
#[derive(Clone, PartialEq, Eq, serde::Serialize)]
pub struct NewPlatform {
    /// The Ed25519 public key for the directory, base64url.
    pub key: String,
    /// The bearer token for the platform's API.
    pub token: String,
}

impl fmt::Debug for NewPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewPlatform({}, …)", self.key)
    }
}

/// A platform's folder that is not in its place yet.
#[derive(Debug)]
pub struct DraftPlatform {
    new: NewPlatform,
    staged: NewFolder,
    folder: String,
}

impl DraftPlatform {
    /// What has to be shown.
    pub fn new_platform(&self) -> &NewPlatform {
        &self.new
    }

    /// Puts the folder in its place.
    pub fn keep(self) -> Result<(), RegistryError> {
        self.staged.finish().map_err(|e| occupied(e, &self.folder))
    }
}

fn occupied(e: files::FileError, folder: &str) -> RegistryError {
    match e.kind {
        ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty => {
            RegistryError::NotVacant(folder.to_owned())
        }
        _ => RegistryError::File(e),
    }
}

/// A platform's keys.
#[derive(Debug)]
pub struct PlatformKeys {
    signing: SigningKey,
    token_file: PathBuf,
}

impl PlatformKeys {
    /// Makes a platform's folder, which must be absent or empty.
    pub fn generate<R: RngCore + CryptoRng>(
        folder: &Path,
        rng: &mut R,
    ) -> Result<NewPlatform, RegistryError> {
        let draft = PlatformKeys::draft(folder, rng)?;
        let new = draft.new.clone();
        draft.keep()?;
        Ok(new)
    }

    /// Makes a platform's folder with a token that everybody knows: for test mode and nothing else.
    #[doc(hidden)]
    pub fn generate_for_test_mode<R: RngCore + CryptoRng>(
        folder: &Path,
        token: &str,
        rng: &mut R,
    ) -> Result<NewPlatform, RegistryError> {
        let draft = PlatformKeys::draft_with(folder, (token.to_owned(), token::hash(token)), rng)?;
        let new = draft.new.clone();
        draft.keep()?;
        Ok(new)
    }

    /// What [`PlatformKeys::generate`] does, up to the point where the token has to be shown. Dropped instead
    /// of kept, it leaves nothing.
    pub fn draft<R: RngCore + CryptoRng>(folder: &Path, rng: &mut R) -> Result<DraftPlatform, RegistryError> {
        let token = token::generate(rng);
        PlatformKeys::draft_with(folder, token, rng)
    }

    fn draft_with<R: RngCore + CryptoRng>(
        folder: &Path,
        (token, token_hash): (String, [u8; 32]),
        rng: &mut R,
    ) -> Result<DraftPlatform, RegistryError> {
        // A name that the service's database cannot have is refused here and not when it is to serve.
        database_file(&folder.join(DATABASE))?;
        let vacant = |e| occupied(e, &folder.display().to_string());
        let staged = NewFolder::begin(folder, REQUEST_KEY).map_err(vacant)?;
        let signing = SigningKey::generate(rng);
        let secret = Zeroizing::new(format!("{HEADER}\n{}\n", *encode(&signing)));
        files::create(&staged.path().join(REQUEST_KEY), secret.as_bytes(), Access::Private)?;
        let hash = format!("{}\n", hex::encode(token_hash));
        files::create(&staged.path().join(TOKEN_HASH), hash.as_bytes(), Access::Private)?;
        let new = NewPlatform { key: base64url::encode(signing.verifying_key().as_bytes()), token };
        Ok(DraftPlatform { new, staged, folder: folder.display().to_string() })
    }

    /// Reads a platform's folder.
    pub fn open(folder: &Path) -> Result<PlatformKeys, RegistryError> {
        let bad =
            |name: &str| RegistryError::NotOurs(format!("{}: {name} is not in its form", folder.display()));
        let not_ours = || RegistryError::NotOurs(format!("{} is no platform's folder", folder.display()));
        let text = files::read_text(&folder.join(REQUEST_KEY)).map_err(|e| match e.kind {
            ErrorKind::NotFound | ErrorKind::NotADirectory => not_ours(),
            _ => RegistryError::File(e),
        });
        let text = Zeroizing::new(text?);
        let signing = decode(&text).ok_or_else(|| bad(REQUEST_KEY))?;
        let token_file = folder.join(TOKEN_HASH);
        read_token_hash(&token_file)?;
        Ok(PlatformKeys { signing, token_file })
    }

    /// Another API token for the platform whose folder this is. It counts when it is kept.
    pub fn new_token<R: RngCore + CryptoRng>(&self, rng: &mut R) -> NewToken {
        let (token, hash) = token::generate(rng);
        NewToken { token, hash, file: self.token_file.clone() }
    }

    /// The key that wallets find in the directory.
    pub fn key(&self) -> VerifyingKey {
        self.signing.verifying_key()
    }

    /// Signs requests.
    pub fn signing_key(&self) -> &SigningKey {
        &self.signing
    }

    /// The file with the hash of the API token. It is read for each request, so that a new token counts
    /// at once.
    pub fn token_file(&self) -> &Path {
        &self.token_file
    }
}

/// An API token that is to be shown before it counts.
pub struct NewToken {
    /// The token.
    pub token: String,
    hash: [u8; 32],
    file: PathBuf,
}

impl NewToken {
    /// Puts it in place of the token before, which is void from then on, also at a server that runs.
    pub fn keep(self) -> Result<(), RegistryError> {
        let hash = format!("{}\n", hex::encode(self.hash));
        Ok(files::write(&self.file, hash.as_bytes(), Access::Private)?)
    }
}

/// SHA-256 of the token ([`token::hash`]); compare in constant time.
pub fn read_token_hash(file: &Path) -> Result<[u8; 32], RegistryError> {
    let text = files::read_text(file)?;
    let bad = || RegistryError::NotOurs(format!("{} is not in its form", file.display()));
    text.strip_suffix('\n').and_then(hex32).ok_or_else(bad)
}

fn encode(key: &SigningKey) -> Zeroizing<String> {
    let seed = Zeroizing::new(key.to_bytes());
    Zeroizing::new(base64url::encode(&*seed))
}

fn decode(text: &str) -> Option<SigningKey> {
    let encoded = text.strip_prefix(HEADER)?.strip_prefix('\n')?.strip_suffix('\n')?;
    let seed = Zeroizing::new(base64url::decode(encoded)?);
    let seed = Zeroizing::new(<[u8; 32]>::try_from(seed.as_slice()).ok()?);
    Some(SigningKey::from_bytes(&seed))
}
