//! The identity of an exchange, shared by everything that takes part in it.

pub(crate) mod acted;
pub(crate) mod answer_read;
mod arrival;
mod attempts;
mod destination;
mod progress;
#[cfg_attr(not(feature = "limits"), allow(dead_code, reason = "limits use it"))]
pub(crate) mod reserved;
pub(crate) mod session;
mod timeouts;

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use http::{HeaderValue, Method};

pub(crate) use self::arrival::{Arrival, Endpoint};
use self::destination::Called;
use self::progress::Progress;
use crate::directives::Directives;
use crate::directives::locks::Locks;
use crate::directives::metadata::Metadata;
use crate::directives::narrowing::Narrowing;
use crate::provider::{Providers, Upstream};
use crate::rejection::Asked;
use crate::routing;
use crate::settings::GatewaySettings;
#[cfg(any(feature = "cache", feature = "limits"))]
use crate::settings::GatewayToken;
use crate::util::budget::BodyBudget;
use crate::util::identity::Identity;
use crate::util::log_id::LogId;

/// The identity of one exchange: in the extensions of the upstream request, of the response, and
/// in every event. Cheap to clone.
///
/// ```
/// use tower_ai_gateway::GatewayContext;
///
/// fn log_id<B>(response: &http::Response<B>) -> Option<String> {
///     response.extensions().get::<GatewayContext>().map(|context| context.log_id().to_string())
/// }
/// ```
#[derive(Clone)]
pub struct GatewayContext(Arc<Inner>);

/// Nothing here changes except [`Progress`] and the values that are read on demand.
struct Inner {
    log_id: LogId,
    arrival: Arrival,
    /// Read from the path on demand.
    called: OnceLock<Called>,
    /// The [`Observation`](crate::exchange::observation::Observation) of the layer, if it has
    /// hooks. Its type is not known here, because observers are no part of an exchange's identity.
    observer: Option<Arc<dyn Any + Send + Sync>>,
    progress: Progress,
}

impl GatewayContext {
    #[inline]
    pub(crate) fn new(arrival: Arrival, observer: Option<Arc<dyn Any + Send + Sync>>) -> Self {
        Self(Arc::new(Inner {
            log_id: LogId::new(),
            progress: Progress::new(arrival.has_credentials),
            arrival,
            called: OnceLock::new(),
            observer,
        }))
    }

    pub(crate) fn observer(&self) -> Option<&Arc<dyn Any + Send + Sync>> {
        self.0.observer.as_ref()
    }

    pub(crate) fn providers(&self) -> Option<&Providers> {
        self.0.arrival.providers.as_deref()
    }

    pub(crate) fn body_budget(&self) -> Option<&BodyBudget> {
        self.0.arrival.body_budget.as_ref()
    }

    pub(crate) fn find_provider(&self, name: &str) -> Option<&Arc<Upstream>> {
        self.0.arrival.providers.as_ref()?.find(name)
    }

    pub(crate) fn settings(&self) -> Option<&GatewaySettings> {
        self.0.arrival.settings.as_deref()
    }

    /// The digest of the client's gateway token, if limits or the cache need it.
    #[cfg(any(feature = "cache", feature = "limits"))]
    pub(crate) fn token_digest(&self) -> Option<&[u8; 32]> {
        let number = self.0.arrival.token.map(usize::from)?;
        self.settings()?.tokens.get(number).map(GatewayToken::digest)
    }

    /// Returns true if a rule applies to the current step: a rule that a dynamic route names
    /// applies only to the steps that it guards.
    #[cfg(feature = "limits")]
    pub(crate) fn is_on_way_of(&self, rule: &crate::settings::limits::LimitRule) -> bool {
        !rule.is_of_route || self.current().is_some_and(|step| step.limits.contains(&rule.name))
    }

    /// Returns true if the gateway has limits.
    pub(crate) fn is_limited(&self) -> bool {
        self.settings().is_some_and(GatewaySettings::is_limited)
    }

    /// The headers that the client may not use.
    pub(crate) fn locks(&self) -> &Locks {
        GatewaySettings::locks_of(self.settings())
    }

    /// Returns true if only certain models are allowed, by the gateway or for this request, so that
    /// they must be known.
    pub(crate) fn restricts_models(&self) -> bool {
        self.settings().is_some_and(|settings| settings.rules.restrict_models())
            || self.narrowing().is_some_and(|narrowing| narrowing.restricts_models())
    }

    /// The restrictions that the client has set for its own request.
    pub(crate) fn narrowing(&self) -> Option<&Arc<Narrowing>> {
        self.0.arrival.directives.as_deref()?.narrowing.as_ref()
    }

    pub(crate) fn query(&self) -> Option<&str> {
        self.0.arrival.uri.query()
    }

    /// The id of this exchange, which the client gets as `cf-aig-log-id` and `cf-aig-request-id`.
    #[must_use]
    pub fn log_id(&self) -> LogId {
        self.0.log_id
    }

    /// The id that the client gets as `cf-aig-event-id`: its own, or else the
    /// [`log_id`](Self::log_id).
    #[must_use]
    pub fn event_id(&self) -> HeaderValue {
        self.given_event_id().unwrap_or_else(|| self.0.log_id.header_value())
    }

    pub(crate) fn given_event_id(&self) -> Option<HeaderValue> {
        self.directives()?.event_id.clone()
    }

    /// The account in the path; `None` on mounts without one, or if it was malformed.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.0.arrival.place.account.map(|account| account.text(self.path()))
    }

    /// The gateway in the path or in `cf-aig-gateway-id`, or else `default`.
    #[must_use]
    pub fn gateway(&self) -> &str {
        self.0.arrival.place.gateway_id(self.path(), || self.directives()?.gateway_id.as_deref())
    }

    /// The facts that determine the form of the gateway's own answer.
    pub(crate) fn asked(&self) -> Asked {
        Asked {
            log_id: self.log_id(),
            is_of_messages: self.is_of_messages(),
            by_connect: *self.method() == Method::CONNECT,
        }
    }

    /// The method of the client's request.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.0.arrival.method
    }

    /// Returns true if the request can run a model.
    pub(crate) fn is_call(&self) -> bool {
        routing::is_call(self.method())
    }

    /// The path of the client's request, without its query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.arrival.uri.path()
    }

    /// The directives in force: the client's `cf-aig-*` headers, as far as the host lets it use them,
    /// over the gateway's defaults. `None` if there are neither.
    #[must_use]
    pub fn directives(&self) -> Option<&Directives> {
        let of_step = self.current().and_then(|step| step.directives.as_deref());
        let own = of_step.or(self.0.arrival.directives.as_deref());
        own.or_else(|| self.settings()?.defaults())
    }

    /// The caller, if the host's middleware has put an [`Identity`] into the extensions of the
    /// request. Nothing that a client sends changes it.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.0.arrival.identity.as_ref()
    }

    /// Returns true if only a provider with zero data retention may get the request.
    pub(crate) fn wants_zdr(&self) -> bool {
        let own = self.0.arrival.directives.as_deref();
        let directives = own.or_else(|| self.settings()?.defaults());
        directives.is_some_and(|directives| directives.zdr == Some(true))
    }

    /// The host's [own entries](crate::settings::GatewaySettingsBuilder::metadata), then the
    /// client's `cf-aig-metadata`, which are unchecked claims.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        static NONE: OnceLock<Metadata> = OnceLock::new();
        match self.directives() {
            Some(directives) => &directives.metadata,
            None => NONE.get_or_init(Metadata::default),
        }
    }
}

impl fmt::Debug for GatewayContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayContext")
            .field("log_id", &self.log_id())
            .field("account", &self.account())
            .field("gateway", &self.gateway())
            .field("provider", &self.provider())
            .field("operation", &self.operation())
            .finish_non_exhaustive()
    }
}
