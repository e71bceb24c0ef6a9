//! The amounts that an exchange has reserved of its caller's limits, until they are settled.

use std::any::Any;
use std::fmt;

use http::HeaderMap;

use super::GatewayContext;
use crate::usage::{Cost, Usage};

/// What an exchange has reserved. A layer below the gateway sets it, and the end of the exchange
/// settles it; without one, its `Drop` does.
pub(crate) trait Reserved: fmt::Debug + Send + Sync {
    /// The exchange has ended. Called once.
    fn end(&self, context: &GatewayContext, spent: &Spent<'_>) -> Vec<LimitReport>;

    /// A call that others may wait for, too, has failed, or its answer has ended. `usage`: what it has
    /// used, if that is known. Called at most once, before [`end`](Self::end) or after it; see
    /// [`Used::Later`].
    #[cfg_attr(not(feature = "cache"), allow(dead_code))]
    fn answer_ended(&self, context: &GatewayContext, usage: Option<AnswerUsage>);

    /// Writes what the client may still use into the head of its response, if the host wants that.
    fn write_fields(&self, context: &GatewayContext, headers: &mut HeaderMap);

    fn as_any(&self) -> &dyn Any;
}

/// What an exchange has used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent<'a> {
    /// The provider has not received a whole request.
    pub(crate) is_unsent: bool,
    pub(crate) used: Used<'a>,
    /// The length of the request body, as far as it was read.
    pub(crate) request_bytes: u64,
}

/// What a call has used that failed, or whose answer has ended.
#[derive(Debug)]
#[cfg_attr(not(all(feature = "cache", feature = "limits")), allow(dead_code))]
pub(crate) enum AnswerUsage {
    /// The answer is free, or is only an error.
    Nothing,
    /// The provider has not received a whole request.
    Unsent,
    /// No answer came in time.
    Unanswered,
    Reported {
        usage: Box<Usage>,
        cost: Option<Cost>,
        content_events: u64,
    },
}

/// The knowledge about the usage.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Used<'a> {
    /// Nothing was used.
    Nothing,
    /// The provider has reported it.
    Reported { usage: &'a Usage, cost: Option<Cost>, is_whole: bool, content_events: u64 },
    /// The answer broke off.
    Beginning { content_events: u64 },
    /// There was an answer, or there will be; its usage is unknown.
    Unknown,
    /// No answer came in time. The provider may go on without a client, and bill it.
    Unanswered,
    /// The provider makes the answer later, and bills it. `order`: the number by which it is known
    /// when it is [fetched](Self::Fetched).
    Ordered { order: Option<u64> },
    /// An ordered answer was fetched for the first time. It counts where it was ordered.
    Fetched { order: Option<u64>, usage: Option<&'a Usage>, cost: Option<Cost> },
    /// The answer goes on for others, and [`Reserved::answer_ended`] says what it has used.
    Later,
}

/// What the body of a request asks for. An extension of the request, if limits need it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BodyAsks {
    /// Its length, as far as that is known.
    pub(crate) bytes: Option<u64>,
    /// The maximum number of output tokens, if the body gives one near its start.
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
    /// How much of it was used when the exchange ended, as far as the exchange knows.
    pub used: u64,
    /// There was no room: the request was refused or sent elsewhere, or would have been if the rule was
    /// not a shadow.
    pub is_exceeded: bool,
    /// The rule counts and reports, and refuses nothing.
    pub is_shadow: bool,
    /// The rule counts money, and the price is unknown.
    pub is_price_unknown: bool,
    /// The store of counts could not be reached.
    pub has_store_failed: bool,
}
