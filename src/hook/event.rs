//! What the hooks are told.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

use crate::context::GatewayContext;

/// A request on a gateway path has arrived.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RequestEvent<'a> {
    /// Ids, account, gateway, provider, operation, metadata. The provider of a model-routed
    /// request is not known yet.
    pub context: &'a GatewayContext,
}

/// One upstream call has ended, by its response head or by failing.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AttemptEvent<'a> {
    /// Ids, account, gateway, provider, operation, metadata.
    pub context: &'a GatewayContext,
    /// 1 for the first attempt.
    pub number: u32,
    /// The status, where a head came.
    pub status: Option<StatusCode>,
    /// Why none came.
    pub failure: Option<Failure>,
    /// From the call to its head or failure.
    pub duration: Duration,
}

/// The response head that is to be relayed is there.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct HeadEvent<'a> {
    /// Ids, account, gateway, provider, operation, metadata.
    pub context: &'a GatewayContext,
    /// The provider's status.
    pub status: StatusCode,
    /// The response is an event stream.
    pub stream: bool,
    /// The provider's own id of the request (`x-request-id`, `request-id` or `x-trace-id`).
    pub provider_request_id: Option<&'a str>,
    /// From the request's arrival.
    pub time_to_head: Duration,
}

/// An exchange is over.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct EndEvent<'a> {
    /// Ids, account, gateway, provider, operation, metadata.
    pub context: &'a GatewayContext,
    /// The model that the request body names, without a provider's prefix.
    pub request_model: Option<&'a str>,
    /// The status that the client got, or would have got; `None` where it left before.
    pub status: Option<StatusCode>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, where the outcome is [`Outcome::Failed`] or [`Outcome::Broken`].
    pub failure: Option<Failure>,
    /// The number in the gateway's own error (`2008`, …), where it answered with one.
    pub gateway_code: Option<u16>,
    /// The request body asks for a stream.
    pub stream_requested: bool,
    /// The response is an event stream.
    pub stream: bool,
    /// How many upstream calls were made.
    pub attempts: u32,
    /// When what happened.
    pub timings: Timings,
    /// Bytes of the request body that were read from the client.
    pub request_bytes: u64,
    /// Bytes of the response body that were handed to the client.
    pub response_bytes: u64,
    /// The provider's own id of the request (`x-request-id`, `request-id` or `x-trace-id`).
    pub provider_request_id: Option<&'a str>,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The provider's whole response was handed on, whatever its status.
    Complete,
    /// The gateway refused the request; the provider got no whole request.
    Rejected,
    /// No response head came from the provider.
    Failed,
    /// The response broke off after its head.
    Broken,
    /// The client went away first.
    Cancelled,
}

impl Outcome {
    /// The name in lower case, as in `complete`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Broken => "broken",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What went wrong on the way to a provider or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// No connection could be made: name resolution, TCP or TLS.
    Connect,
    /// Making a connection took too long.
    ConnectTimeout,
    /// A layer of the upstream stack gave up waiting for the response head.
    HeadTimeout,
    /// The upstream stack sheds load.
    Overloaded,
    /// The connection was closed or reset.
    Reset,
    /// The provider broke the protocol.
    Protocol,
    /// The request body failed: the client broke it off, or it was refused while it was sent.
    RequestBody,
    /// Another error of the upstream service.
    Other,
}

impl Failure {
    /// The name in lower case, as in `connect_timeout`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::ConnectTimeout => "connect_timeout",
            Self::HeadTimeout => "head_timeout",
            Self::Overloaded => "overloaded",
            Self::Reset => "reset",
            Self::Protocol => "protocol",
            Self::RequestBody => "request_body",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// When what happened in an exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timings {
    /// From arrival to the response head.
    pub to_head: Option<Duration>,
    /// From arrival to the first bytes of the response body.
    pub to_first_data: Option<Duration>,
    /// From arrival to the end.
    pub total: Duration,
    /// The gateway's own share: deciding and rewriting before the upstream call, and preparing
    /// the head that came back. Time spent waiting for the client or the provider is not in it.
    pub overhead: Duration,
}
