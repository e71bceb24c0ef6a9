//! The identity of an exchange, shared by everything that takes part in it.

pub(crate) mod acted;
mod progress;
#[cfg_attr(not(feature = "limits"), allow(dead_code, reason = "limits use it"))]
pub(crate) mod reserved;
pub(crate) mod session;

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use http::{HeaderValue, Method, Uri};

use self::progress::Progress;
use crate::directives::Directives;
use crate::directives::locks::Locks;
use crate::directives::metadata::Metadata;
use crate::directives::narrowing::Narrowing;
use crate::provider::{Providers, Upstream};
use crate::rejection::Asked;
use crate::routing;
use crate::routing::{GatewayPath, PathSpan};
use crate::settings::GatewaySettings;
#[cfg(any(feature = "cache", feature = "limits"))]
use crate::settings::GatewayToken;
use crate::usage::Shape;
use crate::util::budget::BodyBudget;
use crate::util::identity::Identity;
use crate::util::log_id::LogId;
use crate::util::operation;
use crate::util::operation::Operation;

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

/// Nothing here changes but [`Progress`], and what is read when it is first asked for.
struct Inner {
    log_id: LogId,
    arrival: Arrival,
    /// Read from the path when first asked for.
    called: OnceLock<Called>,
    /// The [`Observation`](crate::exchange::observation::Observation) of the layer, if it has hooks. Its type is
    /// not known here: who observes an exchange is no part of its identity.
    observer: Option<Arc<dyn Any + Send + Sync>>,
    progress: Progress,
}

/// What is known of a request before anything is read of its body.
pub(crate) struct Arrival {
    pub(crate) method: Method,
    /// As the client sent it. The query may hold a key: it is never shown.
    pub(crate) uri: Uri,
    pub(crate) place: GatewayPath,
    pub(crate) endpoint: Endpoint,
    /// The client's, over the gateway's defaults where it sent any.
    pub(crate) directives: Option<Box<Directives>>,
    /// The caller, if the host has named it.
    pub(crate) identity: Option<Identity>,
    /// `None` if nothing is set.
    pub(crate) settings: Option<Arc<GatewaySettings>>,
    /// Those in force when the request arrived; `None` if they are the layer's.
    pub(crate) providers: Option<Arc<Providers>>,
    /// The request has its client's key for the provider.
    pub(crate) has_credentials: bool,
    /// The layer's, for what is held of the body.
    pub(crate) body_budget: Option<BodyBudget>,
    /// The provider that the path names.
    pub(crate) native: Option<Arc<Upstream>>,
    /// Which of the gateway's tokens the client has shown, where that matters.
    #[cfg_attr(
        not(any(feature = "cache", feature = "limits")),
        allow(dead_code, reason = "limits and the cache use it")
    )]
    pub(crate) token: Option<u16>,
}

impl Arrival {
    /// With nothing but where it goes.
    #[cfg(test)]
    pub(crate) fn new(method: Method, uri: Uri, endpoint: Endpoint) -> Self {
        Self {
            method,
            uri,
            place: GatewayPath::default(),
            endpoint,
            directives: None,
            identity: None,
            settings: None,
            providers: None,
            has_credentials: false,
            body_budget: None,
            native: None,
            token: None,
        }
    }
}

/// What is asked for, as the route tells it. The operation follows from it when somebody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Native(PathSpan),
    Unified(&'static str),
    /// What the gateway lists by itself.
    Models,
    Universal,
    None,
}

/// What a path calls.
struct Called {
    operation: Operation,
    /// The path behind the provider's slug, if it is a usual one. The client's own is out of the CPU's
    /// caches by the time that the answer comes.
    usual: Option<&'static str>,
}

impl Called {
    fn by(path: &str) -> Self {
        const USUAL: [&str; 6] = [
            "v1/chat/completions",
            "chat/completions",
            "v1/responses",
            "responses",
            "v1/messages",
            "embeddings",
        ];
        let usual = USUAL.into_iter().find(|usual| *usual == path);
        Self { operation: Operation::of(path), usual }
    }
}

impl From<Operation> for Called {
    fn from(operation: Operation) -> Self {
        Self { operation, usual: None }
    }
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

    /// What the gateway token is known by that the client has shown, where limits go by that or answers
    /// are kept.
    #[cfg(any(feature = "cache", feature = "limits"))]
    pub(crate) fn token_digest(&self) -> Option<&[u8; 32]> {
        let number = self.0.arrival.token.map(usize::from)?;
        self.settings()?.tokens.get(number).map(GatewayToken::digest)
    }

    /// Whether a rule is for the way that the request takes: one that a dynamic route names holds only
    /// for the steps that it guards.
    #[cfg(feature = "limits")]
    pub(crate) fn is_on_way_of(&self, rule: &crate::settings::limits::LimitRule) -> bool {
        !rule.is_of_route || self.current().is_some_and(|step| step.limits.contains(&rule.name))
    }

    /// Whether the gateway limits what may be used.
    pub(crate) fn is_limited(&self) -> bool {
        self.settings().is_some_and(GatewaySettings::is_limited)
    }

    /// What the client may not say.
    pub(crate) fn locks(&self) -> &Locks {
        GatewaySettings::locks_of(self.settings())
    }

    /// Whether certain models alone are allowed, by the gateway or for this request, so that they
    /// must be known.
    pub(crate) fn restricts_models(&self) -> bool {
        self.settings().is_some_and(|settings| settings.rules.restrict_models())
            || self.narrowing().is_some_and(|narrowing| narrowing.restricts_models())
    }

    /// What the client lets its request reach.
    pub(crate) fn narrowing(&self) -> Option<&Arc<Narrowing>> {
        self.0.arrival.directives.as_deref()?.narrowing.as_ref()
    }

    pub(crate) fn query(&self) -> Option<&str> {
        self.0.arrival.uri.query()
    }

    fn text(&self, span: Option<PathSpan>) -> Option<&str> {
        span.map(|span| span.text(self.path()))
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

    /// The account in the path; `None` on mounts without one and where it was malformed.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.text(self.0.arrival.place.account)
    }

    /// The gateway in the path or in `cf-aig-gateway-id`, else `default`.
    #[must_use]
    pub fn gateway(&self) -> &str {
        self.0.arrival.place.gateway_id(self.path(), || self.directives()?.gateway_id.as_deref())
    }

    pub(crate) fn upstream(&self) -> Option<&Arc<Upstream>> {
        self.current().map(|step| &step.upstream).or(self.0.arrival.native.as_ref())
    }

    /// Where the client's own request goes, whatever is tried after it.
    pub(crate) fn first_upstream(&self) -> Option<&Arc<Upstream>> {
        self.0
            .arrival
            .native
            .as_ref()
            .or_else(|| self.0.progress.first.get().map(|step| &step.upstream))
    }

    /// The slug of the provider that the request goes to, once that is known.
    #[must_use]
    pub fn provider(&self) -> Option<&str> {
        self.upstream().map(|upstream| upstream.slug())
    }

    /// The model that the gateway has chosen: of a model-routed request, without the provider's
    /// prefix, or of the step that is tried after another has failed.
    #[must_use]
    pub fn routed_model(&self) -> Option<&str> {
        self.current().and_then(|step| step.model.as_deref())
    }

    /// The model that is asked for, as far as the gateway knows it when the request is sent. Layers
    /// between the gateway and its client can go by it.
    ///
    /// It is the [`routed_model`](Self::routed_model); or else, on a provider's own path, the model
    /// in the path, decoded once (Gemini, Bedrock, Azure's deployments), or the one in the body where
    /// the gateway had to read that, for it [restricts models](crate::settings::GatewaySettingsBuilder::allow_models).
    /// Otherwise it is `None`: the body of a request on a provider's own path is not read ahead.
    #[must_use]
    pub fn model(&self) -> Option<Cow<'_, str>> {
        let in_body = self.routed_model().or_else(|| self.body_model());
        let in_path = self.model_in_path(in_body).map(Cow::Owned);
        in_path.or(in_body.map(Cow::Borrowed))
    }

    /// The model that the path calls, where the body names none or its provider looks at the path
    /// alone.
    pub(crate) fn model_in_path(&self, in_body: Option<&str>) -> Option<String> {
        let path = self.provider_path();
        let decides = || self.upstream().is_some_and(|upstream| upstream.decides_by_path(path));
        let counts = in_body.is_none() && self.is_call() || decides();
        if counts { routing::model_in(path) } else { None }
    }

    /// By which kind of path the request came: `native` (the provider in the path), `compat` or
    /// `rest` (the provider in the model), or `universal` (several requests in the body). `None`
    /// where it was refused for its path.
    #[must_use]
    pub fn endpoint(&self) -> Option<&'static str> {
        match self.0.arrival.endpoint {
            Endpoint::Native(_) => Some("native"),
            Endpoint::Unified(_) | Endpoint::Models if self.0.arrival.place.gateway_by_header => {
                Some("rest")
            }
            Endpoint::Unified(_) | Endpoint::Models => Some("compat"),
            Endpoint::Universal => Some("universal"),
            Endpoint::None => None,
        }
    }

    /// The path behind the provider's slug.
    pub(crate) fn provider_path(&self) -> &str {
        if let Some(step) = self.current() {
            return &step.path;
        }
        if let Some(Called { usual: Some(path), .. }) = self.0.called.get() {
            return path;
        }
        self.path_of_endpoint()
    }

    fn path_of_endpoint(&self) -> &str {
        match self.0.arrival.endpoint {
            Endpoint::Native(rest) => rest.text(self.path()),
            Endpoint::Unified(endpoint) => endpoint,
            Endpoint::Models => "models",
            Endpoint::Universal | Endpoint::None => "",
        }
    }

    /// What is asked of the provider, told by the path.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.current().map_or_else(|| self.operation_of_path(), |step| step.operation)
    }

    /// What the path alone tells: the same from the arrival to the end.
    pub(crate) fn operation_of_path(&self) -> Operation {
        let called = self.0.called.get_or_init(|| match self.0.arrival.endpoint {
            Endpoint::Native(_) | Endpoint::Unified(_) | Endpoint::Models => {
                Called::by(self.path_of_endpoint())
            }
            // Only the shape of the error depends on it.
            Endpoint::None if self.path().split('/').any(|segment| segment == "messages") => {
                Operation::Messages.into()
            }
            Endpoint::Universal | Endpoint::None => Operation::Other.into(),
        });
        called.operation
    }

    /// Whether the client reads errors in the form of Anthropic's API for messages: on all paths of
    /// that API, counting tokens and batches among them.
    pub(crate) fn is_of_messages(&self) -> bool {
        self.operation() == Operation::Messages || operation::is_of_messages(self.provider_path())
    }

    /// How its answers are written.
    pub(crate) fn shape(&self) -> Shape {
        Shape::of(self.operation(), self.provider().unwrap_or_default(), self.provider_path())
    }

    /// What the form of the gateway's own answer depends on.
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

    /// Whether the request can run a model.
    pub(crate) fn is_call(&self) -> bool {
        routing::is_call(self.method())
    }

    /// The path of the client's request, without its query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.arrival.uri.path()
    }

    /// What holds for this request: the client's `cf-aig-*` headers, as far as the host lets it use
    /// them, and the gateway's defaults where they say nothing. `None` where neither says anything.
    #[must_use]
    pub fn directives(&self) -> Option<&Directives> {
        let of_step = self.current().and_then(|step| step.directives.as_deref());
        let own = of_step.or(self.0.arrival.directives.as_deref());
        own.or_else(|| self.settings()?.defaults())
    }

    /// Who is calling, where the host's middleware has put an [`Identity`] into the extensions of
    /// the request. Nothing that a client sends changes it.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.0.arrival.identity.as_ref()
    }

    /// Whether only a provider that keeps nothing may get the request.
    pub(crate) fn wants_zdr(&self) -> bool {
        let own = self.0.arrival.directives.as_deref();
        let directives = own.or_else(|| self.settings()?.defaults());
        directives.is_some_and(|directives| directives.zdr == Some(true))
    }

    /// The client's `cf-aig-metadata`: what it claims, and nobody has checked. Those that the host
    /// has [set itself](crate::settings::GatewaySettingsBuilder::metadata) stand before them.
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
