//! Programs that wait for the outcome of a request (`GET …/result?wait=30`). A waiting client holds an
//! entry here and nothing else: no thread, no database connection.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::timeout;

/// Longest time in seconds for which a client may wait in one request.
pub const MAX_WAIT: u64 = 30;
/// Clients that may wait for the outcome of one request, such as two tabs of one session.
const PER_REQUEST: usize = 4;

/// Everybody who waits.
#[derive(Debug)]
pub struct Waiting {
    most: usize,
    closed: AtomicBool,
    requests: Mutex<HashMap<String, Entry>>,
}

#[derive(Debug, Default)]
struct Entry {
    clients: usize,
    changed: Arc<Notify>,
}

/// One client's place; given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    waiting: Arc<Waiting>,
    id: String,
    changed: Arc<Notify>,
}

impl Waiting {
    /// Room for so many clients at one time.
    pub fn new(most: usize) -> Arc<Waiting> {
        Arc::new(Waiting { most, closed: AtomicBool::new(false), requests: Mutex::default() })
    }

    /// A place, unless too many clients wait already: in all, or for this request.
    pub fn join(self: &Arc<Waiting>, id: &str) -> Option<Place> {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = requests.values().map(|entry| entry.clients).sum();
        let here = requests.get(id).map_or(0, |entry| entry.clients);
        if all >= self.most || here >= PER_REQUEST {
            return None;
        }
        let entry = requests.entry(id.to_owned()).or_default();
        entry.clients += 1;
        let changed = Arc::clone(&entry.changed);
        Some(Place { waiting: Arc::clone(self), id: id.to_owned(), changed })
    }

    /// The state of a request may have changed.
    pub fn wake(&self, id: &str) {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = requests.get(id) {
            entry.changed.notify_waiters();
        }
    }

    /// The server stops: everybody is answered at once, and nobody waits any more.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in requests.values() {
            entry.changed.notify_waiters();
        }
    }

    #[cfg(test)]
    fn clients(&self) -> usize {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.values().map(|entry| entry.clients).sum()
    }
}

impl Place {
    /// From the call on, no change is missed. Look at the state after this call and before the wait.
    pub fn watch(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Waits for a change, for at most this time. Does not wait while the server stops.
    pub async fn wait(&self, change: Notified<'_>, time: Duration) {
        if !self.waiting.closed.load(Ordering::SeqCst) {
            // Both ends are the same to the caller, who looks at the state again.
            let _ = timeout(time, change).await;
        }
    }

    /// Whether the server stops.
    pub fn is_closed(&self) -> bool {
        self.waiting.closed.load(Ordering::SeqCst)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut requests = self.waiting.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = requests.get_mut(&self.id) {
            entry.clients -= 1;
            if entry.clients == 0 {
                requests.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_few_and_are_given_back() {
        let waiting = Waiting::new(6);
        let of = |id: &str| waiting.join(id);
        let mine: Vec<_> = (0..PER_REQUEST).map(|_| of("a").unwrap()).collect();
        assert!(of("a").is_none(), "a fifth for one request");
        let other = (of("b").unwrap(), of("c").unwrap());
        assert!(of("d").is_none(), "a seventh in all");
        drop(other);
        assert!(of("d").is_some());
        drop(mine);
        assert_eq!(waiting.clients(), 0);
        assert!(waiting.requests.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_change_between_looking_and_waiting_is_not_missed() {
        let waiting = Waiting::new(1);
        let place = waiting.join("a").unwrap();
        let change = place.watch();
        waiting.wake("a");
        let waited = timeout(Duration::from_secs(5), place.wait(change, Duration::from_secs(60))).await;
        assert!(waited.is_ok());
        // The control: without a change it waits.
        let change = place.watch();
        assert!(
            timeout(Duration::from_millis(50), place.wait(change, Duration::from_secs(60))).await.is_err()
        );
        waiting.close();
        let change = place.watch();
        assert!(timeout(Duration::from_secs(5), place.wait(change, Duration::from_secs(60))).await.is_ok());
    }
}
