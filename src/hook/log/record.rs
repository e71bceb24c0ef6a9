//! The record of one exchange in a log.

mod fill;
mod usage;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::usage::{LoggedPart, LoggedUsage};
use crate::directives::metadata::MetadataValue;

/// One exchange. The names are those of Cloudflare's AI Gateway log where it has them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LogRecord {
    /// The UUIDv7 that the client got as `cf-aig-log-id`.
    pub id: String,
    /// When the request arrived: RFC 3339, UTC, to the millisecond.
    pub created_at: Timestamp,
    /// The id that the client got as `cf-aig-event-id`.
    pub event_id: String,
    /// The account in the path.
    pub account: Option<String>,
    /// The gateway.
    pub gateway: String,
    /// The subject of the request's [`Identity`](crate::Identity). Omitted from JSON if there is
    /// none, as are the next two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The groups of that identity.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// The labels of that identity.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The provider's slug.
    pub provider: Option<String>,
    /// The model: the response's, or else the request's.
    pub model: Option<String>,
    /// The model that the request names.
    pub request_model: Option<String>,
    /// The kind of API call, as in `chat`: the name of an [`Operation`](crate::Operation).
    pub model_type: String,
    /// `native`, `compat`, `rest` or `universal`.
    pub request_type: Option<String>,
    /// The method of the request.
    pub method: String,
    /// The path of the request, without its query.
    pub path: String,
    /// From arrival to end, in milliseconds.
    pub duration: f64,
    /// The `content-type` of the request.
    pub request_content_type: Option<String>,
    /// The `content-type` of the response.
    pub response_content_type: Option<String>,
    /// The `user-agent` of the request.
    pub user_agent: Option<String>,
    /// The status that the client got.
    pub status_code: Option<u16>,
    /// The response was complete, with a status of 2xx and without an error in its body.
    pub success: bool,
    /// `complete`, `rejected`, `failed`, `broken` or `cancelled`.
    pub outcome: String,
    /// Why it failed or broke off, as in `connect_timeout`.
    pub failure: Option<String>,
    /// The request body was not kept, so the request could not be retried.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub gave_up_retries: bool,
    /// The labels that guards added to the request. Omitted from JSON if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// The limits that the request exceeded, including those in shadow mode. Omitted from JSON if
    /// there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<String>,
    /// The code of the gateway's own error, as in 2008.
    pub gateway_code: Option<u16>,
    /// The code of the provider's error; empty for an error without a code.
    pub provider_error: Option<String>,
    /// The provider's own id of the request.
    pub provider_request_id: Option<String>,
    /// The response was an event stream.
    pub stream: bool,
    /// The marker that ended the response, as in `done`.
    pub terminal: Option<String>,
    /// The response came from a cache.
    pub cached: bool,
    /// `HIT`, `STALE`, `MISS` or `BYPASS`; `None` without a cache.
    pub cache_status: Option<String>,
    /// The cache entry, for a purge ([`EndEvent::cache_entry`](crate::EndEvent::cache_entry)).
    /// Omitted from JSON if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_entry: Option<String>,
    /// All tokens that a cache hit has saved. Omitted from JSON if there are none, as are the next
    /// two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved_tokens: Option<u64>,
    /// The cost that it has saved, in USD, for display.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved_cost: Option<f64>,
    /// The same in ticks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved_cost_ticks: Option<u64>,
    /// The step of a fallback that answered.
    pub step: u32,
    /// The number of upstream calls.
    pub attempts: u32,
    /// A digest of the request's [`Session`](crate::context::Session), if it has session affinity.
    /// Omitted from JSON if there is none, as is the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// `kept`, `moved` or `pinned`: whether the request stayed with that session's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity: Option<String>,
    /// How the usage was read, as in `partial`; `free` if nothing is billed.
    pub metering: String,
    /// All input tokens.
    pub tokens_in: Option<u64>,
    /// All output tokens, reasoning included.
    pub tokens_out: Option<u64>,
    /// The usage in detail.
    pub usage_metadata: Option<LoggedUsage>,
    /// In USD, for display.
    pub cost: Option<f64>,
    /// In ticks: 1 USD = 10^10 ticks.
    pub cost_ticks: Option<u64>,
    /// `custom`, `reported`, `cache`, or `table` and its date.
    pub cost_source: Option<String>,
    /// The response was successful and billed, but its cost is unknown.
    pub cost_unknown: bool,
    /// The request had a cost of its own, by `cf-aig-custom-cost` or the gateway's defaults, whether or
    /// not anything was billed by it.
    pub custom_cost: bool,
    /// The client's metadata (`cf-aig-metadata`) and the host's own.
    pub metadata: BTreeMap<String, MetadataValue>,
    /// The times of the steps of the exchange.
    pub timings: LoggedTimings,
    /// Bytes of the request body.
    pub request_size: u64,
    /// The start of the request body, if bodies are logged.
    pub request_head: Option<String>,
    /// `request_head` is the whole body.
    pub request_head_complete: Option<bool>,
    /// Bytes of the response body.
    pub response_size: u64,
    /// The start of the response body, if bodies are logged.
    pub response_head: Option<String>,
    /// `response_head` is the whole body.
    pub response_head_complete: Option<bool>,
    /// A text from the client or the provider, other than a body, was too long. It is cut and ends
    /// in `…`.
    pub cut: bool,
    /// The rating of the response: -1 or 1.
    pub feedback: Option<i8>,
    /// The score of the response, from a person or a program.
    pub score: Option<f64>,
}

/// Times in milliseconds from the request's arrival, except for the last two.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LoggedTimings {
    /// To the response head.
    pub to_head: Option<f64>,
    /// To the first bytes of the response body.
    pub to_first_data: Option<f64>,
    /// To the first content of a stream.
    pub to_first_token: Option<f64>,
    /// The mean time between two events with content.
    pub inter_token: Option<f64>,
    /// The gateway's own time.
    pub overhead: f64,
}
