//! Stores of entries.

mod error;
mod turn;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub use self::error::CacheStoreError;
pub use self::turn::{Broadcast, Followed, Turn};
use super::entry::CacheEntry;
use super::key::{CacheKey, CachePlace, CacheScope};
use super::sealed::KeySeal;
use crate::util::budget::BodyBudget;

/// Stores entries: in this process, in one place for many processes, or wherever the host likes.
///
/// A store knows nothing of requests. If a lookup fails or panics, the request goes to the provider.
///
/// A store in this process that takes no response over 64 KiB:
///
/// ```
/// use tower_ai_gateway::BodyBudget;
/// use tower_ai_gateway::control::ControlLayer;
/// use tower_ai_gateway::control::cache::{
///     CacheEntry, CacheFuture, CachePlace, CacheStore, Found, Generation, MemoryCache, Purge,
/// };
///
/// #[derive(Debug)]
/// struct Small(MemoryCache);
///
/// impl CacheStore for Small {
///     fn get<'a>(
///         &'a self,
///         place: &'a CachePlace,
///         budget: &'a BodyBudget,
///     ) -> CacheFuture<'a, Found> {
///         self.0.get(place, budget)
///     }
///
///     fn put<'a>(
///         &'a self,
///         place: &'a CachePlace,
///         entry: CacheEntry,
///         generation: Generation,
///     ) -> CacheFuture<'a, bool> {
///         let bytes: usize = entry.parts().frames.iter().map(|frame| frame.len()).sum();
///         match bytes <= 64 * 1024 {
///             true => self.0.put(place, entry, generation),
///             false => Box::pin(async { Ok(false) }),
///         }
///     }
///
///     fn purge<'a>(&'a self, what: &'a Purge) -> CacheFuture<'a, ()> {
///         self.0.purge(what)
///     }
/// }
///
/// let layer = ControlLayer::new().cache(Small(MemoryCache::new()));
/// # let _ = layer;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `CacheStore`",
    note = "`MemoryCache` keeps answers in this process, `RedisCache` (feature `redis`) for many"
)]
pub trait CacheStore: fmt::Debug + Send + Sync + 'static {
    /// Looks up an entry. A stale entry counts as found; a purged one, or one that is past its stale
    /// period, does not. A store that reads entries into memory counts them in `budget`, and finds no entry
    /// for which the budget has no room.
    fn get<'a>(&'a self, place: &'a CachePlace, budget: &'a BodyBudget) -> CacheFuture<'a, Found>;

    /// The generation of a place, as in [`Found::generation`]. Default: calls [`get`](Self::get).
    fn generation<'a>(
        &'a self,
        place: &'a CachePlace,
        budget: &'a BodyBudget,
    ) -> CacheFuture<'a, Generation> {
        Box::pin(async { Ok(self.get(place, budget).await?.generation) })
    }

    /// Stores an entry, unless its place was purged since [`Found::generation`] was read. Returns whether
    /// the entry is stored: false also if there is no room for it.
    fn put<'a>(
        &'a self,
        place: &'a CachePlace,
        entry: CacheEntry,
        generation: Generation,
    ) -> CacheFuture<'a, bool>;

    /// Purges entries, and keeps responses under way from being stored.
    fn purge<'a>(&'a self, what: &'a Purge) -> CacheFuture<'a, ()>;

    /// Decides, after a miss, which of several processes calls the provider. Each process asks for one
    /// request at a time with the same key. `budget`: see [`get`](Self::get). Default: this process leads,
    /// and broadcasts nothing.
    fn turn<'a>(
        &'a self,
        place: &'a CachePlace,
        generation: Generation,
        budget: &'a BodyBudget,
    ) -> CacheFuture<'a, Turn> {
        let _ = (place, generation, budget);
        Box::pin(async { Ok(Turn::Lead(None)) })
    }

    /// The seal that encrypts keys for logs, and decrypts them for a purge. Default: none, and no keys are
    /// shown.
    fn seal(&self) -> CacheFuture<'_, Option<KeySeal>> {
        Box::pin(async { Ok(None) })
    }

    /// Frees some memory of this process, because none was left for a response. Default: does nothing.
    fn make_room(&self) {}

    /// Statistics of the store. Default: unknown.
    fn stats(&self) -> CacheStats {
        CacheStats::default()
    }
}

/// The result of a store's operation. The caller may drop it at any time.
pub type CacheFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, CacheStoreError>> + Send + 'a>>;

/// The result of a lookup.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The entry, if there is one.
    pub entry: Option<CacheEntry>,
    /// The generation of the place, for [`CacheStore::put`] and [`CacheStore::turn`].
    pub generation: Generation,
    /// Encrypts the key, whether an entry was found or not; see [`CacheStore::seal`].
    pub seal: Option<KeySeal>,
}

/// Stands for the purges that a place has seen. Each purge that includes the place changes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Generation(pub u64);

/// What to purge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purge {
    /// Everything.
    All,
    /// All entries of a gateway.
    Gateway(CacheScope),
    /// The entries of a provider, a model or a custom key of a gateway.
    Part {
        /// The gateway.
        gateway: CacheScope,
        /// The part.
        part: CacheScope,
    },
    /// One entry.
    Entry {
        /// The gateway.
        gateway: CacheScope,
        /// Its key.
        key: CacheKey,
    },
}

/// Statistics of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Entries in the store, expired ones included; `None` if unknown.
    pub entries: Option<u64>,
    /// Bytes that the entries take; `None` if unknown.
    pub bytes: Option<u64>,
    /// Entries that were evicted to make room.
    pub evicted: u64,
    /// Operations that have failed.
    pub failures: u64,
}

impl<T: CacheStore + ?Sized> CacheStore for Arc<T> {
    fn get<'a>(&'a self, place: &'a CachePlace, budget: &'a BodyBudget) -> CacheFuture<'a, Found> {
        (**self).get(place, budget)
    }

    fn generation<'a>(
        &'a self,
        place: &'a CachePlace,
        budget: &'a BodyBudget,
    ) -> CacheFuture<'a, Generation> {
        (**self).generation(place, budget)
    }

    fn put<'a>(
        &'a self,
        place: &'a CachePlace,
        entry: CacheEntry,
        generation: Generation,
    ) -> CacheFuture<'a, bool> {
        (**self).put(place, entry, generation)
    }

    fn purge<'a>(&'a self, what: &'a Purge) -> CacheFuture<'a, ()> {
        (**self).purge(what)
    }

    fn turn<'a>(
        &'a self,
        place: &'a CachePlace,
        generation: Generation,
        budget: &'a BodyBudget,
    ) -> CacheFuture<'a, Turn> {
        (**self).turn(place, generation, budget)
    }

    fn seal(&self) -> CacheFuture<'_, Option<KeySeal>> {
        (**self).seal()
    }

    fn make_room(&self) {
        (**self).make_room();
    }

    fn stats(&self) -> CacheStats {
        (**self).stats()
    }
}
