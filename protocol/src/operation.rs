//! What a registrar applies for on behalf of a person (protocol.md, "Enrolment and the life of a
//! credential").

use crate::json::serde_as_text;
use std::fmt;
use std::str::FromStr;

/// An operation of the life of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// A first credential, for a person without a record.
    Enrol,
    /// Both secrets stay: the document was examined anew.
    Renew,
    /// A new device: same `C`, new `D`, old and new leaf change in one epoch.
    Rotate,
    /// A new `C`: the leaf waits out the old one's removal (RESET_WAIT).
    Reset,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Operation; 4] = [Operation::Enrol, Operation::Renew, Operation::Rotate, Operation::Reset];

    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::Enrol => "enrol",
            Operation::Renew => "renew",
            Operation::Rotate => "rotate",
            Operation::Reset => "reset",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an operation is one of enrol, renew, rotate, reset")]
pub struct UnknownOperation;

impl FromStr for Operation {
    type Err = UnknownOperation;

    fn from_str(text: &str) -> Result<Operation, UnknownOperation> {
        Operation::ALL.into_iter().find(|o| o.as_str() == text).ok_or(UnknownOperation)
    }
}

serde_as_text!(Operation);

#[cfg(test)]
mod tests {
    use super::*;

    /// serde's own reader of such an enum takes an object as well.
    #[test]
    fn a_name_and_nothing_else() {
        for operation in Operation::ALL {
            let text = format!("\"{operation}\"");
            assert_eq!(serde_json::from_str::<Operation>(&text).ok(), Some(operation));
            assert!(serde_json::from_str::<Operation>(&format!("{{{text}:null}}")).is_err());
        }
    }
}
