//! All control headers, one row each: name, lock, and meaning.

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};

use super::Directives;
use super::form::{
    Attempts, CacheKey, DelayMs, EventId, Flag, Form, Growth, Id, RawValue, SessionId, SpanId,
    TimeoutMs, TraceId, TtlSeconds,
};
use super::narrowing::{Glob, MODELS_FORM, Narrowing, PROVIDERS_FORM};
use crate::directives::locks::{ClientControl, Locks};
use crate::directives::metadata::Metadata;
use crate::usage::custom_cost::CustomCost;

/// A header that is a directive.
pub(crate) struct Directive {
    pub(super) header: HeaderName,
    text: &'static str,
    /// `None` if a host cannot lock it.
    control: Option<ClientControl>,
    /// The same in the `config` of a universal entry, in both spellings.
    entry: Option<EntryKey>,
    /// Sets the value unless it is set already. The error says what the value must be.
    pub(crate) set: Set,
}

#[derive(Clone, Copy)]
pub(crate) struct EntryKey {
    pub(crate) camel: &'static str,
    snake: &'static str,
    /// Its name in a warning.
    pub(crate) member: &'static str,
}

type Set = fn(&mut Directives, RawValue<'_>, &Locks) -> Result<(), Cow<'static, str>>;

/// A row: the header, its control, the field with its format or a function, and the key in entries.
macro_rules! row {
    ($text:literal, $control:expr, $field:ident: $form:ty $(, $camel:literal $snake:literal)?) => {
        row!($text, $control, |all, raw, _| put::<$form>(&mut all.$field, raw) $(, $camel $snake)?)
    };
    ($text:literal, $control:expr, $set:expr $(, $camel:literal $snake:literal)?) => {
        Directive {
            header: HeaderName::from_static($text),
            text: $text,
            control: $control,
            entry: [
                $(Some(EntryKey {
                    camel: $camel,
                    snake: $snake,
                    member: concat!("config.", $camel),
                }),)?
                None,
            ][0],
            set: $set,
        }
    };
}

/// In reading order: if several are wrong, the first is reported.
static TABLE: [Directive; 27] = {
    use ClientControl as C;
    [
        row!("cf-aig-metadata", Some(C::Metadata), metadata),
        // Ignored: nothing is billed here.
        row!("cf-aig-no-wholesale", None, |_, raw, _| put::<Flag>(&mut None, raw)),
        row!("cf-aig-gateway-id", None, gateway_id: Id),
        row!("cf-aig-event-id", Some(C::EventId), event_id: EventId),
        row!("cf-aig-request-timeout", Some(C::Timeouts), request_timeout: TimeoutMs,
            "requestTimeout" "request_timeout"),
        row!("cf-aig-connect-timeout", Some(C::Timeouts), connect_timeout: TimeoutMs),
        row!("cf-aig-idle-timeout", Some(C::Timeouts), idle_timeout: TimeoutMs),
        row!("cf-aig-total-timeout", Some(C::Timeouts), total_timeout: TimeoutMs),
        row!("cf-aig-max-attempts", Some(C::Retry), max_attempts: Attempts,
            "maxAttempts" "max_attempts"),
        row!("cf-aig-retry-delay", Some(C::Retry), retry_delay: DelayMs, "retryDelay" "retry_delay"),
        row!("cf-aig-backoff", Some(C::Retry), backoff: Growth, "backoff" "backoff"),
        row!("cf-aig-skip-cache", Some(C::Cache), skip_cache: Flag, "skipCache" "skip_cache"),
        row!("cf-skip-cache", Some(C::Cache), skip_cache: Flag),
        row!("cf-aig-cache-ttl", Some(C::Cache), cache_ttl: TtlSeconds, "cacheTtl" "cache_ttl"),
        row!("cf-cache-ttl", Some(C::Cache), cache_ttl: TtlSeconds),
        row!("cf-aig-cache-key", Some(C::Cache), cache_key: CacheKey, "cacheKey" "cache_key"),
        row!("cf-aig-custom-cost", Some(C::CustomCost), custom_cost),
        row!("cf-aig-collect-log", Some(C::CollectLog), collect_log: Flag),
        row!("cf-aig-collect-log-payload", Some(C::CollectLogPayload), collect_log_payload: Flag),
        row!("cf-aig-byok-alias", Some(C::KeyAlias), byok_alias: Id),
        row!("cf-aig-session-id", Some(C::Session), session_id: SessionId),
        row!("cf-aig-no-session-affinity", Some(C::Session), no_session_affinity: Flag),
        row!("cf-aig-zdr", None, zdr: Flag),
        row!("cf-aig-allowed-models", None, |all, raw, _| narrow(
            all,
            raw,
            |lists| &mut lists.models,
            MODELS_FORM
        )),
        row!("cf-aig-allowed-providers", None, |all, raw, _| narrow(
            all,
            raw,
            |lists| &mut lists.providers,
            PROVIDERS_FORM
        )),
        row!("cf-aig-otel-trace-id", Some(C::Trace), otel_trace_id: TraceId),
        row!("cf-aig-otel-parent-span-id", Some(C::Trace), otel_parent_span_id: SpanId),
    ]
};

impl Directive {
    pub(super) fn all() -> &'static [Self] {
        &TABLE
    }

    /// Its name, if clients may not use it.
    pub(crate) fn locked(&self, locks: &Locks) -> Option<&'static str> {
        self.control.filter(|control| !locks.allow(*control)).map(|_| self.text)
    }

    /// The row of a key in the `config` of a universal entry.
    pub(crate) fn of_entry(
        reads: impl Fn(&str) -> bool,
    ) -> Option<(usize, &'static Self, EntryKey)> {
        TABLE.iter().enumerate().find_map(|(at, row)| {
            let key = row.entry.filter(|key| reads(key.camel) || reads(key.snake))?;
            Some((at, row, key))
        })
    }
}

/// Returns true if clients may not use this header.
pub(crate) fn is_locked(name: &HeaderName, locks: &Locks) -> bool {
    TABLE.iter().any(|row| row.locked(locks).is_some() && row.header == *name)
}

/// If a directive is given under two names, the first in the table counts.
fn put<F: Form>(place: &mut Option<F::Value>, raw: RawValue<'_>) -> Result<(), Cow<'static, str>> {
    let value = F::read(raw).ok_or(F::MUST_BE)?;
    place.get_or_insert(value);
    Ok(())
}

fn metadata(
    all: &mut Directives,
    raw: RawValue<'_>,
    locks: &Locks,
) -> Result<(), Cow<'static, str>> {
    let json = raw.header().map(HeaderValue::as_bytes);
    let metadata = json.and_then(|json| Metadata::parse(json, |key| locks.reserve_key(key)));
    let (metadata, left_out) = metadata.ok_or("one flat JSON object, such as {\"team\":\"a\"}")?;
    all.metadata = locks.with_host_metadata(metadata);
    if !left_out.is_empty() {
        all.warning.get_or_insert_default().left_out = left_out;
    }
    Ok(())
}

fn custom_cost(
    all: &mut Directives,
    raw: RawValue<'_>,
    _: &Locks,
) -> Result<(), Cow<'static, str>> {
    let json = raw.header().map(HeaderValue::as_bytes);
    all.custom_cost = json.map(CustomCost::parse).transpose()?;
    Ok(())
}

fn narrow(
    all: &mut Directives,
    raw: RawValue<'_>,
    lists: fn(&mut Narrowing) -> &mut Vec<Vec<Glob>>,
    must_be: &'static str,
) -> Result<(), Cow<'static, str>> {
    let list = raw.text().and_then(|list| Glob::list(&list)).ok_or(must_be)?;
    lists(Arc::make_mut(all.narrowing.get_or_insert_default())).push(list);
    Ok(())
}
