//! A platform's side: its keys, its requests (contract §5, `platform …`) and its service (contract §8).

mod checker;
mod counts;
mod described;
pub(crate) mod desk;
mod epochs;
mod health;
mod in_test;
mod inspect;
mod keys;
mod request;
mod restore;
mod routes;
mod service;
mod store;
mod turns;
mod waiting;

pub use inspect::{Inspection, inspect};
pub use keys::{DraftPlatform, NewPlatform, NewToken, PlatformKeys};
pub use request::{DEFAULT_TTL, MadeRequest, RequestOptions, predicates_from_json};
pub use restore::{RestoredPlatform, backup, restore, restore_in_place};
pub use routes::description;
pub use service::{EPOCHS_EVERY, PlatformService, PlatformServiceError, PlatformSettings};
