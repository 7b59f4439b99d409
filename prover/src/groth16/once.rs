//! Values that are computed once, on several threads, by whoever needs them first.

use rayon::ThreadPoolBuilder;
use std::panic::resume_unwind;
use std::sync::OnceLock;

/// A value that is made when it is asked for first.
pub(super) struct Once<T>(OnceLock<T>);

impl<T: Send + Sync> Once<T> {
    pub fn new() -> Once<T> {
        Once(OnceLock::new())
    }

    /// The value; `make` may use rayon.
    ///
    /// It runs in a pool of its own. A thread of the common pool that waits for a part of the value takes up
    /// other work meanwhile. If that work asks for the same value, it waits for itself.
    pub fn get_or_make(&self, make: impl FnOnce() -> T + Send) -> &T {
        self.0.get_or_init(|| {
            let pool = ThreadPoolBuilder::new().num_threads(rayon::current_num_threads()).build();
            let Ok(pool) = pool else { return make() };
            // A thread of the common pool would take up other work in `install` as well; in `join` it does not.
            let made = std::thread::scope(|scope| scope.spawn(|| pool.install(make)).join());
            made.unwrap_or_else(|panic| resume_unwind(panic))
        })
    }
}
