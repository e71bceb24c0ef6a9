//! The parent of a span.

use std::cell::Cell;

use opentelemetry::trace::{
    Span, SpanBuilder, SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState,
    Tracer,
};
use opentelemetry::{Context, KeyValue};

use crate::directives::trace::TraceParent;

thread_local! {
    static REQUESTED: Cell<Option<TraceId>> = const { Cell::new(None) };
}

/// The trace id that a client requested for a new trace. For use in the SDK's id generator; see the
/// [module](super). `None` except while [`SpanHook`](super::SpanHook) starts such a span on this
/// thread.
#[must_use]
pub fn requested_trace_id() -> Option<TraceId> {
    REQUESTED.get()
}

/// Makes an id available to the id generator until it is dropped.
struct Offer;

impl Offer {
    fn new(id: TraceId) -> Self {
        REQUESTED.set(Some(id));
        Self
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        REQUESTED.set(None);
    }
}

pub(super) fn start<T: Tracer>(
    tracer: &T,
    builder: SpanBuilder,
    trace: Option<TraceParent>,
) -> T::Span {
    let root = Context::new();
    let Some(trace) = trace else { return tracer.build_with_context(builder, &root) };
    let trace_id = TraceId::from(trace.trace_id);
    if let Some(span_id) = trace.parent_span_id {
        let flags = TraceFlags::default().with_sampled(trace.is_sampled);
        let parent =
            SpanContext::new(trace_id, SpanId::from(span_id), flags, true, TraceState::default());
        return tracer.build_with_context(builder, &root.with_remote_span_context(parent));
    }
    let offer = Offer::new(trace_id);
    let mut span = tracer.build_with_context(builder, &root);
    drop(offer);
    if span.is_recording() && span.span_context().trace_id() != trace_id {
        let asked = KeyValue::new("ai_gateway.requested_trace_id", trace_id.to_string());
        span.set_attribute(asked);
    }
    span
}
