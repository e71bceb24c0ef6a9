//! Whether the provider has answered from a model that the gateway allows.

use super::ledger::ExchangeRecord;
use crate::context::GatewayContext;
use crate::exchange::request_state::RequestState;
use crate::routing;

/// What is known of the model that has answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Served {
    /// It does not matter.
    #[default]
    Any,
    Unknown,
    Allowed,
    Forbidden,
}

/// Whether answers are judged at all: those to calls, where models are restricted.
pub(super) fn is_checked(context: &GatewayContext) -> bool {
    let rules = context.settings().map(|settings| &settings.rules);
    rules.is_some_and(|rules| rules.restrict_models()) && context.is_call()
}

/// Whether answers from models that are not allowed are broken off.
pub(super) fn is_refused(context: &GatewayContext) -> bool {
    context.settings().is_some_and(|settings| settings.rules.refuse_served_models())
        && is_checked(context)
}

impl ExchangeRecord {
    /// Judges the model that the response has named so far, if it has. Gives whether the response
    /// may go on.
    #[inline(never)]
    pub(super) fn lets_served_pass(&mut self) -> bool {
        if self.served == Served::Unknown {
            self.read_served();
        }
        self.served != Served::Forbidden || !is_refused(&self.context)
    }

    /// Judges the model by which the response is priced, in the end.
    pub(super) fn classify_served_at_end(&mut self) {
        if matches!(self.served, Served::Unknown | Served::Allowed) {
            self.read_served();
        }
    }

    #[cold]
    fn read_served(&mut self) {
        let Some(served) = self.reader.meter().and_then(|meter| meter.model_so_far()) else {
            return;
        };
        let context = &self.context;
        let Some(rules) = context.settings().map(|settings| &settings.rules) else { return };
        let watch = self.watch.as_deref();
        let in_body = context.routed_model().or_else(|| watch.and_then(RequestState::model));
        let in_path = || routing::model_in(context.provider_path());
        let is_deployment = context.upstream().is_some_and(|upstream| upstream.names_deployments());
        let is_forbidden = match in_body {
            // The name of a deployment is no model's, so that only a denied one can be told.
            _ if is_deployment => rules.denies(&served),
            Some(asked) => rules.forbid_served(Some(asked), &served),
            None => rules.forbid_served(in_path().as_deref(), &served),
        };
        self.served = if is_forbidden { Served::Forbidden } else { Served::Allowed };
    }
}
