//! The record of an exchange: kept until it ends, then reported to hooks, guards and the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, StatusCode};

use super::consumed::consumed;
use super::heads::{RequestHead, kept};
use super::log;
use super::served::{self, Served};
use super::settlement::{self, Facts, Settlement};
use crate::context::GatewayContext;
use crate::directives::trace::TraceParent;
use crate::exchange::observation::Observation;
use crate::exchange::request_state::RequestState;
use crate::hook::guard::{GuardedResponse, Notes};
use crate::hook::{CacheStatus, EndEvent, Failure, Outcome, Timings};
use crate::rejection::Code;
use crate::usage::Meter;
use crate::usage::metering::{Reader, Reading};
use crate::util::payload::Payload;
use crate::util::unwind;

#[derive(Debug)]
pub(super) struct ExchangeRecord {
    pub(super) observation: Arc<Observation>,
    pub(super) context: GatewayContext,
    pub(super) span: tracing::Span,
    pub(super) arrived: Instant,
    /// When the current interval of the gateway's own time began.
    pub(super) working_since: Instant,
    pub(super) dispatched: Option<Instant>,
    pub(super) status: Option<StatusCode>,
    pub(super) failure: Option<Failure>,
    pub(super) code: Option<Code>,
    pub(super) stream: bool,
    pub(super) served: Served,
    pub(super) cache: Option<CacheStatus>,
    pub(super) cache_entry: Option<Box<str>>,
    pub(super) timings: Timings,
    /// From arrival to the last data, if the clock was read for it.
    pub(super) last_data: Option<Duration>,
    pub(super) response_bytes: u64,
    /// 32 bits, because each open stream has a record.
    pub(super) payload_limit: u32,
    pub(super) reader: Reader,
    pub(super) watch: Option<Arc<RequestState>>,
    pub(super) trace: Option<TraceParent>,
    pub(super) request_content_type: Option<HeaderValue>,
    pub(super) user_agent: Option<HeaderValue>,
    pub(super) response_content_type: Option<HeaderValue>,
    pub(super) provider_request_id: Option<HeaderValue>,
    /// `None` unless a guard added a label or needs the response.
    pub(super) notes: Option<Box<Notes>>,
}

impl ExchangeRecord {
    /// `headers`: of the request, as the client sent them.
    pub(super) fn new(
        observation: &Arc<Observation>,
        context: &GatewayContext,
        headers: &HeaderMap,
        span: tracing::Span,
        arrived: Instant,
    ) -> Box<Self> {
        let head = RequestHead::of(headers);
        // Constructed in its place.
        let place = Box::new_uninit();
        let record = Self {
            observation: observation.clone(),
            context: context.clone(),
            span,
            arrived,
            working_since: arrived,
            dispatched: None,
            status: None,
            failure: None,
            code: None,
            stream: false,
            served: Served::Any,
            cache: None,
            cache_entry: None,
            timings: Timings::default(),
            last_data: None,
            response_bytes: 0,
            payload_limit: u32::try_from(observation.hooks.payload_limit(context))
                .unwrap_or(u32::MAX),
            reader: Reader::default(),
            watch: None,
            trace: head.trace(headers, context.directives()),
            request_content_type: head.content_type.map(kept),
            user_agent: head.user_agent.cloned(),
            response_content_type: None,
            provider_request_id: None,
            notes: None,
        };
        Box::write(place, record)
    }

    /// Reports the end of the upstream call, unless a layer below did so. A call that a layer above
    /// it cut off was not reported below.
    pub(super) fn attempt_ended(&self, now: Instant, result: Result<StatusCode, Failure>) {
        if self.context.attempts() == 0 {
            let since = |began| now.saturating_duration_since(began);
            let duration = || self.dispatched.map(since).unwrap_or_default();
            return self.context.only_attempt_ended(result, duration);
        }
        self.context.attempt_ended(|| now, result);
    }

    /// Records an answer from a cache: there was no upstream call, or layers below have reported
    /// it.
    #[cold]
    pub(super) fn answered_by_cache(&mut self, now: Instant) {
        self.dispatched = None;
        // An unfinished call was abandoned for a stale answer.
        self.context.attempt_ended(|| now, Err(Failure::Other));
    }

    /// Notes the time of data of the response body.
    pub(super) fn arrives(&mut self, data: &[u8]) {
        self.last_data = None;
        if self.timings.to_first_data.is_none() && !data.is_empty() {
            self.last_data = Some(self.arrived.elapsed());
            self.timings.to_first_data = self.last_data;
        }
    }

    /// Reads data of the response body. Reads the clock at most once.
    pub(super) fn read(&mut self, data: &[u8]) {
        self.arrives(data);
        self.reader.push(data);
        if self.timings.to_first_token.is_none() && self.reader.has_content() {
            self.last_data = self.last_data.or_else(|| Some(self.arrived.elapsed()));
            self.timings.to_first_token = self.last_data;
        }
    }

    /// The largest response limit of all guards.
    pub(super) fn response_limit(&mut self) -> usize {
        let guards = &self.observation.guards;
        if guards.is_empty() {
            return 0;
        }
        let limits = guards.response_limits(&self.context);
        let most = limits.iter().copied().max().unwrap_or_default();
        if most > 0 {
            self.notes.get_or_insert_default().limits = limits;
        }
        most
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
            is_encoded: reading.is_encoded(),
            flags: notes.flags(),
        };
        let body = |limit| reading.payload().and_then(|payload| payload.up_to(limit));
        self.observation.guards.notify(notes, &response, body);
    }

    /// Checks the model that the response has named so far, if any. Returns false if the response
    /// must be cut off.
    #[inline(never)]
    pub(super) fn allows_served_model(&mut self) -> bool {
        if self.served == Served::Unknown {
            let served = self.served_model(self.reader.meter());
            self.served = served.unwrap_or(self.served);
        }
        self.served != Served::Forbidden || !served::is_refused(&self.context)
    }

    /// Whether the model that the response has named so far is allowed; `None` if it has named none.
    #[cold]
    fn served_model(&self, meter: Option<&Meter>) -> Option<Served> {
        let model = meter.and_then(Meter::model_so_far);
        Served::of(model.as_deref()?, &self.context, self.watch.as_deref())
    }

    /// The number of upstream calls, including an active one.
    fn attempts(&self) -> u32 {
        self.context.attempts().max(u32::from(self.dispatched.is_some()))
    }

    /// Corrects the outcome by the stream's terminal marker. A client that has received the marker
    /// may disconnect. A provider that has not sent it may not.
    fn classify(&mut self, outcome: Outcome, meter: Option<&Meter>) -> Outcome {
        match outcome {
            Outcome::Complete if settlement::is_unfinished(&self.context, self.status, meter) => {
                self.failure = Some(Failure::Unfinished);
                Outcome::Broken
            }
            Outcome::Cancelled
                if self.stream && meter.is_some_and(|meter| meter.terminal().is_some()) =>
            {
                Outcome::Complete
            }
            _ => outcome,
        }
    }

    /// Reports the end of the exchange and drops the record. `total`: its duration, if it was measured
    /// already. `whole`: the body, if it has come in one piece and was not read.
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
        let meter = reading.meter();
        // Check the final model, which also determines the price.
        if matches!(self.served, Served::Unknown | Served::Allowed) {
            self.served = self.served_model(meter).unwrap_or(self.served);
        }
        let outcome = self.classify(outcome, meter);
        let content_events = meter.map_or(0, Meter::content_events);
        if outcome == Outcome::Complete
            && let Some(first) = self.timings.to_first_token
            && let Some(gaps) = content_events.checked_sub(1).filter(|gaps| *gaps > 0)
        {
            let nanoseconds =
                self.timings.total.saturating_sub(first).as_nanos() / u128::from(gaps);
            self.timings.inter_token = u64::try_from(nanoseconds).ok().map(Duration::from_nanos);
        }
        let watch = self.watch.as_deref();
        let context = &self.context;
        let in_body = context.routed_model().or_else(|| watch?.model());
        let in_path = context.model_in_path(in_body);
        let request_model = in_path.as_deref().or(in_body);
        let settlement = Settlement::of(
            &self.observation,
            &Facts {
                context,
                status: self.status.filter(|_| self.code.is_none()),
                request_model,
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
            request_payload: request_capture.as_ref().and_then(|capture| capture.payload()),
            response_payload: reading
                .payload()
                .and_then(|payload| payload.up_to(self.payload_limit as usize)),
            flags: self.notes.as_ref().map_or(&[], |notes| notes.flags()),
            request_content_type: text(self.request_content_type.as_ref()),
            response_content_type: text(self.response_content_type.as_ref()),
            user_agent: text(self.user_agent.as_ref()),
            provider_request_id: text(self.provider_request_id.as_ref()),
            trace: self.trace,
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
}

pub(super) fn text(value: Option<&HeaderValue>) -> Option<&str> {
    value?.to_str().ok()
}
