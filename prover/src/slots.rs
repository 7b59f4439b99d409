//! Slots that were used up, and drawing the next (protocol.md, Objects): for `tokens` and `none`
//! uniformly among the unused ones, for `account` always slot 0.

use rand::{CryptoRng, Rng, RngCore};
use serde::{Deserialize, Serialize};
use veilpass_protocol::day::Day;
use veilpass_protocol::field::{Fr, serde_hex};
use veilpass_protocol::json::{nullable, objects};
use veilpass_protocol::scope::{LinkKind, ScopeParameters};

/// The slots of one scope that were used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UsedSlots {
    #[serde(with = "serde_hex")]
    scope: Fr,
    /// For `none`: the day of the scope, after which nobody can ask for it again.
    #[serde(deserialize_with = "nullable")]
    day: Option<Day>,
    /// Ascending.
    slots: Vec<u32>,
}

/// Every scope in which slots were used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct SlotBook(#[serde(deserialize_with = "objects")] Vec<UsedSlots>);

impl SlotBook {
    /// Whether the scope has a slot left.
    pub(crate) fn has_left(&self, parameters: &ScopeParameters) -> bool {
        parameters.link == LinkKind::Account
            || self.used(&parameters.scope()).len() < parameters.slots as usize
    }

    /// Draws an unused slot, uniformly; `None` if there is none. It does not mark it.
    pub(crate) fn draw<R: RngCore + CryptoRng>(
        &self,
        parameters: &ScopeParameters,
        rng: &mut R,
    ) -> Option<u32> {
        if parameters.link == LinkKind::Account {
            return Some(0);
        }
        let used = self.used(&parameters.scope());
        let unused = parameters.slots.checked_sub(u32::try_from(used.len()).ok()?)?;
        if unused == 0 {
            return None;
        }
        // The n-th unused slot: step over every used one that lies at or before it.
        let mut slot = rng.gen_range(0..unused);
        for taken in used {
            if *taken > slot {
                break;
            }
            slot += 1;
        }
        Some(slot)
    }

    /// Marks a slot as used, before anything is sent; slots of `none` from days past are forgotten.
    pub(crate) fn mark(&mut self, parameters: &ScopeParameters, slot: u32, today: Day) {
        self.0.retain(|used| used.day.is_none_or(|day| day.number() + 2 >= today.number()));
        if parameters.link == LinkKind::Account {
            return;
        }
        let scope = parameters.scope();
        let day = if parameters.link == LinkKind::None {
            u32::try_from(parameters.period).ok().and_then(Day::new)
        } else {
            None
        };
        match self.0.iter_mut().find(|used| used.scope == scope) {
            Some(used) => {
                if let Err(at) = used.slots.binary_search(&slot) {
                    used.slots.insert(at, slot);
                }
            }
            None => self.0.push(UsedSlots { scope, day, slots: vec![slot] }),
        }
    }

    /// Whether a slot can still be used.
    pub(crate) fn is_free(&self, parameters: &ScopeParameters, slot: u32) -> bool {
        slot < parameters.slots && !self.is_used(&parameters.scope(), slot)
    }

    /// Whether a slot of a scope was used.
    pub(crate) fn is_used(&self, scope: &Fr, slot: u32) -> bool {
        self.used(scope).binary_search(&slot).is_ok()
    }

    fn used(&self, scope: &Fr) -> &[u32] {
        self.0.iter().find(|used| used.scope == *scope).map_or(&[], |used| &used.slots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    fn tokens(slots: u32) -> ScopeParameters {
        ScopeParameters {
            link: LinkKind::Tokens,
            slots,
            rp: "forum.example".parse().unwrap(),
            context: Default::default(),
            period: 3,
        }
    }

    fn today() -> Day {
        Day::new(82_870).unwrap()
    }

    #[test]
    fn every_slot_once_and_then_none() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut book = SlotBook::default();
        let p = tokens(50);
        let mut seen = Vec::new();
        while let Some(slot) = book.draw(&p, &mut rng) {
            assert!(book.has_left(&p));
            book.mark(&p, slot, today());
            seen.push(slot);
        }
        assert!(!book.has_left(&p));
        assert_ne!(seen, (0..50).collect::<Vec<_>>(), "drawn, not counted");
        seen.sort();
        assert_eq!(seen, (0..50).collect::<Vec<_>>());
        assert!(book.has_left(&tokens(51)), "another number of slots is another scope");
    }

    #[test]
    fn unused_slots_are_equally_likely() {
        let mut rng = StdRng::seed_from_u64(2);
        let mut book = SlotBook::default();
        let p = tokens(6);
        for slot in [4, 0, 3] {
            book.mark(&p, slot, today());
        }
        let mut counts = [0u32; 6];
        for _ in 0..6000 {
            counts[book.draw(&p, &mut rng).unwrap() as usize] += 1;
        }
        for (slot, n) in counts.into_iter().enumerate() {
            let expected = if [1, 2, 5].contains(&slot) { 1800..2200 } else { 0..1 };
            assert!(expected.contains(&n), "slot {slot}: {n}");
        }
    }

    #[test]
    fn old_days_are_forgotten_and_tokens_are_not() {
        let mut book = SlotBook::default();
        let none =
            |day: u64| ScopeParameters { link: LinkKind::None, slots: 65_536, period: day, ..tokens(1) };
        book.mark(&none(82_870), 7, today());
        book.mark(&tokens(1), 0, today());
        book.mark(&none(82_872), 7, Day::new(82_872).unwrap());
        assert_eq!(book.used(&none(82_870).scope()), [7]);
        book.mark(&none(82_873), 7, Day::new(82_873).unwrap());
        assert_eq!(book.used(&none(82_870).scope()), [0u32; 0]);
        assert_eq!(book.used(&tokens(1).scope()), [0]);
    }

    #[test]
    fn accounts_have_slot_0_for_ever() {
        let mut book = SlotBook::default();
        let p = ScopeParameters { link: LinkKind::Account, slots: 1, period: 0, ..tokens(1) };
        book.mark(&p, 0, today());
        assert_eq!(book.draw(&p, &mut StdRng::seed_from_u64(3)), Some(0));
        assert_eq!(book, SlotBook::default());
    }
}
