//! The services of Veilpass: the authority's registry and a platform's requests, on folders and files.
//!
//! This crate owns IO and configuration; time and randomness are arguments throughout.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]
#![deny(missing_docs)]

pub mod authority;
pub mod backup;
pub mod client;
mod database;
mod error;
pub mod explain;
pub mod files;
pub mod http;
pub mod platform;
pub mod published;
#[doc(hidden)]
pub mod reading;
pub mod store;
pub mod token;
pub mod typed;

pub use error::{Blame, RegistryError};
