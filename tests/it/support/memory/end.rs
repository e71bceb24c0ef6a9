//! An owned copy of an end event.

use http::StatusCode;
use tower_ai_gateway::context::TraceParent;
use tower_ai_gateway::hook::{CacheStatus, Failure, Payload, Saved, Timings};
use tower_ai_gateway::usage::{Cost, Metering, ProviderError, Terminal, Usage};
use tower_ai_gateway::{EndEvent, Outcome};

/// An owned copy of an end event.
#[derive(Clone, Debug)]
pub struct End {
    pub log_id: String,
    pub event_id: String,
    pub account: Option<String>,
    pub gateway: String,
    pub provider: Option<String>,
    pub operation: String,
    pub metadata: Vec<(String, String)>,
    pub request_model: Option<String>,
    pub response_model: Option<String>,
    pub forbidden_model: bool,
    pub status: Option<StatusCode>,
    pub outcome: Outcome,
    pub failure: Option<Failure>,
    pub gateway_code: Option<u16>,
    pub provider_error: Option<ProviderError>,
    pub stream_requested: bool,
    pub stream: bool,
    pub terminal: Option<Terminal>,
    pub content_events: u64,
    pub usage: Option<Usage>,
    pub metering: Metering,
    pub cost: Option<Cost>,
    pub cache: Option<CacheStatus>,
    pub cache_entry: Option<String>,
    pub saved: Option<Saved>,
    pub step: u32,
    pub attempts: u32,
    pub timings: Timings,
    pub request_bytes: u64,
    pub response_bytes: u64,
    /// The captured bytes, and whether they are the whole body.
    pub request_payload: Option<(Vec<u8>, bool)>,
    pub response_payload: Option<(Vec<u8>, bool)>,
    pub request_content_type: Option<String>,
    pub response_content_type: Option<String>,
    pub user_agent: Option<String>,
    pub provider_request_id: Option<String>,
    pub trace: Option<TraceParent>,
}

impl End {
    pub fn of(end: &EndEvent<'_>) -> Self {
        let context = end.context;
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let kept = |payload: Option<Payload<'_>>| {
            payload.map(|payload| (payload.bytes.to_vec(), payload.is_whole))
        };
        Self {
            log_id: context.log_id().to_string(),
            event_id: context.event_id().to_str().unwrap().to_owned(),
            account: owned(context.account()),
            gateway: context.gateway().to_owned(),
            provider: owned(context.provider()),
            operation: context.operation().to_string(),
            metadata: context
                .metadata()
                .iter()
                .map(|(key, value)| (key.to_owned(), value.to_string()))
                .collect(),
            request_model: owned(end.request_model),
            response_model: owned(end.response_model),
            forbidden_model: end.forbidden_model,
            status: end.status,
            outcome: end.outcome,
            failure: end.failure,
            gateway_code: end.gateway_code,
            provider_error: end.provider_error.cloned(),
            stream_requested: end.stream_requested,
            stream: end.stream,
            terminal: end.terminal,
            content_events: end.content_events,
            usage: end.usage.copied(),
            metering: end.metering,
            cost: end.cost,
            cache: end.cache,
            cache_entry: owned(end.cache_entry),
            saved: end.saved.copied(),
            step: end.step,
            attempts: end.attempts,
            timings: end.timings,
            request_bytes: end.request_bytes,
            response_bytes: end.response_bytes,
            request_payload: kept(end.request_payload),
            response_payload: kept(end.response_payload),
            request_content_type: owned(end.request_content_type),
            response_content_type: owned(end.response_content_type),
            user_agent: owned(end.user_agent),
            provider_request_id: owned(end.provider_request_id),
            trace: end.trace,
        }
    }
}
