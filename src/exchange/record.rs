//! The record of an exchange: kept until it ends, then reported to hooks, guards and the log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, StatusCode};

use super::heads::{RequestHead, kept};
use super::log;
use super::served::{self, Served};
use crate::context::GatewayContext;
use crate::directives::trace::TraceParent;
use crate::exchange::observation::Observation;
use crate::exchange::request_state::RequestState;
use crate::hook::guard::Notes;
use crate::hook::{CacheStatus, Failure, RequestEvent, Timings};
use crate::rejection::Code;
use crate::usage::Meter;
use crate::usage::metering::Reader;
use crate::util::macros::match_bytes;

/// The guard of an exchange; empty if nothing observes the exchange.
#[derive(Debug, Default)]
pub(crate) struct Exchange(pub(super) Option<Box<ExchangeRecord>>);

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
    /// How long the response body is, if the body itself cannot tell.
    pub(super) declared_bytes: Option<u64>,
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

impl Exchange {
    /// Starts an exchange. `headers`: of the request, as the client sent them. `arrived`: `None` if only
    /// the gateway itself may need the exchange.
    pub(crate) fn begin(
        observation: &Arc<Observation>,
        context: &GatewayContext,
        headers: &HeaderMap,
        arrived: Option<Instant>,
    ) -> Self {
        let is_needed = || context.is_limited() || served::is_refused(context);
        let arrived = arrived.or_else(|| is_needed().then(Instant::now));
        let Some(arrived) = arrived else { return Self::default() };
        let span = log::span(context);
        observation.hooks.each(|hook| hook.on_request(&RequestEvent { context }));
        let head = RequestHead::of(headers, context.directives());
        // Constructed in its place.
        let place = Box::new_uninit();
        let record = ExchangeRecord {
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
            declared_bytes: None,
            payload_limit: u32::try_from(observation.hooks.payload_limit(context))
                .unwrap_or(u32::MAX),
            reader: Reader::default(),
            watch: None,
            trace: head.trace,
            request_content_type: head.content_type.map(kept),
            user_agent: head.user_agent.cloned(),
            response_content_type: None,
            provider_request_id: None,
            notes: None,
        };
        Self(Some(Box::write(place, record)))
    }
}

impl ExchangeRecord {
    /// Asks the hooks for their limit once more if the step is an entry of a universal request, whose
    /// control headers were not known before.
    #[inline]
    pub(super) fn ask_payload_limit_of_entry(&mut self) {
        if self.context.current().is_some_and(|step| step.entry.is_some()) {
            let limit = self.observation.hooks.payload_limit(&self.context);
            self.payload_limit = self.payload_limit.max(u32::try_from(limit).unwrap_or(u32::MAX));
        }
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
    pub(super) fn served_model(&self, meter: Option<&Meter>) -> Option<Served> {
        let model = meter.and_then(Meter::model_so_far);
        let prices = &self.observation.prices;
        Served::of(model.as_deref()?, &self.context, self.watch.as_deref(), prices)
    }

    /// The number of upstream calls, including an active one.
    pub(super) fn attempts(&self) -> u32 {
        let is_sent = self.dispatched.is_some() && !self.context.is_unsent();
        self.context.attempts().max(u32::from(is_sent))
    }
}

pub(super) fn text(value: Option<&HeaderValue>) -> Option<&str> {
    let value = value?;
    // The usual types of content need no check of each byte.
    match_bytes!(value.as_bytes(), {
        b"application/json" => Some("application/json"),
        b"text/event-stream" => Some("text/event-stream"),
        _ => value.to_str().ok(),
    })
}
