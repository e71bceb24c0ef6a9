//! The record of one exchange in a log.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::cut::{Cut, TEXT_LIMIT};
use crate::context::Affinity;
use crate::directives::metadata::MetadataValue;
use crate::hook::{CacheStatus, EndEvent, Failure};
use crate::usage::custom_cost::CustomCost;
use crate::usage::{CostSource, Terminal, ToolCalls, Usage, UsagePart};
use crate::util::identity::Identity;

/// The maximum number of models per exchange that are listed separately.
const MOST_PARTS: usize = 32;

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
    /// `native`, `compat` or `rest`.
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
    /// The key of the answer in the cache, as a purge takes it
    /// ([`EndEvent::cache_entry`](crate::EndEvent::cache_entry)). Left out of JSON where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_entry: Option<String>,
    /// All tokens that a response from a cache would have used. Left out of JSON where there are none,
    /// as are the next two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved_tokens: Option<u64>,
    /// What it would have cost, in USD, for display.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved_cost: Option<f64>,
    /// The same in ticks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved_cost_ticks: Option<u64>,
    /// Which step of a fallback answered.
    pub step: u32,
    /// How many upstream calls were made.
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
    /// The cost was set by `cf-aig-custom-cost` or the gateway's defaults.
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

/// Tokens by kind; the kinds do not overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LoggedUsage {
    /// Input tokens that were not cached.
    pub input_uncached: Option<u64>,
    /// Input tokens from the provider's cache.
    pub cache_read: Option<u64>,
    /// Input tokens written to the provider's cache.
    pub cache_write: Option<u64>,
    /// The part of these that is cached for longer than usual.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_long: Option<u64>,
    /// The audio tokens in the uncached input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_input: Option<u64>,
    /// The image tokens in the uncached input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_input: Option<u64>,
    /// Output tokens without reasoning.
    pub output_visible: Option<u64>,
    /// The audio tokens in these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_output: Option<u64>,
    /// The image tokens in these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_output: Option<u64>,
    /// Output tokens of reasoning.
    pub reasoning: Option<u64>,
    /// The total that the provider reported.
    pub total_reported: Option<u64>,
    /// Calls of tools on the provider's side.
    pub tool_calls: Option<u64>,
    /// The same by kind, if the provider reports it.
    pub tools: Option<ToolCalls>,
    /// Images in the response.
    pub images: Option<u64>,
    /// Audio or video in milliseconds, if it is billed by time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Characters of text, if it is billed by them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub characters: Option<u64>,
    /// Searches of a reranker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search_units: Option<u64>,
    /// Processed pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages: Option<u64>,
    /// The service tier that the response names.
    pub service_tier: Option<String>,
    /// The reported total does not match any known way of counting.
    pub inconsistent: bool,
    /// The usage of each model if there were several, up to 32.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<LoggedPart>,
}

/// The usage of one of several models in an exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LoggedPart {
    /// The model; `None` for the one that the response names.
    pub model: Option<String>,
    /// Its usage, without a service tier and parts.
    pub usage: LoggedUsage,
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

impl LogRecord {
    /// Creates a record without bodies. Texts from the client or the provider are cut to 1 KiB
    /// each.
    #[must_use]
    pub fn new(end: &EndEvent<'_>) -> Self {
        let mut record = Self::default();
        record.fill(end, TEXT_LIMIT);
        record
    }

    /// Fills the record again and reuses the memory of its texts. Texts are cut to `limit` bytes.
    pub(super) fn fill(&mut self, end: &EndEvent<'_>, limit: usize) {
        // Name every field, so that nothing of the previous record remains.
        let Self {
            id,
            created_at,
            event_id,
            account,
            gateway,
            subject,
            groups,
            labels,
            provider,
            model,
            request_model,
            model_type,
            request_type,
            method,
            path,
            duration,
            request_content_type,
            response_content_type,
            user_agent,
            status_code,
            success,
            outcome,
            failure,
            gave_up_retries,
            flags,
            limits,
            gateway_code,
            provider_error,
            provider_request_id,
            stream,
            terminal,
            cached,
            cache_status,
            cache_entry,
            saved_tokens,
            saved_cost,
            saved_cost_ticks,
            step,
            attempts,
            session,
            affinity,
            metering,
            tokens_in,
            tokens_out,
            usage_metadata,
            cost,
            cost_ticks,
            cost_source,
            cost_unknown,
            custom_cost,
            metadata,
            timings,
            request_size,
            request_head,
            request_head_complete,
            response_size,
            response_head,
            response_head_complete,
            cut: was_cut,
            feedback,
            score,
        } = self;
        let context = end.context;
        let log_id = context.log_id();
        let identity = context.identity();
        let mut cut = Cut::at(limit);

        // Texts from the client or the provider.
        match context.given_event_id() {
            Some(given) => cut.bytes(event_id, given.as_bytes()),
            None => shown(event_id, &log_id),
        }
        cut.option(account, context.account());
        cut.text(gateway, context.gateway());
        cut.option(subject, identity.map(Identity::subject));
        groups.clear();
        labels.clear();
        if let Some(identity) = identity {
            groups.extend(identity.groups().map(|group| cut.copy(group)));
            labels.extend(identity.labels().map(|(name, value)| (cut.copy(name), cut.copy(value))));
        }
        cut.option(model, end.response_model.or(end.request_model));
        cut.option(request_model, end.request_model);
        cut.text(method, context.method().as_str());
        cut.text(path, context.path());
        cut.option(request_content_type, end.request_content_type);
        cut.option(response_content_type, end.response_content_type);
        cut.option(user_agent, end.user_agent);
        let code = end.provider_error.map(|error| error.code.as_deref().unwrap_or_default());
        cut.option(provider_error, code);
        cut.option(provider_request_id, end.provider_request_id);
        match end.usage {
            Some(usage) => {
                let logged = usage_metadata.get_or_insert_default();
                let mut service_tier = logged.service_tier.take();
                cut.option(&mut service_tier, end.service_tier);
                let parts = parts(end.usage_parts, &mut cut);
                *logged = LoggedUsage { service_tier, parts, ..LoggedUsage::new(usage) };
            }
            None => *usage_metadata = None,
        }
        metadata.clear();
        for (key, value) in context.metadata().iter() {
            metadata.insert(cut.copy(key), cut_value(&mut cut, value));
        }
        *was_cut = cut.was_needed;

        // Texts that are always short.
        shown(id, &log_id);
        *created_at = timestamp(log_id.timestamp());
        named(provider, context.provider());
        put(model_type, context.operation().as_str());
        named(request_type, context.endpoint());
        *duration = milliseconds(end.timings.total);
        *status_code = end.status.map(|status| status.as_u16());
        *success = end.is_success();
        put(outcome, end.outcome.as_str());
        named(failure, end.failure.map(Failure::as_str));
        *gave_up_retries = end.gave_up_retries;
        *session = context.session().map(ToString::to_string);
        named(affinity, context.affinity().map(Affinity::as_str));
        flags.clear();
        flags.extend(end.flags.iter().map(|flag| flag.to_string()));
        limits.clear();
        let exceeded = end.limits.iter().filter(|report| report.is_exceeded);
        limits.extend(exceeded.map(|report| report.rule.to_string()));
        *gateway_code = end.gateway_code;
        *stream = end.stream;
        named(terminal, end.terminal.map(Terminal::as_str));
        *cached = end.cache.is_some_and(CacheStatus::is_hit);
        named(cache_status, end.cache.map(CacheStatus::as_str));
        named(cache_entry, end.cache_entry);
        let saved = end.saved.and_then(|saved| saved.cost);
        *saved_tokens = end.saved.and_then(|saved| saved.usage?.total());
        *saved_cost = saved.map(|cost| cost.usd());
        *saved_cost_ticks = saved.map(|cost| cost.ticks);
        *step = end.step;
        *attempts = end.attempts;
        put(metering, end.metering.as_str());
        *tokens_in = end.usage.and_then(Usage::input);
        *tokens_out = end.usage.and_then(Usage::output);
        *cost = end.cost.map(|cost| cost.usd());
        *cost_ticks = end.cost.map(|cost| cost.ticks);
        named(cost_source, end.cost.map(|cost| cost.source.as_str()));
        if let (Some(text), Some(CostSource::Table { as_of })) =
            (cost_source, end.cost.map(|cost| cost.source))
        {
            // Writing to a string cannot fail.
            let _ = write!(text, " {as_of}");
        }
        *cost_unknown = end.is_cost_unknown();
        let custom: Option<CustomCost> =
            context.directives().and_then(|directives| directives.custom_cost);
        *custom_cost = custom.is_some();
        *timings = LoggedTimings {
            to_head: end.timings.to_head.map(milliseconds),
            to_first_data: end.timings.to_first_data.map(milliseconds),
            to_first_token: end.timings.to_first_token.map(milliseconds),
            inter_token: end.timings.inter_token.map(milliseconds),
            overhead: milliseconds(end.timings.overhead),
        };
        *request_size = end.request_bytes;
        *response_size = end.response_bytes;
        (*request_head, *request_head_complete) = (None, None);
        (*response_head, *response_head_complete) = (None, None);
        (*feedback, *score) = (None, None);
    }
}

/// Replaces a text and reuses its memory.
fn put(into: &mut String, text: &str) {
    into.clear();
    into.push_str(text);
}

fn named(into: &mut Option<String>, text: Option<&str>) {
    match text {
        Some(text) => put(into.get_or_insert_default(), text),
        None => *into = None,
    }
}

fn shown(into: &mut String, value: &impl Display) {
    into.clear();
    // Writing to a string cannot fail.
    let _ = write!(into, "{value}");
}

impl LoggedUsage {
    fn new(usage: &Usage) -> Self {
        macro_rules! copied {
            ($($field:ident)+) => { Self { $($field: usage.$field,)+ ..Self::default() } };
        }
        let copied = copied!(input_uncached cache_read cache_write cache_write_long audio_input
            image_input output_visible audio_output image_output reasoning total_reported tool_calls
            images duration_ms characters search_units pages inconsistent);
        Self { tools: usage.tools.total().map(|_| usage.tools), ..copied }
    }
}

fn parts(parts: &[UsagePart], cut: &mut Cut) -> Vec<LoggedPart> {
    cut.was_needed |= parts.len() > MOST_PARTS;
    let logged = |part: &UsagePart| LoggedPart {
        model: part.model.as_deref().map(|model| cut.copy(model)),
        usage: LoggedUsage::new(&part.usage),
    };
    parts.iter().take(MOST_PARTS).map(logged).collect()
}

fn cut_value(cut: &mut Cut, value: &MetadataValue) -> MetadataValue {
    match value {
        MetadataValue::String(text) => MetadataValue::String(cut.copy(text)),
        other => other.clone(),
    }
}

fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or_default()
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Has a different number in every field.
    fn usage() -> Usage {
        let numbers = (1..).map(|number| Some(number * 1_000_000_007));
        let mut numbers = numbers.take(18);
        let mut next = || numbers.next().unwrap();
        let mut usage = Usage::default();
        for field in [
            &mut usage.input_uncached,
            &mut usage.cache_read,
            &mut usage.cache_write,
            &mut usage.cache_write_long,
            &mut usage.audio_input,
            &mut usage.image_input,
            &mut usage.output_visible,
            &mut usage.audio_output,
            &mut usage.image_output,
            &mut usage.reasoning,
            &mut usage.total_reported,
            &mut usage.tool_calls,
            &mut usage.images,
            &mut usage.duration_ms,
            &mut usage.characters,
            &mut usage.search_units,
            &mut usage.pages,
            &mut usage.tools.web_search,
        ] {
            *field = next();
        }
        usage
    }

    #[test]
    fn every_figure_is_written_and_reads_back() {
        let logged =
            LoggedUsage { service_tier: Some("flex".into()), ..LoggedUsage::new(&usage()) };
        let json = serde_json::to_value(&logged).unwrap();
        let n = |number: u64| number * 1_000_000_007;
        assert_eq!(
            json,
            json!({
                "input_uncached": n(1), "cache_read": n(2), "cache_write": n(3),
                "cache_write_long": n(4), "audio_input": n(5), "image_input": n(6),
                "output_visible": n(7), "audio_output": n(8), "image_output": n(9),
                "reasoning": n(10), "total_reported": n(11), "tool_calls": n(12), "images": n(13),
                "duration_ms": n(14), "characters": n(15), "search_units": n(16), "pages": n(17),
                "tools": {
                    "web_search": n(18), "x_search": null, "code_interpreter": null,
                    "file_search": null, "mcp": null, "document_search": null,
                    "image_generation": null,
                },
                "service_tier": "flex", "inconsistent": false,
            })
        );
        assert_eq!(serde_json::from_value::<LoggedUsage>(json).unwrap(), logged);
    }

    #[test]
    fn the_shares_of_models_are_written_and_bounded() {
        let share = |model: Option<&str>| UsagePart { model: model.map(Box::from), usage: usage() };
        let mut cut = Cut::at(8);
        let logged = parts(&[share(None), share(Some("claude-haiku"))], &mut cut);
        assert!(cut.was_needed);
        assert_eq!(logged[0], LoggedPart { model: None, usage: LoggedUsage::new(&usage()) });
        assert_eq!(logged[1].model.as_deref(), Some("claude-h\u{2026}"));
        let whole = LoggedUsage { parts: logged, ..LoggedUsage::default() };
        let json = serde_json::to_string(&whole).unwrap();
        assert_eq!(serde_json::from_str::<LoggedUsage>(&json).unwrap(), whole);

        let mut cut = Cut::at(8);
        assert_eq!(parts(&vec![share(None); 33], &mut cut).len(), 32);
        assert!(cut.was_needed, "the record says that there were more");
    }

    #[test]
    fn what_there_is_none_of_is_left_out() {
        let json = serde_json::to_value(LoggedUsage::new(&Usage::default())).unwrap();
        assert_eq!(json.as_object().unwrap().len(), 11);
    }
}
