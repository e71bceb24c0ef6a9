//! What a host can learn about a request before the gateway handles it.

use http::Request;

use super::{Route, RouteKind, is_call, model_in};
use crate::util::operation::Operation;

/// Where a gateway would send a request. Returned by
/// [`GatewayLayer::route_of`](crate::GatewayLayer::route_of).
///
/// ```
/// use http::Request;
/// use tower_ai_gateway::{GatewayLayer, Operation, Provider};
///
/// let gateway = GatewayLayer::builder().provider(Provider::xai()).build()?;
/// let request = Request::post("/v1/acct/gw/grok/chat/completions").body(())?;
/// let route = gateway.route_of(&request).unwrap();
/// assert_eq!((route.account(), route.gateway()), (Some("acct"), "gw"));
/// assert_eq!((route.provider(), route.operation()), (Some("grok"), Operation::Chat));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteInfo {
    account: Option<Box<str>>,
    gateway: Box<str>,
    endpoint: Option<&'static str>,
    provider: Option<Box<str>>,
    operation: Operation,
    model: Option<Box<str>>,
}

impl RouteInfo {
    pub(crate) fn of<B>(route: &Route<'_>, request: &Request<B>) -> Self {
        let path = request.uri().path();
        let place = route.place;
        let (account, gateway) = place.ids(path, request.headers());
        let unified = if place.gateway_by_header { "rest" } else { "compat" };
        let (mut provider, mut model) = (None, None);
        let (endpoint, operation) = match &route.kind {
            RouteKind::Native { upstream, rest } => {
                let rest = rest.text(path);
                let rewritten = upstream.rewritten(rest);
                let rest = rewritten.as_deref().unwrap_or(rest);
                if is_call(request.method()) || upstream.decides_by_path(rest) {
                    model = model_in(rest).map(String::into_boxed_str);
                }
                provider = Some(upstream.slug().into());
                (Some("native"), Operation::of(rest))
            }
            RouteKind::Unified { endpoint } => (Some(unified), Operation::of(endpoint)),
            RouteKind::Models { .. } => (Some(unified), Operation::of("models")),
            RouteKind::Universal => (Some("universal"), Operation::Other),
            RouteKind::Refused(_) => (None, Operation::Other),
        };
        Self {
            account: account.map(Box::from),
            gateway: gateway.into(),
            endpoint,
            provider,
            operation,
            model,
        }
    }

    /// The account in the path; `None` on mounts without one and if it is malformed.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// The gateway in the path or in `cf-aig-gateway-id`, otherwise `default`.
    #[must_use]
    pub fn gateway(&self) -> &str {
        &self.gateway
    }

    /// The kind of path: `native`, `compat`, `rest` or `universal`, as in
    /// [`GatewayContext::endpoint`](crate::GatewayContext::endpoint). `None` if the gateway will
    /// refuse the path.
    #[must_use]
    pub fn endpoint(&self) -> Option<&'static str> {
        self.endpoint
    }

    /// The slug of the provider in the path; `None` if the body names it.
    #[must_use]
    pub fn provider(&self) -> Option<&str> {
        self.provider.as_deref()
    }

    /// The kind of API call, as far as the path tells.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The model in the path, decoded once (Gemini, Bedrock); `None` if the body names it.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }
}
