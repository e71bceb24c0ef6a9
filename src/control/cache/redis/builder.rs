//! Configures a `RedisCache`: the address of Redis, timeouts, and the prefix of its keys.

use std::fmt;

use super::RedisCache;
use crate::control::redis::{Options, RedisStoreError, connection_setters};

/// Builds a [`RedisCache`].
///
/// ```
/// use std::time::Duration;
/// use tower_ai_gateway::control::ControlLayer;
/// use tower_ai_gateway::control::cache::RedisCache;
///
/// let store = RedisCache::builder("redis://127.0.0.1")
///     .timeout(Duration::from_millis(20))
///     .prefix("team-a")
///     .build()?;
/// let layer = ControlLayer::new().cache(store);
/// # let _ = layer;
/// # Ok::<(), tower_ai_gateway::control::cache::RedisStoreError>(())
/// ```
#[must_use = "nothing is built before `build`"]
pub struct RedisCacheBuilder {
    pub(super) options: Options,
}

connection_setters!(RedisCacheBuilder);

impl RedisCacheBuilder {
    pub(super) fn new(urls: Vec<String>, is_cluster: bool) -> Self {
        Self { options: Options::new(urls, is_cluster) }
    }

    /// The prefix of all keys (default: `taig`). Gateways with the same prefix share entries. Limits need a
    /// Redis that evicts nothing, and so a server of their own.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.options.prefix = prefix.into();
        self
    }

    /// Builds the store. It connects at first use.
    ///
    /// # Errors
    ///
    /// If a URL is not one of Redis, a certificate cannot be read, or TLS is not compiled in.
    pub fn build(self) -> Result<RedisCache, RedisStoreError> {
        RedisCache::new(&self.options)
    }
}

impl fmt::Debug for RedisCacheBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCacheBuilder")
            .field("is_cluster", &self.options.is_cluster)
            .field("timeout", &self.options.timeout)
            .field("prefix", &self.options.prefix)
            .finish_non_exhaustive()
    }
}
