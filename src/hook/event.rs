//! What the hooks are told.

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
    /// Why none came.
    pub failure: Option<Failure>,
    /// From the call to its head or failure.
    pub duration: Duration,
}

/// The response head that is to be relayed is there.
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

/// An exchange is over.
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
    /// The model that the request body names, without a provider's prefix. Where it names none, and
    /// where the provider looks at the path alone (Azure's deployments), the one in the path, decoded
    /// once.
    pub request_model: Option<&'a str>,
    /// The model that the response names, by which it is priced.
    pub response_model: Option<&'a str>,
    /// The response names a model that the gateway's rules forbid, and no dated name of the one
    /// that was asked for. A warning is logged, too.
    pub forbidden_model: bool,
    /// The service tier that the response names.
    pub service_tier: Option<&'a str>,
    /// The status that the client got, or would have got; `None` where it left before.
    pub status: Option<StatusCode>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, where the outcome is [`Outcome::Failed`] or [`Outcome::Broken`].
    pub failure: Option<Failure>,
    /// The number in the gateway's own error (`2008`, …), where it answered with one, or that of the
    /// host's [`Refusal`](crate::Refusal).
    pub gateway_code: Option<u16>,
    /// What the provider says of an error, in the response body: a status of 200 does not rule
    /// one out.
    pub provider_error: Option<&'a ProviderError>,
    /// The request body asks for a stream.
    pub stream_requested: bool,
    /// The response is an event stream.
    pub stream: bool,
    /// What has said that the response is whole.
    pub terminal: Option<Terminal>,
    /// How many events of a stream had content.
    pub content_events: u64,
    /// What this exchange used and is billed for, where the provider said so and it is not
    /// billed elsewhere; [`metering`](Self::metering) says how much of the truth it is.
    pub usage: Option<&'a Usage>,
    /// Where several models have worked, what each has used; together they are the usage.
    pub usage_parts: &'a [UsagePart],
    /// How the usage was read.
    pub metering: Metering,
    /// What it cost: 0 where the answer came from a cache. `None` where nobody knows
    /// ([`is_cost_unknown`](Self::is_cost_unknown)), and where nothing is billed ([`Metering::Free`]).
    pub cost: Option<Cost>,
    /// What a cache in the upstream stack did, where there is one.
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
    /// How many upstream calls were made: none where the answer came from a cache, but for those that
    /// have failed before it was given ([`CacheStatus::Stale`]).
    pub attempts: u32,
    /// The request might have been sent again, but its body was not kept: it was too large for that,
    /// or all bodies together took as much memory as they may.
    pub gave_up_retries: bool,
    /// The labels that [guards](crate::Guard) have put on the request.
    pub flags: &'a [Box<str>],
    /// How each rule stood that the request was under (feature `limits`); empty where there are none.
    pub limits: &'a [LimitReport],
    /// When what happened.
    pub timings: Timings,
    /// Bytes of the request body that were read from the client.
    pub request_bytes: u64,
    /// Bytes of the response body that were handed to the client.
    pub response_bytes: u64,
    /// The request body, where a hook asked for it by [`payload_limit`](super::MetricsHook::payload_limit).
    pub request_payload: Option<Payload<'a>>,
    /// The response body as far as it was handed to the client, where a hook asked for it; decoded,
    /// where it was compressed in a way that is read.
    pub response_payload: Option<Payload<'a>>,
    /// The `content-type` of the request.
    pub request_content_type: Option<&'a str>,
    /// The `content-type` of the response.
    pub response_content_type: Option<&'a str>,
    /// The `user-agent` of the request.
    pub user_agent: Option<&'a str>,
    /// The provider's own id of the request (`x-request-id`, `request-id` or `x-trace-id`).
    pub provider_request_id: Option<&'a str>,
    /// The trace that the client wants this exchange to be in: `cf-aig-otel-trace-id` and
    /// `cf-aig-otel-parent-span-id`, or else `traceparent`.
    pub trace: Option<TraceParent>,
}

impl EndEvent<'_> {
    /// The provider has answered with success, and what that costs is not known: sums of costs
    /// lack it. What is free, billed elsewhere or says an error is not among it.
    #[must_use]
    pub fn is_cost_unknown(&self) -> bool {
        let is_error = self.usage.is_none() && self.provider_error.is_some();
        self.cost.is_none()
            && self.is_answered()
            && self.status.is_some_and(|status| status.is_success())
            && !matches!(self.metering, Metering::Free | Metering::Repeated)
            && !is_error
    }

    /// The client got what it asked for: a status of success, the whole response with the marker
    /// that ends it, and no error in it.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.outcome == Outcome::Complete
            && self.is_answered()
            && self.status.is_some_and(|status| status.is_success())
            && self.provider_error.is_none()
    }

    /// The provider has answered, and not the gateway.
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
    /// The provider's whole response was handed on, whatever its status. A stream of an API that
    /// ends its streams with a marker is whole if it has that.
    Complete = "complete",
    /// The gateway refused the request, or the host did by a [`Refusal`](crate::Refusal); the provider
    /// got no whole request.
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
    /// The client did not read: it left a part of the response alone for as long as a provider may
    /// be silent ([`idle`](field@crate::directives::timeouts::Timeouts::idle)).
    UnreadTimeout = "unread_timeout",
    /// The whole exchange took longer than it may.
    TotalTimeout = "total_timeout",
    /// The upstream stack sheds load, or its limit of concurrent requests is reached.
    Overloaded = "overloaded",
    /// Nothing was sent: too many calls to the upstream have failed, and its circuit is open.
    CircuitOpen = "circuit_open",
    /// Nothing was sent: the provider has asked to be left alone for a while.
    CoolingDown = "cooling_down",
    /// The connection was closed or reset.
    Reset = "reset",
    /// The provider broke the protocol.
    Protocol = "protocol",
    /// The stream ended without the marker that says that it is whole.
    Unfinished = "unfinished",
    /// The request body failed: the client broke it off, or it was refused while it was sent.
    RequestBody = "request_body",
    /// The gateway has no key for the provider; nothing was sent.
    NoKey = "no_key",
    /// The gateway could not get its key for the provider; nothing was sent.
    KeySource = "key_source",
    /// The provider answered from a model that the gateway forbids, and the host has chosen to
    /// break such answers off.
    ModelNotAllowed = "model_not_allowed",
    /// Another error of the upstream service.
    Other = "other",
}
/// The name in lower case, as in `connect_timeout`.
pub fn as_str;
}

impl Failure {
    /// Whether the provider has got nothing of the request.
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
}

/// When what happened in an exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timings {
    /// From arrival to the response head.
    pub to_head: Option<Duration>,
    /// From arrival to the first bytes of the response body.
    pub to_first_data: Option<Duration>,
    /// From arrival to the first frame with content: text, reasoning or a tool call. Of streams.
    pub to_first_token: Option<Duration>,
    /// The mean time between two events with content, of a complete stream.
    pub inter_token: Option<Duration>,
    /// From arrival to the end.
    pub total: Duration,
    /// The gateway's own share: deciding and rewriting before the upstream call, and preparing
    /// the head that came back. Time spent waiting for the client or the provider is not in it.
    pub overhead: Duration,
}

named_enum! {
/// What a cache in the upstream stack did with a request. A layer of that stack puts it into the
/// extensions of its response; the client is told in `cf-aig-cache-status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CacheStatus {
    /// The response came from the cache: the provider knows nothing of it, and it costs nothing.
    Hit = "HIT",
    /// The same, though the time of the answer is over: the provider has failed.
    Stale = "STALE",
    /// The provider answered, for the cache had nothing.
    Miss = "MISS",
    /// The cache was not asked.
    Bypass = "BYPASS",
}
/// The name in capitals, as in `HIT`.
pub fn as_str;
}

impl CacheStatus {
    /// Whether the response came from the cache.
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
    /// What the provider told of its usage when it made the answer; `None` where it could not be read,
    /// as where the client left before it came.
    pub usage: Option<Usage>,
    /// What that would cost now; `None` where nobody knows.
    pub cost: Option<Cost>,
}
