//! The amounts that an exchange has reserved of its caller's limits, until they are settled.

use std::any::Any;
use std::fmt;

use http::HeaderMap;

use super::GatewayContext;
use crate::usage::{Cost, Usage};

/// What an exchange has reserved. A layer below the gateway puts it into the exchange, whose end
/// settles it; without an end, its `Drop` does.
pub(crate) trait Reserved: fmt::Debug + Send + Sync {
    /// The exchange has ended. Called once.
    fn end(&self, context: &GatewayContext, spent: &Spent<'_>) -> Vec<LimitReport>;

    /// The response has ended. Followers may read it after its own exchange has ended:
    /// [`Used::Later`]. `told`: the usage, if the provider has reported it. Called at most once,
    /// before or after [`end`](Self::end).
    #[cfg_attr(not(feature = "cache"), allow(dead_code))]
    fn came(&self, context: &GatewayContext, told: Option<Told>);

    /// The client's remaining allowance, for the head of its response, if the host wants that.
    fn write_fields(&self, context: &GatewayContext, headers: &mut HeaderMap);

    fn as_any(&self) -> &dyn Any;
}

/// What an exchange has used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent<'a> {
    /// The provider has got no complete request.
    pub(crate) is_unsent: bool,
    pub(crate) used: Used<'a>,
    /// The length of the request body, as far as it was read.
    pub(crate) request_bytes: u64,
}

/// The usage of a complete response.
#[derive(Debug)]
#[cfg_attr(not(all(feature = "cache", feature = "limits")), allow(dead_code))]
pub(crate) enum Told {
    /// None: the response is free, or only an error.
    Nothing,
    Usage {
        usage: Box<Usage>,
        cost: Option<Cost>,
        content_events: u64,
    },
}

/// The knowledge about the usage.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Used<'a> {
    /// Nothing is known.
    Nothing,
    /// The provider has reported it.
    Told { usage: &'a Usage, cost: Option<Cost>, is_whole: bool, content_events: u64 },
    /// The response has broken off.
    Beginning { content_events: u64 },
    /// There was a response, or there will be.
    Unknown,
    /// No response came in time. The provider may go on without a client, and bill it.
    Unanswered,
    /// The provider makes the response later, and bills it. `order`: its id when it is
    /// [fetched](Self::Fetched).
    Ordered { order: Option<u64> },
    /// The first fetch of a deferred response. It counts where it was ordered.
    Fetched { order: Option<u64>, usage: Option<&'a Usage>, cost: Option<Cost> },
    /// The response goes on for followers, and [`Reserved::came`] reports its usage.
    Later,
}

/// What the body of a request asks for. In the extensions of the request, if limits need it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BodyAsks {
    /// Its length, as far as it is known.
    pub(crate) bytes: Option<u64>,
    /// The maximum of output tokens, if the start of the body has it.
    pub(crate) max_tokens: Option<u64>,
}

/// The state of a rule of [`settings::limits`](crate::settings::GatewaySettings) at the end of an
/// exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitReport {
    /// The name of the rule.
    pub rule: Box<str>,
    /// What it counts: `requests`, `input_tokens`, `output_tokens`, `tokens` or `cost` (in ticks: 1 USD
    /// = 10^10 ticks).
    pub measure: &'static str,
    /// The most that may be used: the limit, or a bucket's burst.
    pub limit: u64,
    /// The part of it that was used when the exchange ended, as far as it knows.
    pub used: u64,
    /// There was no room: the request was refused or sent elsewhere, or would have been if the rule was
    /// not a shadow.
    pub is_exceeded: bool,
    /// The rule counts and reports, and refuses nothing.
    pub is_shadow: bool,
    /// It counts money, and the price is unknown.
    pub is_price_unknown: bool,
    /// The store of counts could not be reached.
    pub has_store_failed: bool,
}
