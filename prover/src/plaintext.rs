//! What is inside the encrypted files, read and written again without their encryption: for `fuzz/`,
//! which would otherwise spend its time on scrypt. No stable interface.

use crate::groth16::prepared::read_points;
use crate::refusal::Refusal;
use crate::state::State;
use crate::store::Store;
use crate::wallet::Wallet;
use zeroize::Zeroizing;

/// Reads the inside of a wallet file and writes it again.
pub fn wallet(plain: &[u8]) -> Result<Zeroizing<String>, Refusal> {
    Wallet::read(plain).map(|wallet| wallet.plain())
}

/// Reads the inside of a state file and writes it again.
pub fn state(plain: &[u8]) -> Result<Zeroizing<String>, Refusal> {
    State::read(plain).map(|state| state.plain())
}

/// Reads the inside of a file of prepared answers, the points included that are otherwise read when an answer is used, and
/// writes it again.
pub fn prepared(plain: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let store = Store::read(plain)?;
    for entry in &store.entries {
        if let Err(e) = read_points(&entry.state) {
            return Err(Refusal::FileDamaged(format!("what was prepared: {e}")));
        }
    }
    Ok(store.plain())
}
