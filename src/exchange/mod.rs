//! [`Exchange`]: a guard that reports exactly one end event.
//!
//! It is created when a request on a gateway path arrives. It moves from the call into the future,
//! and from there into the response body. If it is dropped before an explicit end, the client has
//! disconnected, or the upstream service has panicked. It is empty if no hook or log needs the event.

pub(crate) mod attempt;
mod characters;
mod consumed;
mod end;
mod heads;
mod log;
pub(crate) mod misuse;
pub(crate) mod observation;
#[cfg(feature = "cache")]
pub(crate) mod outlived;
mod record;
pub(crate) mod request_state;
mod served;
mod settlement;
mod shared_exchange;
pub(crate) mod usage_option;

use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, Response, StatusCode};

use self::heads::{ResponseHead, kept};
pub(crate) use self::record::Exchange;
use self::record::text;
use self::request_state::RequestState;
use self::served::Served;
pub(crate) use self::shared_exchange::{ExchangeHandle, SharedExchange};
use crate::hook::{CacheEntryShown, CacheStatus, Failure, HeadEvent, Outcome};
use crate::rejection::Code;
use crate::settings::GatewaySettings;
use crate::usage::metering::Reader;
use crate::usage::{Format, Meter};
use crate::util::operation::Operation;

impl Exchange {
    pub(crate) fn is_observed(&self) -> bool {
        self.0.is_some()
    }

    /// Creates the state that the request body updates.
    pub(crate) fn watch(&mut self) -> Arc<RequestState> {
        let Some(record) = &mut self.0 else { return Arc::default() };
        let is_speech = record.context.operation() == Operation::Speech;
        let watch = Arc::new(RequestState::new(record.payload_limit as usize, is_speech));
        record.watch = Some(watch.clone());
        watch
    }

    /// Enters the span of the exchange for as long as the guard lives.
    pub(crate) fn enter(&self) -> Option<tracing::span::Entered<'_>> {
        let record = self.0.as_deref()?;
        (!record.span.is_disabled()).then(|| record.span.enter())
    }

    /// Starts measuring the gateway's own time.
    pub(crate) fn resume(&mut self) {
        if let Some(record) = &mut self.0 {
            record.working_since = Instant::now();
        }
    }

    /// Stops measuring the gateway's own time.
    pub(crate) fn pause(&mut self) {
        if let Some(record) = &mut self.0 {
            record.timings.overhead += record.working_since.elapsed();
        }
    }

    /// Records that the request goes to the upstream stack.
    pub(crate) fn dispatch(&mut self) {
        if let Some(record) = &mut self.0 {
            let now = Instant::now();
            record.timings.overhead += now - record.working_since;
            record.dispatched = Some(now);
            if let Some(provider) = record.context.provider() {
                record.span.record("provider", provider);
            }
        }
    }

    /// Records that the response came from an axum router in place of an HTTP client.
    #[cold]
    pub(crate) fn answered_by_router<B>(&self, response: &Response<B>) {
        if let Some(record) = &self.0 {
            record.observation.misuse.answered_by_router(response);
        }
    }

    /// Records that the head of the provider's response has arrived.
    pub(crate) fn head(
        &mut self,
        status: StatusCode,
        headers: &HeaderMap,
        cache: Option<CacheStatus>,
    ) {
        let Some(record) = &mut self.0 else { return };
        let now = Instant::now();
        record.working_since = now;
        record.timings.to_head = Some(now - record.arrived);
        record.status = Some(status);
        record.cache = cache;
        let head = ResponseHead::of(headers);
        let format = Format::of(head.content_type);
        record.stream = Format::is_stream(format, record.context.call_path());
        record.response_content_type = head.content_type.map(kept);
        record.provider_request_id = head.ids.into_iter().flatten().next().cloned();
        let mut limit = record.observation.metering_limit();
        if status.is_success() && served::is_checked(&record.context) {
            record.served = Served::Unknown;
            if limit == 0 && served::is_refused(&record.context) {
                limit = Meter::LIMIT;
            }
        }
        let settings = record.context.settings();
        if limit == 0 && settings.is_some_and(GatewaySettings::meters_for_limits) {
            limit = Meter::LIMIT;
        }
        let shape = record.context.shape();
        record.ask_payload_limit_of_entry();
        let kept = record.response_limit().max(record.payload_limit as usize);
        record.reader = Reader::new(headers, format, shape, limit, kept);
        if cache.is_some_and(CacheStatus::is_hit) {
            record.answered_by_cache(now);
        } else {
            record.context.upstream_ended(record.dispatched, now, Ok(status));
        }
    }

    /// Records the encrypted key of the response's cache entry.
    #[cold]
    pub(crate) fn has_cache_entry(&mut self, shown: CacheEntryShown) {
        if let Some(record) = &mut self.0 {
            record.cache_entry = Some(shown.0);
        }
    }

    /// Records that the response head is ready for the client.
    pub(crate) fn head_relayed(&mut self) {
        self.pause();
        let Some(record) = &self.0 else { return };
        let Some(status) = record.status else { return };
        let head = HeadEvent {
            context: &record.context,
            status,
            stream: record.stream,
            provider_request_id: text(record.provider_request_id.as_ref()),
            time_to_head: record.timings.to_head.unwrap_or_default(),
        };
        record.observation.hooks.each(|hook| hook.on_head(&head));
    }

    /// Records data of the response body.
    ///
    /// Returns false if it must not be passed on, because it names a forbidden model.
    pub(crate) fn data(&mut self, data: &[u8]) -> bool {
        let Some(record) = &mut self.0 else { return true };
        record.read(data);
        record.served == Served::Any || record.allows_served_model()
    }

    /// Records the last data of the response body, all of which goes to the client, and ends the
    /// exchange. Returns false like [`data`](Self::data); then the exchange has not ended.
    #[inline]
    pub(crate) fn last_data(&mut self, data: &[u8]) -> bool {
        let Some(record) = &mut self.0 else { return true };
        let is_whole = record.reader.unread().is_some() && record.served == Served::Any;
        if is_whole {
            record.arrives(data);
        } else if !self.data(data) {
            return false;
        }
        if let Some(mut record) = self.0.take() {
            record.response_bytes += data.len() as u64;
            let total = record.last_data;
            record.close(Outcome::Complete, total, is_whole.then_some(data));
        }
        true
    }

    /// Adds a guard's label to the request.
    pub(crate) fn flag(&mut self, label: &str) {
        if let Some(record) = &mut self.0 {
            record.context.set_flagged();
            record.notes.get_or_insert_default().flag(label);
        }
    }

    /// Sets the declared length of a response body that cannot tell when it is over.
    pub(crate) fn declare(&mut self, bytes: Option<u64>) {
        if let Some(record) = &mut self.0 {
            record.declared_bytes = bytes;
        }
    }

    /// Returns true if this many further bytes are the last of the declared ones.
    #[inline]
    pub(crate) fn reaches_declared_end(&self, further: usize) -> bool {
        self.0.as_ref().is_some_and(|record| {
            record.declared_bytes.is_some_and(|all| record.response_bytes + further as u64 >= all)
        })
    }

    /// Counts bytes of the response body that go to the client.
    pub(crate) fn relayed(&mut self, length: usize) {
        if let Some(record) = &mut self.0 {
            record.response_bytes += length as u64;
        }
    }

    /// Records that the upstream call has failed, or that there was none. This does not end the
    /// exchange.
    pub(crate) fn attempt_failed(&mut self, failure: Failure) {
        if let Some(record) = &mut self.0 {
            record.failure = Some(failure);
            if record.context.is_unsent() {
                return self.call_refused();
            }
            record.context.upstream_ended(record.dispatched, Instant::now(), Err(failure));
        }
    }

    /// Records that a layer of the upstream stack has made no call: nothing was sent.
    pub(crate) fn call_refused(&mut self) {
        if let Some(record) = &mut self.0 {
            record.dispatched = None;
            // The layer's time does not count as the gateway's own.
            record.working_since = Instant::now();
        }
    }

    /// Ends the exchange with an error from the gateway itself.
    pub(crate) fn answered_with_error(&mut self, code: Code, length: usize, outcome: Outcome) {
        if let Some(record) = &mut self.0 {
            if record.dispatched.is_none() {
                record.timings.overhead += record.working_since.elapsed();
            }
            record.status = Some(code.status());
            record.code = Some(code);
            record.response_bytes = length as u64;
        }
        self.end(outcome);
    }

    /// Ends the exchange with a successful answer from the gateway itself, such as a list of
    /// models.
    pub(crate) fn answered_locally(&mut self, status: StatusCode, length: usize) {
        if let Some(record) = &mut self.0 {
            record.timings.overhead += record.working_since.elapsed();
            record.status = Some(status);
            record.response_bytes = length as u64;
        }
        self.end(Outcome::Complete);
    }

    /// Ends the exchange because the response has broken off.
    pub(crate) fn broken(&mut self, failure: Failure) {
        if let Some(record) = &mut self.0 {
            record.failure = Some(failure);
        }
        self.end(Outcome::Broken);
    }

    /// Ends the exchange with the end of the response body, which breaks off if it was declared longer.
    pub(crate) fn body_ended(&mut self) {
        match &self.0 {
            Some(record) if record.declared_bytes.is_some() && !self.reaches_declared_end(0) => {
                self.broken(Failure::Reset);
            }
            _ => self.end(Outcome::Complete),
        }
    }

    #[inline]
    pub(crate) fn end(&mut self, outcome: Outcome) {
        if let Some(record) = self.0.take() {
            record.close(outcome, None, None);
        }
    }
}
