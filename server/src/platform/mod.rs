//! A platform's side: its keys, its requests (contract §5, `platform …`) and its service (contract §8).

mod counts;
pub(crate) mod desk;
mod epochs;
mod health;
mod inspect;
mod keys;
mod request;
mod restore;
mod routes;
mod service;
mod store;

pub use inspect::{Inspection, inspect};
pub use keys::{DraftPlatform, NewPlatform, PlatformKeys};
pub use request::{DEFAULT_TTL, MadeRequest, RequestOptions};
pub use restore::{RestoredPlatform, backup, restore, restore_in_place};
pub use service::{EPOCHS_EVERY, PlatformService, PlatformServiceError, PlatformSettings};
