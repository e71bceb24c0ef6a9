//! The events that hooks receive.

use std::time::Duration;

use http::StatusCode;

use crate::context::GatewayContext;
pub use crate::context::reserved::LimitReport;
use crate::directives::trace::TraceParent;
use crate::usage::metering::Metering;
use crate::usage::{Cost, ProviderError, Terminal, Usage, UsagePart};
use crate::util::macros::named_enum;
use crate::util::payload::Payload;

/// A request on a gateway path has arrived.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RequestEvent<'a> {
    /// Ids, account, gateway, identity, provider, operation, metadata. The provider of a model-routed
    /// request is not known yet.
    pub context: &'a GatewayContext,
}

/// One upstream call has ended, by its response head or by failing.
///
/// ```
/// use tower_ai_gateway::hook::AttemptEvent;
/// use tower_ai_gateway::MetricsHook;
///
/// struct Attempts;
///
/// impl MetricsHook for Attempts {
///     fn on_attempt(&self, attempt: &AttemptEvent<'_>) {
///         println!("attempt {}: {:?}, {:?}", attempt.number, attempt.status, attempt.failure);
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AttemptEvent<'a> {
    /// Ids, account, gateway, identity, provider, operation, metadata.
    pub context: &'a GatewayContext,
    /// 1 for the first attempt.
    pub number: u32,
    /// Which step of a fallback it was for; 0 for the first.
    pub step: u32,
    /// The status, where a head came.
    pub status: Option<StatusCode>,
    /// Why there is no head.
    pub failure: Option<Failure>,
    /// From the call to its head or failure.
    pub duration: Duration,
}

/// The head of the response that will be relayed has arrived.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct HeadEvent<'a> {
    /// Ids, account, gateway, identity, provider, operation, metadata.
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

/// An exchange has ended.
///
/// ```
/// use tower_ai_gateway::{EndEvent, GatewayLayer, Provider};
///
/// let gateway = GatewayLayer::builder()
///     .provider(Provider::xai())
///     .metrics_hook(|end: &EndEvent<'_>| {
///         let tokens = end.usage.and_then(|usage| usage.total());
///         println!("{}: {tokens:?} tokens, {:?}", end.outcome, end.cost);
///     })
///     .build()?;
/// # let _ = gateway;
/// # Ok::<(), tower_ai_gateway::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct EndEvent<'a> {
    /// Ids, account, gateway, identity, provider, operation, metadata.
    pub context: &'a GatewayContext,
    /// The model in the request body, without a provider's prefix. If there is none, or if the
    /// provider ignores it (Azure's deployments), the model in the path, decoded once.
    pub request_model: Option<&'a str>,
    /// The model that the response names. It determines the price.
    pub response_model: Option<&'a str>,
    /// The response names a model that the gateway's rules forbid and that is not a dated name of
    /// the requested one. This also logs a warning.
    pub forbidden_model: bool,
    /// The service tier that the response names.
    pub service_tier: Option<&'a str>,
    /// The status of the client's response, even if the client did not wait for it; `None` if the
    /// client left before there was one.
    pub status: Option<StatusCode>,
    /// How it ended.
    pub outcome: Outcome,
    /// The reason if the outcome is [`Outcome::Failed`] or [`Outcome::Broken`].
    pub failure: Option<Failure>,
    /// The code of the gateway's own error (`2008`, …) or of the host's
    /// [`Refusal`](crate::Refusal).
    pub gateway_code: Option<u16>,
    /// The error in the response body, which may also occur with status 200.
    pub provider_error: Option<&'a ProviderError>,
    /// The request body asks for a stream.
    pub stream_requested: bool,
    /// The response is an event stream.
    pub stream: bool,
    /// The marker that ended the response.
    pub terminal: Option<Terminal>,
    /// The number of events with content in a stream.
    pub content_events: u64,
    /// The usage that this exchange is billed for, if the provider reported it and no other
    /// exchange is billed for it. [`metering`](Self::metering) says how complete it is.
    pub usage: Option<&'a Usage>,
    /// The usage of each model, if there were several. They add up to [`usage`](Self::usage).
    pub usage_parts: &'a [UsagePart],
    /// How the usage was read.
    pub metering: Metering,
    /// The cost; 0 for an answer from a cache. `None` if it is unknown
    /// ([`is_cost_unknown`](Self::is_cost_unknown)) or nothing is billed ([`Metering::Free`]).
    pub cost: Option<Cost>,
    /// What a cache in the upstream stack did; `None` without a cache.
    pub cache: Option<CacheStatus>,
    /// The key of the answer in the cache, as a purge of this one takes it: 80 hexadecimal digits, of which
    /// nobody but the store can read what was asked. `None` where the cache was not asked, or was another.
    /// For operators alone.
    pub cache_entry: Option<&'a str>,
    /// What the answer would have used and cost, where it came from the cache: in neither
    /// [`usage`](Self::usage) nor [`cost`](Self::cost). `None` for answers that nobody bills, as those
    /// to `GET`.
    pub saved: Option<&'a Saved>,
    /// Which step of a fallback answered; 0 for the first.
    pub step: u32,
    /// The number of upstream calls. 0 for an answer from a cache, except for failed calls before a
    /// stale one ([`CacheStatus::Stale`]).
    pub attempts: u32,
    /// The request could not be retried because its body was not kept: it was too large, or the
    /// memory budget of all bodies was used up.
    pub gave_up_retries: bool,
    /// The labels that [guards](crate::Guard) added to the request.
    pub flags: &'a [Box<str>],
    /// The state of each limit rule that applied to the request (feature `limits`).
    pub limits: &'a [LimitReport],
    /// The times of the steps of the exchange.
    pub timings: Timings,
    /// Bytes of the request body that were read from the client.
    pub request_bytes: u64,
    /// Bytes of the response body that were passed to the client.
    pub response_bytes: u64,
    /// The start of the request body, if a hook requested it with
    /// [`payload_limit`](super::MetricsHook::payload_limit).
    pub request_payload: Option<Payload<'a>>,
    /// The start of the response body as passed to the client, if a hook requested it. Decoded if
    /// its compression is supported.
    pub response_payload: Option<Payload<'a>>,
    /// The `content-type` of the request.
    pub request_content_type: Option<&'a str>,
    /// The `content-type` of the response.
    pub response_content_type: Option<&'a str>,
    /// The `user-agent` of the request.
    pub user_agent: Option<&'a str>,
    /// The provider's own id of the request (`x-request-id`, `request-id` or `x-trace-id`).
    pub provider_request_id: Option<&'a str>,
    /// The trace that the client requested: `cf-aig-otel-trace-id` and
    /// `cf-aig-otel-parent-span-id`, or else `traceparent`.
    pub trace: Option<TraceParent>,
}

impl EndEvent<'_> {
    /// Returns true if the provider answered successfully and the cost is unknown, so that sums of
    /// costs are too low. Responses that are free, billed elsewhere or an error do not count.
    #[must_use]
    pub fn is_cost_unknown(&self) -> bool {
        let is_error = self.usage.is_none() && self.provider_error.is_some();
        self.cost.is_none()
            && self.is_answered()
            && self.status.is_some_and(|status| status.is_success())
            && !matches!(self.metering, Metering::Free | Metering::Repeated)
            && !is_error
    }

    /// Returns true if the client got a complete response with a status of success and without an
    /// error in its body.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.outcome == Outcome::Complete
            && self.is_answered()
            && self.status.is_some_and(|status| status.is_success())
            && self.provider_error.is_none()
    }

    /// Returns true if the response came from the provider and not from the gateway.
    pub(crate) fn is_answered(&self) -> bool {
        self.status.is_some() && self.gateway_code.is_none()
    }
}

named_enum! {
/// How an exchange ended.
///
/// ```
/// use tower_ai_gateway::Outcome;
///
/// fn is_the_provider_s_fault(outcome: Outcome) -> bool {
///     matches!(outcome, Outcome::Failed | Outcome::Broken)
/// }
/// assert!(!is_the_provider_s_fault(Outcome::Cancelled));
/// assert_eq!(Outcome::Cancelled.as_str(), "cancelled");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The provider's whole response was passed on, whatever its status. If the API ends its
    /// streams with a marker, a stream is whole only with that marker.
    Complete = "complete",
    /// The gateway refused the request, or the host did with a [`Refusal`](crate::Refusal). The
    /// provider did not get a complete request.
    Rejected = "rejected",
    /// No response head came from the provider.
    Failed = "failed",
    /// The response broke off after its head.
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
    /// Another error of the upstream service.
    Other = "other",
}
/// The name in lower case, as in `connect_timeout`.
pub fn as_str;
}

impl Failure {
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

    /// Returns true if no answer came in time: the provider may continue without a client, and bill
    /// it.
    pub(crate) fn is_late(self) -> bool {
        matches!(self, Self::HeadTimeout | Self::TotalTimeout)
    }
}

/// The times of the steps of an exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timings {
    /// From arrival to the response head.
    pub to_head: Option<Duration>,
    /// From arrival to the first bytes of the response body.
    pub to_first_data: Option<Duration>,
    /// From arrival to the first frame with content: text, reasoning or a tool call. Only for
    /// streams.
    pub to_first_token: Option<Duration>,
    /// The mean time between two events with content. Only for complete streams.
    pub inter_token: Option<Duration>,
    /// From arrival to the end.
    pub total: Duration,
    /// The gateway's own time: routing and rewriting before the upstream call, and preparing the
    /// response head. Excludes waiting for the client and the provider.
    pub overhead: Duration,
}

named_enum! {
/// What a cache in the upstream stack did with a request. The cache layer puts it into the
/// extensions of its response; clients get it in `cf-aig-cache-status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CacheStatus {
    /// The response came from the cache. The provider was not called, and it costs nothing.
    Hit = "HIT",
    /// The provider failed, and the response came from an expired cache entry.
    Stale = "STALE",
    /// The cache had no entry, and the provider answered.
    Miss = "MISS",
    /// The cache was not used.
    Bypass = "BYPASS",
}
/// The name in capitals, as in `HIT`.
pub fn as_str;
}

impl CacheStatus {
    /// Returns true if the response came from the cache.
    #[must_use]
    pub fn is_hit(self) -> bool {
        matches!(self, Self::Hit | Self::Stale)
    }
}

/// What [`EndEvent::cache_entry`] tells, on its way there: in the extensions of a response.
#[derive(Clone)]
#[cfg_attr(not(feature = "cache"), allow(dead_code))]
pub(crate) struct CacheEntryShown(pub(crate) Box<str>);

/// What an answer from a cache would have used and cost, had the provider given it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Saved {
    /// The usage that the provider reported for the original answer; `None` if it could not be
    /// read, for example because the client left first.
    pub usage: Option<Usage>,
    /// The cost at current prices; `None` if it is unknown.
    pub cost: Option<Cost>,
}
