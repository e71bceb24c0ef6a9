//! How much of its reserved limits an exchange has used.

use super::settlement::{Deferral, Settlement};
use crate::context::reserved::{Spent, Used};
use crate::hook::{CacheStatus, EndEvent, Failure, Outcome};
use crate::usage::metering::Metering;

/// Computes the amounts to settle from the exchange's end event.
pub(super) fn consumed<'a>(end: &EndEvent<'_>, settlement: &'a Settlement) -> Spent<'a> {
    let is_cached = end.cache.is_some_and(CacheStatus::is_hit);
    let failed_before = end.failure.is_some_and(|failure| failure.is_before_sending());
    Spent {
        is_unsent: is_cached || end.outcome == Outcome::Rejected || failed_before,
        used: used(end, settlement),
        request_bytes: end.request_bytes,
    }
}

/// Returns true if the rest of the response cannot change the usage: all was read, or the text to speak
/// is billed.
fn is_known(settlement: &Settlement) -> bool {
    let is_spoken = settlement.usage.is_some_and(|usage| usage.characters.is_some());
    let is_priced = settlement.cost.is_some_and(|cost| cost.ticks > 0);
    match settlement.metering {
        Metering::Complete => true,
        Metering::None => is_spoken,
        _ => is_spoken && is_priced,
    }
}

fn used<'a>(end: &EndEvent<'_>, settlement: &'a Settlement) -> Used<'a> {
    let content_events = end.content_events;
    if end.outcome == Outcome::Rejected || end.metering == Metering::Repeated {
        return Used::Nothing;
    }
    match settlement.deferral {
        Deferral::Ordered(order) => return Used::Ordered { order },
        Deferral::Fetched(order) => {
            let (usage, cost) = (settlement.usage.as_ref(), settlement.cost);
            return Used::Fetched { order, usage, cost };
        }
        Deferral::None if end.metering == Metering::Free => return Used::Nothing,
        Deferral::None => {}
    }
    let has_left = end.outcome == Outcome::Cancelled
        || matches!(end.failure, Some(Failure::UnreadTimeout | Failure::TotalTimeout));
    if has_left && end.context.goes_on() && !is_known(settlement) {
        return Used::Later;
    }
    if let Some(usage) = &settlement.usage {
        let is_whole = end.metering != Metering::Partial;
        return Used::Reported { usage, cost: settlement.cost, is_whole, content_events };
    }
    let is_late = end.failure.is_some_and(Failure::is_late);
    match (end.outcome, end.status.filter(|_| end.gateway_code.is_none())) {
        (Outcome::Cancelled, None) => Used::Unanswered,
        (_, None) if is_late => Used::Unanswered,
        (_, None) => Used::Nothing,
        (_, Some(status)) if !status.is_success() => Used::Nothing,
        (Outcome::Complete, _) if end.provider_error.is_some() => Used::Nothing,
        (Outcome::Complete, _) => Used::Unknown,
        // The provider may have generated all of it before sending the first byte.
        _ if !end.stream => Used::Unknown,
        _ => Used::Beginning { content_events },
    }
}
