//! Checks of the bench itself, and a guard on ratios.

use std::sync::{Mutex, MutexGuard, PoisonError};

mod guard;
mod probes;
mod whole;

/// Held by whatever measures: processor time is that of the whole process.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
