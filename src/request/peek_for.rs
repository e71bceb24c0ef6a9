//! Why a request body is read before it is sent.

use crate::context::GatewayContext;
use crate::provider::Upstream;
use crate::rejection::Rejection;
use crate::request::access;
use crate::request::allowance::Allowance;
use crate::settings::GatewaySettings;

/// What a body is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeekFor {
    /// The provider, which precedes the model. The request is for this endpoint.
    Provider(&'static str),
    /// The model, to check that the gateway allows it.
    AnyModel,
    /// The entries of a universal request.
    Entries,
    /// The model and the requested tokens, if they are near the start: limits use them. The body is
    /// relayed whatever it holds.
    Limits,
    /// Nothing: the provider is known, but a guard wants to see the request.
    Nothing,
}

impl PeekFor {
    /// For a request on a provider's own path. Checks the models in the path.
    pub(crate) fn at_own_path(
        context: &GatewayContext,
        upstream: &Upstream,
    ) -> Result<Self, Rejection> {
        let reads_body = context.restricts_models() && {
            let path = context.provider_path();
            access::allow_path(Allowance::of(context), path, context.query())?
                && !upstream.decides_by_path(path)
        };
        let reads_models = context.settings().is_some_and(GatewaySettings::reads_models);
        Ok(match reads_body {
            true => Self::AnyModel,
            false if reads_models && context.is_call() => Self::Limits,
            false => Self::Nothing,
        })
    }
}
