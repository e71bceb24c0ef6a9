//! The layer, and what all its services share.

use std::fmt;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderName, Request, Uri};
use tokio::time::Instant;
use tower_layer::Layer;

use super::account::Account;
use super::call::Candidate;
use super::change::HealthChange;
use super::key::{AccountKey, UpstreamKey, UpstreamParts};
use super::permit::{Breaker, Observer};
use super::registry::Registry;
use super::service::Health;
use super::settings::{BreakerSettings, CoolDownSettings};

/// Where a caller's key may be.
const CREDENTIALS: [HeaderName; 4] = [
    AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-goog-api-key"),
];

/// Puts a circuit breaker and cool-downs around a client, and makes a [`Health`].
///
/// An upstream is a scheme and an authority. Each has a circuit breaker of its own, and each key
/// that is used there a cool-down of its own, so that one caller's limit is not another's. All
/// services of one layer and its clones share what they know; a layer that is configured anew
/// begins anew. The [module documentation](super) has an example.
#[derive(Clone, Debug, Default)]
pub struct HealthLayer {
    pub(super) shared: Arc<Shared>,
}

impl HealthLayer {
    /// A layer that does nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a circuit for each upstream of which too many calls fail. Default: never.
    #[must_use]
    pub fn breaker(self, settings: BreakerSettings) -> Self {
        self.with(|config| config.breaker = Some(settings.within()))
    }

    /// Leaves alone each key that is told to wait. Default: never.
    #[must_use]
    pub fn cool_down(self, settings: CoolDownSettings) -> Self {
        self.with(|config| config.cool_down = Some(settings.within()))
    }

    /// Calls `observer` after each change of a circuit breaker's state, on the task of the call
    /// that has made it: it must not block. Default: nobody is told.
    #[must_use]
    pub fn on_change(self, observer: impl Fn(&HealthChange<'_>) + Send + Sync + 'static) -> Self {
        self.with(|config| config.observer = Some(Arc::new(observer)))
    }

    fn with(self, set: impl FnOnce(&mut Config)) -> Self {
        let mut config = self.shared.config.clone();
        set(&mut config);
        Self { shared: Arc::new(Shared { config, ..Shared::default() }) }
    }
}

impl<S> Layer<S> for HealthLayer {
    type Service = Health<S>;

    fn layer(&self, inner: S) -> Health<S> {
        Health::new(inner, self.shared.clone())
    }
}

#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) config: Config,
    upstreams: Registry<UpstreamKey, Breaker>,
    accounts: Registry<AccountKey, Account>,
}

#[derive(Clone, Default)]
pub(super) struct Config {
    breaker: Option<BreakerSettings>,
    pub(super) cool_down: Option<CoolDownSettings>,
    observer: Option<Observer>,
}

impl Shared {
    /// The one candidate for a request, which is where it goes.
    pub(super) fn candidate<B>(&self, request: &Request<B>, now: Instant) -> Candidate {
        let upstream = upstream(request.uri());
        let breaker = self.config.breaker.map(|settings| {
            let key: &dyn UpstreamParts = &upstream;
            self.upstreams.get(key, now, || {
                let (scheme, host) = upstream;
                let observer = self.config.observer.clone();
                let breaker = Breaker::new(format!("{scheme}://{host}"), settings, observer, now);
                (UpstreamKey::new(scheme, host), breaker)
            })
        });
        let account = self.config.cool_down.map(|_| {
            let key = AccountKey::new(upstream, credentials(request));
            self.accounts.get(&key, now, || (key, Account::default()))
        });
        Candidate { breaker, account, weight: 1 }
    }
}

/// The scheme and the authority, without a password that may be in there. A client that knows only
/// paths has one upstream.
fn upstream(uri: &Uri) -> (&str, &str) {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    (uri.scheme_str().unwrap_or_default(), host)
}

fn credentials<B>(request: &Request<B>) -> impl Iterator<Item = &[u8]> {
    let headers = CREDENTIALS.into_iter().flat_map(|name| request.headers().get_all(name));
    let query = request.uri().query().unwrap_or_default();
    let keys = query.split('&').filter(|pair| pair.starts_with("key="));
    headers.map(|value| value.as_bytes()).chain(keys.map(str::as_bytes))
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("breaker", &self.breaker)
            .field("cool_down", &self.cool_down)
            .field("is_observed", &self.observer.is_some())
            .finish()
    }
}
