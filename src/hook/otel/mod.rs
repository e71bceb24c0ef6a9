//! Spans of exchanges through OpenTelemetry's API, following its GenAI conventions.
//!
//! [`SpanHook`] makes one span of kind `CLIENT` per exchange, refused and cancelled ones as well.
//! It is named `{operation} {model}`, begins when the request arrives, ends when the exchange does,
//! and has an event for the response head and one for the first token. This crate contains no SDK:
//! the host sets up a tracer provider with its own processor and exporter. A span ends on the task
//! that relays the response, so the processor must not block; the SDK's batch processor does not.
//!
//! ```
//! use opentelemetry::trace::{SpanId, TraceId};
//! use opentelemetry_sdk::trace::{
//!     IdGenerator, RandomIdGenerator, SdkTracerProvider, SpanExporter,
//! };
//! use tower_ai_gateway::otel::{SpanHook, requested_trace_id};
//! use tower_ai_gateway::{GatewayLayer, Provider};
//!
//! /// Gives the trace ids that clients ask for by `cf-aig-otel-trace-id`.
//! #[derive(Debug, Default)]
//! struct Ids(RandomIdGenerator);
//!
//! impl IdGenerator for Ids {
//!     fn new_trace_id(&self) -> TraceId {
//!         requested_trace_id().unwrap_or_else(|| self.0.new_trace_id())
//!     }
//!
//!     fn new_span_id(&self) -> SpanId {
//!         self.0.new_span_id()
//!     }
//! }
//!
//! fn wire(exporter: impl SpanExporter + 'static) -> Result<(), Box<dyn std::error::Error>> {
//!     let provider = SdkTracerProvider::builder()
//!         .with_id_generator(Ids::default())
//!         .with_batch_exporter(exporter) // of `opentelemetry-otlp`, say
//!         .build();
//!     let layer = GatewayLayer::builder()
//!         .provider(Provider::xai())
//!         .metrics_hook(SpanHook::from_provider(&provider))
//!         .build()?;
//!     # let _ = layer;
//!     // … serve, and when that is over:
//!     provider.shutdown()?;
//!     Ok(())
//! }
//! ```
//!
//! # The trace
//!
//! A request with `traceparent`, or with both `cf-aig-otel-trace-id` and
//! `cf-aig-otel-parent-span-id`, creates a child of that span. For a `traceparent` that is not
//! sampled, the SDK's sampler decides; by default it does not sample the child. Any other request
//! creates a root span. The current span of the task is ignored, because an exchange may outlive
//! it.
//!
//! In OpenTelemetry, only the SDK's id generator can choose the id of a new trace. So for a
//! `cf-aig-otel-trace-id` without a parent, the generator can get that id from
//! [`requested_trace_id`], as above. With any other generator, the span starts a trace with a
//! different id, and the requested one is in the attribute `ai_gateway.requested_trace_id`. No
//! parent is invented.
//!
//! # Attributes
//!
//! Spans contain no prompts, completions, headers or queries. Texts from the client and the
//! provider are [redacted](crate::util::redact::redacted) and cut after 1024 bytes.
//!
//! | attribute | value |
//! |---|---|
//! | `gen_ai.operation.name` | `chat`, `text_completion`, `embeddings`, `generate_content`, or the gateway's own name |
//! | `gen_ai.provider.name` | `x_ai`, `openai`, …; the slug of a provider that the conventions do not know |
//! | `gen_ai.request.model`, `gen_ai.response.model` | as they are written in the bodies |
//! | `gen_ai.request.stream` | `true` if the request asks for a stream |
//! | `gen_ai.response.time_to_first_chunk` | seconds to the first content of a stream |
//! | `gen_ai.usage.input_tokens`, `gen_ai.usage.output_tokens` | including cached and reasoning tokens |
//! | `gen_ai.usage.cache_read.input_tokens`, `gen_ai.usage.cache_creation.input_tokens` | tokens |
//! | `gen_ai.usage.reasoning.output_tokens` | tokens |
//! | `ai_gateway.usage.cache_write_long`, `.audio_input`, `.image_input`, `.audio_output`, `.image_output` | tokens, each a part of the above |
//! | `ai_gateway.usage.images`, `.duration_ms`, `.characters`, `.search_units`, `.pages` | what is billed by other units |
//! | `ai_gateway.usage.parts.models`, `.input_tokens`, `.output_tokens` | lists, if there were several models: the first 32; an empty name is the response's model |
//! | `gen_ai.usage.cost` | USD; no part of the conventions, but the hosted gateway's name for it |
//! | `server.address`, `server.port` | of the provider's base URL |
//! | `http.response.status_code` | what the client got |
//! | `error.type` | of a failed exchange: the provider's error code, else a [`Failure`](crate::hook::Failure), else the status, else `_OTHER` |
//! | `ai_gateway.log_id`, `ai_gateway.event_id` | as in the response headers |
//! | `ai_gateway.account`, `ai_gateway.gateway`, `ai_gateway.operation` | as the path says |
//! | `ai_gateway.outcome`, `ai_gateway.metering` | [`Outcome`](crate::Outcome), [`Metering`](crate::usage::Metering) |
//! | `ai_gateway.provider.error` | the provider's error code, whatever the status; empty if it gave none |
//! | `ai_gateway.code` | the number in the gateway's own error |
//! | `ai_gateway.cost.ticks`, `ai_gateway.cost.usd`, `ai_gateway.cost.source` | 1 USD = 10^10 ticks; `custom`, `reported`, `table` or `cache` |
//! | `ai_gateway.stream`, `ai_gateway.cache_status` | of the response |
//! | `ai_gateway.saved.input_tokens`, `.output_tokens`, `.cost.ticks`, `.cost.usd` | usage and cost that a cache hit has saved |
//! | `ai_gateway.step`, `ai_gateway.attempts` | counts |
//! | `ai_gateway.flags` | the labels that [guards](crate::Guard) added to the request |
//! | `ai_gateway.session`, `ai_gateway.affinity` | a digest of the [`Session`](crate::context::Session); `kept`, `moved` or `pinned` |
//! | `ai_gateway.overhead`, `ai_gateway.time_to_first_token` | seconds |
//! | `enduser.id` | the subject of the [`Identity`](crate::Identity) that the host gave the request |
//! | `ai_gateway.identity.groups`, `ai_gateway.identity.label.{name}` | the groups and labels of that identity |
//! | `ai_gateway.metadata.{key}` | an entry of `cf-aig-metadata` |
//!
//! The span's status is an error if the request was refused, no response came, the response broke
//! off, or the provider reported an error. A client that disconnects is not an error.
//!
//! The conventions are not stable: names may change in a minor release of this crate.

mod attributes;
mod failed;
mod parent;

use std::time::SystemTime;

use opentelemetry::global::{self, BoxedTracer};
use opentelemetry::trace::{Span, SpanKind, Status, Tracer, TracerProvider};
use opentelemetry::{InstrumentationScope, KeyValue};

pub use self::parent::requested_trace_id;
use super::{EndEvent, MetricsHook};
use crate::util::opaque::opaque_debug;

/// A [`MetricsHook`] that makes a span of every exchange. See the [module](self).
///
/// ```
/// use tower_ai_gateway::otel::SpanHook;
/// use tower_ai_gateway::{GatewayLayer, Provider};
///
/// let gateway =
///     GatewayLayer::builder().provider(Provider::xai()).metrics_hook(SpanHook::global()).build()?;
/// # let _ = gateway;
/// # Ok::<(), tower_ai_gateway::ConfigError>(())
/// ```
pub struct SpanHook<T = BoxedTracer> {
    tracer: T,
}

impl SpanHook {
    /// Uses the current global tracer provider, so that must be set before.
    #[must_use]
    pub fn global() -> Self {
        Self::new(global::tracer_with_scope(scope()))
    }
}

impl<T> SpanHook<T> {
    /// Uses a tracer of this provider, named `tower-ai-gateway`.
    #[must_use]
    pub fn from_provider<P: TracerProvider<Tracer = T>>(provider: &P) -> Self {
        Self::new(provider.tracer_with_scope(scope()))
    }

    /// Uses this tracer.
    #[must_use]
    pub fn new(tracer: T) -> Self {
        Self { tracer }
    }
}

impl<T: Tracer + Send + Sync + 'static> MetricsHook for SpanHook<T> {
    fn on_end(&self, end: &EndEvent<'_>) {
        let ended = SystemTime::now();
        let arrived = ended.checked_sub(end.timings.total).unwrap_or(ended);
        let builder = self
            .tracer
            .span_builder(attributes::span_name(end))
            .with_kind(SpanKind::Client)
            .with_start_time(arrived)
            .with_attributes(attributes::for_sampling(end));
        let mut span = parent::start(&self.tracer, builder, end.trace);
        // Skip the attributes of spans that are not sampled.
        if span.is_recording() {
            attributes::each(end, |attribute| span.set_attribute(attribute));
            if let Some(failed) = failed::of(end) {
                span.set_attribute(KeyValue::new("error.type", failed.error_type));
                span.set_status(Status::error(failed.description));
            }
            for (name, after) in [
                ("ai_gateway.response_head", end.timings.to_head),
                ("ai_gateway.first_token", end.timings.to_first_token),
            ] {
                if let Some(after) = after {
                    span.add_event_with_timestamp(name, arrived + after, Vec::new());
                }
            }
        }
        span.end_with_timestamp(ended);
    }
}

opaque_debug!(SpanHook<T>);

fn scope() -> InstrumentationScope {
    InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
        .with_version(env!("CARGO_PKG_VERSION"))
        .build()
}
