//! Threads for one call. The standard library's are enough: a platform links no thread pool for them.

use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::thread::{Builder, scope};

/// Splits the items into at most `threads` parts of nearly equal length, works on each in a thread of its own, and
/// returns the results in order. The caller's thread takes the first part, and every part for which no thread can be
/// started.
pub fn spread<T: Sync, U: Send>(
    threads: NonZeroUsize,
    items: &[T],
    work: impl Fn(&[T]) -> U + Sync,
) -> Vec<U> {
    let length = items.len().div_ceil(threads.get()).max(1);
    let mut parts = items.chunks(length);
    let Some(first) = parts.next() else { return Vec::new() };
    let work = &work;
    scope(|scope| {
        let others: Vec<_> =
            parts.map(|part| (part, Builder::new().spawn_scoped(scope, move || work(part)))).collect();
        let mut results = vec![work(first)];
        for (part, thread) in others {
            results.push(match thread {
                Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
                Err(_) => work(part),
            });
        }
        results
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_once_and_in_order() {
        for n in 0..20usize {
            let items: Vec<usize> = (0..n).collect();
            for threads in 1..7 {
                let threads = NonZeroUsize::new(threads).unwrap();
                let parts = spread(threads, &items, <[usize]>::to_vec);
                assert!(parts.len() <= threads.get() && parts.iter().all(|p| !p.is_empty()));
                assert_eq!(parts.concat(), items);
            }
        }
    }

    #[test]
    #[should_panic(expected = "as asked")]
    fn a_panic_is_passed_on() {
        spread(NonZeroUsize::new(3).unwrap(), &[1, 2, 3], |part| assert_ne!(part, [3], "as asked"));
    }
}
