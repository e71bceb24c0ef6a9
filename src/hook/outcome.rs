//! How an exchange ended, and what went wrong.

use crate::util::macros::named_enum;

named_enum! {
/// How an exchange ended.
///
/// ```
/// use tower_ai_gateway::hook::Failure;
/// use tower_ai_gateway::{EndEvent, Outcome};
///
/// fn is_the_clients_fault(end: &EndEvent<'_>) -> bool {
///     match end.outcome {
///         Outcome::Failed | Outcome::Broken => end.failure.is_some_and(Failure::is_clients),
///         outcome => outcome == Outcome::Cancelled,
///     }
/// }
/// assert_eq!(Outcome::Cancelled.as_str(), "cancelled");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The client got the provider's complete response, whatever its status. If the API ends its
    /// streams with a marker, a stream is whole only with that marker.
    Complete = "complete",
    /// The gateway refused the request, or the host did with a [`Refusal`](crate::Refusal). The
    /// provider did not get a complete request.
    Rejected = "rejected",
    /// No response head came from the provider.
    Failed = "failed",
    /// The response broke off after its head. A stream whose marker has been relayed is
    /// [`Complete`](Self::Complete), whatever comes after it.
    Broken = "broken",
    /// The client went away first.
    Cancelled = "cancelled",
}
/// The name in lower case, as in `complete`.
pub fn as_str;
}

named_enum! {
/// What went wrong on the way to a provider or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// No connection could be made: name resolution, TCP or TLS.
    Connect = "connect",
    /// Making a connection took too long.
    ConnectTimeout = "connect_timeout",
    /// A layer of the upstream stack gave up waiting for the response head.
    HeadTimeout = "head_timeout",
    /// A layer of the upstream stack gave up waiting for the next part of the response.
    IdleTimeout = "idle_timeout",
    /// The client did not read the next part of the response within the
    /// [`idle`](field@crate::directives::timeouts::Timeouts::idle) timeout.
    UnreadTimeout = "unread_timeout",
    /// The total timeout of the exchange expired.
    TotalTimeout = "total_timeout",
    /// The upstream stack sheds load, or its limit of concurrent requests is reached.
    Overloaded = "overloaded",
    /// Nothing was sent: too many calls to the upstream have failed, and its circuit is open.
    CircuitOpen = "circuit_open",
    /// Nothing was sent: the provider has asked for a pause (`retry-after`), and it is not over.
    CoolingDown = "cooling_down",
    /// The connection was closed or reset.
    Reset = "reset",
    /// The provider broke the protocol.
    Protocol = "protocol",
    /// The stream ended without its terminal marker.
    Unfinished = "unfinished",
    /// The request body failed: the client broke it off, or it was refused while it was sent.
    RequestBody = "request_body",
    /// The gateway has no key for the provider; nothing was sent.
    NoKey = "no_key",
    /// The gateway could not get its key for the provider; nothing was sent.
    KeySource = "key_source",
    /// The provider answered from a model that the gateway forbids, and the host has configured
    /// that such answers are cut off.
    ModelNotAllowed = "model_not_allowed",
    /// Another error of the upstream service, or a panic in it.
    Other = "other",
}
/// The name in lower case, as in `connect_timeout`.
pub fn as_str;
}

impl Failure {
    /// Returns true if the client is at fault and not the provider: its body broke off or was refused, it
    /// did not read, or it sent no key where the gateway has none. Such an end is logged at `INFO`.
    #[must_use]
    pub fn is_clients(self) -> bool {
        matches!(self, Self::RequestBody | Self::UnreadTimeout | Self::NoKey)
    }

    /// Returns true if the gateway itself broke off the response.
    pub(crate) fn is_refusal(self) -> bool {
        matches!(self, Self::RequestBody | Self::ModelNotAllowed)
    }

    /// Returns true if nothing of the request was sent to the provider.
    pub(crate) fn is_before_sending(self) -> bool {
        matches!(
            self,
            Self::Connect
                | Self::ConnectTimeout
                | Self::Overloaded
                | Self::CircuitOpen
                | Self::CoolingDown
                | Self::NoKey
                | Self::KeySource
        )
    }

    /// Returns true if no response came in time: the provider may continue without a client, and
    /// bill it.
    pub(crate) fn is_late(self) -> bool {
        matches!(self, Self::HeadTimeout | Self::TotalTimeout)
    }
}
