//! Configures a `RedisStore`: where Redis is, and how it is asked.

use std::fmt;

use super::RedisStore;
use crate::control::redis::{Options, RedisStoreError, connection_setters};

/// The default maximum of reservations that wait to be settled.
const QUEUE: usize = 8_192;

/// Builds a [`RedisStore`].
///
/// ```
/// use std::time::Duration;
/// use tower_ai_gateway::control::ControlLayer;
/// use tower_ai_gateway::control::limits::RedisStore;
///
/// let store = RedisStore::builder("redis://127.0.0.1")
///     .timeout(Duration::from_millis(100))
///     .prefix("team-a")
///     .queue(1_000)
///     .build()?;
/// let layer = ControlLayer::new().limits(store);
/// # let _ = layer;
/// # Ok::<(), tower_ai_gateway::control::limits::RedisStoreError>(())
/// ```
#[must_use = "nothing is built before `build`"]
pub struct RedisStoreBuilder {
    pub(super) options: Options,
    pub(super) queue: usize,
}

connection_setters!(RedisStoreBuilder);

impl RedisStoreBuilder {
    pub(super) fn new(urls: Vec<String>, is_cluster: bool) -> Self {
        Self { options: Options::new(urls, is_cluster), queue: QUEUE }
    }

    /// Sets the prefix of all keys (default: `taig`). Gateways with the same prefix count together.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.options.prefix = prefix.into();
        self
    }

    /// Sets how many reservations may wait to be settled while Redis is away (default: 8,192). If
    /// one more comes, the oldest of a gateway with more than its share is dropped.
    pub fn queue(mut self, reservations: usize) -> Self {
        self.queue = reservations;
        self
    }

    /// Builds the store. It connects when it is first asked.
    ///
    /// # Errors
    ///
    /// If a URL is not one of Redis, a certificate cannot be read, or TLS is not compiled in.
    pub fn build(self) -> Result<RedisStore, RedisStoreError> {
        RedisStore::new(&self)
    }
}

impl fmt::Debug for RedisStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStoreBuilder")
            .field("is_cluster", &self.options.is_cluster)
            .field("timeout", &self.options.timeout)
            .field("prefix", &self.options.prefix)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}
