//! A platform's side: its keys and its requests (contract §5, `platform …`).

mod keys;
mod request;

pub use keys::{NewPlatform, PlatformKeys};
pub use request::{MadeRequest, RequestOptions};
