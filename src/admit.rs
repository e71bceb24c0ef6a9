//! The synchronous half: a routed request becomes one to forward, one to peek into, or an answer.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{Method, Request, Response, Version, header, request};
use http_body::Body;

use crate::body::RequestBody;
use crate::body::watch::{RequestWatch, Watcher};
use crate::context::GatewayContext;
use crate::directives::{self, Malformed, Parsed};
use crate::exchange::{self, Exchange};
use crate::headers::{self, Survey};
use crate::hook::{Hooks, Outcome};
use crate::peek::{self, Peek};
use crate::provider::{Providers, Upstream};
use crate::rejection::{Code, ErrorFormat, Rejection};
use crate::relay::Relay;
use crate::route::join::PathRefused;
use crate::route::model::RoutedModel;
use crate::route::{self, Mount, Operation, Route, RouteKind, RouteRefused, Span};

/// What the builder has checked, shared by all clones of a layer and its services.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) mounts: Vec<Mount>,
    pub(crate) providers: Providers,
    pub(crate) hooks: Hooks,
    pub(crate) error_format: ErrorFormat,
    pub(crate) peek_limit: usize,
}

/// What becomes of a request on a gateway path.
pub(crate) enum Admission<B> {
    Forward(Request<RequestBody<B>>, Relay),
    Peek(Box<Peeking<B>>),
    Answered(Response<Bytes>),
}

impl Shared {
    pub(crate) fn route<B>(&self, request: &Request<B>) -> Option<Route<'_>> {
        route::route(&self.mounts, &self.providers, request)
    }

    pub(crate) fn admit<B: Body<Data = Bytes>>(
        self: &Arc<Self>,
        route: &Route<'_>,
        mut request: Request<B>,
    ) -> Admission<B> {
        let arrived = exchange::is_observed(&self.hooks).then(Instant::now);
        let survey = headers::survey_request(request.headers_mut());
        let (parsed, malformed) =
            match survey.directives.then(|| directives::parse(request.headers())) {
                None => (Parsed::default(), None),
                Some(Ok(parsed)) => (parsed, None),
                Some(Err(malformed)) => (Parsed::default(), Some(malformed)),
            };
        let Parsed { directives, warning } = parsed;

        let uri = std::mem::take(request.uri_mut());
        let operation = operation(&route.kind, uri.path());
        let directives = survey.directives.then(|| Box::new(directives));
        let context =
            GatewayContext::new(request.method().clone(), uri, route.place, operation, directives);
        if let RouteKind::Native { upstream, .. } = &route.kind {
            context.set_upstream(Arc::clone(upstream));
        }
        let exchange = match arrived {
            Some(arrived) => Exchange::begin(&self.hooks, &context, arrived),
            None => Exchange::default(),
        };
        let mut relay = Relay::new(context, exchange, self.error_format, survey.trailers, warning);

        let refused =
            malformed.as_ref().map(malformed_header).or_else(|| refused_method(request.method()));
        if let Some(rejection) = refused {
            return Admission::Answered(relay.answer(rejection, Outcome::Rejected));
        }
        match route.kind {
            RouteKind::Native { upstream, rest } => {
                match native_uri(upstream, rest, &relay.context) {
                    Ok(uri) => {
                        *request.uri_mut() = uri;
                        let (mut parts, body) = request.into_parts();
                        prepare(&mut parts, survey, upstream, &relay.context);
                        let body = relay.watched(body);
                        relay.exchange.dispatch();
                        Admission::Forward(Request::from_parts(parts, body), relay)
                    }
                    Err(rejection) => {
                        Admission::Answered(relay.answer(rejection, Outcome::Rejected))
                    }
                }
            }
            RouteKind::Unified { endpoint } => {
                let (parts, body) = request.into_parts();
                if let Some(rejection) = encoded(&parts) {
                    return Admission::Answered(relay.answer(rejection, Outcome::Rejected));
                }
                let watch = Arc::new(RequestWatch::default());
                relay.exchange.watch(&watch);
                relay.watch = Some(watch.clone());
                relay.announces_provider = true;
                let peek = Peek::new(body, watch, self.peek_limit);
                relay.exchange.pause();
                Admission::Peek(Box::new(Peeking {
                    shared: self.clone(),
                    parts,
                    survey,
                    peek,
                    endpoint,
                    relay,
                }))
            }
            RouteKind::Refused(refused) => {
                let rejection = unroutable(refused, relay.context.path());
                Admission::Answered(relay.answer(rejection, Outcome::Rejected))
            }
        }
    }
}

impl Relay {
    /// The body as it is where nobody wants to know of it.
    fn watched<B>(&mut self, body: B) -> RequestBody<B> {
        if !self.exchange.is_observed() {
            return RequestBody::new(body);
        }
        let watch = Arc::new(RequestWatch::default());
        self.exchange.watch(&watch);
        RequestBody::watched(body, Watcher::new(watch))
    }
}

/// A model-routed request whose model is not known yet.
pub(crate) struct Peeking<B> {
    shared: Arc<Shared>,
    parts: request::Parts,
    survey: Survey,
    pub(crate) peek: Peek<B>,
    endpoint: &'static str,
    pub(crate) relay: Relay,
}

impl<B: Body<Data = Bytes>> Peeking<B> {
    /// The model is known: the request as its provider is to get it.
    pub(crate) fn forward(self, routed: &RoutedModel) -> Admission<B> {
        let Self { shared, mut parts, survey, peek, endpoint, mut relay } = self;
        let Some(upstream) = shared.providers.find(&routed.prefix) else {
            let rejection = unknown_prefix(&routed.prefix);
            return Admission::Answered(relay.answer(rejection, Outcome::Rejected));
        };
        relay.context.set_upstream(upstream.clone());
        relay.context.set_model(&routed.model);
        match upstream.openai_uri(endpoint, relay.context.query()) {
            Ok(uri) => parts.uri = uri,
            Err(PathRefused) => {
                return Admission::Answered(relay.answer(malformed_path(), Outcome::Rejected));
            }
        }
        prepare(&mut parts, survey, upstream, &relay.context);
        shorten_content_length(&mut parts.headers, routed.cut.end - routed.cut.start);
        let body = peek.into_body(routed);
        relay.exchange.dispatch();
        Admission::Forward(Request::from_parts(parts, body), relay)
    }

    /// The model cannot be known.
    pub(crate) fn refuse(self, rejection: Rejection) -> Admission<B> {
        Admission::Answered(self.relay.answer(rejection, Outcome::Rejected))
    }
}

fn unknown_prefix(prefix: &str) -> Rejection {
    let message = format!(
        "`model` begins with `{}/`, which is no provider here. It must be as in `grok/grok-4`.",
        shortened(prefix)
    );
    Rejection::of_request(Code::UnknownProvider, message).param("model")
}

/// All of a request's head but its URI is made ready for the provider.
fn prepare(
    parts: &mut request::Parts,
    survey: Survey,
    upstream: &Upstream,
    context: &GatewayContext,
) {
    headers::strip_request(&mut parts.headers, survey, upstream.host());
    // A client that picks the connection's version by itself refuses any other here.
    parts.version = Version::HTTP_11;
    parts.extensions.insert(context.clone());
}

fn native_uri(
    upstream: &Upstream,
    rest: Span,
    context: &GatewayContext,
) -> Result<http::Uri, Rejection> {
    let rest = rest.text(context.path());
    let uri = route::join::check(rest).and_then(|()| upstream.native_uri(rest, context.query()));
    uri.map_err(|PathRefused| malformed_path())
}

fn operation(kind: &RouteKind<'_>, path: &str) -> Operation {
    match kind {
        RouteKind::Native { rest, .. } => Operation::of(rest.text(path)),
        RouteKind::Unified { endpoint } => Operation::of(endpoint),
        // Only the shape of the error depends on it.
        RouteKind::Refused(_) if path.split('/').any(|segment| segment == "messages") => {
            Operation::Messages
        }
        RouteKind::Refused(_) => Operation::Other,
    }
}

fn shorten_content_length(headers: &mut http::HeaderMap, by: u64) {
    let Some(length) = headers.get(header::CONTENT_LENGTH) else { return };
    let length = length.to_str().ok().and_then(|length| length.parse::<u64>().ok());
    match length.and_then(|length| length.checked_sub(by)) {
        Some(length) => headers.insert(header::CONTENT_LENGTH, length.into()),
        // Without it, the client service frames the body by itself.
        None => headers.remove(header::CONTENT_LENGTH),
    };
}

fn malformed_path() -> Rejection {
    Rejection::of_request(
        Code::Malformed,
        "The path is malformed. Dot segments (`.` and `..`, encoded ones too) are not relayed; send the path that is meant.",
    )
}

fn malformed_header(malformed: &Malformed) -> Rejection {
    let message = format!("The header {} must be {}.", malformed.name, malformed.must_be);
    Rejection::of_request(Code::Malformed, message).param(malformed.name.to_string())
}

/// `TRACE` would echo the credentials, `CONNECT` asks for a tunnel (RFC 9110 §9.3.6, §9.3.8).
fn refused_method(method: &Method) -> Option<Rejection> {
    [Method::TRACE, Method::CONNECT]
        .contains(method)
        .then(|| Rejection::of_request(Code::Malformed, "TRACE and CONNECT are not relayed."))
}

fn encoded(parts: &request::Parts) -> Option<Rejection> {
    let encoding = parts.headers.get(header::CONTENT_ENCODING)?;
    if encoding.as_bytes().eq_ignore_ascii_case(b"identity") {
        return None;
    }
    let message = "The body must not be compressed on a route that reads its `model`. \
                   Send it plain, or use the provider's own path.";
    Some(Rejection::of_request(Code::Malformed, message).param("content-encoding"))
}

fn unroutable(refused: RouteRefused, path: &str) -> Rejection {
    match refused {
        RouteRefused::Id(what) => {
            let message = format!(
                "The {what} in the path must be 1 to 64 of A-Z a-z 0-9 - _ . and not a dot segment."
            );
            Rejection::of_request(Code::Malformed, message)
        }
        RouteRefused::UnknownProvider(slug) => {
            let slug = shortened(slug.text(path));
            let message = format!(
                "`{slug}` is no provider here. The path must be as in `…/grok/v1/chat/completions`."
            );
            Rejection::of_request(Code::UnknownProvider, message)
        }
        RouteRefused::NoSuchEndpoint => Rejection::of_request(
            Code::NoSuchEndpoint,
            "The gateway has no such path. Model-routed are chat/completions, responses, embeddings and messages; \
             everything else is below a provider's slug.",
        ),
        RouteRefused::PostOnly => {
            Rejection::of_request(Code::MethodNotAllowed, "This path takes POST.")
        }
    }
}

/// A client's text as it may be repeated to that client.
fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}

/// The answer for a body whose rest turned out to contradict its beginning.
pub(crate) fn late_refusal(relay: &Relay) -> Option<Rejection> {
    relay.watch.as_ref()?.refusal().map(peek::refusal)
}
