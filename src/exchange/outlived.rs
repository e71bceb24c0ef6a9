//! The usage of a call that goes on for followers after its own exchange has ended.

use std::time::SystemTime;

use http::StatusCode;

use super::settlement::{Facts, Settlement};
use crate::context::GatewayContext;
use crate::context::reserved::AnswerUsage;
use crate::hook::{Failure, Outcome};
use crate::usage::Meter;
use crate::usage::metering::{Metering, Reader};
use crate::util::unwind;

/// Reports a call to its exchange's limits if it gave no response for others. `is_refused`: by a layer
/// below.
pub(crate) fn unshared(
    context: &GatewayContext,
    is_refused: bool,
    result: Result<StatusCode, Failure>,
) {
    let Some(reserved) = context.reserved() else { return };
    let usage = match result {
        _ if is_refused => Some(AnswerUsage::Unsent),
        Err(failure) if failure.is_before_sending() => Some(AnswerUsage::Unsent),
        Err(failure) if failure.is_late() => Some(AnswerUsage::Unanswered),
        Ok(status) if status.is_success() => None,
        _ => Some(AnswerUsage::Nothing),
    };
    // The limits may call a store of the host, which may panic.
    let _ = unwind::call(|| reserved.answer_ended(context, usage));
}

/// The usage of a successful response that was read to its end; `None` if the provider did not report it.
pub(crate) fn usage(context: &GatewayContext, reader: &Reader) -> Option<AnswerUsage> {
    let observation = context.observation()?;
    let since = SystemTime::now().duration_since(context.log_id().timestamp());
    let model = context.model();
    let facts = Facts {
        context,
        status: Some(StatusCode::OK),
        request_model: model.as_deref(),
        is_model_in_path: context.model_in_path(context.routed_model()).is_some(),
        cache: None,
        outcome: Outcome::Complete,
        total: since.unwrap_or_default(),
        characters: None,
    };
    let Settlement { usage, metering, cost, .. } =
        Settlement::of(&observation, &facts, reader.reading());
    let has_failed = reader.meter().is_some_and(|meter| meter.error().is_some());
    let content_events = reader.meter().map_or(0, Meter::content_events);
    match (metering, usage) {
        (Metering::Complete, Some(usage)) => {
            Some(AnswerUsage::Reported { usage: Box::new(usage), cost, content_events })
        }
        (Metering::Complete, None) if has_failed => Some(AnswerUsage::Nothing),
        (Metering::Free, None) => Some(AnswerUsage::Nothing),
        _ => None,
    }
}
