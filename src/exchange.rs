//! The guard that owes one end event.
//!
//! It is made when a request on a gateway path arrives and moves from the call into the future and
//! from there into the response body. Whoever ends the exchange says how; if nobody does, dropping
//! the guard says that the client went away. Without a hook or a log to be told it is empty.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, StatusCode, header};
use tracing::Level;

use crate::TARGET;
use crate::body::watch::RequestWatch;
use crate::context::GatewayContext;
use crate::hook::{
    AttemptEvent, EndEvent, Failure, HeadEvent, Hooks, Outcome, RequestEvent, Timings,
};
use crate::rejection::Code;

#[derive(Debug, Default)]
pub(crate) struct Exchange(Option<Box<Ledger>>);

#[derive(Debug)]
struct Ledger {
    hooks: Hooks,
    context: GatewayContext,
    span: tracing::Span,
    arrived: Instant,
    /// When the gateway last began to work on this exchange.
    working_since: Instant,
    dispatched: Option<Instant>,
    attempts: u32,
    status: Option<StatusCode>,
    failure: Option<Failure>,
    code: Option<Code>,
    stream: bool,
    provider_request_id: Option<HeaderValue>,
    response_bytes: u64,
    timings: Timings,
    watch: Option<Arc<RequestWatch>>,
}

/// Whether anybody wants to know of exchanges; one branch and one relaxed load.
pub(crate) fn is_observed(hooks: &Hooks) -> bool {
    !hooks.is_empty() || tracing::enabled!(target: TARGET, Level::WARN)
}

impl Exchange {
    pub(crate) fn begin(hooks: &Hooks, context: &GatewayContext, arrived: Instant) -> Self {
        let span = tracing::debug_span!(
            target: TARGET,
            "exchange",
            log_id = %context.log_id(),
            account = context.account(),
            gateway = context.gateway(),
            provider = context.provider(),
            operation = context.operation().as_str(),
        );
        hooks.each(|hook| hook.on_request(&RequestEvent { context }));
        Self(Some(Box::new(Ledger {
            hooks: hooks.clone(),
            context: context.clone(),
            span,
            arrived,
            working_since: arrived,
            dispatched: None,
            attempts: 0,
            status: None,
            failure: None,
            code: None,
            stream: false,
            provider_request_id: None,
            response_bytes: 0,
            timings: Timings::default(),
            watch: None,
        })))
    }

    pub(crate) fn is_observed(&self) -> bool {
        self.0.is_some()
    }

    /// Where the request body tells what it is.
    pub(crate) fn watch(&mut self, watch: &Arc<RequestWatch>) {
        if let Some(ledger) = &mut self.0 {
            ledger.watch = Some(watch.clone());
        }
    }

    /// Enters the span of the exchange for as long as the guard lives.
    pub(crate) fn enter(&self) -> Option<tracing::span::Entered<'_>> {
        let ledger = self.0.as_deref()?;
        (!ledger.span.is_disabled()).then(|| ledger.span.enter())
    }

    /// The gateway works on this exchange from now on…
    pub(crate) fn resume(&mut self) {
        if let Some(ledger) = &mut self.0 {
            ledger.working_since = Instant::now();
        }
    }

    /// … until now.
    pub(crate) fn pause(&mut self) {
        if let Some(ledger) = &mut self.0 {
            ledger.timings.overhead += ledger.working_since.elapsed();
        }
    }

    /// The request goes to the upstream stack.
    pub(crate) fn dispatch(&mut self) {
        if let Some(ledger) = &mut self.0 {
            let now = Instant::now();
            ledger.timings.overhead += now - ledger.working_since;
            ledger.dispatched = Some(now);
            ledger.attempts += 1;
            if let Some(provider) = ledger.context.provider() {
                ledger.span.record("provider", provider);
            }
        }
    }

    /// The head of the provider's response has arrived.
    pub(crate) fn head(&mut self, status: StatusCode, headers: &HeaderMap) {
        let Some(ledger) = &mut self.0 else { return };
        let now = Instant::now();
        ledger.working_since = now;
        ledger.timings.to_head = Some(now - ledger.arrived);
        ledger.status = Some(status);
        ledger.stream = headers.get(header::CONTENT_TYPE).is_some_and(is_event_stream);
        let ids = ["x-request-id", "request-id", "x-trace-id"];
        ledger.provider_request_id = ids.iter().find_map(|name| headers.get(*name)).cloned();
        ledger.attempt_ended(now, Some(status), None);
    }

    /// The head is ready to be handed on.
    pub(crate) fn head_relayed(&mut self) {
        self.pause();
        let Some(ledger) = &self.0 else { return };
        let Some(status) = ledger.status else { return };
        let head = HeadEvent {
            context: &ledger.context,
            status,
            stream: ledger.stream,
            provider_request_id: ledger.provider_request_id(),
            time_to_head: ledger.timings.to_head.unwrap_or_default(),
        };
        ledger.hooks.each(|hook| hook.on_head(&head));
    }

    /// A frame of the response body is handed to the client.
    pub(crate) fn data(&mut self, length: usize) {
        if let Some(ledger) = &mut self.0 {
            if ledger.response_bytes == 0 && length > 0 {
                ledger.timings.to_first_data = Some(ledger.arrived.elapsed());
            }
            ledger.response_bytes += length as u64;
        }
    }

    /// The upstream call has failed. The exchange goes on until somebody ends it.
    pub(crate) fn attempt_failed(&mut self, failure: Failure) {
        if let Some(ledger) = &mut self.0 {
            ledger.failure = Some(failure);
            ledger.attempt_ended(Instant::now(), None, Some(failure));
        }
    }

    /// The gateway answers by itself.
    pub(crate) fn answered(&mut self, code: Code, length: usize, outcome: Outcome) {
        if let Some(ledger) = &mut self.0 {
            if ledger.dispatched.is_none() {
                ledger.timings.overhead += ledger.working_since.elapsed();
            }
            ledger.status = Some(code.status());
            ledger.code = Some(code);
            ledger.response_bytes = length as u64;
        }
        self.end(outcome);
    }

    /// The response has broken off.
    pub(crate) fn broken(&mut self, failure: Failure) {
        if let Some(ledger) = &mut self.0 {
            ledger.failure = Some(failure);
        }
        self.end(Outcome::Broken);
    }

    pub(crate) fn end(&mut self, outcome: Outcome) {
        if let Some(ledger) = self.0.take() {
            ledger.end(outcome);
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.end(Outcome::Cancelled);
    }
}

impl Ledger {
    fn provider_request_id(&self) -> Option<&str> {
        self.provider_request_id.as_ref()?.to_str().ok()
    }

    fn attempt_ended(&self, now: Instant, status: Option<StatusCode>, failure: Option<Failure>) {
        let attempt = AttemptEvent {
            context: &self.context,
            number: self.attempts,
            status,
            failure,
            duration: self.dispatched.map_or(Duration::ZERO, |dispatched| now - dispatched),
        };
        self.hooks.each(|hook| hook.on_attempt(&attempt));
    }

    fn end(mut self, outcome: Outcome) {
        self.timings.total = self.arrived.elapsed();
        let watch = self.watch.as_deref();
        let context = &self.context;
        let event = EndEvent {
            context,
            request_model: context.routed_model().or_else(|| watch?.model()),
            status: self.status,
            outcome,
            failure: self.failure,
            gateway_code: self.code.map(Code::number),
            stream_requested: watch.is_some_and(|watch| watch.stream.load(Ordering::Relaxed)),
            stream: self.stream,
            attempts: self.attempts,
            timings: self.timings,
            request_bytes: watch.map_or(0, |watch| watch.bytes.load(Ordering::Relaxed)),
            response_bytes: self.response_bytes,
            provider_request_id: self.provider_request_id(),
        };
        self.hooks.each(|hook| hook.on_end(&event));
        let _entered = self.span.enter();
        log(&event);
    }
}

/// One line per exchange: a warning where the provider failed, otherwise for information.
fn log(end: &EndEvent<'_>) {
    macro_rules! log_at {
        ($level:expr) => {
            tracing::event!(
                target: TARGET,
                $level,
                log_id = %end.context.log_id(),
                account = end.context.account(),
                gateway = end.context.gateway(),
                provider = end.context.provider(),
                operation = end.context.operation().as_str(),
                method = end.context.method().as_str(),
                model = end.request_model,
                status = end.status.map(|status| status.as_u16()),
                outcome = end.outcome.as_str(),
                failure = end.failure.map(Failure::as_str),
                gateway_code = end.gateway_code,
                stream = end.stream,
                attempts = end.attempts,
                ms_to_head = end.timings.to_head.map(milliseconds),
                ms_to_first_data = end.timings.to_first_data.map(milliseconds),
                ms_total = milliseconds(end.timings.total),
                us_overhead = end.timings.overhead.as_nanos() as f64 / 1e3,
                request_bytes = end.request_bytes,
                response_bytes = end.response_bytes,
                provider_request_id = end.provider_request_id,
                "exchange ended"
            )
        };
    }
    match end.outcome {
        Outcome::Failed | Outcome::Broken => log_at!(Level::WARN),
        _ => log_at!(Level::INFO),
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}

/// `text/event-stream`, in any case and with any parameters.
fn is_event_stream(content_type: &HeaderValue) -> bool {
    let essence = content_type.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_streams_are_told_by_the_essence_alone() {
        for (value, expected) in [
            ("text/event-stream", true),
            ("Text/Event-Stream ; charset=utf-8", true),
            ("text/event-streams", false),
            ("application/json", false),
        ] {
            assert_eq!(is_event_stream(&HeaderValue::from_static(value)), expected, "{value}");
        }
    }
}
