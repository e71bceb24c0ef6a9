//! Reads as much of a request body as its routing needs, then sends the request.

mod checks;
mod models;
mod session;
mod waits;

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::EXPECT;
use http::{Request, Response};
use http_body::Body;
use tower::BoxError;

use self::checks::Checks;
use self::session::Seeking;
use self::waits::Waits;
use crate::context::GatewayContext;
use crate::exchange::request_state::RequestState;
use crate::hook::Outcome;
use crate::json::object::ObjectScanner;
use crate::provider::headers::HeaderScan;
use crate::rejection::{Code, Rejection};
use crate::request::access;
use crate::request::affinity::SessionReader;
use crate::request::body::RequestBody;
use crate::request::collect::Collect;
use crate::request::dynamic;
use crate::request::model_reader::ModelReader;
use crate::request::peek::{Drain, Found, Peek};
use crate::request::peek_for::PeekFor;
use crate::request::stages::{BodyChange, NamedBy, Shared};
use crate::response::relay::ResponseRelay;
use crate::routing::model::RoutedModel;
use crate::settings::GatewaySettings;

/// The request for the provider, and what waits for the response.
type Sent<B> = (Request<RequestBody<B>>, ResponseRelay);

/// The answer, and the rest of the body if it must be read first.
type Refused<B> = (Box<Response<Bytes>>, Option<Drain<B>>);

/// A request whose body is being read.
pub(crate) struct BodyRouting<B> {
    shared: Arc<Shared>,
    head: Request<()>,
    scan: HeaderScan,
    reading: Reading<B>,
    /// `None` until the client must be waited for.
    waits: Option<Box<Waits>>,
    peek_for: PeekFor,
    /// Set when only the session is missing.
    seeking: Option<Box<Seeking>>,
    /// Set when only the guards are missing.
    checks: Option<Box<Checks>>,
    /// The dynamic route that the body names, while the body members that it needs are read.
    route: Option<RoutedModel>,
    pub(crate) relay: ResponseRelay,
}

#[expect(clippy::large_enum_variant, reason = "it is always boxed, and the other variant is rare")]
enum Reading<B> {
    /// Up to the model.
    Model(Peek<B>),
    /// To the end.
    Whole(Collect<B>),
}

/// Members beside the model are kept only if the request may use a dynamic route.
fn scanner_for(peek_for: PeekFor, context: &GatewayContext) -> ObjectScanner {
    if peek_for == PeekFor::Nothing {
        return ObjectScanner::new();
    }
    let has_routes = context.settings().is_some_and(|settings| !settings.routes.is_empty());
    let is_limited = context.settings().is_some_and(GatewaySettings::reads_for_limits);
    let scanner = match peek_for {
        PeekFor::Provider(_) if has_routes => ObjectScanner::capturing(),
        _ if is_limited => ObjectScanner::capturing(),
        _ => ObjectScanner::new(),
    };
    let goes_by_model = context.settings().is_some_and(GatewaySettings::goes_by_model);
    scanner.wary(goes_by_model || context.restricts_models() && peek_for != PeekFor::Limits)
}

impl<B> BodyRouting<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// Boxed, because a request head alone is larger than everything else in the future.
    pub(crate) fn new(
        shared: &Arc<Shared>,
        peek_for: PeekFor,
        scan: HeaderScan,
        mut relay: ResponseRelay,
        request: Request<B>,
    ) -> Box<Self> {
        let watch = relay.exchange.watch();
        relay.watch = Some(watch.clone());
        let is_for_provider = matches!(peek_for, PeekFor::Provider(_) | PeekFor::Entries);
        relay.announces_provider = is_for_provider;
        relay.exchange.pause();
        let (parts, body) = request.into_parts();
        let head = Request::from_parts(parts, ());
        let limit = shared.peek_limit;
        let share = shared.body_budget.share();
        let reading = match peek_for {
            PeekFor::Entries => Reading::Whole(Collect::new(body, watch, limit, share)),
            peek_for => {
                let scanner = scanner_for(peek_for, &relay.context);
                let context = &relay.context;
                let is_lenient = matches!(peek_for, PeekFor::Nothing | PeekFor::Limits);
                let reads_models = context.restricts_models() && !is_lenient;
                let models = reads_models.then(|| match peek_for {
                    PeekFor::AnyModel => access::reader(context, head.headers()),
                    // The unified endpoints accept only JSON with a top-level model.
                    _ => Box::new(ModelReader::json(context)),
                });
                let mut peek = Peek::new(body, watch, peek_for, scanner, limit, share, models);
                if peek_for == PeekFor::Limits && access::allow_body(head.headers(), false).is_err()
                {
                    // The provider may find another model in it than a reader of JSON.
                    peek.leave_unread();
                }
                Reading::Model(peek)
            }
        };
        let shared = shared.clone();
        let (waits, seeking, checks, route) = (None, None, None, None);
        let routing =
            Self { shared, head, scan, reading, waits, peek_for, seeking, checks, route, relay };
        Box::new(routing)
    }

    /// Ready when the request may be sent or is refused.
    pub(crate) fn poll_routed(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<BodyChange, Rejection>> {
        let mut checks = match self.checks.take() {
            Some(checks) => checks,
            None => {
                let change = match self.seeking.take() {
                    Some(seeking) => ready!(self.poll_session(seeking, cx))?,
                    None => {
                        let found = ready!(self.poll_found(cx))?;
                        let change = self.apply(found)?;
                        match SessionReader::of(&self.relay.context, self.head.headers()) {
                            Some(reader) => ready!(self.begin_session(change, reader, cx))?,
                            None => change,
                        }
                    }
                };
                let guards = &self.shared.observation.guards;
                if guards.is_empty() {
                    return Poll::Ready(Ok(change));
                }
                let head = self.head.headers();
                Box::new(Checks::new(change, guards, head, &self.relay.context)?)
            }
        };
        let polled = self.poll_checks(&mut checks, cx);
        if polled.is_pending() {
            self.checks = Some(checks);
            return Poll::Pending;
        }
        polled.map_ok(|()| checks.change)
    }

    /// Ready when the body has been read far enough, cannot be read, or took too long.
    fn poll_found(&mut self, cx: &mut Context<'_>) -> Poll<Result<Found, Rejection>> {
        let found = self.poll_body(cx);
        if found.is_pending() { self.poll_waits(cx).map(Err) } else { found }
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Found, Rejection>> {
        let peek = match &mut self.reading {
            Reading::Model(_) if self.peek_for == PeekFor::Nothing => {
                return Poll::Ready(Ok(Found::Open));
            }
            Reading::Model(peek) if self.peek_for == PeekFor::Limits => {
                return peek.poll_for_limits(cx).map_ok(|()| Found::Open);
            }
            Reading::Model(peek) => peek,
            Reading::Whole(collect) => return collect.poll_whole(cx).map_ok(Found::Whole),
        };
        let routed = match self.route.take() {
            Some(routed) => routed,
            None => match ready!(peek.poll_model(cx))? {
                Found::Routed(routed) if dynamic::is_route(&routed) => routed,
                found => return Poll::Ready(Ok(found)),
            },
        };
        let fields = dynamic::body_fields(&self.relay.context, &routed);
        let known = peek.poll_known(fields, cx);
        if known.is_pending() {
            self.route = Some(routed);
            return Poll::Pending;
        }
        known.map_ok(|()| Found::Routed(routed))
    }

    /// Chooses the provider and rewrites the head from what was found, or says why the request is
    /// refused.
    fn apply(&mut self, found: Found) -> Result<BodyChange, Rejection> {
        let Self { shared, head, scan, peek_for, relay, reading, .. } = self;
        let named = match (found, *peek_for, reading) {
            (Found::Routed(routed), PeekFor::Provider(endpoint), Reading::Model(peek))
                if dynamic::is_route(&routed) =>
            {
                NamedBy::DynamicRoute(routed, endpoint, peek.scalars())
            }
            (Found::Routed(routed), PeekFor::Provider(endpoint), _) => {
                NamedBy::Model(routed, endpoint)
            }
            (Found::Whole(body), _, Reading::Whole(collect)) => {
                NamedBy::Entries(body, collect.take_share())
            }
            (_, PeekFor::Limits, _) => {
                let watch = relay.watch.as_deref();
                if let Some(model) = watch.and_then(RequestState::model) {
                    relay.context.set_body_model(model);
                }
                self.tell_limits();
                return Ok(BodyChange::None);
            }
            (found, ..) => {
                self.restrict_models(found)?;
                self.tell_limits();
                return Ok(BodyChange::None);
            }
        };
        let (target, change) = shared.choose(named, head, scan, &relay.context)?;
        shared.rewrite(target, head, scan, &relay.context)?;
        self.tell_limits();
        Ok(change)
    }

    /// Stores what the body asks for in the extensions, for the limits.
    fn tell_limits(&mut self) {
        let settings = self.relay.context.settings();
        if settings.is_some_and(GatewaySettings::reads_for_limits)
            && let Reading::Model(peek) = &self.reading
        {
            self.head.extensions_mut().insert(peek.asks());
        }
    }

    /// The request for the provider, or the answer.
    pub(crate) fn into_request(
        self: Box<Self>,
        routed: Result<BodyChange, Rejection>,
    ) -> Result<Sent<B>, Refused<B>> {
        let Self { shared, head, reading, mut relay, .. } = *self;
        let change = match routed {
            Ok(change) => change,
            Err(rejection) => {
                let asks_first = head.headers().contains_key(EXPECT);
                let rest = match reading {
                    _ if rejection.code == Code::SlowBody => None,
                    Reading::Model(peek) if asks_first && peek.is_unread() => None,
                    Reading::Model(peek) => peek.into_rest(),
                    Reading::Whole(collect) => collect.into_rest(),
                };
                return Err((Box::new(relay.answer(rejection, Outcome::Rejected)), rest));
            }
        };
        let (edit, body) = match change {
            BodyChange::None => (None, None),
            BodyChange::Edited(edit) => (Some(edit), None),
            BodyChange::Replaced(body) => (None, Some(body)),
        };
        let request = match reading {
            Reading::Model(peek) if body.is_none() => {
                shared.send_peeked(&mut relay, head, peek, edit.as_ref())
            }
            _ => shared.send_whole(&mut relay, head, body.unwrap_or_default()),
        };
        Ok((request, relay))
    }
}
