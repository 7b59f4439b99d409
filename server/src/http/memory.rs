//! For tests: what stands in this process's memory.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

/// Held while a test looks: one that looks holds copies of what another has planted.
pub(crate) static ALONE: Mutex<()> = Mutex::const_new(());

/// A text that is kept only in a form that is not the text itself.
pub(crate) struct Planted(Vec<u8>);

const MASK: u8 = 0xa5;

impl Planted {
    /// Of 64 random letters.
    pub(crate) fn new() -> Planted {
        let letter = |_| (rand::random::<u8>() % 26 + b'a') ^ MASK;
        Planted((0..64).map(letter).collect())
    }

    /// A copy in clear.
    pub(crate) fn clear(&self) -> Vec<u8> {
        self.0.iter().map(|byte| byte ^ MASK).collect()
    }

    /// Whether a copy stands in memory: its middle, because an allocator writes over the edges of what is freed.
    pub(crate) fn is_in_memory(&self) -> bool {
        let (middle, maps) = (&self.0[16..48], fs::read_to_string("/proc/self/maps").unwrap());
        let memory = File::open("/proc/self/mem").unwrap();
        maps.lines().filter(|line| line.contains(" rw")).any(|line| {
            let (from, to) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
            let [from, to] = [from, to].map(|digits| u64::from_str_radix(digits, 16).unwrap());
            // Wiped: what was found in one place would else stand in another.
            let mut bytes = Zeroizing::new(vec![0; usize::try_from(to - from).unwrap()]);
            // Some regions cannot be read; none of them is an allocator's.
            let readable = memory.read_exact_at(&mut bytes, from).is_ok();
            readable && bytes.windows(32).any(|window| window.iter().zip(middle).all(|(a, b)| *a == b ^ MASK))
        })
    }
}
