//! What a guard sees of a request.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::context::GatewayContext;
use crate::util::operation::Operation;
use crate::util::payload::Payload;

/// What is known of a request without its body.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct GuardHead<'a> {
    /// Ids, account, gateway, identity, method and path of the client's request, metadata.
    pub context: &'a GatewayContext,
    /// The slug of the provider that is to get it. A fallback may send the same body to another one,
    /// and no guard is asked again.
    pub provider: &'a str,
    /// What is asked of the provider, told by the path.
    pub operation: Operation,
    /// The path behind the provider's base URL, without a query.
    pub path: &'a str,
    /// The model, where the gateway had to know it (on model-routed paths, in entries of a universal
    /// request, and where models are restricted) or has come by it in what was read of the body.
    pub model: Option<&'a str>,
    /// Which entry of a universal request it is, from 0; `None` for a request of any other kind.
    pub entry: Option<usize>,
    /// The `content-type` of the body.
    pub content_type: Option<&'a str>,
    /// The `content-encoding` of the body. Where there is one, the body is shown as it is, compressed;
    /// that can be on a provider's own path alone.
    pub content_encoding: Option<&'a str>,
}

/// A request that waits for a guard's [verdict](super::Verdict).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct GuardRequest<'a> {
    /// All but the body.
    pub head: GuardHead<'a>,
    /// The beginning of the body, up to what the guard asked for. JSON is not decoded: characters in
    /// its strings may be escaped.
    pub body: Payload<'a>,
}

/// The same, for as long as guards run.
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
    /// `headers`: of the request as its provider is to get it.
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

    /// With so many bytes of the body.
    pub(crate) fn request(&self, limit: usize) -> GuardRequest<'_> {
        let bytes = &self.body[..self.body.len().min(limit)];
        let is_whole = self.is_whole && bytes.len() == self.body.len();
        GuardRequest { head: self.head(), body: Payload { bytes, is_whole } }
    }
}

/// All lines of a field as the one that they stand for (RFC 9110 §5.3): of two encodings, a guard must
/// not see the harmless one alone.
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

/// A value that is no text stands for something all the same.
fn text(value: Option<&HeaderValue>) -> Option<&str> {
    value.map(|value| value.to_str().unwrap_or("?"))
}
