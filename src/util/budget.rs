//! The memory budget of all bodies together.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a frame takes in addition to its bytes.
pub(crate) const FRAME_OVERHEAD: usize = 64;

/// Smaller frames are copied if they are kept: each would keep a read buffer of its connection, of 8 KiB
/// or more.
pub(crate) const SMALL_FRAME: usize = 4096;

/// How many bytes of bodies may be held in memory at a time: request bodies read for their `model`,
/// bodies of universal requests, copies kept for retries, and what the cache holds. Clones share one
/// account.
///
/// If a body must be held and the budget is used up, the request is answered with 503 (code 2503,
/// with `retry-after`). A copy for retries is dropped instead, and the exchange continues. Each
/// frame counts its bytes plus 64; small frames are copied into blocks that count as a whole, and a
/// joined body counts its whole buffer, at most twice its length.
/// What the HTTP server has received but nothing has read is not counted: over HTTP/2 the
/// flow-control windows bound that. `used` may exceed the limit by one frame of each body in which a
/// session was searched when the room ran out.
///
/// ```
/// use tower_ai_gateway::{BodyBudget, GatewayLayer, Provider};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let budget = BodyBudget::new(64 << 20);
/// let gateway = GatewayLayer::builder()
///     .provider(Provider::xai())
///     .body_budget(budget.clone())
///     .build()?;
/// assert_eq!((budget.used(), budget.limit()), (0, 64 << 20));
/// # let _ = gateway;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct BodyBudget(Arc<Account>);

struct Account {
    used: AtomicUsize,
    limit: usize,
}

impl Default for BodyBudget {
    /// 256 MiB.
    fn default() -> Self {
        Self::new(256 << 20)
    }
}

impl BodyBudget {
    /// Creates a budget of this many bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Account { used: AtomicUsize::new(0), limit: bytes }))
    }

    /// How many bytes are held now.
    #[must_use]
    pub fn used(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }

    /// How many bytes may be held.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// An empty share of the budget.
    pub(crate) fn share(&self) -> Held {
        Held { budget: self.clone(), bytes: 0 }
    }
}

impl fmt::Debug for BodyBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyBudget")
            .field("used", &self.used())
            .field("limit", &self.limit())
            .finish()
    }
}

/// One body's share of a budget, returned on drop.
#[derive(Debug)]
pub(crate) struct Held {
    budget: BodyBudget,
    bytes: usize,
}

impl Held {
    /// Takes this many more bytes. Returns false and takes nothing if they are not available.
    #[must_use]
    pub(crate) fn grow(&mut self, by: usize) -> bool {
        let Account { used, limit } = &*self.budget.0;
        let more = |used: usize| used.checked_add(by).filter(|used| used <= limit);
        let taken = used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok();
        if taken {
            self.bytes += by;
        }
        taken
    }

    /// Counts this many more bytes that are held whether or not the budget has room for them.
    pub(crate) fn grow_anyway(&mut self, by: usize) {
        self.budget.0.used.fetch_add(by, Ordering::Relaxed);
        self.bytes += by;
    }

    /// Like [`grow`](Self::grow), for optional memory: leaves a quarter of the budget to others.
    #[cfg(feature = "cache")]
    #[must_use]
    pub(crate) fn grow_modestly(&mut self, by: usize) -> bool {
        let Account { used, limit } = &*self.budget.0;
        let most = limit - limit / 4;
        used.load(Ordering::Relaxed).saturating_add(by) <= most && self.grow(by)
    }

    /// Returns this many bytes, or all if it holds fewer.
    pub(crate) fn shrink(&mut self, by: usize) {
        let by = by.min(self.bytes);
        self.bytes -= by;
        self.budget.0.used.fetch_sub(by, Ordering::Relaxed);
    }

    /// Moves everything it holds into a new share.
    pub(crate) fn take(&mut self) -> Self {
        Self { budget: self.budget.clone(), bytes: std::mem::take(&mut self.bytes) }
    }

    /// An empty share of the same budget.
    #[cfg(all(feature = "cache", feature = "redis"))]
    pub(crate) fn sibling(&self) -> Self {
        self.budget.share()
    }

    pub(crate) fn release(&mut self) {
        self.shrink(self.bytes);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn used_counts_exactly_the_held_bytes(steps in prop::collection::vec((0..3_usize, 0..4_u8, 0..60_usize), 0..80)) {
            let budget = BodyBudget::new(100);
            let mut shares: [Option<Held>; 3] = [None, None, None];
            for (share, step, bytes) in steps {
                let place = &mut shares[share];
                let before = budget.used();
                match step {
                    0 => {
                        let grown = place.get_or_insert_with(|| budget.share()).grow(bytes);
                        prop_assert_eq!(grown, before + bytes <= 100);
                    }
                    1 => place.iter_mut().for_each(|held| held.shrink(bytes)),
                    2 => place.iter_mut().for_each(Held::release),
                    _ => *place = None,
                }
                let held: usize = shares.iter().flatten().map(|held| held.bytes).sum();
                prop_assert_eq!(budget.used(), held);
                prop_assert!(held <= budget.limit());
            }
            drop(shares);
            prop_assert_eq!(budget.used(), 0);
        }
    }
}
