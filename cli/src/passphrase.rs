//! Passphrases: from a file, from `VEILPASS_PASSPHRASE`, or typed (contract §1).

use crate::common::{read_text, terminal};
use crate::outcome::Failure;
use crate::prompt;
use secrecy::SecretString;
use std::collections::BTreeSet;
use std::path::Path;
use zeroize::Zeroizing;

/// The passphrase of `what` ("wallet", "backup"). `again`: a new one, which is typed twice.
pub fn read(file: Option<&Path>, what: &str, again: bool) -> Result<SecretString, Failure> {
    let text = text(file, what, again)?;
    if text.is_empty() {
        return Err(Failure::Usage("an empty passphrase protects nothing; choose a long one".into()));
    }
    if again {
        check_new(&text)?;
    }
    Ok(SecretString::from((*text).clone()))
}

/// Letters that a new passphrase has at least. Whoever has the file can try passphrases for as long as they
/// like, so more than the 8 of NIST SP 800-63B, where a server counts the tries.
const SHORTEST: usize = 12;
/// Different letters that it has at least.
const DIFFERENT: usize = 5;

/// That a new passphrase is not guessed at once.
fn check_new(text: &str) -> Result<(), Failure> {
    let letters: BTreeSet<char> = text.chars().collect();
    if text.chars().count() >= SHORTEST && letters.len() >= DIFFERENT {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "this passphrase is easy to guess; nothing was made. Take at least {SHORTEST} letters, for example five words \
         that do not belong together"
    )))
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
    if !again {
        return prompt::secret(&format!("Passphrase of the {what}: "));
    }
    let first = prompt::secret(&format!("Passphrase of the {what}, at least {SHORTEST} letters: "))?;
    check_new(&first)?;
    if *first != *prompt::secret("Once more: ")? {
        return Err(Failure::Usage("the two passphrases differ; nothing was made".into()));
    }
    Ok(first)
}
