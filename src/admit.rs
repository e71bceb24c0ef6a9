//! The synchronous half: a routed request becomes one to forward, one to peek into, or an answer.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Uri, Version, header};
use http_body::Body;

use crate::body::RequestBody;
use crate::body::watch::Watcher;
use crate::context::{Endpoint, GatewayContext};
use crate::directives;
use crate::exchange::Exchange;
use crate::headers::{self, Survey};
use crate::hook::Outcome;
use crate::inject::Splice;
use crate::observation::Observation;
use crate::peek::Peek;
use crate::provider::{Providers, Upstream};
use crate::refusal;
use crate::rejection::{ErrorFormat, Rejection};
use crate::relay::Relay;
use crate::route::join::{self, PathRefused};
use crate::route::model::RoutedModel;
use crate::route::{self, Mount, Route, RouteKind, RouteRefused};
use crate::via::Via;

/// What the builder has checked, shared by all clones of a layer and its services.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) mounts: Vec<Mount>,
    pub(crate) providers: Providers,
    pub(crate) observation: Arc<Observation>,
    pub(crate) error_format: ErrorFormat,
    pub(crate) peek_limit: usize,
    pub(crate) asks_for_usage: bool,
    pub(crate) via: Option<Via>,
}

/// What becomes of a request on a gateway path.
///
/// The request itself is not in it: moving one costs as much as most of what is done to it here.
pub(crate) enum Admission {
    /// It is rewritten and goes to the provider.
    Forward(Relay),
    /// Its model must be sought first.
    Peek(Seek),
    Answered(Box<Response<Bytes>>),
}

/// What is to be done once the model is known.
pub(crate) struct Seek {
    endpoint: &'static str,
    survey: Survey,
    relay: Relay,
}

impl Shared {
    pub(crate) fn route<B>(&self, request: &Request<B>) -> Option<Route<'_>> {
        route::route(&self.mounts, &self.providers, request)
    }

    /// Rewrites the head of the request, or says why it goes nowhere.
    pub(crate) fn admit<B>(&self, route: &Route<'_>, request: &mut Request<B>) -> Admission {
        let arrived = self.observation.is_wanted().then(Instant::now);
        let (endpoint, upstream) = match &route.kind {
            RouteKind::Native { upstream, rest } => {
                (Endpoint::Native(*rest), Some(Arc::clone(upstream)))
            }
            RouteKind::Unified { endpoint } => (Endpoint::Unified(endpoint), None),
            RouteKind::Universal | RouteKind::Refused(_) => (Endpoint::None, None),
        };
        let host = upstream.as_deref().map(Upstream::host);
        let survey = headers::survey_request(request.headers_mut(), host);
        let (directives, malformed) = match survey.directives {
            false => (None, None),
            true => match directives::parse(request.headers()) {
                Ok(directives) => (Some(directives), None),
                Err(malformed) => (None, Some(malformed)),
            },
        };
        let (method, uri) = (request.method().clone(), std::mem::take(request.uri_mut()));
        let context = GatewayContext::new(method, uri, route.place, endpoint, directives, upstream);
        let exchange = match arrived {
            Some(arrived) => {
                Exchange::begin(&self.observation, &context, request.headers(), arrived)
            }
            None => Exchange::default(),
        };
        let relay = Relay::new(context, exchange, self.error_format, survey.trailers);

        let refused = malformed.as_ref().map(refusal::malformed_header);
        match refused.map_or_else(|| self.aim(route, request, &survey, &relay.context), Err) {
            Ok(Aim::Provider) => Admission::Forward(relay),
            Ok(Aim::Model(endpoint)) => Admission::Peek(Seek { endpoint, survey, relay }),
            Err(rejection) => {
                Admission::Answered(Box::new(relay.answer(rejection, Outcome::Rejected)))
            }
        }
    }

    fn aim<B>(
        &self,
        route: &Route<'_>,
        request: &mut Request<B>,
        survey: &Survey,
        context: &GatewayContext,
    ) -> Result<Aim, Rejection> {
        refusal::refuse_method(request.method())?;
        match &route.kind {
            RouteKind::Native { upstream, rest } => {
                let rest = rest.text(context.path());
                let uri =
                    join::check(rest).and_then(|()| upstream.native_uri(rest, context.query()));
                *request.uri_mut() = uri.map_err(|PathRefused| refusal::malformed_path())?;
                self.prepare(request, survey, upstream, context);
                Ok(Aim::Provider)
            }
            RouteKind::Unified { endpoint } => {
                refusal::refuse_encoded(request.headers())?;
                Ok(Aim::Model(endpoint))
            }
            // Until entries of a body can be sent.
            RouteKind::Universal => {
                Err(refusal::unroutable(RouteRefused::NoSuchEndpoint, context.path()))
            }
            RouteKind::Refused(refused) => Err(refusal::unroutable(*refused, context.path())),
        }
    }

    /// All of a request's head but its URI is made ready for the provider.
    fn prepare<B>(
        &self,
        request: &mut Request<B>,
        survey: &Survey,
        upstream: &Upstream,
        context: &GatewayContext,
    ) {
        headers::strip_request(request.headers_mut(), survey, upstream.host());
        // A client that picks the connection's version by itself refuses any other here.
        let received = std::mem::replace(request.version_mut(), Version::HTTP_11);
        if let Some(via) = &self.via {
            via.append(request.headers_mut(), received);
        }
        request.extensions_mut().insert(context.clone());
    }

    /// What asks for the usage of a stream, where the host wants that.
    fn splice(
        &self,
        context: &GatewayContext,
        headers: &mut HeaderMap,
        cut: u64,
    ) -> Option<Splice> {
        let suits =
            self.asks_for_usage && Splice::suits(context.method(), context.operation(), headers);
        suits.then(|| Splice::new(headers, cut))
    }

    /// Where a routed model leads.
    fn routed_uri(
        &self,
        routed: &RoutedModel,
        endpoint: &str,
        context: &GatewayContext,
    ) -> Result<Uri, Rejection> {
        let upstream = self.providers.find(routed.prefix());
        let upstream = upstream.ok_or_else(|| refusal::unknown_prefix(routed.prefix()))?;
        context.set_routed(upstream.clone(), routed.model());
        upstream
            .openai_uri(endpoint, context.query())
            .map_err(|PathRefused| refusal::malformed_path())
    }
}

/// What decides where a request goes.
enum Aim {
    Provider,
    Model(&'static str),
}

impl Relay {
    /// A rewritten request on its way, its body as it is where nobody wants to know of it.
    pub(crate) fn send<B>(
        &mut self,
        shared: &Shared,
        mut request: Request<B>,
    ) -> Request<RequestBody<B>> {
        let splice = shared.splice(&self.context, request.headers_mut(), 0);
        if !self.exchange.is_observed() && splice.is_none() {
            return request.map(RequestBody::passed);
        }
        let watch = self.exchange.watch();
        if splice.is_some() {
            self.watch = Some(watch.clone());
        }
        self.exchange.dispatch();
        request.map(|body| RequestBody::watched(body, Watcher::new(watch).with(splice)))
    }
}

/// A request as its provider is to get it, and what waits for the response.
type Forwarded<B> = (Request<RequestBody<B>>, Relay);

/// A model-routed request whose model is not known yet.
pub(crate) struct Peeking<B> {
    shared: Arc<Shared>,
    head: Request<()>,
    survey: Survey,
    pub(crate) peek: Peek<B>,
    endpoint: &'static str,
    pub(crate) relay: Relay,
}

impl<B: Body<Data = Bytes>> Peeking<B> {
    pub(crate) fn new(shared: &Arc<Shared>, seek: Seek, request: Request<B>) -> Self {
        let Seek { endpoint, survey, mut relay } = seek;
        let watch = relay.exchange.watch();
        relay.watch = Some(watch.clone());
        relay.announces_provider = true;
        relay.exchange.pause();
        let (parts, body) = request.into_parts();
        let head = Request::from_parts(parts, ());
        let peek = Peek::new(body, watch, shared.peek_limit);
        Self { shared: shared.clone(), head, survey, peek, endpoint, relay }
    }

    /// The model is known, or cannot be: the request as its provider is to get it, or the answer.
    pub(crate) fn conclude(
        self,
        model: Result<RoutedModel, Rejection>,
    ) -> Result<Forwarded<B>, Box<Response<Bytes>>> {
        let Self { shared, mut head, survey, peek, endpoint, mut relay } = self;
        let aimed = model.and_then(|routed| {
            *head.uri_mut() = shared.routed_uri(&routed, endpoint, &relay.context)?;
            Ok(routed)
        });
        let routed = match aimed {
            Ok(routed) => routed,
            Err(rejection) => return Err(Box::new(relay.answer(rejection, Outcome::Rejected))),
        };
        if let Some(upstream) = relay.context.upstream() {
            shared.prepare(&mut head, &survey, upstream, &relay.context);
        }
        let cut = routed.cut.end - routed.cut.start;
        shorten_content_length(head.headers_mut(), cut);
        let splice = shared.splice(&relay.context, head.headers_mut(), cut);
        let body = peek.into_body(&routed, splice);
        relay.exchange.dispatch();
        Ok((head.map(|()| body), relay))
    }
}

fn shorten_content_length(headers: &mut HeaderMap, by: u64) {
    let Some(length) = headers.get(header::CONTENT_LENGTH) else { return };
    let length = length.to_str().ok().and_then(|length| length.parse::<u64>().ok());
    match length.and_then(|length| length.checked_sub(by)) {
        Some(length) => headers.insert(header::CONTENT_LENGTH, length.into()),
        // Without it, the client service frames the body by itself.
        None => headers.remove(header::CONTENT_LENGTH),
    };
}

/// The answer for a body whose rest turned out to contradict its beginning.
pub(crate) fn late_refusal(relay: &Relay) -> Option<Rejection> {
    relay.watch.as_ref()?.refusal().map(refusal::unreadable_body)
}
