//! A table of counters, bounded in number.

use std::collections::HashMap;
use std::ops::{Index, IndexMut};

use super::hash::DigestHash;
use crate::control::limits::store::Counter;
use crate::control::limits::window::{Count, capacity};
use crate::settings::limits::Window;

/// A full table removes one in so many of its counters at once, so that it does not look through
/// all of them at each insertion.
const FREED: usize = 16;

/// Counters by their digests.
pub(super) struct Table {
    places: HashMap<Counter, Place, DigestHash>,
    slots: Vec<Slot>,
    capacity: usize,
    moves: u64,
    evicted: u64,
}

/// The place of a counter, valid until a counter moves.
#[derive(Clone, Copy)]
pub(super) struct Place(u32);

pub(super) struct Slot {
    pub(super) counter: Counter,
    pub(super) window: Window,
    pub(super) limit: u64,
    pub(super) count: Count,
}

impl Table {
    pub(super) fn new(capacity: usize) -> Self {
        let capacity = capacity.min(u32::MAX as usize);
        let places = HashMap::with_hasher(DigestHash::new());
        Self { places, slots: Vec::new(), capacity, moves: 0, evicted: 0 }
    }

    pub(super) fn find(&self, counter: &Counter) -> Option<Place> {
        self.places.get(counter).copied()
    }

    /// Inserts a counter that is not in the table. A full table removes others.
    pub(super) fn insert(&mut self, slot: Slot, now: u64) {
        if self.slots.len() >= self.capacity {
            self.make_room(now);
        }
        self.places.insert(slot.counter, place(self.slots.len()));
        self.slots.push(slot);
    }

    /// How often places have changed.
    pub(super) fn moves(&self) -> u64 {
        self.moves
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// How many counters were removed though they still counted.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    fn make_room(&mut self, now: u64) {
        self.moves += 1;
        for index in (0..self.slots.len()).rev() {
            let slot = &mut self.slots[index];
            slot.count.advance(slot.window, slot.limit, now);
            if slot.count.is_empty() {
                self.remove(index);
            }
        }
        let goal = self.capacity - (self.capacity / FREED).max(1);
        let Some(excess) = self.slots.len().checked_sub(goal).filter(|excess| *excess > 0) else {
            return;
        };
        let by_rank = self.slots.iter().map(|slot| slot.rank(now)).zip(0_u32..);
        let mut by_rank: Vec<_> = by_rank.collect();
        let (least, last, _) = by_rank.select_nth_unstable(excess - 1);
        let mut least: Vec<_> = least.iter().chain([&*last]).map(|(_, index)| *index).collect();
        // From the back, so that no gap is filled by a counter that is to be removed.
        least.sort_unstable();
        for index in least.into_iter().rev() {
            self.remove(index as usize);
        }
        self.evicted += excess as u64;
    }

    fn remove(&mut self, index: usize) {
        let removed = self.slots.swap_remove(index);
        self.places.remove(&removed.counter);
        if let Some(moved) = self.slots.get(index) {
            self.places.insert(moved.counter, place(index));
        }
    }
}

impl Slot {
    /// How much would be lost with it: the share of its limit in use, then how long it still
    /// counts.
    fn rank(&self, now: u64) -> (u32, u64) {
        let in_use = self.count.in_use(self.window, now) as f64;
        let share = in_use / capacity(self.window, self.limit).max(1) as f64;
        // The cast saturates.
        let share = (share * 65_536.0) as u32;
        (share, self.count.resets_after(self.window, self.limit, now))
    }
}

fn place(index: usize) -> Place {
    // The capacity is smaller.
    Place(index as u32)
}

impl Index<Place> for Table {
    type Output = Slot;

    fn index(&self, place: Place) -> &Slot {
        &self.slots[place.0 as usize]
    }
}

impl IndexMut<Place> for Table {
    fn index_mut(&mut self, place: Place) -> &mut Slot {
        &mut self.slots[place.0 as usize]
    }
}
