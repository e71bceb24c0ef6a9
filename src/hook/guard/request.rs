//! The request as guards get it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::context::GatewayContext;
use crate::util::operation::Operation;
use crate::util::payload::Payload;

/// A request without its body.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct GuardHead<'a> {
    /// Ids, account, gateway, identity, method and path of the client's request, metadata.
    pub context: &'a GatewayContext,
    /// The slug of the provider that will get it. A fallback may send the same body to another
    /// provider without running guards again.
    pub provider: &'a str,
    /// The kind of API call, derived from the path.
    pub operation: Operation,
    /// The path after the provider's base URL, without a query.
    pub path: &'a str,
    /// The model, if the gateway needed it (on model-routed paths, in entries of a universal
    /// request, and if models are restricted) or found it in the part of the body that was read.
    pub model: Option<&'a str>,
    /// The index of the entry in a universal request, from 0; `None` for other requests.
    pub entry: Option<usize>,
    /// The `content-type` of the body.
    pub content_type: Option<&'a str>,
    /// The `content-encoding` of the body. If there is one, the guard gets the body compressed.
    /// This occurs only on a provider's own path.
    pub content_encoding: Option<&'a str>,
}

/// A request for which a guard must return a [verdict](super::Verdict).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct GuardRequest<'a> {
    /// Everything except the body.
    pub head: GuardHead<'a>,
    /// The start of the body, up to the guard's limit. JSON is not decoded: characters in its
    /// strings may be escaped.
    pub body: Payload<'a>,
}

/// The owned form of a [`GuardRequest`], shared by all guards of a request.
pub(crate) struct Subject {
    pub(crate) context: GatewayContext,
    pub(crate) entry: Option<usize>,
    pub(crate) model: Option<Box<str>>,
    pub(crate) content_type: Option<HeaderValue>,
    pub(crate) content_encoding: Option<HeaderValue>,
    pub(crate) body: Bytes,
    pub(crate) is_whole: bool,
}

impl Subject {
    /// `headers`: of the request as the provider will get it.
    pub(crate) fn new(context: &GatewayContext, entry: Option<usize>, headers: &HeaderMap) -> Self {
        let step = context.nth_step(entry.unwrap_or_default());
        Self {
            context: context.clone(),
            entry,
            model: step
                .and_then(|step| step.model.clone())
                .or_else(|| context.model_in_path(None).map(String::into_boxed_str)),
            content_type: joined(headers, &header::CONTENT_TYPE),
            content_encoding: joined(headers, &header::CONTENT_ENCODING),
            body: Bytes::new(),
            is_whole: false,
        }
    }

    pub(crate) fn head(&self) -> GuardHead<'_> {
        let context = &self.context;
        let step = context.nth_step(self.entry.unwrap_or_default());
        let native = || context.provider().unwrap_or_default();
        GuardHead {
            context,
            provider: step.map_or_else(native, |step| step.upstream.slug()),
            operation: step.map_or_else(|| context.operation(), |step| step.operation),
            path: step.map_or_else(|| context.provider_path(), |step| &step.path),
            model: self.model.as_deref(),
            entry: self.entry,
            content_type: text(self.content_type.as_ref()),
            content_encoding: text(self.content_encoding.as_ref()),
        }
    }

    /// The request with at most `limit` bytes of the body.
    pub(crate) fn request(&self, limit: usize) -> GuardRequest<'_> {
        let bytes = &self.body[..self.body.len().min(limit)];
        let is_whole = self.is_whole && bytes.len() == self.body.len();
        GuardRequest { head: self.head(), body: Payload { bytes, is_whole } }
    }
}

/// Joins all lines of a field into one value (RFC 9110 §5.3). Otherwise a guard might see only the
/// harmless one of two encodings.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next()?.clone();
    let mut all = first.as_bytes().to_vec();
    for line in lines {
        all.extend_from_slice(b", ");
        all.extend_from_slice(line.as_bytes());
    }
    Some(HeaderValue::from_bytes(&all).unwrap_or(first))
}

/// A value that is not text must not look like a missing header.
fn text(value: Option<&HeaderValue>) -> Option<&str> {
    value.map(|value| value.to_str().unwrap_or("?"))
}
