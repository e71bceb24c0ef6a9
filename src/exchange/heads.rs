//! Collects the headers that an end event needs.
//!
//! Each head is iterated once: a look-up by name costs as much as ten steps of the iteration.

use http::{HeaderMap, HeaderValue};

use crate::directives::Directives;
use crate::directives::trace::TraceParent;
use crate::util::macros::match_bytes;

#[derive(Default)]
pub(super) struct RequestHead<'a> {
    pub(super) content_type: Option<&'a HeaderValue>,
    pub(super) user_agent: Option<&'a HeaderValue>,
    pub(super) trace: Option<TraceParent>,
}

impl<'a> RequestHead<'a> {
    pub(super) fn of(headers: &'a HeaderMap, directives: Option<&Directives>) -> Self {
        let mut head = Self::default();
        let mut may_be_traced = directives.is_some();
        for (name, value) in headers {
            match name.as_str() {
                "content-type" => first(&mut head.content_type, value),
                "user-agent" => first(&mut head.user_agent, value),
                "traceparent" => may_be_traced = true,
                _ => {}
            }
        }
        if may_be_traced {
            head.trace = TraceParent::of(headers, directives);
        }
        head
    }
}

#[derive(Default)]
pub(super) struct ResponseHead<'a> {
    pub(super) content_type: Option<&'a HeaderValue>,
    /// The provider's id of the request, under each of its possible names; the first counts.
    pub(super) ids: [Option<&'a HeaderValue>; 3],
}

impl<'a> ResponseHead<'a> {
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        let mut head = Self::default();
        for (name, value) in headers {
            match name.as_str() {
                "content-type" => first(&mut head.content_type, value),
                "x-request-id" => first(&mut head.ids[0], value),
                "request-id" => first(&mut head.ids[1], value),
                "x-trace-id" => first(&mut head.ids[2], value),
                _ => {}
            }
        }
        head
    }
}

/// The first of several headers with the same name counts.
fn first<'a>(known: &mut Option<&'a HeaderValue>, value: &'a HeaderValue) {
    known.get_or_insert(value);
}

/// A copy of `content-type`. The usual values do not keep the memory of the head alive.
pub(super) fn kept(content_type: &HeaderValue) -> HeaderValue {
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
    match_bytes!(content_type.as_bytes(), {
        b"application/json" => JSON,
        b"text/event-stream" => EVENTS,
        _ => content_type.clone(),
    })
}
