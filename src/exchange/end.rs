//! The end of an exchange: its event for the hooks, what the guards see of the response, and the log.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::consumed::consumed;
use super::log;
use super::record::{Exchange, ExchangeRecord, text};
use super::served::Served;
use super::settlement::{self, Facts, Settlement};
use crate::context::GatewayContext;
use crate::directives::trace::TraceParent;
use crate::exchange::request_state::RequestState;
use crate::hook::guard::GuardedResponse;
use crate::hook::{EndEvent, Failure, Outcome};
use crate::rejection::Code;
use crate::usage::Meter;
use crate::usage::metering::Reading;
use crate::util::payload::Payload;
use crate::util::unwind;

impl Drop for Exchange {
    #[inline]
    fn drop(&mut self) {
        if self.0.is_some() && std::thread::panicking() {
            return self.panicked();
        }
        self.end(Outcome::Cancelled);
    }
}

impl Exchange {
    /// Ends the exchange because the task that drives it unwinds.
    #[cold]
    fn panicked(&mut self) {
        let Some(record) = &mut self.0 else { return };
        if record.status.is_some() {
            return self.broken(Failure::Other);
        }
        record.failure = Some(Failure::Other);
        if record.dispatched.is_some() {
            self.attempt_failed(Failure::Other);
        }
        self.end(Outcome::Failed);
    }
}

impl ExchangeRecord {
    /// Reports the end of the exchange and drops the record. `total`: its duration, if it was measured
    /// already. `whole`: the body, if it arrived in one piece and was not read.
    ///
    /// This may run while the task unwinds, so it must not panic. Each hook's panics are caught on
    /// their own; here only the host's `tracing` subscriber can panic.
    pub(super) fn close(
        mut self: Box<Self>,
        outcome: Outcome,
        total: Option<Duration>,
        whole: Option<&[u8]>,
    ) {
        let _ = unwind::call(|| self.read_to_end(outcome, total, whole));
        let _ = unwind::call(move || drop(self));
    }

    fn read_to_end(&mut self, outcome: Outcome, total: Option<Duration>, whole: Option<&[u8]>) {
        self.timings.total = total.unwrap_or_else(|| self.arrived.elapsed());
        let mut reader = std::mem::take(&mut self.reader);
        match reader.unread().zip(whole) {
            Some((unread, body)) => {
                let mut meter = unread.meter();
                meter.push(body);
                if meter.has_content() {
                    self.timings.to_first_token = Some(self.timings.total);
                }
                meter.finish();
                self.end(outcome, Reading::of(&meter));
            }
            None => {
                reader.finish();
                self.end(outcome, reader.reading());
            }
        }
    }

    fn end(&mut self, outcome: Outcome, reading: Reading<'_>) {
        self.ask_payload_limit_of_entry();
        let meter = reading.meter;
        // Check the final model, which also determines the price.
        if matches!(self.served, Served::Unknown | Served::Allowed) {
            self.served = self.served_model(meter).unwrap_or(self.served);
        }
        let has_broken_off = outcome == Outcome::Broken;
        let outcome = self.classify(outcome, meter);
        let content_events = meter.map_or(0, Meter::content_events);
        if outcome == Outcome::Complete
            && !has_broken_off
            && let Some(first) = self.timings.to_first_token
            && let Some(gaps) = content_events.checked_sub(1).filter(|gaps| *gaps > 0)
        {
            let nanoseconds =
                self.timings.total.saturating_sub(first).as_nanos() / u128::from(gaps);
            self.timings.inter_token = u64::try_from(nanoseconds).ok().map(Duration::from_nanos);
        }
        let watch = self.watch.as_deref();
        let context = &self.context;
        context.set_ended();
        let in_body = context.routed_model().or_else(|| watch?.model());
        let in_path = context.model_in_path(in_body);
        let request_model = in_path.as_deref().or(in_body);
        let settlement = Settlement::of(
            &self.observation,
            &Facts {
                context,
                status: self.status.filter(|_| self.code.is_none()),
                request_model,
                is_model_in_path: in_path.is_some(),
                cache: self.cache,
                outcome,
                total: self.timings.total,
                characters: watch.and_then(RequestState::characters),
            },
            reading,
        );
        let request_capture = watch.map(RequestState::take_capture);
        let mut event = EndEvent {
            context,
            request_model,
            response_model: meter.and_then(Meter::model),
            forbidden_model: self.served == Served::Forbidden,
            service_tier: meter.and_then(Meter::service_tier),
            status: self.status,
            outcome,
            failure: self.failure,
            gateway_code: self.code.map(Code::number),
            provider_error: meter.and_then(Meter::error),
            stream_requested: match context.current().and_then(|step| step.entry.as_deref()) {
                Some(entry) => entry.stream,
                None => watch.is_some_and(|watch| watch.stream.load(Ordering::Relaxed)),
            },
            stream: self.stream,
            terminal: meter.and_then(Meter::terminal),
            content_events,
            usage: settlement.usage.as_ref(),
            usage_parts: if settlement.usage.is_some() {
                meter.map_or(&[], Meter::parts)
            } else {
                &[]
            },
            metering: settlement.metering,
            cost: settlement.cost,
            cache: self.cache,
            cache_entry: self.cache_entry.as_deref(),
            saved: settlement.saved.as_deref(),
            step: context.step(),
            attempts: self.attempts(),
            gave_up_retries: context.gave_up_retries(),
            limits: &[],
            timings: self.timings,
            request_bytes: watch.map_or(0, |watch| watch.bytes.load(Ordering::Relaxed)),
            response_bytes: self.response_bytes,
            request_payload: request_capture
                .as_ref()
                .and_then(|capture| capture.payload())
                .or_else(|| payload_of_entry(context, self.payload_limit)),
            response_payload: reading
                .payload
                .and_then(|payload| payload.up_to(self.payload_limit as usize)),
            response_encoded: reading.is_encoded,
            flags: self.notes.as_ref().map_or(&[], |notes| notes.flags()),
            request_content_type: text(self.request_content_type.as_ref()),
            response_content_type: text(self.response_content_type.as_ref()),
            user_agent: text(self.user_agent.as_ref()),
            provider_request_id: text(self.provider_request_id.as_ref()),
            trace: context.directives().and_then(TraceParent::asked).or(self.trace),
        };
        let limits = context.reserved().map(|reserved| {
            let spent = consumed(&event, &settlement);
            // The store may be host code.
            unwind::call(|| reserved.end(context, &spent)).unwrap_or_default()
        });
        event.limits = limits.as_deref().unwrap_or_default();
        self.observation.hooks.each(|hook| hook.on_end(&event));
        self.notify_guards(outcome, reading);
        let is_answered = self.status.is_some() && self.code.is_none() && self.cache.is_none();
        self.span.in_scope(|| {
            // Catch panics inside the span, so that it is not exited while unwinding: a subscriber
            // could panic at both.
            let _ = unwind::call(|| {
                if self.observation.is_first_unread(&event) {
                    log::warn_of_unread(&event);
                }
                if is_answered {
                    self.observation.misuse.not_acted_on(context);
                }
                log::log(&event);
            });
        });
    }

    /// Corrects the outcome by the stream's terminal marker. A client that has received the marker has
    /// everything: it may disconnect, and the connection may break. A provider that has not sent the
    /// marker may not.
    fn classify(&mut self, outcome: Outcome, meter: Option<&Meter>) -> Outcome {
        match outcome {
            Outcome::Complete if settlement::is_unfinished(&self.context, self.status, meter) => {
                self.failure = Some(Failure::Unfinished);
                Outcome::Broken
            }
            Outcome::Cancelled | Outcome::Broken
                if self.stream
                    && !self.failure.is_some_and(Failure::is_refusal)
                    && meter.is_some_and(|meter| meter.terminal().is_some()) =>
            {
                self.failure = None;
                Outcome::Complete
            }
            _ => outcome,
        }
    }

    /// Calls the guards with the ended response.
    fn notify_guards(&self, outcome: Outcome, reading: Reading<'_>) {
        let Some(notes) = &self.notes else { return };
        let Some(status) = self.status.filter(|_| self.code.is_none()) else { return };
        let response = GuardedResponse {
            context: &self.context,
            status,
            outcome,
            stream: self.stream,
            content_type: text(self.response_content_type.as_ref()),
            body: Payload { bytes: &[], is_whole: true },
            is_encoded: reading.is_encoded,
            flags: notes.flags(),
        };
        let body = |limit| reading.payload.and_then(|payload| payload.up_to(limit));
        self.observation.guards.notify(notes, &response, body);
    }
}

/// The body of the entry of a universal request, if the entry's own control headers ask for it.
fn payload_of_entry(context: &GatewayContext, limit: u32) -> Option<Payload<'_>> {
    let entry = context.current()?.entry.as_deref()?;
    Payload { bytes: &entry.body, is_whole: true }.up_to(limit as usize)
}
