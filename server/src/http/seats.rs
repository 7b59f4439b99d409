//! The cap on connections. When every seat is taken, whoever has kept the server waiting longest goes:
//! a connection between requests, or one whose request has not arrived whole. So a crowd that connects
//! and stalls drives out itself, and an honest request that is sent at once finds a seat.

use super::metrics::Metrics;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// All seats of a listener.
pub(super) struct Room {
    free: Arc<Semaphore>,
    /// Who waits for what its client sends, longest first.
    waiting: Mutex<BTreeMap<u64, Arc<Notify>>>,
    tickets: AtomicU64,
    counts: Option<Metrics>,
}

/// A connection's.
pub(super) struct Seat {
    room: Arc<Room>,
    ticket: Mutex<Option<u64>>,
    gone: Arc<Notify>,
    _permit: OwnedSemaphorePermit,
}

impl Room {
    pub(super) fn new(seats: usize, counts: Option<Metrics>) -> Arc<Room> {
        let free = Arc::new(Semaphore::new(seats.min(Semaphore::MAX_PERMITS)));
        Arc::new(Room { free, waiting: Mutex::default(), tickets: AtomicU64::new(0), counts })
    }

    /// A seat for one more connection, if need be somebody else's.
    pub(super) async fn seat(self: &Arc<Room>) -> Seat {
        let permit = loop {
            if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
                break permit;
            }
            self.clear_one();
            // Free as soon as that connection is gone. If all of them work, one will have finished soon.
            let permit = timeout(Duration::from_millis(50), Arc::clone(&self.free).acquire_owned()).await;
            if let Ok(Ok(permit)) = permit {
                break permit;
            }
        };
        if let Some(counts) = &self.counts {
            counts.connection_opened();
        }
        let seat = Seat {
            room: Arc::clone(self),
            ticket: Mutex::new(None),
            gone: Arc::new(Notify::new()),
            _permit: permit,
        };
        seat.waits();
        seat
    }

    /// Sends away whoever has waited longest. Says whether there was anybody.
    pub(super) fn clear_one(&self) -> bool {
        let longest = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_first();
        let Some((_, gone)) = longest else { return false };
        gone.notify_one();
        if let Some(counts) = &self.counts {
            counts.connection_driven_out();
        }
        true
    }
}

impl Seat {
    /// From now on it is the client that keeps us waiting.
    pub(super) fn waits(&self) {
        let next = self.room.tickets.fetch_add(1, Ordering::Relaxed);
        let mut ticket = self.ticket.lock().unwrap_or_else(PoisonError::into_inner);
        let mut waiting = self.room.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = ticket.replace(next) {
            waiting.remove(&old);
        }
        waiting.insert(next, Arc::clone(&self.gone));
    }

    /// From now on it is the server that works.
    pub(super) fn works(&self) {
        let old = self.ticket.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(old) = old {
            self.room.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&old);
        }
    }

    /// Ready when the seat is wanted for somebody else. Whoever has begun to work meanwhile stays.
    pub(super) async fn wanted(&self) {
        loop {
            self.gone.notified().await;
            if self.ticket.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
                return;
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.works();
        if let Some(counts) = &self.room.counts {
            counts.connection_closed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_longest_makes_room() {
        let room = Room::new(3, None);
        let (first, second, third) = (room.seat().await, room.seat().await, room.seat().await);
        // The first has sent its request and is worked for; the second asks anew and is not the longest.
        first.works();
        second.waits();
        let crowd = Arc::clone(&room);
        let fourth = tokio::spawn(async move { crowd.seat().await });
        timeout(Duration::from_secs(5), third.wanted()).await.unwrap();
        drop(third);
        let fourth = fourth.await.unwrap();
        assert!(timeout(Duration::from_millis(1), first.wanted()).await.is_err());
        assert!(timeout(Duration::from_millis(1), second.wanted()).await.is_err());
        assert_eq!(room.waiting.lock().unwrap().len(), 2);
        drop((first, second, fourth));
        assert_eq!((room.waiting.lock().unwrap().len(), room.free.available_permits()), (0, 3));
    }

    #[tokio::test]
    async fn who_began_to_work_stays() {
        let room = Room::new(1, None);
        let only = room.seat().await;
        assert!(room.clear_one());
        only.works();
        assert!(timeout(Duration::from_millis(20), only.wanted()).await.is_err());
        assert!(!room.clear_one());
    }
}
