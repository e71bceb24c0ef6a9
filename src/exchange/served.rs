//! Checks whether the model that answered is allowed.

use crate::context::GatewayContext;
use crate::exchange::request_state::RequestState;
use crate::routing;
use crate::usage::Prices;

/// Whether the model that answered is allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Served {
    /// No check is needed.
    #[default]
    Any,
    Unknown,
    Allowed,
    Forbidden,
}

/// Returns true if answers are checked: for calls under restricted models.
pub(super) fn is_checked(context: &GatewayContext) -> bool {
    let rules = context.settings().map(|settings| &settings.rules);
    rules.is_some_and(|rules| rules.restrict_models()) && context.is_call()
}

/// Returns true if answers from forbidden models are cut off.
pub(super) fn is_refused(context: &GatewayContext) -> bool {
    context.settings().is_some_and(|settings| settings.rules.refuse_served_models())
        && is_checked(context)
}

impl Served {
    /// Checks the model that answered; `None` without settings.
    #[cold]
    pub(super) fn of(
        served: &str,
        context: &GatewayContext,
        watch: Option<&RequestState>,
        prices: &Prices,
    ) -> Option<Self> {
        let rules = context.settings().map(|settings| &settings.rules)?;
        let in_body = context.routed_model().or_else(|| watch.and_then(RequestState::model));
        let in_path = || routing::model_in(context.provider_path());
        let is_deployment = context.upstream().is_some_and(|upstream| upstream.names_deployments());
        let is_alias = |asked: &str| {
            let (provider, kind) =
                (context.provider().unwrap_or_default(), context.provider_kind());
            prices.are_of_one_model(provider, kind, [asked, served])
        };
        let is_forbidden = match in_body {
            // The request names a deployment and not a model, so only denied models can be checked.
            _ if is_deployment => rules.denies(served),
            Some(asked) => rules.forbid_served(Some(asked), served, is_alias),
            None => rules.forbid_served(in_path().as_deref(), served, is_alias),
        };
        Some(if is_forbidden { Self::Forbidden } else { Self::Allowed })
    }
}
