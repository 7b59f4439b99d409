//! Applications by registrars and what wallets make of them (protocol.md, "Enrolment" 1–3 and 6).

use super::Authority;
use super::codes::OneTimeCode;
use super::documents::{self, DocumentError};
use super::person::Identified;
use super::resident;
use crate::error::RegistryError;
use crate::store::life::{ApplicationId, Examined, Filing, Offer, Refused, Revision};
use crate::store::{Removal, StoreError};
use crate::token;
use rand::{CryptoRng, RngCore};
use std::fmt;
use veilpass_protocol::attributes::DocumentClass;
use veilpass_protocol::credential::Credential;
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::field::{Fr, from_hex};
use veilpass_protocol::identity::{DeviceSecret, pairing_words};
use veilpass_protocol::network_number::NetworkNumber;
use veilpass_protocol::operation::Operation;

/// How long a one-time code can be used.
pub const CODE_SECONDS: u64 = 15 * 60;
/// How often a redemption draws its Network Number anew.
const DRAWS: u32 = 8;

/// A document as a registrar has examined it.
#[derive(Clone, PartialEq, Eq)]
pub enum Document {
    /// A document that bears a resident number, which says everything but the expiry: resident card,
    /// residence permit, permanent residence card.
    ResidentNumber {
        /// 18 characters of GB 11643.
        number: String,
        /// Last day of validity; `None` for a card that does not expire.
        expires_on: Option<Day>,
    },
    /// Any other document, by its machine readable zone.
    Mrz {
        /// What it is.
        document_class: DocumentClass,
        /// Two lines of 44 or three of 30 characters.
        lines: Vec<String>,
    },
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Document::ResidentNumber { .. } => "Document::ResidentNumber(…)",
            Document::Mrz { .. } => "Document::Mrz(…)",
        })
    }
}

impl Document {
    /// What it says, and whose it is.
    pub(crate) fn examine(&self, today: Day) -> Result<(Examined, Identified), DocumentError> {
        let (examined, person) = match self {
            Document::ResidentNumber { number, expires_on } => {
                let says = resident::resident_number(number)?;
                let examined = Examined {
                    birth_date: says.birth_date,
                    expires_on: *expires_on,
                    sex: says.sex,
                    document_class: says.document_class,
                    nationality: says.nationality,
                    province: says.province,
                };
                (examined, says.identified(number))
            }
            Document::Mrz { document_class, lines } => {
                let says = documents::mrz(lines, today)?;
                zone_fits(*document_class, says.nationality, lines)?;
                let examined = Examined {
                    birth_date: says.birth_date,
                    expires_on: Some(says.expires_on),
                    sex: says.sex,
                    document_class: *document_class,
                    nationality: says.nationality,
                    province: 0,
                };
                (examined, says.identified)
            }
        };
        if examined.birth_date > today {
            return Err(DocumentError::BirthDate);
        }
        if examined.expires_on.is_some_and(|expires| expires < today || expires < examined.birth_date) {
            return Err(DocumentError::Expired);
        }
        Ok((examined, person))
    }
}

/// Whether a zone can be that of a document of the class, as far as the zone tells: foreigners by
/// nationality, passports by the first letter (ICAO 9303-4, 4.2.2).
fn zone_fits(class: DocumentClass, nationality: u16, lines: &[String]) -> Result<(), DocumentError> {
    use DocumentClass::*;
    let nationality_fits = match class {
        // Whose document bears a resident number comes with the number: no zone has it, and under a zone
        // alone the same person would be somebody else.
        ResidentCard | NationalPassport | ResidencePermit => false,
        ForeignPassport | PermanentResidence => resident::is_foreign(nationality),
        HkMacaoPermit | TaiwanPermit => true,
    };
    let is_passport = lines.first().is_some_and(|line| line.starts_with('P'));
    if nationality_fits && is_passport == (class == ForeignPassport) {
        Ok(())
    } else {
        Err(DocumentError::Class)
    }
}

/// A filed application: the code is for the person, everything else for the registrar.
#[derive(Debug, Clone)]
pub struct Application {
    /// Its name.
    pub id: ApplicationId,
    /// Shown once, stored hashed.
    pub code: OneTimeCode,
    /// When the code ends.
    pub expires_at: Timestamp,
}

/// What a wallet gets for a code.
#[derive(Clone, PartialEq, Eq)]
pub struct Redeemed {
    /// The credential; it is in the tree from the next seal after the confirmation.
    pub credential: Credential,
    /// The pairing words that the registrar has to see.
    pub words: [&'static str; 6],
    /// Whether the same was given before.
    pub again: bool,
}

impl fmt::Debug for Redeemed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redeemed").field("again", &self.again).finish_non_exhaustive()
    }
}

impl Authority {
    /// The registrar whose token this is. Tokens are looked up by their hash: 256 random bits leave
    /// nothing to learn from how long that takes.
    pub async fn registrar(&self, token: &str) -> Result<Option<String>, RegistryError> {
        Ok(self.store.registrar(&token::hash(token)).await?)
    }

    /// Files an application for one operation. Whether the person is on record is told to the person
    /// at the redemption, not to the registrar here.
    pub async fn file_application<R: RngCore + CryptoRng + Send>(
        &self,
        registrar: &str,
        operation: Operation,
        document: &Document,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Application, RegistryError> {
        let (examined, person) = document.examine(Day::of(now))?;
        let fingerprints = self.fingerprints.fingerprints(&person);
        let mut id = ApplicationId([0; 16]);
        rng.fill_bytes(&mut id.0);
        let code = OneTimeCode::generate(rng);
        let expires_at = now.plus(CODE_SECONDS);
        let filing = Filing {
            id,
            registrar: registrar.to_owned(),
            operation,
            person: fingerprints.person,
            former: fingerprints.former,
            examined,
            code: code.hash(),
            filed_at: now,
            expires_at,
        };
        self.store.file(&filing).await?;
        Ok(Application { id, code, expires_at })
    }

    /// Redeems a one-time code with two commitments in hex. The same again gives the same answer until
    /// it is sealed and the code has expired.
    pub async fn redeem<R: RngCore + CryptoRng + Send>(
        &self,
        code: &str,
        identity_commitment: &str,
        device_commitment: &str,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Redeemed, RegistryError> {
        let code = OneTimeCode::read(code).ok_or(Refused::CodeUnknown)?.hash();
        let commitment = |text| from_hex(text).ok().filter(|value| *value != Fr::default());
        let commitments = commitment(identity_commitment)
            .zip(commitment(device_commitment))
            .filter(|(identity, device)| identity != device);
        let mut draws = 1;
        let given = loop {
            let offer = Offer { code, commitments, drawn: NetworkNumber::generate(rng) };
            match self.store.redeem(&offer, now).await {
                Ok(answer) => break answer?,
                Err(StoreError::NetworkNumberTaken) if draws < DRAWS => draws += 1,
                Err(e) => return Err(e.into()),
            }
        };
        let (c, d) = (given.identity_commitment, given.device_commitment);
        Ok(Redeemed {
            credential: Credential::issue(&self.signer, given.network_number, c, d, given.attributes),
            words: pairing_words(&c, &d),
            again: given.again,
        })
    }

    /// The registrar has seen the same words on the person's wallet: the change is pending from now on.
    pub async fn confirm(
        &self,
        registrar: &str,
        id: &ApplicationId,
        words: &[String],
        now: Timestamp,
    ) -> Result<(), RegistryError> {
        Ok(self.store.confirm(registrar, id, words, self.reset_wait(), now).await??)
    }

    /// The holder leaves: the device secret is the proof of possession. Effective at the next seal.
    pub async fn withdraw(
        &self,
        number: &NetworkNumber,
        secret: &DeviceSecret,
        now: Timestamp,
    ) -> Result<(), RegistryError> {
        match self.store.withdraw(number, &secret.commitment(), now).await?? {
            Removal::Pending => Ok(()),
            Removal::Unknown => Err(Refused::Unauthorised.into()),
            Removal::AlreadyPending => Err(RegistryError::AlreadyRemoved),
        }
    }

    /// Erases what has had its time (protocol.md, "Enrolment" 3 and 4). A seal does it too; a service
    /// calls it once a minute, because codes expire between seals.
    pub async fn housekeeping(&self, now: Timestamp) -> Result<(), RegistryError> {
        Ok(self.store.housekeeping(now).await?)
    }

    /// Newest epoch and revision of the directory: cheap, so that a server can look each second
    /// whether another process sealed or changed the directory.
    pub async fn revision(&self) -> Result<Revision, RegistryError> {
        Ok(self.store.revision().await?)
    }
}
