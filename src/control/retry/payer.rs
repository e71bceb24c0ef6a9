//! Whose budget pays for a retry: the origin's, or the caller's if the caller has caused the failure.

use std::hash::Hash as _;
use std::sync::Arc;

use http::uri::Authority;
use http::{Request, StatusCode};
use tower::retry::budget::TpsBudget;

use super::budget::Budgets;
use super::decision::Attempt;
use crate::context::GatewayContext;
use crate::control::balance::stored_keys;
use crate::control::health::credentials;
use crate::control::wide_hash::WideHasher;

/// The budget of the caller, if it has caused the failure: by a timeout that it has chosen, or by too
/// many requests with a key of its own.
pub(super) fn caller<B>(
    budgets: &Budgets,
    attempt: Attempt<'_>,
    request: &Request<B>,
    context: &GatewayContext,
) -> Option<Arc<TpsBudget>> {
    let upstream = context.upstream().map(|upstream| &**upstream);
    let keys = || credentials(request, upstream);
    let is_to_blame = match attempt {
        Attempt::GivenUp(_) => true,
        _ => keys().next().is_some() && stored_keys(context, request.headers()).is_none(),
    };
    let hash = |hasher: &mut WideHasher| {
        request.uri().authority().map(Authority::as_str).hash(hasher);
        keys().for_each(|key| key.hash(hasher));
        context.identity().hash(hasher);
    };
    is_to_blame.then(|| budgets.of_caller(hash))
}

/// Returns true if the caller may have caused the failure.
pub(super) fn may_be_callers(attempt: Attempt<'_>) -> bool {
    match attempt {
        Attempt::GivenUp(_) => true,
        Attempt::Head(status, _) | Attempt::Hidden(Some(status), _) => {
            status == StatusCode::TOO_MANY_REQUESTS
        }
        Attempt::Hidden(None, _) | Attempt::Failed(_) => false,
    }
}
