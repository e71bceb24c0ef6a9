//! The layer that limits concurrent requests.

use std::sync::Arc;
use std::time::Duration;

use http::Extensions;
use tower_layer::Layer;

use super::limiter::{Limiter, Limits};
use crate::control::call::{Call, Parts};

/// Limits how many requests are in flight. A request counts until its response body has ended or is
/// dropped.
///
/// tower's own `ConcurrencyLimit` releases its permit at the response head. Here, a request without
/// a permit waits in order of arrival for a bounded time, then fails with a
/// [`ConcurrencyError`](super::ConcurrencyError), which the gateway answers with 503. If a
/// [`FallbackLayer`](crate::control::FallbackLayer) above drops a response to try something else,
/// its permit is released at once. All services of a layer share its permits.
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
///
/// Besides the pool for all requests there can be [pools by key](Self::per), each with its own
/// limit:
///
/// ```
/// use http::Extensions;
/// use tower_ai_gateway::control::ConcurrencyLayer;
///
/// #[derive(Clone)]
/// struct Tenant {
///     name: String,
///     streams: usize,
/// }
///
/// let limit = ConcurrencyLayer::new(100).per(|extensions: &Extensions| {
///     extensions.get::<Tenant>().map(|tenant| (tenant.name.clone(), tenant.streams))
/// });
/// # let _ = limit;
/// ```
#[derive(Clone, Debug)]
pub struct ConcurrencyLayer {
    pub(in crate::control) limiter: Limiter,
}

impl ConcurrencyLayer {
    /// At most `limit` requests at once. With 0, all are refused.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self::with(Some(limit))
    }

    /// Limits only requests with the same key; see [`per`](Self::per).
    #[must_use]
    pub fn keyed<K: Into<Box<str>>>(
        key: impl Fn(&Extensions) -> Option<(K, usize)> + Send + Sync + 'static,
    ) -> Self {
        Self::with(None).per(key)
    }

    /// Applies only the limits in the settings of the gateway above.
    #[must_use]
    pub fn from_settings() -> Self {
        Self::with(None)
    }

    fn with(all: Option<usize>) -> Self {
        let limits =
            Limits { all, rules: Vec::new(), wait: Duration::from_secs(1), queue: usize::MAX };
        Self { limiter: Limiter::new(limits) }
    }

    /// Also limits requests with the same key. `key` returns a request's key and the limit of
    /// requests in flight with it, or `None` if this rule does not limit it.
    ///
    /// It is called for each request: a changed limit applies from that request on, and does not
    /// cut requests in flight. If `key` panics, the request is refused.
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

    /// How long a request may wait for a permit, from its call on. Default: 1 s, which smooths a
    /// burst and is short compared to a model's answer. With zero, requests are refused at once.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Self {
        self.limiter.limits.wait = wait;
        self
    }

    /// How many requests may wait, per key. Default: unlimited; they wait a bounded time anyway.
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
