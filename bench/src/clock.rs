//! Wall time, processor time and memory of this process.

use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// What a piece of work took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Took {
    /// From its beginning to its end.
    pub wall: Duration,
    /// Processor time of all threads of this process meanwhile.
    pub cpu: Duration,
}

/// A beginning.
#[derive(Debug, Clone, Copy)]
pub struct Begun {
    wall: Instant,
    cpu: Duration,
}

impl Begun {
    /// Now.
    pub fn now() -> Begun {
        let cpu = processor_time();
        Begun { wall: Instant::now(), cpu }
    }

    /// Since then.
    pub fn took(self) -> Took {
        let wall = self.wall.elapsed();
        Took { wall, cpu: processor_time().saturating_sub(self.cpu) }
    }
}

/// User and system time of all threads since the process began.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Milliseconds.
pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Most bytes that this process has had in memory since it began. `None` where the system does not say it under
/// `/proc` (anywhere but on Linux).
pub fn peak_rss() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_processor_time_and_waiting_does_not() {
        let begun = Begun::now();
        let mut x = 1u64;
        while begun.wall.elapsed() < Duration::from_millis(30) {
            x = std::hint::black_box(x.wrapping_mul(6_364_136_223_846_793_005));
        }
        assert!(begun.took().cpu > Duration::from_millis(5), "{:?}", begun.took());
        let waiting = Begun::now();
        std::thread::sleep(Duration::from_millis(30));
        let took = waiting.took();
        assert!(took.wall >= Duration::from_millis(30), "{took:?}");
    }

    #[test]
    fn memory_only_grows() {
        if let Some(before) = peak_rss() {
            let block = vec![1u8; 8 << 20];
            assert!(std::hint::black_box(&block).len() == 8 << 20);
            assert!(peak_rss().is_some_and(|after| after >= before));
        }
    }
}
