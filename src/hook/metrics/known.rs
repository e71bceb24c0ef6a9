//! Sets of names that may be values of a label.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::cache::Cache;
use crate::util::redact::redacted;

/// The label value for unknown names.
pub(super) const OTHER: &str = "other";

/// Longer names are not learned.
const LONGEST: usize = 128;

/// A known name, an unknown one, or none. Names are never forgotten, so an id keeps its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Id(u32);

impl Id {
    pub(super) const NONE: Self = Self(0);
    pub(super) const OTHER: Self = Self(1);

    /// The value of the label, for the name that has this id.
    pub(super) fn label(self, name: Option<&str>) -> Option<&str> {
        if self == Self::OTHER { Some(OTHER) } else { name }
    }

    /// The id if there is no room for more series.
    pub(super) fn folded(self) -> Self {
        if self == Self::NONE { self } else { Self::OTHER }
    }
}

/// A set of names that only grows, with a limit for names learned from traffic.
#[derive(Debug, Default)]
pub(super) struct Known {
    most: usize,
    ids: Cache<Box<str>, Id>,
    /// The number of names learned from traffic; locked while one is added.
    learned: Mutex<usize>,
    /// Whether the limit of learned names is reached.
    is_full: AtomicBool,
}

impl Known {
    pub(super) fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    pub(super) fn set_most(&mut self, most: usize) {
        self.most = most;
        *self.is_full.get_mut() = false;
    }

    pub(super) fn id(&self, name: Option<&str>) -> Id {
        name.map_or(Id::NONE, |name| self.ids.find(name).copied().unwrap_or(Id::OTHER))
    }

    /// The id of `name`. Calls `learn` if the name is not known.
    pub(super) fn id_or(&self, name: Option<&str>, learn: impl FnOnce(&str) -> Id) -> Id {
        match (self.id(name), name) {
            (Id::OTHER, Some(name)) => learn(name),
            (id, _) => id,
        }
    }

    /// Adds `name`, regardless of the limit.
    pub(super) fn add(&self, name: &str) -> Id {
        // One at a time, so that no two names get one id.
        let _learned = self.learned();
        self.add_locked(name)
    }

    fn learned(&self) -> MutexGuard<'_, usize> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add_locked(&self, name: &str) -> Id {
        let next = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
        *self.ids.get(&name.into(), || Id(next.saturating_add(Id::OTHER.0 + 1)))
    }

    /// Adds `name` if there is room.
    pub(super) fn learn(&self, name: &str) -> Id {
        self.learn_within(name, LONGEST)
    }

    /// Adds `name` if there is room and it has at most `longest` bytes.
    pub(super) fn learn_within(&self, name: &str, longest: usize) -> Id {
        if name.len() > longest || self.is_full.load(Ordering::Relaxed) {
            return Id::OTHER;
        }
        // A provider may echo a credential.
        if matches!(redacted(name), Cow::Owned(_)) {
            return Id::OTHER;
        }
        let mut learned = self.learned();
        if let Some(id) = self.ids.find(name) {
            return *id;
        }
        if *learned >= self.most {
            self.is_full.store(true, Ordering::Relaxed);
            return Id::OTHER;
        }
        *learned += 1;
        self.add_locked(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_learned_up_to_the_limit_and_kept() {
        let known = Known::new(2);
        let listed = known.add("listed");
        let [a, b] = ["a", "b"].map(|name| known.learn(name));
        assert_eq!(known.learn("c"), Id::OTHER);
        assert_eq!(known.learn("a"), Id::OTHER, "a full set is not searched: `id` does that");
        assert_eq!(["listed", "a", "b"].map(|name| known.id(Some(name))), [listed, a, b]);
        assert!(listed != a && a != b && a != Id::OTHER && a != Id::NONE);
        assert_eq!((known.id(Some("c")), known.id(None)), (Id::OTHER, Id::NONE));
        assert_ne!(known.add("c"), Id::OTHER, "what the host lists has no limit");
    }

    #[test]
    fn a_name_learned_twice_takes_one_place() {
        let known = Known::new(2);
        assert_eq!(known.learn("a"), known.learn("a"));
        assert_ne!(known.learn("b"), Id::OTHER);
    }

    #[test]
    fn long_names_are_not_learned() {
        let known = Known::new(2);
        assert_eq!(known.learn(&"a".repeat(129)), Id::OTHER);
        assert_ne!(known.learn(&"a".repeat(128)), Id::OTHER);
    }

    #[test]
    fn keys_of_every_kind_are_not_learned() {
        let known = Known::new(2);
        for key in crate::util::redact::samples() {
            assert_eq!(known.learn(&key), Id::OTHER, "{key}");
        }
    }

    #[test]
    fn keys_are_not_learned() {
        let known = Known::new(2);
        assert_eq!(known.learn("sk-abcdef012345"), Id::OTHER);
        assert_eq!(known.id(Some("sk-abcdef012345")), Id::OTHER);
    }
}
