//! The headers that are directives, and the control that each belongs to.

use http::HeaderName;

use crate::directives::locks::{ClientControl, Locks};

/// A header that is a directive.
pub(super) struct Header {
    pub(super) name: HeaderName,
    text: &'static str,
    /// `None` where no host can lock it.
    control: Option<ClientControl>,
}

impl Header {
    const fn new(text: &'static str, control: Option<ClientControl>) -> Self {
        Self { name: HeaderName::from_static(text), text, control }
    }

    const fn of(control: ClientControl, text: &'static str) -> Self {
        Self::new(text, Some(control))
    }

    const fn free(text: &'static str) -> Self {
        Self::new(text, None)
    }

    /// Its name, where clients may not use it.
    pub(super) fn locked(&self, locks: &Locks) -> Option<&'static str> {
        self.control.filter(|control| !locks.allow(*control)).map(|_| self.text)
    }
}

pub(super) static GATEWAY_ID: Header = Header::free("cf-aig-gateway-id");
pub(super) static EVENT_ID: Header = Header::of(ClientControl::EventId, "cf-aig-event-id");
pub(super) static METADATA: Header = Header::of(ClientControl::Metadata, "cf-aig-metadata");
pub(super) static REQUEST_TIMEOUT: Header =
    Header::of(ClientControl::Timeouts, "cf-aig-request-timeout");
pub(super) static CONNECT_TIMEOUT: Header =
    Header::of(ClientControl::Timeouts, "cf-aig-connect-timeout");
pub(super) static IDLE_TIMEOUT: Header = Header::of(ClientControl::Timeouts, "cf-aig-idle-timeout");
pub(super) static TOTAL_TIMEOUT: Header =
    Header::of(ClientControl::Timeouts, "cf-aig-total-timeout");
pub(super) static MAX_ATTEMPTS: Header = Header::of(ClientControl::Retry, "cf-aig-max-attempts");
pub(super) static RETRY_DELAY: Header = Header::of(ClientControl::Retry, "cf-aig-retry-delay");
pub(super) static BACKOFF: Header = Header::of(ClientControl::Retry, "cf-aig-backoff");
pub(super) static SKIP_CACHE: Header = Header::of(ClientControl::Cache, "cf-aig-skip-cache");
pub(super) static OLD_SKIP_CACHE: Header = Header::of(ClientControl::Cache, "cf-skip-cache");
pub(super) static CACHE_TTL: Header = Header::of(ClientControl::Cache, "cf-aig-cache-ttl");
pub(super) static OLD_CACHE_TTL: Header = Header::of(ClientControl::Cache, "cf-cache-ttl");
pub(super) static CACHE_KEY: Header = Header::of(ClientControl::Cache, "cf-aig-cache-key");
pub(super) static CUSTOM_COST: Header = Header::of(ClientControl::CustomCost, "cf-aig-custom-cost");
pub(super) static COLLECT_LOG: Header = Header::of(ClientControl::CollectLog, "cf-aig-collect-log");
pub(super) static COLLECT_LOG_PAYLOAD: Header =
    Header::of(ClientControl::CollectLogPayload, "cf-aig-collect-log-payload");
pub(super) static BYOK_ALIAS: Header = Header::of(ClientControl::KeyAlias, "cf-aig-byok-alias");
pub(super) static ZDR: Header = Header::free("cf-aig-zdr");
pub(super) static NO_WHOLESALE: Header = Header::free("cf-aig-no-wholesale");
pub(super) static ALLOWED_MODELS: Header = Header::free("cf-aig-allowed-models");
pub(super) static ALLOWED_PROVIDERS: Header = Header::free("cf-aig-allowed-providers");
pub(super) static OTEL_TRACE_ID: Header = Header::of(ClientControl::Trace, "cf-aig-otel-trace-id");
pub(super) static OTEL_PARENT_SPAN_ID: Header =
    Header::of(ClientControl::Trace, "cf-aig-otel-parent-span-id");

/// Those that a host can lock.
static LOCKABLE: [&Header; 20] = [
    &EVENT_ID,
    &METADATA,
    &REQUEST_TIMEOUT,
    &CONNECT_TIMEOUT,
    &IDLE_TIMEOUT,
    &TOTAL_TIMEOUT,
    &MAX_ATTEMPTS,
    &RETRY_DELAY,
    &BACKOFF,
    &SKIP_CACHE,
    &OLD_SKIP_CACHE,
    &CACHE_TTL,
    &OLD_CACHE_TTL,
    &CACHE_KEY,
    &CUSTOM_COST,
    &COLLECT_LOG,
    &COLLECT_LOG_PAYLOAD,
    &BYOK_ALIAS,
    &OTEL_TRACE_ID,
    &OTEL_PARENT_SPAN_ID,
];

/// Whether a header of this name is one that clients may not use.
pub(crate) fn is_locked(name: &HeaderName, locks: &Locks) -> bool {
    LOCKABLE.iter().any(|header| header.name == *name && header.locked(locks).is_some())
}
