//! Passphrases: from a file, from `VEILPASS_PASSPHRASE`, or typed (contract §1).

use crate::common::{read_text, terminal};
use crate::outcome::Failure;
use crate::prompt;
use secrecy::SecretString;
use std::path::Path;
use zeroize::Zeroizing;

/// The passphrase of `what` ("wallet", "backup"). `again`: a new one, which is typed twice.
pub fn read(file: Option<&Path>, what: &str, again: bool) -> Result<SecretString, Failure> {
    let text = text(file, what, again)?;
    if text.is_empty() {
        return Err(Failure::Usage("an empty passphrase protects nothing; choose a long one".into()));
    }
    Ok(SecretString::from((*text).clone()))
}

fn text(file: Option<&Path>, what: &str, again: bool) -> Result<Zeroizing<String>, Failure> {
    if let Some(file) = file {
        let text = Zeroizing::new(read_text(file)?);
        // A passphrase may begin or end with a space; the end of its line is not part of it.
        return Ok(Zeroizing::new(text.trim_end_matches(['\n', '\r']).to_owned()));
    }
    if let Ok(text) = std::env::var("VEILPASS_PASSPHRASE") {
        return Ok(Zeroizing::new(text));
    }
    if !terminal() {
        let how = format!(
            "a {what} needs a passphrase: set VEILPASS_PASSPHRASE, or name a file with --passphrase-file"
        );
        return Err(Failure::Usage(how));
    }
    let first = prompt::secret(&format!("Passphrase of the {what}: "))?;
    if again && *first != *prompt::secret("Once more: ")? {
        return Err(Failure::Usage("the two passphrases differ".into()));
    }
    Ok(first)
}
