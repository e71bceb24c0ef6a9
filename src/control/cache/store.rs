//! Where answers are kept.

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

/// Where answers are kept: in this process, in one place for many processes, or wherever the host likes.
///
/// It knows nothing of requests. Whatever goes wrong in it is a miss.
///
/// A store that keeps answers in this process, but none that are larger than 64 KiB:
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
    /// Looks an answer up. One that was purged, or whose time is over, is not there; one that may be
    /// given only where the provider fails is. `budget`: where a store that reads answers into memory
    /// counts them; one for which there is no room is not there.
    fn get<'a>(&'a self, place: &'a CachePlace, budget: &'a BodyBudget) -> CacheFuture<'a, Found>;

    /// Which purges a place has seen by now: [`Found::generation`] without an answer. Default: asks
    /// [`get`](Self::get) for both.
    fn generation<'a>(
        &'a self,
        place: &'a CachePlace,
        budget: &'a BodyBudget,
    ) -> CacheFuture<'a, Generation> {
        Box::pin(async { Ok(self.get(place, budget).await?.generation) })
    }

    /// Keeps an answer, unless something of its place was purged since [`Found::generation`] was read.
    /// Whether it is kept: false, too, where there is no room for it.
    fn put<'a>(
        &'a self,
        place: &'a CachePlace,
        entry: CacheEntry,
        generation: Generation,
    ) -> CacheFuture<'a, bool>;

    /// Forgets answers, also those that are being recorded.
    fn purge<'a>(&'a self, what: &'a Purge) -> CacheFuture<'a, ()>;

    /// Says which of several processes asks the provider, after a miss. Called by one request of a
    /// process at a time. `budget`: see [`get`](Self::get). Default: this one does, and tells nobody.
    fn turn<'a>(
        &'a self,
        place: &'a CachePlace,
        generation: Generation,
        budget: &'a BodyBudget,
    ) -> CacheFuture<'a, Turn> {
        let _ = (place, generation, budget);
        Box::pin(async { Ok(Turn::Lead(None)) })
    }

    /// By what the keys of its answers are shown, and read when one is purged. Default: none, and keys are
    /// not shown.
    fn seal(&self) -> CacheFuture<'_, Option<KeySeal>> {
        Box::pin(async { Ok(None) })
    }

    /// No memory was left for an answer: gives some of this process back, where it holds any. Default:
    /// does nothing.
    fn make_room(&self) {}

    /// How it stands. Default: nothing is known.
    fn stats(&self) -> CacheStats {
        CacheStats::default()
    }
}

/// What a store does in its own time. It may be dropped at any moment.
pub type CacheFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, CacheStoreError>> + Send + 'a>>;

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The answer, where there is one.
    pub entry: Option<CacheEntry>,
    /// To be given to [`CacheStore::put`] and [`CacheStore::turn`].
    pub generation: Generation,
    /// By what its key is shown, there or not; see [`CacheStore::seal`].
    pub seal: Option<KeySeal>,
}

/// Which purges an answer has seen. Another after each purge of something that it belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Generation(pub u64);

/// What to forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purge {
    /// Everything.
    All,
    /// All of a gateway.
    Gateway(CacheScope),
    /// A provider, a model or a custom key of a gateway.
    Part {
        /// The gateway.
        gateway: CacheScope,
        /// The part.
        part: CacheScope,
    },
    /// One answer.
    Entry {
        /// The gateway.
        gateway: CacheScope,
        /// Its key.
        key: CacheKey,
    },
}

/// How a store stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Answers that are there, those included whose time is over; `None` where that is not known.
    pub entries: Option<u64>,
    /// Bytes that they take; `None` where that is not known.
    pub bytes: Option<u64>,
    /// Answers that made room for others.
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
