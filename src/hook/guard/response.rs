//! The response as guards get it.

use http::StatusCode;

use crate::context::GatewayContext;
use crate::hook::Outcome;
use crate::util::payload::Payload;

/// A response that has ended.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct GuardedResponse<'a> {
    /// Ids, account, gateway, identity, provider, operation, metadata.
    pub context: &'a GatewayContext,
    /// The provider's status.
    pub status: StatusCode,
    /// How the exchange ended. Only [`Outcome::Complete`] means that the whole body was passed on.
    pub outcome: Outcome,
    /// The response is an event stream.
    pub stream: bool,
    /// The `content-type` of the response.
    pub content_type: Option<&'a str>,
    /// The start of the body as passed on, up to the guard's limit. Decoded if its compression is
    /// supported (feature `decompression`).
    pub body: Payload<'a>,
    /// The body is compressed in an unsupported way, and its bytes are not decoded.
    pub is_encoded: bool,
    /// The labels that guards added to the request.
    pub flags: &'a [Box<str>],
}
