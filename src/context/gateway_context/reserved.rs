//! The amounts that an exchange has reserved of its caller's limits, until they are settled.

use std::any::Any;
use std::fmt;

use http::HeaderMap;

use super::GatewayContext;
use crate::usage::{Cost, Usage};

/// What an exchange has reserved. A layer below the gateway puts it into the exchange, whose end gives
/// it back; where there is none, its `Drop` does.
pub(crate) trait Reserved: fmt::Debug + Send + Sync {
    /// The exchange is over. Called once.
    fn end(&self, context: &GatewayContext, spent: &Spent<'_>) -> Vec<LimitReport>;

    /// The answer is at its end, which others may read though its own exchange is over: [`Used::Later`].
    /// `told`: what it has used, where the provider has told that. Called once at most, before
    /// [`end`](Self::end) or after it.
    #[cfg_attr(not(feature = "cache"), allow(dead_code))]
    fn came(&self, context: &GatewayContext, told: Option<Told>);

    /// What the client may still use, for the head of its response, where the host wants that.
    fn write_fields(&self, context: &GatewayContext, headers: &mut HeaderMap);

    fn as_any(&self) -> &dyn Any;
}

/// What an exchange has used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent<'a> {
    /// The provider has got no whole request.
    pub(crate) is_unsent: bool,
    pub(crate) used: Used<'a>,
    /// How long the request body was, as far as it was read.
    pub(crate) request_bytes: u64,
}

/// What a whole answer has used.
#[derive(Debug)]
#[cfg_attr(not(all(feature = "cache", feature = "limits")), allow(dead_code))]
pub(crate) enum Told {
    /// Nothing: it is free, or tells of an error alone.
    Nothing,
    Usage {
        usage: Box<Usage>,
        cost: Option<Cost>,
        content_events: u64,
    },
}

/// What is known of the usage.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Used<'a> {
    /// There is none.
    Nothing,
    /// The provider has told it.
    Told { usage: &'a Usage, cost: Option<Cost>, is_whole: bool, content_events: u64 },
    /// The answer has broken off.
    Beginning { content_events: u64 },
    /// There was an answer, or there will be.
    Unknown,
    /// None came in time. The provider may go on without a client, and bill it.
    Unanswered,
    /// The provider makes the answer later, and bills it. `order`: by what it is known when it is
    /// [fetched](Self::Fetched).
    Ordered { order: Option<u64> },
    /// An answer that was ordered is there for the first time. It counts where it was ordered.
    Fetched { order: Option<u64>, usage: Option<&'a Usage>, cost: Option<Cost> },
    /// The answer goes on for others, and [`Reserved::came`] says what it has used.
    Later,
}

/// What the body of a request asks for. In the extensions of the request, where limits need it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BodyAsks {
    /// How long it is, or as much of it as is known.
    pub(crate) bytes: Option<u64>,
    /// The most tokens of output, where it says so near its beginning.
    pub(crate) max_tokens: Option<u64>,
}

/// How a rule of [`settings::limits`](crate::settings::GatewaySettings) stood at the end of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitReport {
    /// The name of the rule.
    pub rule: Box<str>,
    /// What it counts: `requests`, `input_tokens`, `output_tokens`, `tokens` or `cost` (in ticks: 1 USD
    /// = 10^10 ticks).
    pub measure: &'static str,
    /// How much may be used at most: the limit, or a bucket's burst.
    pub limit: u64,
    /// How much of it was used when the exchange ended, as far as it knows.
    pub used: u64,
    /// There was no room: the request was refused or sent elsewhere, or would have been if the rule was
    /// not a shadow.
    pub is_exceeded: bool,
    /// The rule counts and reports, and refuses nothing.
    pub is_shadow: bool,
    /// It counts money, and nobody knows the price.
    pub is_price_unknown: bool,
    /// The store of counts could not be asked.
    pub has_store_failed: bool,
}
