//! Registrars and their tokens. A token is shown once, so it is shown before it counts: what could not be
//! shown was never given.

use super::{Authority, plain_text};
use crate::error::RegistryError;
use crate::token;
use rand::{CryptoRng, RngCore};
use veilpass_protocol::day::Timestamp;
use zeroize::Zeroizing;

/// A token that was drawn for a registrar. It is worth nothing until [`Authority::keep_registrar`].
pub struct NewRegistrar {
    name: String,
    token: Zeroizing<String>,
    hash: [u8; 32],
    replaces: bool,
}

impl NewRegistrar {
    /// The registrar's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The token, to be shown once.
    pub fn token(&self) -> &str {
        &self.token
    }
}

impl Authority {
    /// Draws a token for a new registrar, or with `replaces` for one who is there, whose token so far is then
    /// worth nothing. Nothing is changed yet.
    pub async fn draw_registrar<R: RngCore + CryptoRng>(
        &self,
        name: &str,
        replaces: bool,
        rng: &mut R,
    ) -> Result<NewRegistrar, RegistryError> {
        let name = if replaces { name } else { plain_text(name, 200, "a registrar's name")? };
        if self.store.has_registrar(name).await? != replaces {
            return Err(misnamed(name, replaces));
        }
        let (token, hash) = token::generate(rng);
        Ok(NewRegistrar { name: name.to_owned(), token: Zeroizing::new(token), hash, replaces })
    }

    /// From now on the token that was drawn is the registrar's.
    pub async fn keep_registrar(&self, new: &NewRegistrar, now: Timestamp) -> Result<(), RegistryError> {
        let kept = match new.replaces {
            true => self.store.replace_registrar_token(&new.name, &new.hash).await?,
            false => self.store.add_registrar(&new.name, &new.hash, now).await?,
        };
        kept.then_some(()).ok_or_else(|| misnamed(&new.name, new.replaces))
    }

    /// Adds a registrar and returns the token, which is stored hashed.
    pub async fn add_registrar<R: RngCore + CryptoRng>(
        &self,
        name: &str,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<String, RegistryError> {
        let new = self.draw_registrar(name, false, rng).await?;
        self.keep_registrar(&new, now).await?;
        Ok(new.token().to_owned())
    }

    /// The registrars, by name, with the time of the admission.
    pub async fn registrars(&self) -> Result<Vec<(String, Timestamp)>, RegistryError> {
        Ok(self.store.registrars().await?)
    }

    /// Removes a registrar: the token is worth nothing from then on. Applications of the registrar that
    /// are confirmed are sealed; the others are erased, for who filed them may have held a stolen token.
    /// Gives how many were erased.
    pub async fn remove_registrar(&self, name: &str, now: Timestamp) -> Result<u64, RegistryError> {
        let erased = self.store.remove_registrar(name, now).await?;
        erased.ok_or_else(|| misnamed(name, true))
    }
}

fn misnamed(name: &str, replaces: bool) -> RegistryError {
    match replaces {
        true => RegistryError::Argument(format!("there is no registrar of the name {name}")),
        false => RegistryError::RegistrarExists(name.to_owned()),
    }
}
