//! A list that stores its first elements inline.

use std::iter::{Chain, Flatten};
use std::{array, vec};

/// Stores up to `N` elements without allocating.
#[derive(Debug)]
pub(crate) struct SmallList<T, const N: usize = 1> {
    first: [Option<T>; N],
    rest: Vec<T>,
}

impl<T, const N: usize> Default for SmallList<T, N> {
    fn default() -> Self {
        Self { first: [const { None }; N], rest: Vec::new() }
    }
}

impl<T, const N: usize> SmallList<T, N> {
    pub(crate) fn is_empty(&self) -> bool {
        self.get(0).is_none()
    }

    pub(crate) fn push(&mut self, element: T) {
        match self.first.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(element),
            None => self.rest.push(element),
        }
    }

    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        match at.checked_sub(N) {
            None => self.first.get(at)?.as_ref(),
            Some(at) => self.rest.get(at),
        }
    }

    #[cfg(feature = "cache")]
    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        match at.checked_sub(N) {
            None => self.first.get_mut(at)?.as_mut(),
            Some(at) => self.rest.get_mut(at),
        }
    }

    /// Removes an element; those behind it move up.
    #[cfg(feature = "cache")]
    pub(crate) fn remove(&mut self, at: usize) -> Option<T> {
        let take = |rest: &mut Vec<T>, at| (at < rest.len()).then(|| rest.remove(at));
        match at.checked_sub(N) {
            Some(at) => take(&mut self.rest, at),
            None => {
                let removed = self.first[at].take()?;
                self.first[at..].rotate_left(1);
                self.first[N - 1] = take(&mut self.rest, 0);
                Some(removed)
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().flatten().chain(&self.rest)
    }
}

impl<T, const N: usize> IntoIterator for SmallList<T, N> {
    type Item = T;
    type IntoIter = Chain<Flatten<array::IntoIter<Option<T>, N>>, vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().flatten().chain(self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_keep_the_order_of_their_pushes() {
        fn check<const N: usize>(count: usize) {
            let mut list = SmallList::<_, N>::default();
            assert!(list.is_empty());
            (0..count).for_each(|element| list.push(element));
            assert!(list.iter().copied().eq(0..count));
            assert!((0..=count).all(|at| list.get(at).copied() == (at < count).then_some(at)));
            assert!(list.into_iter().eq(0..count));
        }
        (0..6).for_each(check::<1>);
        (0..6).for_each(check::<3>);
    }

    #[cfg(feature = "cache")]
    #[test]
    fn those_behind_a_removed_element_move_up() {
        fn check<const N: usize>(count: usize) {
            for at in 0..=count {
                let mut list = SmallList::<_, N>::default();
                (0..count).for_each(|element| list.push(element));
                assert_eq!(list.remove(at), (at < count).then_some(at));
                list.push(count);
                let expected = (0..=count).filter(|element| *element != at || at == count);
                assert!(list.into_iter().eq(expected), "{N} {count} {at}");
            }
        }
        (0..6).for_each(check::<1>);
        (0..6).for_each(check::<3>);
    }
}
