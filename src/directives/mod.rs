//! The `cf-aig-*` request headers, parsed once.
//!
//! Names, values and ranges are those of Cloudflare's AI Gateway ("Header Glossary" and the pages
//! it links to). A value outside of its range refuses the request; nothing is guessed.

pub(crate) mod form;
mod from_headers;
mod header;
pub(crate) mod locks;
pub(crate) mod metadata;
pub(crate) mod narrowing;
pub(crate) mod pattern;
pub(crate) mod timeouts;
pub(crate) mod trace;
mod warning;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

pub(crate) use self::form::RawValue;
pub(crate) use self::from_headers::{gateway_alone, gateway_id, parse};
pub(crate) use self::header::{Directive, is_locked};
use self::narrowing::Narrowing;
pub(crate) use self::warning::Warning;
use crate::directives::metadata::Metadata;
use crate::directives::timeouts::Timeouts;
use crate::usage::custom_cost::CustomCost;

/// What a client asks of the gateway for one request. Fields that it does not set are `None`.
///
/// Layers below the gateway find it through
/// [`GatewayContext::directives`](crate::GatewayContext::directives).
///
/// ```
/// use tower_ai_gateway::settings::{Backoff, GatewaySettings};
///
/// // For requests that do not set it themselves.
/// let settings = GatewaySettings::builder()
///     .defaults(|directives| {
///         directives.max_attempts = Some(3);
///         directives.backoff = Some(Backoff::Exponential);
///     })
///     .build()?;
/// # let _ = settings;
/// # Ok::<(), tower_ai_gateway::settings::SettingsError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Directives {
    /// `cf-aig-gateway-id`: the gateway, on the REST paths.
    pub gateway_id: Option<Box<str>>,
    /// `cf-aig-event-id`: the client's own id for this exchange, echoed in the response.
    pub event_id: Option<HeaderValue>,
    /// `cf-aig-metadata`: up to five entries for logs and metrics.
    pub metadata: Metadata,
    /// `cf-aig-request-timeout`: the timeout of the response head, 1 ms to 1 hour.
    pub request_timeout: Option<Duration>,
    /// `cf-aig-connect-timeout`, specific to this crate: the timeout of connecting, 1 ms to 1 hour.
    /// One that is longer than the HTTP client's own changes nothing.
    pub connect_timeout: Option<Duration>,
    /// `cf-aig-idle-timeout`, specific to this crate: the maximum time between two frames of the
    /// response, 1 ms to 1 hour.
    pub idle_timeout: Option<Duration>,
    /// `cf-aig-total-timeout`, specific to this crate: the timeout of the whole exchange, 1 ms to 1
    /// hour.
    pub total_timeout: Option<Duration>,
    /// `cf-aig-max-attempts`: 1 to 5, including the first.
    pub max_attempts: Option<u8>,
    /// `cf-aig-retry-delay`: 0 to 5 s.
    pub retry_delay: Option<Duration>,
    /// `cf-aig-backoff`.
    pub backoff: Option<Backoff>,
    /// `cf-aig-skip-cache`, or its old name `cf-skip-cache`.
    pub skip_cache: Option<bool>,
    /// `cf-aig-cache-ttl`, or its old name `cf-cache-ttl`: 60 s to 30 days; zero turns the cache
    /// off.
    pub cache_ttl: Option<Duration>,
    /// `cf-aig-cache-key`: 1 to 256 visible ASCII characters.
    pub cache_key: Option<Box<str>>,
    /// `cf-aig-custom-cost`: the cost of this request, which overrides price tables.
    pub custom_cost: Option<CustomCost>,
    /// `cf-aig-collect-log`.
    pub collect_log: Option<bool>,
    /// `cf-aig-collect-log-payload`.
    pub collect_log_payload: Option<bool>,
    /// `cf-aig-byok-alias`: which stored key to use.
    pub byok_alias: Option<Box<str>>,
    /// `cf-aig-session-id`: the conversation that the request belongs to, 1 to 256 visible ASCII
    /// characters.
    pub session_id: Option<Box<str>>,
    /// `cf-aig-no-session-affinity`: the request need not go where its conversation is.
    pub no_session_affinity: Option<bool>,
    /// `cf-aig-zdr`: only providers with zero data retention may get the request
    /// ([`Provider::zero_data_retention`](crate::Provider::zero_data_retention)). A `true` in the
    /// gateway's defaults, the request or its entry applies whatever the others say.
    pub zdr: Option<bool>,
    /// `cf-aig-otel-trace-id`: 32 hexadecimal digits.
    pub otel_trace_id: Option<u128>,
    /// `cf-aig-otel-parent-span-id`: 16 hexadecimal digits.
    pub otel_parent_span_id: Option<u64>,
    /// `cf-aig-allowed-models` and `cf-aig-allowed-providers`.
    pub(crate) narrowing: Option<Arc<Narrowing>>,
    /// What the client is told in `cf-aig-warning`.
    pub(crate) warning: Option<Box<Warning>>,
}

/// How the delay between attempts grows.
///
/// ```
/// use tower_ai_gateway::settings::{Backoff, GatewaySettings};
///
/// let settings = GatewaySettings::builder()
///     .defaults(|defaults| defaults.backoff = Some(Backoff::Linear))
///     .build()?;
/// # let _ = settings;
/// # Ok::<(), tower_ai_gateway::settings::SettingsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "config", derive(serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Backoff {
    /// The same delay each time.
    Constant,
    /// The delay multiplied by the number of the attempt.
    Linear,
    /// The delay doubles each time.
    Exponential,
}

/// A header for which the request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfit {
    pub(crate) name: HeaderName,
    pub(crate) fault: Fault,
}

/// Why a client's value is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is malformed. Says what it must be.
    MustBe(Cow<'static, str>),
    /// The host has locked it.
    Locked,
}

impl Directives {
    /// Fills the fields that are not set from `weaker`.
    ///
    /// Metadata count as one field.
    pub(crate) fn or(mut self, weaker: &Self) -> Self {
        macro_rules! fill {
            ($($field:ident)+) => {$(
                self.$field = self.$field.or_else(|| weaker.$field.clone());
            )+};
        }
        // A default of `true` applies whatever the request says.
        self.zdr = weaker.zdr.filter(|zdr| *zdr).or(self.zdr);
        fill!(gateway_id event_id request_timeout connect_timeout idle_timeout total_timeout
            max_attempts retry_delay backoff skip_cache cache_ttl cache_key custom_cost collect_log
            collect_log_payload byok_alias session_id no_session_affinity zdr otel_trace_id
            otel_parent_span_id);
        if self.metadata.is_empty() {
            self.metadata = weaker.metadata.clone();
        }
        self.narrowing = Narrowing::both(self.narrowing, weaker.narrowing.as_ref());
        self.warning = Warning::or(self.warning, weaker.warning.as_deref());
        self
    }

    pub(crate) fn timeouts(&self) -> Timeouts {
        Timeouts {
            body: None,
            connect: self.connect_timeout,
            head: self.request_timeout,
            idle: self.idle_timeout,
            total: self.total_timeout,
        }
    }
}

#[cfg(test)]
mod tests;
