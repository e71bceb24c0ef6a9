//! What a guard sees of a response.

use http::StatusCode;

use crate::context::GatewayContext;
use crate::hook::Outcome;
use crate::util::payload::Payload;

/// A response that has come to its end.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct GuardedResponse<'a> {
    /// Ids, account, gateway, identity, provider, operation, metadata.
    pub context: &'a GatewayContext,
    /// The provider's status.
    pub status: StatusCode,
    /// How the exchange ended: only a complete one has handed all of the body on.
    pub outcome: Outcome,
    /// The response is an event stream, and the body is its events.
    pub stream: bool,
    /// The `content-type` of the response.
    pub content_type: Option<&'a str>,
    /// The beginning of the body as far as it was handed on, up to what the guard asked for. It is
    /// decoded where it was compressed in a way that is read (feature `decompression`).
    pub body: Payload<'a>,
    /// The body is compressed in a way that is not read: the bytes are as they came.
    pub is_encoded: bool,
    /// What guards have flagged in the request.
    pub flags: &'a [Box<str>],
}
