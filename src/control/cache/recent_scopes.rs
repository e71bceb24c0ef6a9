//! The scopes of recent requests: comparing names takes less time than digests of them.

use std::cell::RefCell;
use std::hash::BuildHasher as _;

use rapidhash::fast::RandomState;

use super::scopes::{self, CacheScope};

/// The maximum number of requests whose scopes a thread remembers.
const MOST: usize = 64;

/// Longer names are not remembered.
const LONGEST: usize = 256;

/// The names that a purge can use, as the request has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Names<'a> {
    pub(super) account: Option<&'a str>,
    pub(super) gateway: &'a str,
    /// The provider's slug.
    pub(super) provider: &'a str,
    /// Empty: the model is unknown.
    pub(super) model: &'a str,
}

/// The scopes of these names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scopes {
    pub(super) gateway: CacheScope,
    pub(super) provider: CacheScope,
    pub(super) model: CacheScope,
}

/// Each place has the last request whose names belong there.
struct Recent {
    places: [Option<Known>; MOST],
    hasher: RandomState,
}

struct Known {
    /// Account, gateway, provider and model.
    names: [String; 4],
    has_account: bool,
    scopes: Scopes,
}

thread_local! {
    static RECENT: RefCell<Recent> = RefCell::new(Recent {
        places: [const { None }; MOST],
        hasher: RandomState::new(),
    });
}

impl Names<'_> {
    pub(super) fn scopes(&self) -> Scopes {
        if self.all().iter().any(|name| name.len() > LONGEST) {
            return self.digests();
        }
        let known = RECENT.try_with(|recent| recent.borrow_mut().scopes(self));
        known.unwrap_or_else(|_| self.digests())
    }

    fn all(&self) -> [&str; 4] {
        let Self { account, gateway, provider, model } = *self;
        [account.unwrap_or_default(), gateway, provider, model]
    }

    fn digests(&self) -> Scopes {
        let gateway = scopes::of_gateway(self.account, self.gateway);
        let provider = scopes::of_provider(gateway, self.provider);
        Scopes { gateway, provider, model: scopes::of_model(gateway, self.model) }
    }
}

impl Recent {
    fn scopes(&mut self, names: &Names<'_>) -> Scopes {
        let place = self.hasher.hash_one(names) as usize % MOST;
        let place = &mut self.places[place];
        match place {
            Some(known) if known.is_of(names) => known.scopes,
            _ => {
                let scopes = names.digests();
                let mut own = place.take().map(|known| known.names).unwrap_or_default();
                for (own, name) in own.iter_mut().zip(names.all()) {
                    // In place, so that only the first requests allocate.
                    own.clear();
                    own.push_str(name);
                }
                *place = Some(Known { names: own, has_account: names.account.is_some(), scopes });
                scopes
            }
        }
    }
}

impl Known {
    fn is_of(&self, names: &Names<'_>) -> bool {
        self.has_account == names.account.is_some()
            && self.names.iter().zip(names.all()).all(|(own, name)| *own == *name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<'a>(account: Option<&'a str>, parts: [&'a str; 3]) -> Names<'a> {
        let [gateway, provider, model] = parts;
        Names { account, gateway, provider, model }
    }

    #[test]
    fn remembered_scopes_are_those_of_the_names() {
        let long = "x".repeat(LONGEST + 1);
        let mut all = vec![
            names(None, ["", "", ""]),
            names(Some(""), ["", "", ""]),
            names(Some("a"), ["b", "c", "d"]),
            names(Some("ab"), ["", "c", "d"]),
            names(None, ["ab", "c", "d"]),
            names(None, ["ab", "c", " D "]),
            names(None, ["ab", "cd", ""]),
            names(None, ["ab", "c", &long]),
        ];
        // More than are remembered, so that they replace each other.
        let numbers: Vec<_> = (0..4 * MOST).map(|number| number.to_string()).collect();
        all.extend(numbers.iter().map(|number| names(Some("a"), ["b", "c", number])));
        for _ in 0..2 {
            for one in &all {
                for _ in 0..2 {
                    assert_eq!(one.scopes(), one.digests(), "{one:?}");
                }
            }
        }
    }

    #[test]
    fn scopes_are_remembered() {
        let one = names(Some("a"), ["remembered", "c", "d"]);
        let scopes = one.scopes();
        RECENT.with_borrow_mut(|recent| {
            let mut known = recent.places.iter_mut().flatten();
            let known = known.find(|known| known.is_of(&one)).unwrap();
            assert_eq!(known.scopes, scopes);
            known.scopes.model = CacheScope([0; 16]);
        });
        assert_eq!(one.scopes().model, CacheScope([0; 16]));
    }
}
