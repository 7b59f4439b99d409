//! Answers to one request are judged one after the other, so that each sees what the one before has used up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::OwnedMutexGuard;

type Lock = Arc<tokio::sync::Mutex<()>>;

/// A lock for each request that somebody is answering.
#[derive(Debug, Default)]
pub struct Turns(Mutex<HashMap<String, Lock>>);

/// The right to judge an answer to one request, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    turns: Arc<Turns>,
    id: String,
    /// `None` while the turn is waited for.
    held: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits until no other answer to this request is judged.
    pub async fn take(self: &Arc<Turns>, id: &str) -> Turn {
        let lock = Arc::clone(self.locks().entry(id.to_owned()).or_default());
        // Made before the waiting: whoever gives up waiting drops it and cleans up.
        let mut turn = Turn { turns: Arc::clone(self), id: id.to_owned(), held: None };
        turn.held = Some(lock.lock_owned().await);
        turn
    }

    fn locks(&self) -> MutexGuard<'_, HashMap<String, Lock>> {
        // Each change of the map is one call, so what a poisoned lock guards is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.held = None;
        let mut locks = self.turns.locks();
        // Who waits or judges has a clone. Clones are made with the map locked.
        if locks.get(&self.id).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            locks.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn one_at_a_time_and_nothing_is_left() {
        let turns = Arc::new(Turns::default());
        let inside = Arc::new(AtomicUsize::new(0));
        let tasks = (0..40).map(|n| {
            let (turns, inside) = (Arc::clone(&turns), Arc::clone(&inside));
            tokio::spawn(async move {
                let turn = turns.take("a").await;
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                // Another request does not wait for this one.
                drop(timeout(Duration::from_secs(5), turns.take(&format!("b{n}"))).await.unwrap());
                inside.fetch_sub(1, Ordering::SeqCst);
                drop(turn);
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert!(turns.locks().is_empty());
    }

    #[tokio::test]
    async fn who_gives_up_leaves_nothing_behind() {
        let turns = Arc::new(Turns::default());
        let held = turns.take("a").await;
        let wait = Duration::from_millis(20);
        assert!(timeout(wait, turns.take("a")).await.is_err(), "the control: it is taken");
        assert_eq!(turns.locks().len(), 1);
        drop(held);
        assert!(turns.locks().is_empty());
        let held = turns.take("a").await;
        let waiting = tokio::spawn({
            let turns = Arc::clone(&turns);
            async move { timeout(wait, turns.take("a")).await.is_err() }
        });
        assert!(waiting.await.unwrap());
        drop(held);
        assert!(turns.locks().is_empty());
    }
}
