//! The life of a credential as the store sees it: applications, and who may do what when
//! (protocol.md, "Enrolment and the life of a credential"). The judgement is here, apart from any
//! database; a store only has to tell where a person stands, in the transaction that writes.

use crate::authority::person::PersonFp;
use std::fmt;
use std::str::FromStr;
use veilpass_protocol::attributes::{Attributes, DocumentClass, Sex};
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::field::Fr;
use veilpass_protocol::network_number::NetworkNumber;
use veilpass_protocol::operation::Operation;

/// The name of an application: 16 random bytes, as 32 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ApplicationId(pub [u8; 16]);

impl fmt::Display for ApplicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A text that is no application's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an application is named by 32 lower-case hex digits")]
pub struct InvalidApplicationId;

impl FromStr for ApplicationId {
    type Err = InvalidApplicationId;

    fn from_str(text: &str) -> Result<ApplicationId, InvalidApplicationId> {
        let mut bytes = [0; 16];
        let lower = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if !lower || hex::decode_to_slice(text, &mut bytes).is_err() {
            return Err(InvalidApplicationId);
        }
        Ok(ApplicationId(bytes))
    }
}

/// What an examined document says. It has no `Debug`: it is somebody's.
#[derive(Clone, PartialEq, Eq)]
pub struct Examined {
    /// Date of birth.
    pub birth_date: Day,
    /// Last day of validity, `None` for a document that does not expire.
    pub expires_on: Option<Day>,
    /// Sex.
    pub sex: Sex,
    /// Class of the document.
    pub document_class: DocumentClass,
    /// ISO 3166-1 numeric code.
    pub nationality: u16,
    /// Province, 0 where the document has none.
    pub province: u8,
}

impl Examined {
    /// With what the registry adds.
    pub fn attributes(&self, enrolled_on: Day, generation: u8) -> Attributes {
        Attributes {
            birth_date: self.birth_date,
            expires_on: self.expires_on,
            enrolled_on,
            sex: self.sex,
            document_class: self.document_class,
            nationality: self.nationality,
            province: self.province,
            generation,
        }
    }
}

/// An application as it is filed.
pub struct Filing {
    /// Its name.
    pub id: ApplicationId,
    /// Who files it.
    pub registrar: String,
    /// For what.
    pub operation: Operation,
    /// For whom.
    pub person: PersonFp,
    /// Under which fingerprint they may be on record instead ([`crate::authority::person::Identified`]).
    pub former: Option<PersonFp>,
    /// The document.
    pub examined: Examined,
    /// Hash of the one-time code.
    pub code: [u8; 32],
    /// Now.
    pub filed_at: Timestamp,
    /// When the code ends.
    pub expires_at: Timestamp,
}

/// A wallet's offer under a code.
pub struct Offer {
    /// Hash of the one-time code.
    pub code: [u8; 32],
    /// `C` and `D`; `None` if they are no two different commitments.
    pub commitments: Option<(Fr, Fr)>,
    /// Freshly drawn; used only where the person needs a new one.
    pub drawn: NetworkNumber,
}

/// What a redeemed code gives. It has no `Debug`: it is somebody's.
#[derive(Clone, PartialEq, Eq)]
pub struct Redemption {
    /// The person's number.
    pub network_number: NetworkNumber,
    /// `C`.
    pub identity_commitment: Fr,
    /// `D`.
    pub device_commitment: Fr,
    /// What is attested.
    pub attributes: Attributes,
    /// Whether the same was given before.
    pub again: bool,
}

/// Why an operation of the life of a credential is refused (contract §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The token, or the number and secret of a withdrawal, are not right.
    #[error("the credentials are missing or wrong")]
    Unauthorised,
    /// No such application of this registrar.
    #[error("there is no such application of this registrar")]
    ApplicationUnknown,
    /// Nobody has ever been told this code.
    #[error("this code is not known")]
    CodeUnknown,
    /// The code was used.
    #[error("this code has been used")]
    CodeUsed,
    /// The code was not used in its time, or what it led to was not confirmed in its time.
    #[error("this code has expired: it was not used, or not confirmed by the registrar, in time")]
    CodeExpired,
    /// A commitment is 0 or not canonical, both are equal, or it is not the person's.
    #[error("a commitment is 0, not canonical, equal to the other, or not the one on record")]
    CommitmentInvalid,
    /// A commitment was accepted before, in whichever role.
    #[error("a commitment was accepted before")]
    CommitmentUsed,
    /// The person is on record: anything but an enrolment.
    #[error("the person is on record")]
    DocumentUsed,
    /// Renewal, rotation and reset need a record, the first two a live leaf as well.
    #[error("there is no record, or no live leaf, to go on from")]
    PersonUnknown,
    /// Another change of the person is under way.
    #[error("another change of this person is under way: it takes effect, or ends unconfirmed within a day")]
    PersonPending,
    /// A reset of the person waits for its time.
    #[error("a reset of this person waits for its time")]
    ResetWaits,
    /// A removal or withdrawal ended the change before it was sealed.
    #[error("a removal or withdrawal has ended this change before it took effect: ask for a new one")]
    AlreadyRemoved,
    /// The words are not those of the wallet that redeemed the code, or none has.
    #[error("the words differ, or no wallet has used the code yet")]
    WordsDiffer,
}

impl Refused {
    /// The code of contract §7.
    pub fn code(self) -> &'static str {
        match self {
            Refused::Unauthorised => "unauthorised",
            Refused::ApplicationUnknown => "not_found",
            Refused::CodeUnknown => "code_unknown",
            Refused::CodeUsed => "code_used",
            Refused::CodeExpired => "code_expired",
            Refused::CommitmentInvalid => "commitment_invalid",
            Refused::CommitmentUsed => "commitment_used",
            Refused::DocumentUsed => "document_used",
            Refused::PersonUnknown => "person_unknown",
            Refused::PersonPending => "person_pending",
            Refused::ResetWaits => "reset_waits",
            Refused::AlreadyRemoved => "already_removed",
            Refused::WordsDiffer => "words_differ",
        }
    }
}

/// Where a person stands.
#[derive(Default)]
pub struct Standing {
    /// What stays of them for ever.
    pub record: Option<Record>,
    /// The live leaf.
    pub live: Option<Live>,
    /// A change under way.
    pub underway: Option<Underway>,
}

/// The person's record.
#[derive(Clone, Copy)]
pub struct Record {
    /// Number of earlier `C`.
    pub generation: u8,
    /// When the last leaf was removed, while none is live.
    pub removed_at: Option<Timestamp>,
}

/// The person's live leaf.
#[derive(Clone)]
pub struct Live {
    /// The number.
    pub network_number: NetworkNumber,
    /// `C`.
    pub identity_commitment: Fr,
    /// `D`.
    pub device_commitment: Fr,
    /// Number of earlier `C`.
    pub generation: u8,
    /// Day on which `C` was accepted.
    pub enrolled_on: Day,
}

/// A change of a person that is not sealed yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Underway {
    /// A confirmed reset that waits for its time.
    ResetWaits,
    /// Any other: redeemed, confirmed, or a removal.
    Other,
}

/// What a person asks to have on record.
#[derive(Clone, Copy)]
pub struct Asked {
    /// `C`.
    pub identity_commitment: Fr,
    /// Whether `C` was accepted before, in whichever role.
    pub identity_used: bool,
    /// `D`.
    pub device_commitment: Fr,
    /// Whether `D` was accepted before, in whichever role.
    pub device_used: bool,
}

/// What an operation leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    /// The number that stays; `None` where a new one is drawn.
    pub network_number: Option<NetworkNumber>,
    /// Number of earlier `C`.
    pub generation: u8,
    /// Day on which `C` was accepted.
    pub enrolled_on: Day,
}

/// Whether a person who stands there may do it (protocol.md, "Enrolment" 3 and 5).
pub fn judge(
    operation: Operation,
    standing: &Standing,
    asked: &Asked,
    today: Day,
) -> Result<Granted, Refused> {
    if operation == Operation::Enrol {
        return match standing {
            Standing { underway: Some(underway), .. } => Err(under_way(*underway)),
            Standing { record: Some(_), .. } => Err(Refused::DocumentUsed),
            _ if asked.identity_used || asked.device_used => Err(Refused::CommitmentUsed),
            _ => Ok(Granted { network_number: None, generation: 0, enrolled_on: today }),
        };
    }
    let record = standing.record.ok_or(Refused::PersonUnknown)?;
    if let Some(underway) = standing.underway {
        return Err(under_way(underway));
    }
    if operation == Operation::Reset {
        if asked.identity_used || asked.device_used {
            return Err(Refused::CommitmentUsed);
        }
        // Nobody gets a 256th identity: generation is at most 254 (contract §2).
        let generation = record.generation.checked_add(1).filter(|g| *g <= 254);
        return Ok(Granted {
            network_number: standing.live.as_ref().map(|live| live.network_number),
            generation: generation.ok_or(Refused::DocumentUsed)?,
            enrolled_on: today,
        });
    }
    let live = standing.live.as_ref().ok_or(Refused::PersonUnknown)?;
    let same_identity = asked.identity_commitment == live.identity_commitment;
    let same_device = asked.device_commitment == live.device_commitment;
    match operation {
        Operation::Renew if !(same_identity && same_device) => return Err(Refused::CommitmentInvalid),
        Operation::Rotate if !same_identity && !asked.identity_used => {
            return Err(Refused::CommitmentInvalid);
        }
        Operation::Rotate if !same_identity || asked.device_used => return Err(Refused::CommitmentUsed),
        _ => (),
    }
    Ok(Granted {
        network_number: Some(live.network_number),
        generation: live.generation,
        enrolled_on: live.enrolled_on,
    })
}

fn under_way(underway: Underway) -> Refused {
    match underway {
        Underway::ResetWaits => Refused::ResetWaits,
        Underway::Other => Refused::PersonPending,
    }
}

/// Whether another process did something that a server has to notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Revision {
    /// The newest epoch, 0 before the first.
    pub epoch: u64,
    /// Grows with every change of the platform directory.
    pub directory: u64,
}
