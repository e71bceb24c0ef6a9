//! The trait of stores that count, and what they are asked: claims, decisions, settlements.

use std::error::Error;
use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::settings::limits::Window;

/// Where what was used is counted: in this process, or in one place for many.
///
/// It knows nothing of rules: it counts what it is told, and says whether there is room.
///
/// A store that counts in this process, and knows how many requests it has refused:
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use tower_ai_gateway::control::ControlLayer;
/// use tower_ai_gateway::control::limits::{
///     Claim, Counter, Decision, LimitStore, MemoryStore, ReservationId, Settlement, Standing, StoreFuture,
/// };
/// use tower_ai_gateway::settings::limits::Window;
///
/// #[derive(Debug, Default)]
/// struct Counting {
///     memory: MemoryStore,
///     refused: AtomicU64,
/// }
///
/// impl LimitStore for Counting {
///     fn reserve<'a>(&'a self, id: ReservationId, claims: &'a [Claim]) -> StoreFuture<'a, Decision> {
///         Box::pin(async move {
///             let decision = self.memory.reserve(id, claims).await?;
///             self.refused.fetch_add(u64::from(!decision.is_granted), Ordering::Relaxed);
///             Ok(decision)
///         })
///     }
///
///     fn settle(&self, id: ReservationId, settlements: &[Settlement]) {
///         self.memory.settle(id, settlements);
///     }
///
///     fn standing<'a>(
///         &'a self,
///         counter: &'a Counter,
///         window: Window,
///         limit: u64,
///     ) -> StoreFuture<'a, Standing> {
///         self.memory.standing(counter, window, limit)
///     }
///
///     fn refund<'a>(
///         &'a self,
///         counter: &'a Counter,
///         window: Window,
///         limit: u64,
///         extra: Option<u64>,
///     ) -> StoreFuture<'a, ()> {
///         self.memory.refund(counter, window, limit, extra)
///     }
/// }
///
/// let layer = ControlLayer::new().limits(Counting::default());
/// # let _ = layer;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `LimitStore`",
    note = "`MemoryStore` counts in this process, `RedisStore` (feature `redis`) for many"
)]
pub trait LimitStore: fmt::Debug + Send + Sync + 'static {
    /// Counts all claims of one request if each has room, or none of them.
    ///
    /// All claims have the same [`Counter::gateway`]. The future may be dropped at any moment: what
    /// it has reserved by then is given back, at the latest when its lease is over.
    fn reserve<'a>(&'a self, id: ReservationId, claims: &'a [Claim]) -> StoreFuture<'a, Decision>;

    /// Replaces what was reserved by what was used. Called once for each reservation, also from a
    /// `Drop`: it must not block. A store that must send it queues it, within bounds.
    ///
    /// Called once more when an ordered answer is fetched. Its claims then have no lease, and their
    /// amounts are what counts so far.
    fn settle(&self, id: ReservationId, settlements: &[Settlement]);

    /// Waits until all that was [settled](Self::settle) counts. Default: it does at once.
    ///
    /// # Errors
    ///
    /// If some of it does not count yet when the time is over.
    fn settled<'a>(&'a self, within: Duration) -> StoreFuture<'a, ()> {
        let _ = within;
        Box::pin(ready(Ok(())))
    }

    /// What a counter holds.
    fn standing<'a>(
        &'a self,
        counter: &'a Counter,
        window: Window,
        limit: u64,
    ) -> StoreFuture<'a, Standing>;

    /// Sets the used amount to zero, or gives back `extra` of it. What is reserved stays, and is
    /// settled later.
    fn refund<'a>(
        &'a self,
        counter: &'a Counter,
        window: Window,
        limit: u64,
        extra: Option<u64>,
    ) -> StoreFuture<'a, ()>;

    /// Returns true if the store itself logs when it fails and when it works again. Default: false,
    /// and the layer does.
    fn reports_failures(&self) -> bool {
        false
    }
}

impl<T: LimitStore + ?Sized> LimitStore for Arc<T> {
    fn reserve<'a>(&'a self, id: ReservationId, claims: &'a [Claim]) -> StoreFuture<'a, Decision> {
        (**self).reserve(id, claims)
    }

    fn settle(&self, id: ReservationId, settlements: &[Settlement]) {
        (**self).settle(id, settlements);
    }

    fn settled<'a>(&'a self, within: Duration) -> StoreFuture<'a, ()> {
        (**self).settled(within)
    }

    fn standing<'a>(
        &'a self,
        counter: &'a Counter,
        window: Window,
        limit: u64,
    ) -> StoreFuture<'a, Standing> {
        (**self).standing(counter, window, limit)
    }

    fn refund<'a>(
        &'a self,
        counter: &'a Counter,
        window: Window,
        limit: u64,
        extra: Option<u64>,
    ) -> StoreFuture<'a, ()> {
        (**self).refund(counter, window, limit, extra)
    }

    fn reports_failures(&self) -> bool {
        (**self).reports_failures()
    }
}

/// The future of a store's answer.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, LimitStoreError>> + Send + 'a>>;

/// What counts together: a digest of the rule and of whom it counts. Nothing can be read from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Counter {
    /// Of the account and the gateway: all counters of one request have the same.
    pub gateway: [u8; 8],
    /// Of the rule's name, measure and window, and of the caller.
    pub id: [u8; 16],
}

/// One request's part of one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Where it counts.
    pub counter: Counter,
    /// The window in which it counts.
    pub window: Window,
    /// The maximum that the counter may hold; for a [`Window::Bucket`], the amount that flows in
    /// per time.
    pub limit: u64,
    /// How much this request needs. If it is 0, any room is enough.
    pub amount: u64,
    /// It is an estimate, which a [`Settlement`] corrects: if none comes until the lease is over, it
    /// no longer counts. Without a lease it counts as it is.
    pub lease: Option<Duration>,
    /// It counts even if there is no room.
    pub is_shadow: bool,
}

/// Names one request's claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReservationId(pub u128);

/// Whether there was room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// All claims count now. Each had room, or is a shadow.
    pub is_granted: bool,
    /// By the store's clock, in milliseconds since 1970.
    pub at: u64,
    /// The standing of each claim, in the order of the claims.
    pub standings: Vec<Standing>,
}

/// How a counter stands, with the claim if that was granted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// How much counts now, reserved amounts included.
    pub used: u64,
    /// How much is left; 0 if the claim had no room.
    pub remaining: u64,
    /// There was no room for the claim.
    pub is_exceeded: bool,
    /// How long it takes until all of it is free again, if nothing more is used.
    pub resets_after: Duration,
    /// How long it takes until there may be room for the claim.
    pub retry_after: Duration,
}

/// What was used of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The claim as it was reserved.
    pub claim: Claim,
    /// When it was reserved, by the store's clock: [`Decision::at`].
    pub at: u64,
    /// What was used.
    pub spent: u64,
}

impl Settlement {
    /// Returns false if nothing needs to be done: it has no lease, and was used as it was counted.
    pub(super) fn is_due(&self) -> bool {
        self.claim.lease.is_some() || self.spent != self.claim.amount
    }
}

/// A store could not be asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum LimitStoreError {
    /// It did not answer in time.
    Timeout,
    /// It cannot be reached, or has answered with an error.
    Unavailable(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for LimitStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "the store of limits did not answer in time",
            Self::Unavailable(_) => "the store of limits is not available",
        })
    }
}

impl Error for LimitStoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Timeout => None,
            Self::Unavailable(source) => Some(&**source),
        }
    }
}
