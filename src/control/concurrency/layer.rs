//! The layer that limits concurrent requests.

use std::sync::Arc;
use std::time::Duration;

use http::Extensions;
use tower_layer::Layer;

use super::limiter::{Limiter, Limits};
use crate::control::call::{Call, Parts};

/// Limits how many requests are in flight, each until its response body has ended.
///
/// All services that one layer makes share their places. See [the module](super).
///
/// ```
/// # let client = tower::service_fn(|_: http::Request<String>| async {
/// #     Ok::<_, std::io::Error>(http::Response::new(String::new()))
/// # });
/// use std::time::Duration;
/// use tower::Layer;
/// use tower_ai_gateway::control::ConcurrencyLayer;
///
/// let limit = ConcurrencyLayer::new(100).wait(Duration::from_secs(5)).queue(50);
/// let service = limit.layer(client);
/// # let _ = service;
/// ```
#[derive(Clone, Debug)]
pub struct ConcurrencyLayer {
    pub(in crate::control) limiter: Limiter,
}

impl ConcurrencyLayer {
    /// At most `limit` requests at once; 0 lets none through.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self::with(Some(limit))
    }

    /// At most so many requests at once with the same key; see [`per`](Self::per).
    #[must_use]
    pub fn keyed<K: Into<Box<str>>>(
        key: impl Fn(&Extensions) -> Option<(K, usize)> + Send + Sync + 'static,
    ) -> Self {
        Self::with(None).per(key)
    }

    /// The limits in the settings of the gateway above, and no other.
    #[must_use]
    pub fn of_gateway() -> Self {
        Self::with(None)
    }

    fn with(all: Option<usize>) -> Self {
        let limits =
            Limits { all, rules: Vec::new(), wait: Duration::from_secs(1), queue: usize::MAX };
        Self { limiter: Limiter::new(limits) }
    }

    /// Limits requests with the same key too. `key` gives the key of a request and how many with it
    /// may be in flight at once, or `None` where nothing limits it here.
    ///
    /// Asked at each request: a limit that has changed holds from that request on. Those that are
    /// in flight already are not cut. A request for which `key` panics is refused.
    #[must_use]
    pub fn per<K: Into<Box<str>>>(
        mut self,
        key: impl Fn(&Extensions) -> Option<(K, usize)> + Send + Sync + 'static,
    ) -> Self {
        let rule = move |extensions: &Extensions| {
            key(extensions).map(|(name, limit)| (name.into(), limit))
        };
        self.limiter.limits.rules.push(Arc::new(rule));
        self
    }

    /// How long a request may wait for a place, from its call on. Default: 1 s, which evens out a
    /// burst and is no wait that anybody notices beside that for a model; zero refuses at once.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Self {
        self.limiter.limits.wait = wait;
        self
    }

    /// How many requests may wait, for each key. Default: no bound but that of the time.
    #[must_use]
    pub fn queue(mut self, requests: usize) -> Self {
        self.limiter.limits.queue = requests;
        self
    }
}

impl<S> Layer<S> for ConcurrencyLayer {
    type Service = Call<S>;

    fn layer(&self, inner: S) -> Call<S> {
        let limiter = Some(self.limiter.clone());
        Call::with(
            inner,
            Parts {
                limiter,
                health: None,
                timeouts: None,
                #[cfg(feature = "limits")]
                limits: None,
                #[cfg(feature = "cache")]
                caching: None,
            },
        )
    }
}
