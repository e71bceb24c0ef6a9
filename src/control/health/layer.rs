//! The layer, and what all its services share.

use std::fmt;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderName, Request, Uri};
use tokio::time::Instant;
use tower_layer::Layer;

use super::account::Account;
use super::call::Candidate;
use super::change::{HealthChange, Observer, Subject};
use super::choices::Choices;
use super::key::{AccountKey, UpstreamKey, UpstreamParts};
use super::permit::Breaker;
use super::registry::Registry;
use super::service::Health;
use super::settings::{BreakerSettings, CoolDownSettings};
use crate::context::GatewayContext;

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
    /// What a request could use: where it goes, or one of several places and keys.
    pub(super) fn candidates<B>(&self, request: &Request<B>, now: Instant) -> Candidates {
        let context = request.extensions().get::<GatewayContext>();
        let choices = context.and_then(|context| Choices::of(context, request));
        if let Some(choices) = choices {
            let list = choices.each().map(|choice| {
                let place = (choice.upstream.slug(), choice.origin.base());
                let observer = || self.observer(context);
                self.candidate(place, choice.key_bytes(), choice.weight, true, observer, now)
            });
            return Candidates::Several(list.collect(), choices);
        }
        let place = context.and_then(|context| place(context, request.uri()));
        let place = place.unwrap_or_else(|| upstream(request.uri()));
        let keys = credentials(request);
        let observer = || self.observer(context);
        Candidates::One(self.candidate(place, keys, 1, false, observer, now))
    }

    /// `is_chosen`: its load is weighed against that of others.
    fn candidate<'a>(
        &self,
        place: (&str, &str),
        keys: impl Iterator<Item = &'a [u8]>,
        weight: u32,
        is_chosen: bool,
        observer: impl Fn() -> Option<Observer>,
        now: Instant,
    ) -> Candidate {
        let subject = || {
            let (scope, base) = place;
            // Under a gateway the scope is a provider, and the base has a scheme.
            let provider = base.contains("://").then(|| scope.into());
            let upstream = match provider {
                Some(_) => base.into(),
                None => format!("{scope}://{base}").into(),
            };
            Subject { provider, upstream, observer: observer() }
        };
        let breaker = self.config.breaker.map(|settings| {
            let key: &dyn UpstreamParts = &place;
            self.upstreams.get(key, now, || {
                (UpstreamKey::new(place.0, place.1), Breaker::new(subject(), settings, now))
            })
        });
        let account = (is_chosen || self.config.cool_down.is_some()).then(|| {
            let key = AccountKey::new(place, keys);
            self.accounts.get(&key, now, || (key, Account::new(subject())))
        });
        Candidate { breaker, account, weight }
    }

    /// Who is told of changes: the host, and the hooks of the gateway above.
    fn observer(&self, context: Option<&GatewayContext>) -> Option<Observer> {
        let own = self.config.observer.clone();
        let Some(observation) = context.and_then(GatewayContext::shared_observation) else {
            return own;
        };
        let observation = observation.clone();
        Some(Arc::new(move |change: &HealthChange<'_>| {
            observation.hooks.each(|hook| hook.on_health(change));
            if let Some(own) = &own {
                own(change);
            }
        }))
    }
}

/// What a request may use, with the state of each.
pub(super) enum Candidates {
    One(Candidate),
    Several(Vec<Candidate>, Choices),
}

/// The provider of a request and its base URL, where the request goes there.
fn place<'a>(context: &'a GatewayContext, uri: &Uri) -> Option<(&'a str, &'a str)> {
    let upstream = context.upstream()?;
    let origin = upstream.origin();
    origin.is_of(uri).then(|| (upstream.slug(), origin.base()))
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
