//! The configuration of a gateway layer, checked by its builder.

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;

use http::Request;

use crate::context::GatewayContext;
use crate::exchange::observation::Observation;
use crate::provider::{Providers, Upstream};
use crate::rejection::{ErrorFormat, Refusal, Rejection};
use crate::request::via::Via;
use crate::response::messages;
use crate::routing;
use crate::routing::model::RoutedModel;
use crate::routing::{Mount, Route, RouteKind, RouteRefused};
use crate::settings::{
    GatewaySettings, OwnedSettingsQuery, SettingsQuery, SettingsResolver, SettingsTable,
};
use crate::util::budget::BodyBudget;
use crate::util::identity::Identity;
use crate::util::opaque::opaque_debug;
use crate::util::unwind;
use crate::util::unwind::Panicked;

/// Shared by all clones of a layer and its services.
pub(crate) struct Shared {
    pub(crate) mounts: Vec<Mount>,
    /// Used if the settings of a request have no providers of their own.
    pub(crate) providers: Arc<Providers>,
    /// The provider of models without a prefix, unless the settings name another.
    pub(crate) default_provider: Option<Box<str>>,
    /// `None` if every gateway is served without settings.
    pub(crate) settings: Option<Box<dyn SettingsResolver>>,
    /// A layer above puts the settings into each request's extensions.
    pub(crate) settings_above: bool,
    pub(crate) observation: Arc<Observation>,
    pub(crate) error_format: ErrorFormat,
    pub(crate) peek_limit: usize,
    pub(crate) body_budget: BodyBudget,
    pub(crate) body_timeout: Option<Duration>,
    pub(crate) asks_for_usage: bool,
    /// Names the gateway to providers, if the host wants that.
    pub(crate) via: Option<Via>,
}

opaque_debug!(Shared { mounts, providers, observation });

/// The settings table at the time when a request first needs it. The request uses it to its end,
/// even if the host replaces the table meanwhile.
pub(crate) struct Snapshot<'s> {
    pub(crate) shared: &'s Arc<Shared>,
    /// The inner `None`: only the resolver knows the settings.
    table: OnceCell<Option<Arc<SettingsTable>>>,
}

impl Snapshot<'_> {
    /// The route of a request; `None` if it is not for the gateway.
    #[inline]
    pub(crate) fn route<B>(&self, request: &Request<B>) -> Option<Route<'_>> {
        routing::route(&self.shared.mounts, || self.providers(), request)
    }

    fn table(&self) -> Option<&Arc<SettingsTable>> {
        let settings = self.shared.settings.as_deref()?;
        let snapshot = || unwind::call(|| settings.snapshot()).ok()?;
        self.table.get_or_init(snapshot).as_ref()
    }

    pub(crate) fn providers(&self) -> &Arc<Providers> {
        let own = self.table().and_then(|table| table.own_providers());
        own.unwrap_or(&self.shared.providers)
    }
}

impl Shared {
    /// Looks nothing up yet: most requests of an app are not for the gateway.
    pub(crate) fn snapshot(self: &Arc<Self>) -> Snapshot<'_> {
        Snapshot { shared: self, table: OnceCell::new() }
    }

    /// Which settings a layer above must find for a request; `None` if it needs none.
    pub(crate) fn settings_wanted<B>(
        self: &Arc<Self>,
        request: &Request<B>,
    ) -> Option<OwnedSettingsQuery> {
        let extensions = request.extensions();
        if extensions.get::<Refusal>().is_some() {
            return None;
        }
        let snapshot = self.snapshot();
        let route = snapshot.route(request)?;
        if matches!(route.kind, RouteKind::Refused(RouteRefused::Id(_))) {
            return None;
        }
        let (account, gateway) = route.place.ids(request.uri().path(), request.headers());
        let mut query = OwnedSettingsQuery::new(gateway).extensions(extensions.clone());
        query.account = account.map(Box::from);
        query.identity = extensions.get::<Identity>().cloned();
        Some(query)
    }

    /// The settings of the gateway that the request names.
    pub(super) fn resolve_settings<B>(
        &self,
        snapshot: &Snapshot<'_>,
        route: &Route<'_>,
        request: &Request<B>,
        identity: Option<&Identity>,
    ) -> Result<Option<Arc<GatewaySettings>>, Rejection> {
        let Some(resolver) = &self.settings else { return Ok(None) };
        if matches!(route.kind, RouteKind::Refused(RouteRefused::Id(_))) {
            return Ok(None);
        }
        let (account, gateway) = route.place.ids(request.uri().path(), request.headers());
        if let Some(table) = snapshot.table() {
            let settings = table.get(account, gateway).cloned();
            return settings.map(Some).ok_or_else(|| messages::unknown_gateway(gateway));
        }
        let query = SettingsQuery { account, gateway, identity, extensions: request.extensions() };
        match unwind::call(|| resolver.resolve(&query)) {
            Ok(settings) => settings.map(Some).map_err(Rejection::from),
            Err(Panicked) => Err(messages::no_settings()),
        }
    }

    /// The providers that a request can be sent to.
    pub(crate) fn providers_of<'s>(&'s self, context: &'s GatewayContext) -> &'s Providers {
        context.providers().unwrap_or(&self.providers)
    }

    /// The provider of a model: the one before the slash, otherwise the default. Also renames the
    /// model to the provider's own name for it.
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
}
