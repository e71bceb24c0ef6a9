//! The synchronous half: a routed request becomes one to forward, one to peek into, or an answer.

use crate::request::attach_key;
use crate::request::authorize;
use std::cell::OnceCell;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Version};

use crate::context::step::Step;
use crate::context::{Arrival, Endpoint, GatewayContext};
use crate::directives;
use crate::directives::locks::Locks;
use crate::exchange::Exchange;
use crate::exchange::asked::Asked;
use crate::exchange::headers;
use crate::exchange::headers::Survey;
use crate::exchange::observation::Observation;
use crate::hook::Outcome;
use crate::provider::join;
use crate::provider::join::PathRefused;
use crate::provider::{ApiKind, Providers, Upstream};
use crate::rejection::{Code, ErrorFormat, Refusal, Rejection};
use crate::request::access;
use crate::request::access::{Allowance, allow_provider};
use crate::request::add_usage::Splice;
use crate::request::body::RequestBody;
use crate::request::body_routing::{Seek, Sought};
use crate::request::catalogue;
use crate::request::via::Via;
use crate::request::watch::{RequestWatch, Watcher};
use crate::response::messages;
use crate::response::relay::Relay;
use crate::routing;
use crate::routing::model::{Edit, RoutedModel};
use crate::routing::{Mount, Route, RouteKind, RouteRefused};
use crate::settings::{
    GatewaySettings, OwnedSettingsQuery, SettingsQuery, SettingsResolver, SettingsTable,
};
use crate::util::budget::BodyBudget;
use crate::util::identity::Identity;
use crate::util::operation::Operation;
use crate::util::unwind;
use crate::util::unwind::Panicked;

/// What the builder has checked, shared by all clones of a layer and its services.
pub(crate) struct Shared {
    pub(crate) mounts: Vec<Mount>,
    /// For requests whose settings come without providers of their own.
    pub(crate) providers: Arc<Providers>,
    /// For models that name none, where the settings have no other.
    pub(crate) default_provider: Option<Box<str>>,
    /// `None` where every gateway is served and nothing is set.
    pub(crate) settings: Option<Box<dyn SettingsResolver>>,
    /// They are in the extensions of each request.
    pub(crate) settings_above: bool,
    pub(crate) observation: Arc<Observation>,
    pub(crate) error_format: ErrorFormat,
    pub(crate) peek_limit: usize,
    pub(crate) body_budget: BodyBudget,
    pub(crate) body_timeout: Option<Duration>,
    pub(crate) asks_for_usage: bool,
    pub(crate) via: Option<Via>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("mounts", &self.mounts)
            .field("providers", &self.providers)
            .field("observation", &self.observation)
            .finish_non_exhaustive()
    }
}

/// The providers and settings that are in force when a request is first found to need them. The
/// request uses them to its end, whatever is replaced in the meantime.
pub(crate) struct Snapshot<'s> {
    shared: &'s Shared,
    /// `None` where only the resolver knows the settings, and the providers are the layer's.
    table: OnceCell<Option<Arc<SettingsTable>>>,
}

impl Snapshot<'_> {
    fn table(&self) -> Option<&Arc<SettingsTable>> {
        let settings = self.shared.settings.as_deref()?;
        let taken = || unwind::call(|| settings.snapshot()).ok()?;
        self.table.get_or_init(taken).as_ref()
    }

    pub(crate) fn providers(&self) -> &Arc<Providers> {
        let own = self.table().and_then(|table| table.own_providers());
        own.unwrap_or(&self.shared.providers)
    }
}

/// What becomes of a request on a gateway path.
///
/// The request itself is not in it: moving one costs as much as most of what is done to it here.
pub(crate) enum Admission {
    /// It is rewritten and goes to the provider.
    Forward(Relay),
    /// Something of its body must be read first, or a guard must be asked.
    Peek(Seek),
    Answered(Box<Response<Bytes>>),
}

impl Shared {
    /// What one request goes by. Nothing is looked up yet: most requests of an app are not ours.
    pub(crate) fn snapshot(&self) -> Snapshot<'_> {
        Snapshot { shared: self, table: OnceCell::new() }
    }

    #[inline]
    pub(crate) fn route<'s, B>(
        &'s self,
        snapshot: &'s Snapshot<'_>,
        request: &Request<B>,
    ) -> Option<Route<'s>> {
        routing::route(&self.mounts, || snapshot.providers(), request)
    }

    /// Whose settings a layer above must find for a request; `None` where none are needed.
    pub(crate) fn settings_wanted<B>(&self, request: &Request<B>) -> Option<OwnedSettingsQuery> {
        let extensions = request.extensions();
        if extensions.get::<Refusal>().is_some() {
            return None;
        }
        let snapshot = self.snapshot();
        let route = self.route(&snapshot, request)?;
        if matches!(route.kind, RouteKind::Refused(RouteRefused::Id(_))) {
            return None;
        }
        let (account, gateway) = route.place.ids(request.uri().path(), request.headers());
        let mut query = OwnedSettingsQuery::new(gateway).extensions(extensions.clone());
        query.account = account.map(Box::from);
        query.identity = extensions.get::<Identity>().cloned();
        Some(query)
    }

    /// The providers of one request.
    pub(crate) fn providers_of<'s>(&'s self, context: &'s GatewayContext) -> &'s Providers {
        context.providers().unwrap_or(&self.providers)
    }

    /// The provider of a model: the one before its slash, else the default one. From then on the
    /// model is as that provider knows it.
    pub(crate) fn provider_for<'s>(
        &'s self,
        context: &'s GatewayContext,
        routed: &mut RoutedModel,
    ) -> Result<&'s Arc<Upstream>, Rejection> {
        let providers = self.providers_of(context);
        let named = routed.prefix().and_then(|prefix| providers.find(prefix));
        let upstream = match named {
            Some(upstream) => upstream,
            None => {
                let settings = context.settings();
                let own = settings.and_then(|settings| settings.default_provider.as_deref());
                let default = own.or(self.default_provider.as_deref());
                let upstream = default.and_then(|name| providers.find(name)).ok_or_else(|| {
                    routed.prefix().map_or_else(messages::no_prefix, messages::unknown_prefix)
                })?;
                routed.keep_prefix();
                upstream
            }
        };
        if let Some(model) = upstream.model_of(routed.model()) {
            routed.replace(model);
        }
        Ok(upstream)
    }

    /// Rewrites the head of the request, or says why it goes nowhere.
    pub(crate) fn admit<B>(
        &self,
        snapshot: &Snapshot<'_>,
        route: &Route<'_>,
        request: &mut Request<B>,
    ) -> Admission {
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
        // Only settings can ask which page a request comes from.
        let mut own_host = None;
        let kept_host = self.settings.is_some().then_some(&mut own_host);
        let mut survey = headers::survey_request(request.headers_mut(), host, kept_host);
        let identity = request.extensions().get::<Identity>().cloned();
        let (settings, barred) =
            self.enter(snapshot, route, request, identity.as_ref(), &mut survey, own_host.as_ref());
        // Whoever shows no token learns nothing of what is locked, not even by what counts.
        let is_known = barred.as_ref().is_none_or(|rejection| rejection.code != Code::Unauthorized);
        let (mut directives, unfit) = match survey.directives {
            false => (None, None),
            true if !is_known => (directives::gateway_alone(request.headers()), None),
            true => match directives::parse(request.headers(), Locks::of(settings.as_deref())) {
                Ok(directives) => (directives, None),
                Err(unfit) => (directives::gateway_alone(request.headers()), Some(unfit)),
            },
        };
        if let Some(defaults) = settings.as_ref().and_then(|settings| settings.defaults()) {
            directives = directives.map(|own| Box::new(own.or(defaults)));
        }
        let observation = (!self.observation.hooks.is_empty()).then(|| self.observation.clone());
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
            // Nobody can tell for which entry of several a key would be.
            has_credentials: survey.credentials && endpoint != Endpoint::Universal,
            native,
        };
        let context = GatewayContext::new(arrival, observation);
        if let RouteKind::Native { upstream, rest } = &route.kind
            && let Some(path) = upstream.rewritten(rest.text(context.path()))
        {
            context.set_first(Step::native(Arc::clone(upstream), path, None));
        }
        let arrived = arrived.or_else(|| Exchange::is_needed(&context).then(Instant::now));
        let exchange = match arrived {
            Some(arrived) => {
                Exchange::begin(&self.observation, &context, request.headers(), arrived)
            }
            None => Exchange::default(),
        };
        let relay = Relay::new(context, exchange, self.error_format, survey.trailers);

        // A layer above has decided: its answer goes before any of the gateway's own.
        let refused = request.extensions_mut().remove::<Refusal>().map(Rejection::from);
        let refused = refused.or(barred);
        let refused = refused.or_else(|| unfit.as_ref().map(messages::unfit_header));
        match refused.map_or_else(|| self.aim(route, request, &survey, &relay.context), Err) {
            Ok(_) if matches!(route.kind, RouteKind::Models { .. }) => self.list(route, relay),
            Ok(None) if self.observation.guards.is_empty() => Admission::Forward(relay),
            Ok(None) => Admission::Peek(Seek { sought: Sought::Nothing, survey, relay }),
            Ok(Some(sought)) => Admission::Peek(Seek { sought, survey, relay }),
            Err(rejection) => {
                Admission::Answered(Box::new(relay.answer(rejection, Outcome::Rejected)))
            }
        }
    }

    /// Answers with the models of the gateway, or the one that the path names.
    #[cold]
    fn list(&self, route: &Route<'_>, relay: Relay) -> Admission {
        let context = relay.context.clone();
        let RouteKind::Models { id } = route.kind else { return Admission::Forward(relay) };
        let id = id.map(|id| id.text(context.path()));
        let prices = self.observation.prices.current();
        let answer = catalogue::answer(&context, self.providers_of(&context), &prices, id);
        Admission::Answered(Box::new(match answer {
            Ok(json) => relay.serve(json),
            Err(rejection) => relay.answer(rejection, Outcome::Rejected),
        }))
    }

    /// The settings of the gateway that the request names, and why it may not use that.
    fn enter<B>(
        &self,
        snapshot: &Snapshot<'_>,
        route: &Route<'_>,
        request: &mut Request<B>,
        identity: Option<&Identity>,
        survey: &mut Survey,
        own_host: Option<&HeaderValue>,
    ) -> (Option<Arc<GatewaySettings>>, Option<Rejection>) {
        let Some(resolver) = &self.settings else { return (None, None) };
        if matches!(route.kind, RouteKind::Refused(RouteRefused::Id(_))) {
            return (None, None);
        }
        let (account, gateway) = route.place.ids(request.uri().path(), request.headers());
        let settings = match snapshot.table() {
            Some(table) => match table.get(account, gateway) {
                Some(settings) => Ok(Ok(settings.clone())),
                None => return (None, Some(messages::unknown_gateway(gateway))),
            },
            None => {
                let extensions = request.extensions();
                let query = SettingsQuery { account, gateway, identity, extensions };
                unwind::call(|| resolver.resolve(&query))
            }
        };
        let settings = match settings {
            Ok(Ok(settings)) => settings,
            Ok(Err(refused)) => return (None, Some(refused.into())),
            Err(Panicked) => return (None, Some(messages::no_settings())),
        };
        let is_rest = route.place.gateway_by_header;
        if let Some(origins) = &settings.origins
            && !origins.trust(request.headers(), own_host, request.uri())
        {
            return (Some(settings), Some(messages::foreign_page()));
        }
        let entered = authorize::authenticate(request.headers_mut(), survey, &settings, is_rest);
        (Some(settings), entered.err())
    }

    /// Makes the head ready for its provider, or says what must be read of the body first.
    fn aim<B>(
        &self,
        route: &Route<'_>,
        request: &mut Request<B>,
        survey: &Survey,
        context: &GatewayContext,
    ) -> Result<Option<Sought>, Rejection> {
        messages::refuse_websocket(request, survey)?;
        messages::refuse_method(request.method())?;
        match &route.kind {
            RouteKind::Native { upstream, .. } => {
                let rest = context.provider_path();
                let uri =
                    join::check(rest).and_then(|()| upstream.native_uri(rest, context.query()));
                *request.uri_mut() = uri.map_err(|PathRefused| messages::malformed_path())?;
                allow_provider(context, upstream)?;
                let restricts = context.restricts_models();
                let reads = restricts
                    && access::allow_path(Allowance::of(context), rest, context.query())?
                    && !upstream.decides_by_path(rest);
                self.prepare(request, survey, upstream, ApiKind::Native, context)?;
                Ok(reads.then_some(Sought::AnyModel))
            }
            RouteKind::Unified { endpoint } => {
                messages::refuse_encoded(request.headers())?;
                if context.restricts_models() {
                    access::allow_form(request.headers())?;
                }
                Ok(Some(Sought::Provider(endpoint)))
            }
            RouteKind::Models { .. } => Ok(None),
            RouteKind::Universal => {
                messages::refuse_encoded(request.headers())?;
                Ok(Some(Sought::Entries))
            }
            RouteKind::Refused(refused) => Err(messages::unroutable(*refused, context.path())),
        }
    }

    /// All of a request's head but its URI is made ready for the provider.
    pub(crate) fn prepare<B>(
        &self,
        request: &mut Request<B>,
        survey: &Survey,
        upstream: &Upstream,
        way: ApiKind,
        context: &GatewayContext,
    ) -> Result<(), Rejection> {
        headers::strip_request(request.headers_mut(), survey, upstream.host());
        attach_key::settle_query(request.uri_mut(), context, upstream)?;
        attach_key::attach(request.headers_mut(), context, upstream, way)?;
        upstream.insert_fixed(request.headers_mut());
        self.finish(request, context);
        Ok(())
    }

    /// What every request gets on its way out, wherever it goes.
    pub(crate) fn finish<B>(&self, request: &mut Request<B>, context: &GatewayContext) {
        // A client that picks the connection's version by itself refuses any other here.
        let received = std::mem::replace(request.version_mut(), Version::HTTP_11);
        if let Some(via) = &self.via {
            via.append(request.headers_mut(), received);
        }
        request.extensions_mut().insert(context.clone());
    }

    /// Whether the usage of this request may have to be asked for.
    pub(crate) fn may_ask_for_usage<B>(
        &self,
        context: &GatewayContext,
        request: &Request<B>,
    ) -> bool {
        let is_wanted = |to: &Arc<Upstream>| to.usage_option().is_wanted(self.asks_for_usage);
        context.upstream().is_some_and(is_wanted)
            && matches!(context.operation(), Operation::Chat | Operation::Completions)
            && Splice::suits(context.method(), request.uri(), request.headers())
    }

    /// What asks for the usage of a stream, of a request that [may be](Self::may_ask_for_usage) one.
    /// `edit`: what was changed in the body before.
    pub(crate) fn splice<B>(
        &self,
        context: &GatewayContext,
        request: &mut Request<B>,
        edit: Option<&Edit>,
        watch: &Arc<RequestWatch>,
    ) -> Option<Splice> {
        let upstream = context.upstream()?.clone();
        let is_on_trial = upstream.usage_option().is_on_trial();
        // Only a layer can send it again.
        let asked = (cfg!(feature = "control") && (is_on_trial || context.may_go_elsewhere()))
            .then(|| Asked::new(watch.clone(), self.asks_for_usage));
        if let Some(asked) = &asked {
            request.extensions_mut().insert(asked.clone());
            context.set_may_be_refused();
        }
        Some(Splice::new(request.headers_mut(), edit).to(upstream, asked))
    }
}

impl Relay {
    /// A rewritten request on its way, its body as it is where nobody wants to know of it.
    pub(crate) fn send<B>(
        &mut self,
        shared: &Shared,
        mut request: Request<B>,
    ) -> Request<RequestBody<B>> {
        let asks = shared.may_ask_for_usage(&self.context, &request);
        if !self.exchange.is_observed() && !asks {
            let context = self.context.clone();
            return request.map(|body| RequestBody::passed(body, context));
        }
        let watch = self.exchange.watch();
        let splice =
            if asks { shared.splice(&self.context, &mut request, None, &watch) } else { None };
        if splice.is_some() {
            self.watch = Some(watch.clone());
        }
        self.exchange.dispatch();
        let watcher = Watcher::new(watch).with(splice).telling(&self.context);
        request.map(|body| RequestBody::watched(body, watcher))
    }
}

/// The answer for a body whose rest turned out to contradict its beginning.
pub(crate) fn late_refusal(relay: &Relay) -> Option<Rejection> {
    relay.watch.as_ref()?.refusal().map(messages::unreadable_body)
}
