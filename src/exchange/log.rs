//! Logs each exchange through `tracing`.

use std::time::Duration;

use tracing::{Level, Span};

use crate::TARGET;
use crate::context::GatewayContext;
use crate::hook::{EndEvent, Failure, Outcome};
use crate::usage::{Cost, Usage};
use crate::util::redact::shown;

/// The span in which all of an exchange runs.
pub(super) fn span(context: &GatewayContext) -> Span {
    tracing::debug_span!(
        target: TARGET,
        "exchange",
        log_id = %context.log_id(),
        account = context.account().map(shown).as_deref(),
        gateway = &*shown(context.gateway()),
        provider = context.provider(),
        operation = context.operation().as_str(),
        subject = context.identity().map(|identity| shown(identity.subject())).as_deref(),
    )
}

/// Logs one event per exchange: `WARN` if the provider or the gateway failed, else `INFO`. Clients must not
/// be able to cause warnings at will.
pub(super) fn log(end: &EndEvent<'_>) {
    let provider_error = end.provider_error.map(|error| error.code.as_deref().unwrap_or(""));
    let flags = (!end.flags.is_empty())
        .then(|| end.flags.iter().map(|flag| shown(flag)).collect::<Vec<_>>().join(","));
    macro_rules! log_at {
        ($level:expr) => {
            tracing::event!(
                target: TARGET,
                $level,
                log_id = %end.context.log_id(),
                event_id = given_event_id(end).map(shown).as_deref(),
                account = end.context.account().map(shown).as_deref(),
                gateway = &*shown(end.context.gateway()),
                provider = end.context.provider(),
                operation = end.context.operation().as_str(),
                subject = end.context.identity().map(|identity| shown(identity.subject())).as_deref(),
                method = &*shown(end.context.method().as_str()),
                model = end.request_model.map(shown).as_deref(),
                response_model = end.response_model.map(shown).as_deref(),
                status = end.status.map(|status| status.as_u16()),
                outcome = end.outcome.as_str(),
                failure = end.failure.map(Failure::as_str),
                gateway_code = end.gateway_code,
                provider_error = provider_error.map(shown).as_deref(),
                flags = flags.as_deref(),
                stream = end.stream,
                step = end.step,
                attempts = end.attempts,
                metering = end.metering.as_str(),
                tokens_in = end.usage.and_then(Usage::input),
                tokens_out = end.usage.and_then(Usage::output),
                cost_usd = end.cost.as_ref().map(Cost::usd),
                ms_to_head = end.timings.to_head.map(milliseconds),
                ms_to_first_data = end.timings.to_first_data.map(milliseconds),
                ms_to_first_token = end.timings.to_first_token.map(milliseconds),
                ms_total = milliseconds(end.timings.total),
                us_overhead = end.timings.overhead.as_nanos() as f64 / 1e3,
                request_bytes = end.request_bytes,
                response_bytes = end.response_bytes,
                provider_request_id = end.provider_request_id.map(shown).as_deref(),
                "exchange ended"
            )
        };
    }
    if end.forbidden_model {
        tracing::warn!(
            target: TARGET,
            log_id = %end.context.log_id(),
            account = end.context.account().map(shown).as_deref(),
            gateway = &*shown(end.context.gateway()),
            provider = end.context.provider(),
            model = end.request_model.map(shown).as_deref(),
            response_model = end.response_model.map(shown).as_deref(),
            "the provider answered from a model that the gateway does not allow"
        );
    }
    match end.outcome {
        Outcome::Failed | Outcome::Broken if !end.failure.is_some_and(Failure::is_clients) => {
            log_at!(Level::WARN);
        }
        _ => log_at!(Level::INFO),
    }
}

/// The event id that the client or the host's middleware chose.
fn given_event_id<'e>(end: &EndEvent<'e>) -> Option<&'e str> {
    end.context.directives()?.event_id.as_ref()?.to_str().ok()
}

/// The warning about missing tokens and costs, logged once per layer.
const UNREAD: &str = if cfg!(feature = "decompression") {
    "an answer was not metered, so its tokens and its cost are missing: it is compressed in a way \
     that the feature `decompression` does not read (it reads gzip, deflate, br and zstd, one at a \
     time); this is logged once"
} else {
    "an answer was not metered, so its tokens and its cost are missing: it is compressed, and this \
     program was built without the feature `decompression`; this is logged once"
};

pub(super) fn warn_of_unread(end: &EndEvent<'_>) {
    tracing::warn!(
        target: TARGET,
        log_id = %end.context.log_id(),
        account = end.context.account().map(shown).as_deref(),
        gateway = &*shown(end.context.gateway()),
        provider = end.context.provider(),
        operation = end.context.operation().as_str(),
        "{UNREAD}"
    );
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}
