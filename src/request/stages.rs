//! The stages of a request, in order: route, authorize, read directives, choose the provider,
//! rewrite the head, send.
//!
//! If the path names the provider, a request passes all of them within one call. If the body does,
//! or a guard looks at the body, [`BodyRouting`] reads the body first and then continues.
//!
//! [`BodyRouting`]: crate::request::body_routing::BodyRouting

mod ask_for_usage;
mod list;
mod read_directives;
mod send;
mod shared;
mod target;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response, Version};

use self::read_directives::read_directives;
pub(crate) use self::shared::{Shared, Snapshot};
pub(crate) use self::target::{BodyChange, NamedBy, Target};
use crate::context::step::Step;
use crate::context::{Arrival, Endpoint, GatewayContext};
use crate::exchange::Exchange;
use crate::hook::Outcome;
use crate::provider::headers;
use crate::provider::headers::{HeaderScan, OwnHeaders};
use crate::provider::join;
use crate::provider::join::PathRefused;
use crate::provider::{ApiKind, Upstream};
use crate::rejection::{Code, Refusal, Rejection};
use crate::request::access;
use crate::request::access::{allow_model, allow_provider};
use crate::request::affinity;
use crate::request::affinity::SessionReader;
use crate::request::allowance::Allowance;
use crate::request::attach_key::{KeyOf, Recipient};
use crate::request::authorize::authorize;
use crate::request::dynamic;
use crate::request::head;
use crate::request::peek_for::PeekFor;
use crate::request::universal;
use crate::response::messages;
use crate::response::relay::ResponseRelay;
use crate::routing::{Route, RouteKind};
use crate::settings::GatewaySettings;
use crate::util::identity::Identity;

/// The result of the stages that need only the head.
///
/// It does not contain the request: moving a request costs as much as most of the work here.
pub(crate) enum Prepared {
    /// The head is rewritten: send it.
    Send(ResponseRelay),
    /// Read part of the body first, or ask a guard.
    ReadBody(PeekFor, HeaderScan, ResponseRelay),
    Answered(Box<Response<Bytes>>),
}

impl Shared {
    /// Takes the head of a routed request through the stages, as far as possible without its body.
    /// `is_around_router`: the client is an axum router or a service around one.
    pub(crate) fn prepare<B>(
        &self,
        snapshot: &Snapshot<'_>,
        route: &Route<'_>,
        request: &mut Request<B>,
        is_around_router: bool,
    ) -> Prepared {
        let arrived = self.observation.is_wanted().then(Instant::now);
        let (endpoint, native) = match &route.kind {
            RouteKind::Native { upstream, rest } => {
                (Endpoint::Native(*rest), Some(Arc::clone(upstream)))
            }
            RouteKind::Unified { endpoint } => (Endpoint::Unified(endpoint), None),
            RouteKind::Models { .. } => (Endpoint::Models, None),
            RouteKind::Universal => (Endpoint::Universal, None),
            RouteKind::Refused(_) => (Endpoint::None, None),
        };
        let host = native.as_deref().map(Upstream::host);
        // Only settings have tokens, and can restrict which pages a request may come from.
        let mut own = OwnHeaders::default();
        let kept = self.settings.is_some().then_some(&mut own);
        let mut scan = headers::scan_request(request.headers_mut(), host, kept);
        let identity = request.extensions().get::<Identity>().cloned();

        let (settings, authorized) =
            match self.resolve_settings(snapshot, route, request, identity.as_ref()) {
                Ok(None) => (None, Ok(None)),
                Ok(Some(settings)) => {
                    let is_rest = route.place.gateway_by_header;
                    let token = authorize(&settings, is_rest, request, &mut scan, &own);
                    (Some(settings), token)
                }
                Err(refused) => (None, Err(refused)),
            };
        // Without a token, even the messages must not tell which directives are locked.
        let is_authorized =
            authorized.as_ref().err().is_none_or(|refused| refused.code != Code::Unauthorized);
        let (directives, unfit) = match scan.directives {
            true => read_directives(request.headers(), settings.as_deref(), is_authorized),
            false => (None, None),
        };

        let is_limited = settings.as_deref().is_some_and(GatewaySettings::is_limited);
        let is_observed = is_limited || !self.observation.hooks.is_empty();
        let observer = is_observed.then(|| self.observation.clone() as _);
        let arrival = Arrival {
            method: request.method().clone(),
            uri: std::mem::take(request.uri_mut()),
            place: route.place,
            endpoint,
            directives,
            identity,
            providers: settings.is_some().then(|| snapshot.providers().clone()),
            settings,
            body_budget: Some(self.body_budget.clone()),
            // A key on a universal request is for none of its entries in particular.
            has_credentials: endpoint != Endpoint::Universal
                && scan.has_key_for_provider(request.headers()),
            native,
            token: authorized.as_ref().copied().unwrap_or_default(),
        };
        let context = GatewayContext::new(arrival, observer);
        if let RouteKind::Native { upstream, rest } = &route.kind
            && let Some(path) = upstream.rewritten(rest.text(context.path()))
        {
            context.set_first(Step::native(Arc::clone(upstream), path, None));
        }
        let exchange = Exchange::begin(&self.observation, &context, request.headers(), arrived);
        let relay = ResponseRelay {
            context,
            exchange,
            format: self.error_format,
            takes_trailers: scan.trailers,
            announces_provider: false,
            is_around_router,
            watch: None,
        };

        // A refusal from a layer above takes precedence over the gateway's own.
        let from_above = request.extensions_mut().remove::<Refusal>().map(Rejection::from);
        let next = match from_above.or(authorized.err()).or(unfit) {
            Some(refused) => Err(refused),
            None => self.start(route, request, &scan, &relay.context),
        };
        match next {
            Ok(_) if matches!(route.kind, RouteKind::Models { .. }) => self.list(route, relay),
            Ok(PeekFor::Nothing)
                if self.observation.guards.is_empty()
                    && SessionReader::of(&relay.context, request.headers()).is_none() =>
            {
                Prepared::Send(relay)
            }
            Ok(peek_for) => Prepared::ReadBody(peek_for, scan, relay),
            Err(refused) => Prepared::Answered(Box::new(relay.answer(refused, Outcome::Rejected))),
        }
    }

    /// Chooses the provider and rewrites the head if the path is enough. Otherwise says what to
    /// read of the body.
    fn start<B>(
        &self,
        route: &Route<'_>,
        request: &mut Request<B>,
        scan: &HeaderScan,
        context: &GatewayContext,
    ) -> Result<PeekFor, Rejection> {
        messages::refuse_protocol(request, scan)?;
        messages::refuse_coding(scan)?;
        match &route.kind {
            RouteKind::Native { upstream, .. } => {
                let named = NamedBy::Path(upstream);
                let (target, _) = self.choose(named, request, scan, context)?;
                let peek_for = PeekFor::at_own_path(context, upstream)?;
                self.rewrite(target, request, scan, context)?;
                Ok(peek_for)
            }
            RouteKind::Unified { endpoint } => {
                messages::refuse_encoded(request.headers())?;
                if context.restricts_models() {
                    access::allow_form(request.headers())?;
                }
                Ok(PeekFor::Provider(endpoint))
            }
            RouteKind::Models { .. } => Ok(PeekFor::Nothing),
            RouteKind::Universal => {
                messages::refuse_encoded(request.headers())?;
                Ok(PeekFor::Entries)
            }
            RouteKind::Refused(refused) => Err(messages::unroutable(*refused, context.path())),
        }
    }

    /// Chooses the provider of a request and checks that the gateway allows it.
    pub(crate) fn choose<'c, B>(
        &'c self,
        named: NamedBy<'c>,
        request: &mut Request<B>,
        scan: &HeaderScan,
        context: &'c GatewayContext,
    ) -> Result<(Target<'c>, BodyChange), Rejection> {
        let (upstream, way, uri, change) = match named {
            NamedBy::Path(upstream) => {
                let (way, path) = (ApiKind::Native, context.provider_path());
                join::check(path).map_err(|PathRefused| messages::malformed_path())?;
                let uri = upstream.uri_by(way, path, context.query());
                let uri = uri.ok_or_else(messages::malformed_path)?;
                allow_provider(Allowance::of(context), upstream)?;
                (upstream, way, uri, BodyChange::None)
            }
            NamedBy::Model(mut routed, endpoint) => {
                let upstream = self.provider_for(context, &mut routed)?;
                let allowance = Allowance::of(context).at(upstream);
                allow_provider(allowance, upstream)?;
                allow_model(allowance, routed.model())?;
                let step = Step::unified(upstream.clone(), endpoint, Some(routed.model().into()));
                let uri = upstream.uri_by(step.way, endpoint, context.query());
                let uri = uri.ok_or_else(messages::malformed_path)?;
                (upstream, context.set_first(step).way, uri, BodyChange::Edited(routed.edit))
            }
            NamedBy::DynamicRoute(mut routed, endpoint, body) => {
                let headers = request.headers_mut();
                let first = dynamic::first_step(context, &routed, headers, body, endpoint)?;
                // Without the query, which may hold a key.
                let uri = first.upstream.uri_by(first.way, endpoint, None);
                let uri = uri.ok_or_else(messages::malformed_path)?;
                routed.replace(first.model.as_deref().unwrap_or_default());
                (&first.upstream, first.way, uri, BodyChange::Edited(routed.edit))
            }
            NamedBy::Entries(body, share) => {
                let entry = universal::first_entry(&body, share, request, scan, context, self)?;
                return Ok((Target::Entry(entry), BodyChange::Replaced(entry.body.clone())));
            }
        };
        Ok((Target::Provider { upstream, way, uri }, change))
    }

    /// Rewrites the head for the provider.
    pub(crate) fn rewrite<B>(
        &self,
        target: Target<'_>,
        request: &mut Request<B>,
        scan: &HeaderScan,
        context: &GatewayContext,
    ) -> Result<(), Rejection> {
        match target {
            Target::Provider { upstream, way, mut uri } => {
                let (version, headers) = (request.version(), request.headers_mut());
                headers::strip_request(headers, scan, upstream.host());
                let to = Recipient { upstream, way, path: None, alias: context.key_alias() };
                let has_key = context.has_credentials();
                let key = head::complete(&mut uri, headers, context, to, has_key)?;
                context.set_has_credentials(key == KeyOf::Client);
                if let Some(via) = &self.via {
                    via.append(headers, version);
                }
                *request.uri_mut() = uri;
            }
            Target::Entry(entry) => {
                *request.uri_mut() = entry.uri.clone();
                *request.headers_mut() = entry.headers.clone();
            }
        }
        // An HTTP client that negotiates the version per connection refuses any other version here.
        *request.version_mut() = Version::HTTP_11;
        affinity::apply(context, request.headers_mut());
        request.extensions_mut().insert(context.clone());
        Ok(())
    }
}
