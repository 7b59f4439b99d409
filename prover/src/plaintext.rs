//! What is inside the two encrypted files, read and written again without their encryption: for `fuzz/`,
//! which would otherwise spend its time on scrypt. No stable interface.

use crate::refusal::Refusal;
use crate::state::State;
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
