//! Requests that go nowhere before something of their body is read, or a guard is asked.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::EXPECT;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Body;
use tower::BoxError;

use crate::context::GatewayContext;
use crate::context::step::{Step, StepRequest};
use crate::credentials;
use crate::exchange::headers;
use crate::exchange::headers::Survey;
use crate::hook::Outcome;
use crate::hook::guard::{Guards, Subject};
use crate::json::object::ObjectScanner;
use crate::provider::join::PathRefused;
use crate::rejection::{Code, Rejection};
use crate::request::access;
use crate::request::access::{Allowance, allow_model, allow_provider};
use crate::request::body::RequestBody;
use crate::request::collect::Collect;
use crate::request::dynamic;
use crate::request::guards::Checking;
use crate::request::model_reader::ModelReader;
use crate::request::peek::{DRAIN_TIME, Drain, Found, Peek};
use crate::request::stages::Shared;
use crate::request::universal;
use crate::request::watch::RequestWatch;
use crate::response::messages;
use crate::response::relay::Relay;
use crate::routing::model::{Edit, RoutedModel};
use crate::util::budget::Held;
use crate::util::content_length;
use crate::util::patience::Patience;
use crate::util::timeout::TimeoutPhase;

/// In the place of a `host` until it is known which entry is sent.
static UNKNOWN_HOST: HeaderValue = HeaderValue::from_static("");

/// What must be read of a body before it is known where the request goes, or whether it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sought {
    /// The provider, which stands before the model; then this endpoint of its.
    Provider(&'static str),
    /// The model, whether it may be used.
    AnyModel,
    /// Whole requests, of which one is sent after the other has failed.
    Entries,
    /// It is known where the request goes, and a guard is to see it.
    Nothing,
}

/// A request that waits for what is sought.
pub(crate) struct Seek {
    pub(crate) sought: Sought,
    pub(crate) survey: Survey,
    pub(crate) relay: Relay,
}

/// A request as its provider is to get it, and what waits for the response.
type Forwarded<B> = (Request<RequestBody<B>>, Relay);

/// The answer, and the rest of the body where it must be read before.
type Refused<B> = (Box<Response<Bytes>>, Option<Drain<B>>);

/// A request whose body is being read for what is sought.
pub(crate) struct Peeking<B> {
    shared: Arc<Shared>,
    head: Request<()>,
    survey: Survey,
    reading: Reading<B>,
    /// `None` until the client is first waited for.
    waits: Option<Box<Waits>>,
    sought: Sought,
    /// Made when it is found what is sought, where there are guards.
    checks: Option<Box<Checks>>,
    /// The name of a dynamic route, which waits for what the route must know.
    route: Option<RoutedModel>,
    pub(crate) relay: Relay,
}

/// Guards that look at a request that is ready but for them.
struct Checks {
    settled: Settled,
    checking: Checking,
    /// What they are to see, and how much of the body each, until that is read.
    unread: Option<(Subject, Vec<usize>)>,
}

/// How long the client may take to send what is sought.
struct Waits {
    /// What it has sent when it was last waited for.
    seen: u64,
    /// For its next bytes.
    body: Patience,
    /// For all.
    total: Patience,
    /// For the rest of a body that is refused.
    drain: Patience,
}

impl Waits {
    fn new(shared: &Shared, context: &GatewayContext) -> Self {
        // Before the provider is known, its own timeouts are not.
        let general = context.settings().map(|settings| settings.timeouts);
        let timeouts = context.timeouts().or(general.unwrap_or_default());
        Self {
            seen: 0,
            body: Patience::new(timeouts.body.or(shared.body_timeout)),
            total: Patience::new(timeouts.total),
            drain: Patience::new(Some(DRAIN_TIME)),
        }
    }
}

#[expect(clippy::large_enum_variant, reason = "all of it is boxed, and few are of the other kind")]
enum Reading<B> {
    /// Up to the model.
    Model(Peek<B>),
    /// To the end.
    Whole(Collect<B>),
}

/// What the provider gets as the body.
pub(crate) enum Settled {
    /// The client's, changed where that is asked for.
    Passed(Option<RoutedModel>),
    Replaced(Bytes),
}

impl Settled {
    /// Guards are asked next.
    fn checked_by(
        self,
        guards: &Guards,
        head: &HeaderMap,
        context: &GatewayContext,
    ) -> Result<Checks, Rejection> {
        let mut checking = Checking::new(guards);
        let steps = (0..).map_while(|number| context.nth_step(number));
        let entries = steps.map_while(|step| step.entry.as_deref()).enumerate();
        for (number, entry) in entries {
            let mut subject = Subject::new(context, Some(number), &entry.headers);
            subject.body = entry.body.clone();
            subject.is_whole = true;
            let limits = checking.limits(&subject)?;
            checking.add(subject, limits);
        }
        let has_entries = context.nth_step(0).is_some_and(|step| step.entry.is_some());
        let unread = match has_entries {
            true => None,
            false => {
                let subject = Subject::new(context, None, head);
                let limits = checking.limits(&subject)?;
                Some((subject, limits))
            }
        };
        Ok(Checks { settled: self, checking, unread })
    }
}

/// Only where a request can turn out to take a dynamic route are the members beside its model kept.
fn scanner_for(sought: Sought, context: &GatewayContext) -> ObjectScanner {
    if sought == Sought::Nothing {
        return ObjectScanner::new();
    }
    let has_routes = context.settings().is_some_and(|settings| !settings.routes.is_empty());
    let scanner = match sought {
        Sought::Provider(_) if has_routes => ObjectScanner::capturing(),
        _ => ObjectScanner::new(),
    };
    scanner.wary(context.restricts_models())
}

/// Gives the share of a body to its entries, together with what they take beside it.
fn hold(body: &Bytes, entries: &mut [Step], mut share: Held) -> Result<(), Rejection> {
    let within = body.as_ptr_range();
    let requests = entries.iter().filter_map(|step| step.entry.as_deref());
    let copies = requests.filter(|request| !within.contains(&request.body.as_ptr()));
    if !share.grow(copies.map(|request| request.body.len()).sum()) {
        return Err(messages::no_memory());
    }
    if let Some(first) = entries.first_mut().and_then(|step| step.entry.as_mut()) {
        first.share = Some(share);
    }
    Ok(())
}

impl<B> Peeking<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    pub(crate) fn new(shared: &Arc<Shared>, seek: Seek, request: Request<B>) -> Self {
        let Seek { sought, survey, mut relay } = seek;
        let watch = relay.exchange.watch();
        relay.watch = Some(watch.clone());
        relay.announces_provider = !matches!(sought, Sought::AnyModel | Sought::Nothing);
        relay.exchange.pause();
        let (parts, body) = request.into_parts();
        let head = Request::from_parts(parts, ());
        let limit = shared.peek_limit;
        let share = shared.body_budget.share();
        let reading = match sought {
            Sought::Entries => Reading::Whole(Collect::new(body, watch, limit, share)),
            sought => {
                let scanner = scanner_for(sought, &relay.context);
                let context = &relay.context;
                let reads_models = context.restricts_models() && sought != Sought::Nothing;
                let models = reads_models.then(|| match sought {
                    Sought::AnyModel => access::reader(context, head.headers()),
                    // Only JSON is taken there, with a model at its top.
                    _ => Box::new(ModelReader::json(context)),
                });
                Reading::Model(Peek::new(body, watch, sought, scanner, limit, share, models))
            }
        };
        let shared = shared.clone();
        let (waits, checks, route) = (None, None, None);
        Self { shared, head, survey, reading, waits, sought, checks, route, relay }
    }

    /// Ready when the request may be sent, or may not.
    pub(crate) fn poll_settled(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Settled, Rejection>> {
        if self.checks.is_none() {
            let found = ready!(self.poll_found(cx))?;
            let settled = self.settle(found)?;
            if self.shared.observation.guards.is_empty() {
                return Poll::Ready(Ok(settled));
            }
            let (guards, head) = (&self.shared.observation.guards, self.head.headers());
            let checks = settled.checked_by(guards, head, &self.relay.context)?;
            self.checks = Some(Box::new(checks));
        }
        self.poll_checks(cx)
    }

    #[cold]
    fn poll_checks(&mut self, cx: &mut Context<'_>) -> Poll<Result<Settled, Rejection>> {
        let Some(mut checks) = self.checks.take() else { return Poll::Pending };
        let polled = self.poll_each(&mut checks, cx);
        if polled.is_pending() {
            self.checks = Some(checks);
            return Poll::Pending;
        }
        polled.map_ok(|()| checks.settled)
    }

    fn poll_each(
        &mut self,
        checks: &mut Checks,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Rejection>> {
        if let Some((_, limits)) = &checks.unread {
            let limit = limits.iter().copied().max().unwrap_or_default();
            if let Reading::Model(peek) = &mut self.reading
                && peek.poll_held(limit, cx)?.is_pending()
            {
                return self.poll_waits(cx).map(Err);
            }
        }
        if let Some((mut subject, limits)) = checks.unread.take() {
            let limit = limits.iter().copied().max().unwrap_or_default();
            if let Reading::Model(peek) = &mut self.reading {
                (subject.body, subject.is_whole) = peek.beginning(limit)?;
            }
            let watch = self.relay.watch.as_deref();
            if let Some(model) = watch.and_then(RequestWatch::model) {
                // On some paths the body's is not what is called.
                let in_path = self.relay.context.model_in_path(Some(model));
                subject.model = Some(in_path.map_or_else(|| model.into(), String::into_boxed_str));
            }
            checks.checking.add(subject, limits);
        }
        checks.checking.poll(&mut self.relay.exchange, cx)
    }

    /// Ready when it is found, or cannot be, or was waited for too long.
    fn poll_found(&mut self, cx: &mut Context<'_>) -> Poll<Result<Found, Rejection>> {
        let found = self.poll_sought(cx);
        if found.is_pending() { self.poll_waits(cx).map(Err) } else { found }
    }

    fn poll_waits(&mut self, cx: &mut Context<'_>) -> Poll<Rejection> {
        let Self { shared, reading, waits, relay, .. } = self;
        let waits = waits.get_or_insert_with(|| Box::new(Waits::new(shared, &relay.context)));
        if let Reading::Model(peek) = reading
            && peek.is_refused()
        {
            return waits.drain.poll_end(cx).map(|()| peek.give_up());
        }
        let seen = relay.watch.as_ref().map_or(0, |watch| watch.bytes.load(Ordering::Relaxed));
        if seen != waits.seen {
            waits.seen = seen;
            waits.body.restart();
        }
        if waits.body.poll_end(cx).is_ready() {
            return Poll::Ready(messages::slow_body(TimeoutPhase::Body, waits.body.limit()));
        }
        let total = waits.total.limit();
        waits.total.poll_end(cx).map(|()| messages::slow_body(TimeoutPhase::Total, total))
    }

    fn poll_sought(&mut self, cx: &mut Context<'_>) -> Poll<Result<Found, Rejection>> {
        match &mut self.reading {
            Reading::Model(_) if self.sought == Sought::Nothing => Poll::Ready(Ok(Found::Open)),
            Reading::Model(peek) => {
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
            Reading::Whole(collect) => collect.poll_whole(cx).map_ok(Found::Whole),
        }
    }

    /// The request as its provider is to get it, or the answer.
    pub(crate) fn conclude(
        self: Box<Self>,
        settled: Result<Settled, Rejection>,
    ) -> Result<Forwarded<B>, Refused<B>> {
        let Self { shared, mut head, reading, mut relay, sought, .. } = *self;
        let body = match (settled, reading) {
            (Err(rejection), reading) => {
                let asks_first = head.headers().contains_key(EXPECT);
                let rest = match reading {
                    _ if rejection.code == Code::SlowBody => None,
                    Reading::Model(peek) if asks_first && peek.is_unread() => None,
                    Reading::Model(peek) => peek.into_rest(),
                    Reading::Whole(collect) => collect.into_rest(),
                };
                return Err((Box::new(relay.answer(rejection, Outcome::Rejected)), rest));
            }
            (Ok(settled), Reading::Whole(_)) => {
                // All of it has been seen: nothing can be refused or added any more.
                relay.watch = None;
                match settled {
                    Settled::Replaced(body) => RequestBody::whole(body),
                    Settled::Passed(_) => RequestBody::whole(Bytes::new()),
                }
            }
            (Ok(Settled::Replaced(body)), _) => RequestBody::whole(body),
            (Ok(Settled::Passed(edit)), Reading::Model(peek)) => {
                let edit = edit.map(|routed| routed.edit);
                let growth = edit.as_ref().map_or(0, Edit::growth);
                content_length::change(head.headers_mut(), growth);
                let asks = shared.may_ask_for_usage(&relay.context, &head);
                let splice = relay.watch.as_ref().filter(|_| asks).and_then(|watch| {
                    shared.splice(&relay.context, &mut head, edit.as_ref(), watch)
                });
                if sought == Sought::Nothing && splice.is_none() {
                    relay.watch = None;
                }
                peek.into_body(edit.as_ref(), splice, &relay.context)
            }
        };
        relay.exchange.dispatch();
        Ok((head.map(|()| body), relay))
    }

    /// Makes the head ready for its provider, or says why the request goes nowhere.
    fn settle(&mut self, found: Found) -> Result<Settled, Rejection> {
        let Self { shared, head, survey, sought, relay, reading, .. } = self;
        let context = &relay.context;
        if *sought == Sought::AnyModel && found != Found::Empty {
            let is_form = matches!(reading, Reading::Model(peek) if peek.reads_form());
            access::allow_body(head.headers(), is_form)?;
        }
        match (found, *sought) {
            (Found::Routed(mut routed), Sought::Provider(endpoint))
                if dynamic::is_route(&routed) =>
            {
                let body = match reading {
                    Reading::Model(peek) => peek.scalars(),
                    Reading::Whole(_) => None,
                };
                let mut steps =
                    dynamic::steps(context, &routed, head.headers(), body, endpoint)?.into_iter();
                let no_model = || messages::route_without_model(routed.model());
                let first = steps.next().ok_or_else(no_model)?;
                credentials::remove(head.headers_mut());
                for header in shared.providers_of(context).key_headers() {
                    head.headers_mut().remove(header);
                }
                // They are taken off: nobody knows whose they are.
                context.set_has_credentials(false);
                let first = context.set_first(first);
                context.set_further(steps.collect());
                let upstream = first.upstream.clone();
                // A query may hold a key, too.
                let uri = upstream.openai_uri(endpoint, None);
                *head.uri_mut() = uri.map_err(|PathRefused| messages::malformed_path())?;
                shared.prepare(head, survey, &upstream, first.way, context)?;
                routed.replace(first.model.as_deref().unwrap_or_default());
                Ok(Settled::Passed(Some(routed)))
            }
            (Found::Routed(mut routed), Sought::Provider(endpoint)) => {
                let upstream = shared.provider_for(context, &mut routed)?;
                allow_provider(context, upstream)?;
                allow_model(Allowance::of(context).at(upstream), routed.model())?;
                let model = Some(routed.model().into());
                let step = Step::unified(upstream.clone(), endpoint, model);
                let uri = upstream.openai_uri(endpoint, context.query());
                *head.uri_mut() = uri.map_err(|PathRefused| messages::malformed_path())?;
                let way = step.way;
                context.set_first(step);
                shared.prepare(head, survey, upstream, way, context)?;
                Ok(Settled::Passed(Some(routed)))
            }
            (Found::Whole(body), _) => {
                let entries = universal::parse(&body, context.locks());
                let entries = entries.map_err(|error| messages::unfit_entry(&error))?;
                headers::strip_request(head.headers_mut(), survey, &UNKNOWN_HOST);
                let mut steps = universal::steps(&entries, head.headers(), context, shared)?;
                if let Reading::Whole(collect) = reading {
                    hold(&body, &mut steps, collect.take_share())?;
                }
                let mut steps = steps.into_iter();
                let first = steps.next().map(|step| context.set_first(step));
                let entry = first.and_then(|step| step.entry.as_deref());
                let Some(StepRequest { uri, headers, body, .. }) = entry else {
                    return Ok(Settled::Replaced(Bytes::new()));
                };
                context.set_further(steps.collect());
                *head.uri_mut() = uri.clone();
                *head.headers_mut() = headers.clone();
                shared.finish(head, context);
                Ok(Settled::Replaced(body.clone()))
            }
            (Found::Named(model), _) => {
                let allowed = allow_model(Allowance::of(context), &model);
                context.set_body_model(&model);
                if let Some(watch) = &relay.watch {
                    watch.set_model(model);
                }
                allowed.map(|()| Settled::Passed(None))
            }
            (Found::Open, _) => Ok(Settled::Passed(None)),
            (Found::Empty, _) => {
                access::allow_empty(context)?;
                Ok(Settled::Passed(None))
            }
            (Found::NoModel, _) => {
                let has_named = matches!(reading, Reading::Model(peek) if peek.has_named());
                access::allow_without_model(context, context.provider_path(), has_named)?;
                Ok(Settled::Passed(None))
            }
            (Found::NotJson | Found::Routed(_), _) => Err(messages::unreadable_model()),
        }
    }
}
