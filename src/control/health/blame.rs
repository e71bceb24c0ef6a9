//! Successful statuses whose bodies turn out to be errors.

use std::sync::Arc;

use http::{Extensions, StatusCode};
use tokio::time::Instant;

use super::account::Account;
use super::change::Listener;
use super::cooldown;
use super::permit::Answered;
use super::settings::CoolDownSettings;
use crate::control::releasable::Handle;

/// Reports an error behind a successful status. Stored in the extensions of a response whose body a
/// layer above reads.
#[derive(Clone)]
pub(super) struct Blame {
    pub(super) answered: Option<Handle<Answered>>,
    pub(super) cool_down: Option<(Arc<Account>, CoolDownSettings)>,
    pub(super) gateway: Listener,
}

/// Counts the response as an error of this status, or as a 502 if the kind of error is unknown.
pub(in crate::control) fn blame(extensions: &mut Extensions, status: Option<StatusCode>) {
    let Some(Blame { answered, cool_down, gateway }) = extensions.remove() else { return };
    let (status, now) = (status.unwrap_or(StatusCode::BAD_GATEWAY), Instant::now());
    if let Some((account, settings)) = cool_down
        && let Some(duration) = cooldown::asked(&settings, status, || None)
    {
        account.cool_down(duration, now, &gateway);
    }
    if is_failure(status)
        && let Some(answered) = answered.and_then(|answered| answered.take())
    {
        answered.failure(now, &gateway);
    }
}

/// Returns true if a response of this status means that the upstream is unhealthy.
pub(super) fn is_failure(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504 | 529)
}
