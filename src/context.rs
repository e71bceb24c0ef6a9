//! What is known of an exchange from its first moment, for all who take part in it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use http::{HeaderValue, Method, Uri};

use crate::directives::Directives;
use crate::id::LogId;
use crate::metadata::Metadata;
use crate::provider::Upstream;
use crate::route::{Operation, Place, Span};

/// The gateway that is meant where none is named.
pub(crate) const DEFAULT_GATEWAY: &str = "default";

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

struct Inner {
    log_id: LogId,
    method: Method,
    /// As the client sent it. The query may hold a key: it is never shown.
    uri: Uri,
    place: Place,
    endpoint: Endpoint,
    /// Read from the path when first asked for.
    operation: OnceLock<Operation>,
    directives: Option<Box<Directives>>,
    /// Where the path says it.
    native: Option<Arc<Upstream>>,
    /// Where the model says it, once that is read.
    routed: OnceLock<Routed>,
}

struct Routed {
    upstream: Arc<Upstream>,
    model: Box<str>,
}

/// What is asked for, as the route tells it. The operation follows from it when somebody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Native(Span),
    Unified(&'static str),
    None,
}

impl GatewayContext {
    pub(crate) fn new(
        method: Method,
        uri: Uri,
        place: Place,
        endpoint: Endpoint,
        directives: Option<Box<Directives>>,
        native: Option<Arc<Upstream>>,
    ) -> Self {
        Self(Arc::new(Inner {
            log_id: LogId::new(),
            method,
            uri,
            place,
            endpoint,
            operation: OnceLock::new(),
            directives,
            native,
            routed: OnceLock::new(),
        }))
    }

    /// The model of a model-routed request has been read.
    pub(crate) fn set_routed(&self, upstream: Arc<Upstream>, model: &str) {
        let _ = self.0.routed.set(Routed { upstream, model: Box::from(model) });
    }

    pub(crate) fn query(&self) -> Option<&str> {
        self.0.uri.query()
    }

    fn text(&self, span: Option<Span>) -> Option<&str> {
        span.map(|span| span.text(self.path()))
    }

    /// The id of this exchange, which the client gets as `cf-aig-log-id`.
    #[must_use]
    pub fn log_id(&self) -> LogId {
        self.0.log_id
    }

    /// The id that the client gets as `cf-aig-event-id`: its own, or else a UUIDv7.
    #[must_use]
    pub fn event_id(&self) -> HeaderValue {
        let given = self.directives().and_then(|directives| directives.event_id.clone());
        given.unwrap_or_else(|| {
            let uuid = self.0.log_id.uuid_v7();
            HeaderValue::from_bytes(&uuid).unwrap_or(HeaderValue::from_static(""))
        })
    }

    /// The account in the path; `None` on mounts without one and where it was malformed.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.text(self.0.place.account)
    }

    /// The gateway in the path or in `cf-aig-gateway-id`, else `default`.
    #[must_use]
    pub fn gateway(&self) -> &str {
        if let Some(gateway) = self.text(self.0.place.gateway) {
            return gateway;
        }
        let by_header = self.directives().filter(|_| self.0.place.gateway_by_header);
        by_header.and_then(|directives| directives.gateway_id.as_deref()).unwrap_or(DEFAULT_GATEWAY)
    }

    pub(crate) fn upstream(&self) -> Option<&Arc<Upstream>> {
        let routed = || self.0.routed.get().map(|routed| &routed.upstream);
        self.0.native.as_ref().or_else(routed)
    }

    /// The slug of the provider that the request goes to, once that is known.
    #[must_use]
    pub fn provider(&self) -> Option<&str> {
        self.upstream().map(|upstream| upstream.slug())
    }

    /// The model that a model-routed request goes to, without the provider's prefix.
    #[must_use]
    pub fn routed_model(&self) -> Option<&str> {
        self.0.routed.get().map(|routed| &*routed.model)
    }

    /// By which kind of path the request came: `native` (the provider in the path), `compat` or
    /// `rest` (the provider in the model). `None` where it was refused for its path.
    #[must_use]
    pub fn endpoint(&self) -> Option<&'static str> {
        match self.0.endpoint {
            Endpoint::Native(_) => Some("native"),
            Endpoint::Unified(_) if self.0.place.gateway_by_header => Some("rest"),
            Endpoint::Unified(_) => Some("compat"),
            Endpoint::None => None,
        }
    }

    /// The path behind the provider's slug.
    pub(crate) fn provider_path(&self) -> &str {
        match self.0.endpoint {
            Endpoint::Native(rest) => rest.text(self.path()),
            Endpoint::Unified(endpoint) => endpoint,
            Endpoint::None => "",
        }
    }

    /// What is asked of the provider, told by the path.
    #[must_use]
    pub fn operation(&self) -> Operation {
        *self.0.operation.get_or_init(|| match self.0.endpoint {
            Endpoint::Native(_) | Endpoint::Unified(_) => Operation::of(self.provider_path()),
            // Only the shape of the error depends on it.
            Endpoint::None if self.path().split('/').any(|segment| segment == "messages") => {
                Operation::Messages
            }
            Endpoint::None => Operation::Other,
        })
    }

    /// The method of the client's request.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.0.method
    }

    /// The path of the client's request, without its query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.uri.path()
    }

    /// The client's `cf-aig-*` headers, where it sent any.
    #[must_use]
    pub fn directives(&self) -> Option<&Directives> {
        self.0.directives.as_deref()
    }

    /// The client's `cf-aig-metadata`.
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
