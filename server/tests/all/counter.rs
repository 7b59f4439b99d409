//! A registrar's counter: documents, wallets, and the way from an application to a pending change.

use crate::people::{Fixture, at, with_check};
use rand::RngCore;
use veilpass_protocol::credential::Credential;
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::field::{Fr, to_hex};
use veilpass_protocol::identity::{DeviceSecret, PseudonymSecret};
use veilpass_protocol::operation::Operation;
use veilpass_server::RegistryError;
use veilpass_server::authority::{Application, Authority, Document, Redeemed};

pub const REGISTRAR: &str = "Counter 7";
pub const OTHER: &str = "Counter 8";

/// What a wallet holds.
#[derive(Clone)]
pub struct Wallet {
    pub k: PseudonymSecret,
    pub d: DeviceSecret,
}

impl Wallet {
    pub fn c(&self) -> String {
        to_hex(&self.k.commitment())
    }

    pub fn dc(&self) -> String {
        to_hex(&self.d.commitment())
    }
}

/// A registry with two registrars.
pub struct Counter {
    pub fixture: Fixture,
    pub authority: Authority,
}

impl Counter {
    pub async fn new(seed: u64) -> Counter {
        let mut fixture = Fixture::new(seed).await;
        for name in [REGISTRAR, OTHER] {
            fixture.authority.add_registrar(name, at(0), &mut fixture.rng).await.unwrap();
        }
        let authority = fixture.authority.clone();
        Counter { fixture, authority }
    }

    pub fn wallet(&mut self) -> Wallet {
        Wallet { k: PseudonymSecret::generate(&mut self.fixture.rng), d: self.device() }
    }

    pub fn device(&mut self) -> DeviceSecret {
        DeviceSecret::generate(&mut self.fixture.rng)
    }

    pub async fn file(&mut self, operation: Operation, document: &Document, now: Timestamp) -> Application {
        let rng = &mut self.fixture.rng;
        self.authority.file_application(REGISTRAR, operation, document, now, rng).await.unwrap()
    }

    pub async fn redeem(
        &mut self,
        application: &Application,
        wallet: &Wallet,
        now: Timestamp,
    ) -> Result<Redeemed, RegistryError> {
        let (c, d) = (wallet.c(), wallet.dc());
        self.authority.redeem(&application.code.as_text(), &c, &d, now, &mut self.fixture.rng).await
    }

    pub async fn confirm(
        &self,
        application: &Application,
        redeemed: &Redeemed,
        now: Timestamp,
    ) -> Result<(), RegistryError> {
        self.authority.confirm(REGISTRAR, &application.id, &words(redeemed), now).await
    }

    /// All three steps at one moment; the code of the first refusal.
    pub async fn whole(
        &mut self,
        operation: Operation,
        document: &Document,
        wallet: &Wallet,
        now: Timestamp,
    ) -> Result<Credential, &'static str> {
        let application = self.file(operation, document, now).await;
        let code = |e: RegistryError| e.code().unwrap();
        let redeemed = self.redeem(&application, wallet, now).await.map_err(code)?;
        self.confirm(&application, &redeemed, now).await.map_err(code)?;
        Ok(redeemed.credential)
    }

    pub async fn seal(&mut self, now: Timestamp) -> veilpass_server::authority::Epoch {
        let order = veilpass_server::authority::PlaceOrder::Random;
        self.authority.seal(now, order, &mut self.fixture.rng).await.unwrap()
    }

    /// The leaves of the newest epoch.
    pub async fn leaves(&self) -> Vec<Fr> {
        let state = self.authority.store().published_state().await.unwrap();
        state.signed.leaves.into_iter().map(|(_, leaf)| leaf).collect()
    }
}

pub fn words(redeemed: &Redeemed) -> Vec<String> {
    redeemed.words.iter().map(|w| w.to_string()).collect()
}

pub fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// The resident card of the `i`-th person; every one has a birth date of their own before 2000.
pub fn card(i: usize) -> Document {
    let birth = Day::from_ymd(1940, 1, 1).unwrap().checked_add(i as i64 * 3).unwrap().to_string();
    Document::ResidentNumber {
        number: with_check(&format!("440301{}{:03}", birth.replace('-', ""), i % 1000)),
        expires_on: Some(day("2046-06-01")),
    }
}

fn check_digit(text: &str) -> u32 {
    let value = |b: u8| match b {
        b'0'..=b'9' => u32::from(b - b'0'),
        b'A'..=b'Z' => u32::from(b - b'A') + 10,
        _ => 0,
    };
    text.bytes().zip([7, 3, 1].into_iter().cycle()).map(|(b, weight)| value(b) * weight).sum::<u32>() % 10
}

/// A passport of two lines with right check digits.
pub fn passport(
    first: &str,
    nationality: &str,
    number: &str,
    birth: &str,
    expires: &str,
    personal: &str,
) -> Vec<String> {
    let checked = |text: &str| format!("{text}{}", check_digit(text));
    let (number, birth, expires) = (checked(&format!("{number:<<9}")), checked(birth), checked(expires));
    let personal = checked(&format!("{personal:<<14}"));
    let composite = check_digit(&format!("{number}{birth}{expires}{personal}"));
    let one = format!("{first}{nationality:<<3}ERIKSSON<<ANNA<MARIA");
    vec![format!("{one:<<44}"), format!("{number}{nationality:<<3}{birth}F{expires}{personal}{composite}")]
}

/// A card of three lines with right check digits.
pub fn zone_of_card(first: &str, nationality: &str, birth: &str, expires: &str) -> Vec<String> {
    let checked = |text: &str| format!("{text}{}", check_digit(text));
    let (number, birth, expires) = (checked("E12345678"), checked(birth), checked(expires));
    let one = format!("{:<<30}", format!("{first}{nationality:<<3}{number}"));
    let composite = check_digit(&format!("{}{birth}{expires}{:<<11}", &one[5..], ""));
    let two = format!("{birth}F{expires}{nationality:<<3}{:<<11}{composite}", "");
    vec![one, two, format!("{:<<30}", "ERIKSSON<<ANNA<MARIA")]
}

/// A random time in seconds.
pub fn some(rng: &mut impl RngCore, below: u64) -> u64 {
    rng.next_u64() % below
}
