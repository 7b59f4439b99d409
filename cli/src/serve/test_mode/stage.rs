//! What a platform needs around it: an authority with sealed people, and a platform in its directory. All of
//! it lies in a temporary folder that goes away at the end.

use super::people::{self, Person};
use super::wallet::Wallets;
use crate::authority::failure;
use crate::crowd;
use crate::network::Reader;
use crate::outcome::Failure;
use rand::rngs::OsRng;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::sleep;
use veilpass_params::dev;
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::scope::Host;
use veilpass_prover::Wallet;
use veilpass_server::authority::{Authority, PlaceOrder};
use veilpass_server::http::{self, now};
use veilpass_server::platform::{PlatformKeys, PlatformSettings};
use veilpass_server::published::Published;
use veilpass_verifier::Policy;

/// The platform's token: fixed, so that examples can be copied. It is accepted in test mode only.
pub const TOKEN: &str = "test";
/// The platform's name in the directory.
pub const NAME: &str = "Test site";
/// The name of the authority. No pinned key of a real platform belongs to it.
const ORIGIN: &str = "test.example/veilpass";
/// Seconds between two seals: an epoch is accepted for two days.
const SEAL_EVERY: u64 = 6 * 3600;
/// How often the clock is looked at. A machine that slept is up to date again after so long.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Seconds between two readings of the newest epoch by the platform.
const EPOCHS_EVERY: u64 = 2;

/// Everything behind the platform.
pub struct Stage {
    folder: TempDir,
    authority: Authority,
    sealed_at: Mutex<Timestamp>,
    /// The people's wallets.
    pub wallets: Arc<Wallets>,
}

impl Stage {
    /// Makes all of it for a platform with this host.
    pub async fn set(host: &Host, now: Timestamp) -> Result<Stage, Failure> {
        let fault = |e: std::io::Error| Failure::fault("the temporary folder", e);
        let folder = tempfile::Builder::new().prefix("veilpass-test-").tempdir().map_err(fault)?;
        let at = |name: &str| folder.path().join(name);
        let key = dev::verifying_key_bytes().to_vec();
        let authority = Authority::init(&at("authority"), ORIGIN, &[key], &mut OsRng).await;
        let authority = authority.map_err(failure)?;
        let mut wallets = Person::ALL.map(|person| (person, person.wallet()));
        enrol(&authority, folder.path(), &mut wallets, now).await?;
        PlatformKeys::generate_for_test_mode(&at("platform"), TOKEN, &mut OsRng).map_err(failure)?;
        let keys = PlatformKeys::open(&at("platform")).map_err(failure)?;
        let purposes = ["to try Veilpass out".to_owned()];
        authority.put_platform(host.clone(), &keys.key(), NAME, &purposes).await.map_err(failure)?;
        authority.seal(now, PlaceOrder::Random, &mut OsRng).await.map_err(failure)?;
        authority.publish(&at("published")).await.map_err(failure)?;
        let wallets = Arc::new(Wallets::new(wallets)?);
        let stage = Stage { folder, authority, sealed_at: Mutex::new(now), wallets };
        stage.sync(now).await?;
        Ok(stage)
    }

    /// How the platform serves.
    pub fn platform(&self, host: Host, http: http::Settings, ttl: u64) -> PlatformSettings {
        let keys = self.folder.path().join("platform");
        let (authority, epochs) = (self.authority.key(), Published::Folder(self.published()));
        let key = dev::verifying_key_bytes().to_vec();
        PlatformSettings {
            epochs_every: EPOCHS_EVERY,
            policy: Policy::default().allowing_dev_keys(),
            ttl,
            ..PlatformSettings::new(keys, host, http, authority, epochs, key)
        }
    }

    /// Seals again and again, for ever, so that the epoch never becomes stale.
    pub async fn keep_fresh(&self) {
        loop {
            sleep(LOOK_EVERY).await;
            let (now, last) = (now(), self.sealed_at());
            if now >= last.plus(SEAL_EVERY)
                && let Err(failure) = self.renew(now).await
            {
                tracing::warn!("test mode: no new epoch, the next try is in a minute: {}", failure.detail());
            }
        }
    }

    /// A new epoch. The platform reads it before the wallets use it.
    async fn renew(&self, now: Timestamp) -> Result<(), Failure> {
        self.authority.seal(now, PlaceOrder::Random, &mut OsRng).await.map_err(failure)?;
        self.authority.publish(&self.published()).await.map_err(failure)?;
        sleep(Duration::from_secs(2 * EPOCHS_EVERY)).await;
        self.sync(now).await?;
        // Only now: what failed is tried again as a whole.
        *self.sealed_at.lock().unwrap_or_else(PoisonError::into_inner) = now;
        Ok(())
    }

    /// All wallets read the newest epoch.
    async fn sync(&self, now: Timestamp) -> Result<(), Failure> {
        let (wallets, authority) = (Arc::clone(&self.wallets), self.authority.key());
        let source = Reader(Published::Folder(self.published()));
        let synced = tokio::task::spawn_blocking(move || wallets.sync(&source, &authority, now)).await;
        synced.map_err(|_| Failure::Fault("the wallets' sync broke off".into()))?
    }

    fn sealed_at(&self) -> Timestamp {
        *self.sealed_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn published(&self) -> PathBuf {
        self.folder.path().join("published")
    }

    /// Ends the authority and removes the folder.
    pub async fn end(self) -> Result<(), Failure> {
        self.authority.close().await;
        self.folder.close().map_err(|e| Failure::fault("the temporary folder", e))
    }
}

/// Imports everybody and gives the four their credentials.
async fn enrol(
    authority: &Authority,
    folder: &Path,
    wallets: &mut [(Person, Wallet)],
    now: Timestamp,
) -> Result<(), Failure> {
    let fault = |e: std::io::Error| Failure::fault("the temporary folder", e);
    let today = Day::of(now);
    let early = || Failure::Fault("the system clock is too early for made-up people".into());
    let (people, crowd) = (folder.join("people.csv"), folder.join("crowd.csv"));
    std::fs::write(&people, people::those_who_answer(today, wallets).ok_or_else(early)?).map_err(fault)?;
    std::fs::write(&crowd, crowd::crowd(today).ok_or_else(early)?).map_err(fault)?;
    let credentials = folder.join("credentials.jsonl");
    for (file, credentials) in [(&people, Some(credentials.as_path())), (&crowd, None)] {
        let report = authority.import(file, credentials, now, &mut OsRng, &mut |_| ()).await;
        let report = report.map_err(failure)?;
        if let Some(rejected) = report.rejected.first() {
            return Err(Failure::Fault(format!("a made-up person was rejected: {}", rejected.detail)));
        }
    }
    // One credential a line, in the order of the rows.
    let issued = std::fs::read_to_string(&credentials).map_err(fault)?;
    for ((_, wallet), credential) in wallets.iter_mut().zip(issued.lines()) {
        wallet.enrol(credential.as_bytes()).map_err(|e| Failure::refused(e.code(), &e))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::test_mode::wallet::Fetched;
    use veilpass_protocol::predicates::Predicates;
    use veilpass_prover::Channel;
    use veilpass_server::platform::RequestOptions;
    use veilpass_verifier::{AcceptedEpochs, Verifier};

    impl Stage {
        fn epochs(&self, now: Timestamp) -> AcceptedEpochs {
            let mut epochs = AcceptedEpochs::starting_without_memory(self.authority.key());
            let note = Published::Folder(self.published()).newest_note().unwrap().unwrap();
            epochs.install(&note, &Policy::default(), now).unwrap();
            epochs
        }
    }

    /// A proof of one test authority is worth nothing under another, nor at a platform that does not accept
    /// development keys. A later epoch changes neither.
    #[tokio::test(flavor = "multi_thread")]
    async fn proofs_count_under_their_own_authority_only() {
        let (host, start): (Host, _) = ("localhost".parse().unwrap(), now());
        let (ours, other) =
            (Stage::set(&host, start).await.unwrap(), Stage::set(&host, start).await.unwrap());
        ours.renew(start.plus(1)).await.unwrap();
        assert_eq!(ours.sealed_at(), start.plus(1));

        let keys = PlatformKeys::open(&ours.folder.path().join("platform")).unwrap();
        let circuit = dev::verifying_key().unwrap().circuit_id();
        let mut options = RequestOptions::new(host, circuit, Predicates::valid());
        options.response_uri = Some("http://localhost:1/v1/requests/0/presentation".into());
        let made = options.make(Some(&keys), start.plus(1), &mut OsRng).unwrap();
        let wallets = Arc::clone(&ours.wallets);
        let (request, fetched) = (made.request.clone(), Fetched(made.text().into_bytes()));
        let presented = move || wallets.present(Person::Adult, &fetched, &Channel::default());
        let presented = tokio::task::spawn_blocking(presented).await.unwrap();
        let (address, presentation) = presented.unwrap().unwrap();
        assert_eq!(address, request.response_uri);

        let verifier = Verifier::new(Policy::default().allowing_dev_keys());
        let verifier = verifier.with_key(dev::verifying_key_bytes()).unwrap();
        let judge = |epochs| verifier.verify(&request, presentation.as_bytes(), &epochs, start.plus(1));
        assert!(judge(ours.epochs(start.plus(1))).is_ok(), "the control");
        // The other authority has sealed one epoch, and this proof is made with the second.
        assert_eq!(judge(other.epochs(start)).unwrap_err().code(), "epoch_unknown");
        // It has an epoch of this number now, with another root.
        other.renew(start.plus(1)).await.unwrap();
        assert_eq!(judge(other.epochs(start.plus(1))).unwrap_err().code(), "proof_invalid");
        assert!(Verifier::new(Policy::default()).with_key(dev::verifying_key_bytes()).is_err());
    }
}
