//! Why a wallet does not answer: the wallet's row of the codes in contract §7, in its order.

use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::day::Timestamp;

/// Whether the person may still have the month rule set aside for this host and context (W5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MonthOverride {
    /// Once, knowing that the answer tells roughly when the birthday is.
    Possible,
    /// That was done before.
    Used,
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident $(($($field:ty),+))? = $code:literal, $text:literal;)+) => {
        /// Why a wallet does not answer. The person learns the reason, the platform never does: it gets
        /// [`DECLINE`](veilpass_protocol::presentation::DECLINE), the same bytes for every variant.
        ///
        /// The variants stand in the order of contract §7: of several reasons the first is reported,
        /// but `AgeThisMonth` and `CrowdTooSmall` follow `NotSatisfied`, and the last three stand apart.
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[non_exhaustive]
        pub enum Refusal {
            $($(#[$doc])* #[error($text)] $name $(($($field),+))?,)+
        }

        impl Refusal {
            /// Every code, in the order of contract §7.
            pub const CODES: &'static [&'static str] = &[$($code),+];

            /// The stable code (contract §7).
            pub fn code(&self) -> &'static str {
                match self { $(refusals!(@pattern self $name $(($($field),+))?) => $code),+ }
            }
        }
    };
    (@pattern $self:ident $name:ident) => { Refusal::$name };
    (@pattern $self:ident $name:ident ($($field:ty),+)) => { Refusal::$name(..) };
}

refusals! {
    /// No request in either form, or slots or period that do not fit the kind of link.
    RequestSyntax(String) = "request_syntax", "the question cannot be read: {0}";
    /// W6: the request names another host than the asker's, or its answer would go elsewhere.
    RequestHost(String) = "request_host", "{0}";
    /// W6: nobody vouches for who asks.
    RequestUnsigned = "request_unsigned", "the question has no signature, and no browser vouches for where it comes from";
    /// W6: the signature does not fit the key in the platform directory.
    RequestSignature = "request_signature", "the signature is not that of the site that the question names";
    /// W6: the host is not in the platform directory.
    AskerUnknown(String) = "asker_unknown", "{0} is not in your authority's directory of sites";
    /// W7: this kind of link is not given over this channel.
    LinkNotHere = "link_not_here", "the scanned code asks for a log-in or a counted answer";
    /// The request is too old.
    RequestExpired(Timestamp) = "request_expired", "the time to answer ended at {0}";
    /// W1: `valid_on` is not today.
    RequestDate(String) = "request_date", "the question is for {0}, which is not today";
    /// W2, W3: a threshold outside the closed lists.
    ThresholdNotAllowed(&'static str) = "threshold_not_allowed", "the value of `{0}` is not on the list of values that sites may ask for";
    /// W4: other predicates than those that were answered before.
    PredicatesPinned(String) = "predicates_pinned", "{0}";
    /// W5: the answer would tell the birthday.
    AgeThisMonth(MonthOverride) = "age_this_month", "the answer changes during this month";
    /// W8: too few people share what would be told.
    CrowdTooSmall(u64) = "crowd_too_small", "about {0} people fit this question, and 1,000 are needed";
    /// W9: a credential with a signature, commitment, link or attribute that the wallet cannot explain.
    AttributesUnexplained(String) = "attributes_unexplained", "{0}";
    /// The request is for a circuit whose key this wallet does not have.
    CircuitUnknown(CircuitId) = "circuit_unknown", "the site uses the key {0}, which this wallet does not have";
    /// W8: what was fetched is not what the authority signed.
    EpochSignature(String) = "epoch_signature", "{0}";
    /// W8: a tree so small that it could have been made for one person.
    EpochBelowFloor(u64) = "epoch_below_floor", "the authority's list has {0} people, and 1,000 are needed";
    /// W8: the newest epoch that was synced is too old.
    EpochsStale(String) = "epochs_stale", "{0}";
    /// W9: the wallet has no leaf in the sealed tree (yet).
    NotEnrolled = "not_enrolled", "your entry has not been found in the list yet";
    /// S6: the document has expired.
    CredentialExpired = "credential_expired", "the last day of the document is over";
    /// The leaf was in the tree and is no longer.
    CredentialRemoved = "credential_removed", "your entry was in the list and is not in it any more";
    /// What is asked is not true for this person; names the part that does not fit.
    NotSatisfied(String) = "not_satisfied", "{0} does not fit";
    /// All pseudonyms of this scope are used up.
    NoSlotLeft = "no_slot_left", "all answers of this period are used";
    /// The file is whole, but not for this passphrase.
    PassphraseWrong = "passphrase_wrong", "this passphrase does not open the wallet";
    /// No file of this kind.
    FileDamaged(String) = "file_damaged", "{0}";
    /// The person said no.
    Declined = "declined", "declined";
}
