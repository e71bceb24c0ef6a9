//! The events that hooks receive.

use std::time::Duration;

use http::StatusCode;

use super::outcome::{Failure, Outcome};
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
    /// The step of a fallback; 0 for the first.
    pub step: u32,
    /// The status, if there is a head.
    pub status: Option<StatusCode>,
    /// Why there is no head.
    pub failure: Option<Failure>,
    /// The time from the call to its head or failure.
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
    /// The time from the request's arrival.
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
    /// The status of the client's response, even if the client did not wait for it; `None` if there was
    /// none: the client left first, or a [`Gateway`](crate::Gateway) around a client passed an error
    /// on.
    pub status: Option<StatusCode>,
    /// How it ended.
    pub outcome: Outcome,
    /// The reason if the outcome is [`Outcome::Failed`] or [`Outcome::Broken`], and with
    /// [`Outcome::Rejected`] if the body was refused while it was sent.
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
    /// The cost; 0 for a cache hit. `None` if it is unknown
    /// ([`is_cost_unknown`](Self::is_cost_unknown)) or nothing is billed ([`Metering::Free`]).
    pub cost: Option<Cost>,
    /// What a cache in the upstream stack did; `None` without a cache.
    pub cache: Option<CacheStatus>,
    /// The cache entry, for a purge of this entry: its key in 80 hexadecimal digits, encrypted so
    /// that only the store can read it. `None` if the cache was not asked, or is another one. Only
    /// for operators.
    pub cache_entry: Option<&'a str>,
    /// The usage and cost that a cache hit has saved: in neither [`usage`](Self::usage) nor
    /// [`cost`](Self::cost). `None` for responses that are not billed, such as those to `GET`.
    pub saved: Option<&'a Saved>,
    /// The step of a fallback that answered; 0 for the first.
    pub step: u32,
    /// The number of upstream calls until now. 0 for a cache hit, except for failed calls before a
    /// stale one ([`CacheStatus::Stale`]), and for a request that was still waiting for its body or
    /// for another request's call.
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
    /// its compression is supported, otherwise [`response_encoded`](Self::response_encoded).
    pub response_payload: Option<Payload<'a>>,
    /// The response has a compression that is not supported: its usage was not read, and its payload
    /// is compressed.
    pub response_encoded: bool,
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

    /// Returns true if the client got a complete response with a status of success or 304, and without
    /// an error in its body.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.outcome == Outcome::Complete
            && self.is_answered()
            && self
                .status
                .is_some_and(|status| status.is_success() || status == StatusCode::NOT_MODIFIED)
            && self.provider_error.is_none()
    }

    /// Returns true if the response came from the provider and not from the gateway.
    pub(crate) fn is_answered(&self) -> bool {
        self.status.is_some() && self.gateway_code.is_none()
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

/// The value of [`EndEvent::cache_entry`], in the extensions of a response.
#[derive(Clone)]
#[cfg_attr(not(feature = "cache"), allow(dead_code))]
pub(crate) struct CacheEntryShown(pub(crate) Box<str>);

/// The usage and cost that a cache hit has saved.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Saved {
    /// The usage that the provider reported for the original response; `None` if it could not be
    /// read, for example because the client left first.
    pub usage: Option<Usage>,
    /// The cost at current prices; `None` if it is unknown.
    pub cost: Option<Cost>,
}
