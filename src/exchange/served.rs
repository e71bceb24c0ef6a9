//! Whether the provider has answered from a model that the gateway allows.

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

/// Whether answers are checked at all: those to calls, where models are restricted.
pub(super) fn is_checked(context: &GatewayContext) -> bool {
    let rules = context.settings().map(|settings| &settings.rules);
    rules.is_some_and(|rules| rules.restrict_models()) && context.is_call()
}

/// Whether answers from models that are not allowed are broken off.
pub(super) fn is_refused(context: &GatewayContext) -> bool {
    context.settings().is_some_and(|settings| settings.rules.refuse_served_models())
        && is_checked(context)
}

impl Served {
    /// Checks a model that has answered; `None` where nothing is set.
    #[cold]
    pub(super) fn of(
        served: &str,
        context: &GatewayContext,
        watch: Option<&RequestState>,
    ) -> Option<Self> {
        let rules = context.settings().map(|settings| &settings.rules)?;
        let in_body = context.routed_model().or_else(|| watch.and_then(RequestState::model));
        let in_path = || routing::model_in(context.provider_path());
        let is_deployment = context.upstream().is_some_and(|upstream| upstream.names_deployments());
        let is_forbidden = match in_body {
            // The name of a deployment is no model's, so that only a denied one can be told.
            _ if is_deployment => rules.denies(served),
            Some(asked) => rules.forbid_served(Some(asked), served),
            None => rules.forbid_served(in_path().as_deref(), served),
        };
        Some(if is_forbidden { Self::Forbidden } else { Self::Allowed })
    }
}
