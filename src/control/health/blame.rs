//! Answers that turn out to be errors.

use std::sync::Arc;

use http::{Extensions, StatusCode};
use tokio::time::Instant;

use super::account::Account;
use super::change::Listener;
use super::cooldown;
use super::permit::Answered;
use super::settings::CoolDownSettings;
use crate::control::held::Handle;

/// Tells of what stands under a status of success that is none. It is in the extensions of a
/// response whose body is read for that.
#[derive(Clone)]
pub(super) struct Blame {
    pub(super) answered: Option<Handle<Answered>>,
    pub(super) cool_down: Option<(Arc<Account>, CoolDownSettings)>,
    pub(super) gateway: Listener,
}

/// The response is an error of the kind that this status has: the call counts as one that was
/// answered with it, or with a 502 where the kind is not known.
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

/// Whether a response of this status says that the upstream is not well.
pub(super) fn is_failure(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504 | 529)
}
