//! The `cf-aig-*` request headers, parsed once.
//!
//! Names, values and ranges are those of Cloudflare's AI Gateway ("Header Glossary" and the pages
//! it links to). A value outside its range refuses the request; nothing is guessed.

pub(crate) mod custom_cost;
pub(crate) mod form;
pub(crate) mod narrowing;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

pub use self::custom_cost::CustomCost;
use self::form::{
    ATTEMPTS, BACKOFF_FORM, CACHE_KEY_FORM, DELAY_MS, FLAG_FORM, TIMEOUT_MS, TTL_SECONDS, Whole,
    is_cache_key, is_visible,
};
use self::narrowing::{Glob, MODELS_FORM, Narrowing, PROVIDERS_FORM};
use crate::credentials;
use crate::metadata::Metadata;
use crate::route::is_id;
use crate::settings::Timeouts;

const GATEWAY_ID: HeaderName = HeaderName::from_static("cf-aig-gateway-id");
const EVENT_ID: HeaderName = HeaderName::from_static("cf-aig-event-id");
const METADATA: HeaderName = HeaderName::from_static("cf-aig-metadata");
const REQUEST_TIMEOUT: HeaderName = HeaderName::from_static("cf-aig-request-timeout");
const CONNECT_TIMEOUT: HeaderName = HeaderName::from_static("cf-aig-connect-timeout");
const IDLE_TIMEOUT: HeaderName = HeaderName::from_static("cf-aig-idle-timeout");
const TOTAL_TIMEOUT: HeaderName = HeaderName::from_static("cf-aig-total-timeout");
const MAX_ATTEMPTS: HeaderName = HeaderName::from_static("cf-aig-max-attempts");
const RETRY_DELAY: HeaderName = HeaderName::from_static("cf-aig-retry-delay");
const BACKOFF: HeaderName = HeaderName::from_static("cf-aig-backoff");
const SKIP_CACHE: HeaderName = HeaderName::from_static("cf-aig-skip-cache");
const OLD_SKIP_CACHE: HeaderName = HeaderName::from_static("cf-skip-cache");
const CACHE_TTL: HeaderName = HeaderName::from_static("cf-aig-cache-ttl");
const OLD_CACHE_TTL: HeaderName = HeaderName::from_static("cf-cache-ttl");
const CACHE_KEY: HeaderName = HeaderName::from_static("cf-aig-cache-key");
const CUSTOM_COST: HeaderName = HeaderName::from_static("cf-aig-custom-cost");
const COLLECT_LOG: HeaderName = HeaderName::from_static("cf-aig-collect-log");
const COLLECT_LOG_PAYLOAD: HeaderName = HeaderName::from_static("cf-aig-collect-log-payload");
const BYOK_ALIAS: HeaderName = HeaderName::from_static("cf-aig-byok-alias");
const ZDR: HeaderName = HeaderName::from_static("cf-aig-zdr");
const NO_WHOLESALE: HeaderName = HeaderName::from_static("cf-aig-no-wholesale");
const ALLOWED_MODELS: HeaderName = HeaderName::from_static("cf-aig-allowed-models");
const ALLOWED_PROVIDERS: HeaderName = HeaderName::from_static("cf-aig-allowed-providers");
const OTEL_TRACE_ID: HeaderName = HeaderName::from_static("cf-aig-otel-trace-id");
const OTEL_PARENT_SPAN_ID: HeaderName = HeaderName::from_static("cf-aig-otel-parent-span-id");

/// What the client asks of the gateway for one request; `None` where it says nothing.
///
/// Layers below the gateway find it through [`GatewayContext::directives`](crate::GatewayContext::directives).
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Directives {
    /// `cf-aig-gateway-id`: the gateway, on the REST paths.
    pub gateway_id: Option<Box<str>>,
    /// `cf-aig-event-id`: the client's own id for this exchange, echoed in the response.
    pub event_id: Option<HeaderValue>,
    /// `cf-aig-metadata`: up to five entries for logs and metrics.
    pub metadata: Metadata,
    /// `cf-aig-request-timeout`: the time until the response head, 1 ms to 1 hour.
    pub request_timeout: Option<Duration>,
    /// `cf-aig-connect-timeout`, of this crate's own: the time for a connection, 1 ms to 1 hour.
    pub connect_timeout: Option<Duration>,
    /// `cf-aig-idle-timeout`, of this crate's own: the time between two frames of the response,
    /// 1 ms to 1 hour.
    pub idle_timeout: Option<Duration>,
    /// `cf-aig-total-timeout`, of this crate's own: the time until the end of the response, 1 ms to
    /// 1 hour.
    pub total_timeout: Option<Duration>,
    /// `cf-aig-max-attempts`: 1 to 5, the first one counted.
    pub max_attempts: Option<u8>,
    /// `cf-aig-retry-delay`: 0 to 5 s.
    pub retry_delay: Option<Duration>,
    /// `cf-aig-backoff`.
    pub backoff: Option<Backoff>,
    /// `cf-aig-skip-cache`, or its old name `cf-skip-cache`.
    pub skip_cache: Option<bool>,
    /// `cf-aig-cache-ttl`, or its old name `cf-cache-ttl`: 60 s to 30 days; zero turns the cache off.
    pub cache_ttl: Option<Duration>,
    /// `cf-aig-cache-key`: 1 to 256 visible ASCII characters.
    pub cache_key: Option<Box<str>>,
    /// `cf-aig-custom-cost`: what this request costs, over any price table.
    pub custom_cost: Option<CustomCost>,
    /// `cf-aig-collect-log`.
    pub collect_log: Option<bool>,
    /// `cf-aig-collect-log-payload`.
    pub collect_log_payload: Option<bool>,
    /// `cf-aig-byok-alias`: which stored key is to be used.
    pub byok_alias: Option<Box<str>>,
    /// `cf-aig-zdr`: only providers that keep nothing of a request may get it
    /// ([`Provider::zero_data_retention`](crate::Provider::zero_data_retention)).
    pub zdr: Option<bool>,
    /// `cf-aig-otel-trace-id`: 32 hexadecimal digits.
    pub otel_trace_id: Option<u128>,
    /// `cf-aig-otel-parent-span-id`: 16 hexadecimal digits.
    pub otel_parent_span_id: Option<u64>,
    /// `cf-aig-allowed-models` and `cf-aig-allowed-providers`.
    pub(crate) narrowing: Option<Arc<Narrowing>>,
    /// What the client is told in `cf-aig-warning`: parts of the above that were left out.
    pub(crate) warning: Option<HeaderValue>,
}

/// How the delay between attempts grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backoff {
    /// The same delay each time.
    Constant,
    /// The delay times the number of the attempt.
    Linear,
    /// Twice the delay each time.
    Exponential,
}

/// A header whose value is malformed: its name, and what it should have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) name: HeaderName,
    pub(crate) must_be: Cow<'static, str>,
}

impl Directives {
    /// Field by field what this says, and what `weaker` says where this says nothing.
    ///
    /// Metadata are one field: those of the one replace those of the other.
    pub(crate) fn or(self, weaker: &Self) -> Self {
        Self {
            gateway_id: self.gateway_id.or_else(|| weaker.gateway_id.clone()),
            event_id: self.event_id.or_else(|| weaker.event_id.clone()),
            metadata: match self.metadata.is_empty() {
                true => weaker.metadata.clone(),
                false => self.metadata,
            },
            request_timeout: self.request_timeout.or(weaker.request_timeout),
            connect_timeout: self.connect_timeout.or(weaker.connect_timeout),
            idle_timeout: self.idle_timeout.or(weaker.idle_timeout),
            total_timeout: self.total_timeout.or(weaker.total_timeout),
            max_attempts: self.max_attempts.or(weaker.max_attempts),
            retry_delay: self.retry_delay.or(weaker.retry_delay),
            backoff: self.backoff.or(weaker.backoff),
            skip_cache: self.skip_cache.or(weaker.skip_cache),
            cache_ttl: self.cache_ttl.or(weaker.cache_ttl),
            cache_key: self.cache_key.or_else(|| weaker.cache_key.clone()),
            custom_cost: self.custom_cost.or(weaker.custom_cost),
            collect_log: self.collect_log.or(weaker.collect_log),
            collect_log_payload: self.collect_log_payload.or(weaker.collect_log_payload),
            byok_alias: self.byok_alias.or_else(|| weaker.byok_alias.clone()),
            zdr: self.zdr.or(weaker.zdr),
            otel_trace_id: self.otel_trace_id.or(weaker.otel_trace_id),
            otel_parent_span_id: self.otel_parent_span_id.or(weaker.otel_parent_span_id),
            narrowing: Narrowing::both(self.narrowing, weaker.narrowing.as_ref()),
            warning: self.warning.or_else(|| weaker.warning.clone()),
        }
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

/// `None` where there is no directive: the gateway's token is none.
pub(crate) fn parse(headers: &HeaderMap) -> Result<Option<Box<Directives>>, Malformed> {
    let read = Reader::of(headers);
    if read.found.is_empty() {
        return Ok(None);
    }
    let metadata = read.one(&METADATA)?;
    let metadata = metadata.map(|value| {
        Metadata::parse(value.as_bytes()).ok_or_else(|| {
            read.malformed(&METADATA, "one flat JSON object, such as {\"team\":\"a\"}")
        })
    });
    let (metadata, dropped) = metadata.transpose()?.unwrap_or_default();
    // Nobody is billed here, whatever it says.
    read.flag(&NO_WHOLESALE)?;
    let directives = Directives {
        warning: warning(&dropped),
        gateway_id: read.text(&GATEWAY_ID, "1 to 64 of A-Z a-z 0-9 - _ .", is_id)?.map(Box::from),
        event_id: read.value(&EVENT_ID, "1 to 64 visible ASCII characters", |value| {
            is_visible(value.as_bytes(), 64).then(|| value.clone())
        })?,
        metadata,
        request_timeout: read.timeout(&REQUEST_TIMEOUT)?,
        connect_timeout: read.timeout(&CONNECT_TIMEOUT)?,
        idle_timeout: read.timeout(&IDLE_TIMEOUT)?,
        total_timeout: read.timeout(&TOTAL_TIMEOUT)?,
        max_attempts: read.number(&MAX_ATTEMPTS, &ATTEMPTS)?.map(|attempts| attempts as u8),
        retry_delay: read.number(&RETRY_DELAY, &DELAY_MS)?.map(Duration::from_millis),
        backoff: read
            .value(&BACKOFF, BACKOFF_FORM, |value| Backoff::named(value.to_str().ok()?))?,
        skip_cache: read.flag(&SKIP_CACHE)?.or(read.flag(&OLD_SKIP_CACHE)?),
        cache_ttl: read.cache_ttl(&CACHE_TTL)?.or(read.cache_ttl(&OLD_CACHE_TTL)?),
        cache_key: read.text(&CACHE_KEY, CACHE_KEY_FORM, is_cache_key)?.map(Box::from),
        custom_cost: read.custom_cost()?,
        collect_log: read.flag(&COLLECT_LOG)?,
        collect_log_payload: read.flag(&COLLECT_LOG_PAYLOAD)?,
        byok_alias: read.text(&BYOK_ALIAS, "1 to 64 of A-Z a-z 0-9 - _ .", is_id)?.map(Box::from),
        zdr: read.flag(&ZDR)?,
        narrowing: Narrowing::of(
            read.list(&ALLOWED_MODELS, MODELS_FORM)?,
            read.list(&ALLOWED_PROVIDERS, PROVIDERS_FORM)?,
        ),
        otel_trace_id: read.value(
            &OTEL_TRACE_ID,
            "32 hexadecimal digits, not all zero",
            |value| hex(value.as_bytes(), 32),
        )?,
        otel_parent_span_id: read
            .value(&OTEL_PARENT_SPAN_ID, "16 hexadecimal digits, not all zero", |value| {
                hex(value.as_bytes(), 16)
            })?
            .map(|id| id as u64),
    };
    Ok(Some(Box::new(directives)))
}

/// Of headers that are malformed, which gateway they name: that decides who may hear of it.
pub(crate) fn gateway_alone(headers: &HeaderMap) -> Option<Box<Directives>> {
    let read = Reader::of(headers);
    let gateway_id = read.text(&GATEWAY_ID, "", is_id).ok()??.into();
    Some(Box::new(Directives { gateway_id: Some(gateway_id), ..Directives::default() }))
}

/// What to tell the client about parts that were left out.
fn warning(dropped: &[String]) -> Option<HeaderValue> {
    if dropped.is_empty() {
        return None;
    }
    HeaderValue::try_from(format!("cf-aig-metadata: left out {}", dropped.join(", "))).ok()
}

/// The few headers that can be directives, found in one walk: a look-up of each of them by its name
/// would cost more than all the rest of an admission.
struct Reader<'a> {
    found: Vec<(&'a HeaderName, &'a HeaderValue)>,
}

impl<'a> Reader<'a> {
    fn of(headers: &'a HeaderMap) -> Self {
        let may_be_one = |name: &HeaderName| {
            let name = name.as_str();
            name.starts_with("cf-") && name != credentials::TOKEN_NAME
        };
        Self { found: headers.iter().filter(|(name, _)| may_be_one(name)).collect() }
    }

    fn malformed(&self, name: &HeaderName, must_be: impl Into<Cow<'static, str>>) -> Malformed {
        Malformed { name: name.clone(), must_be: must_be.into() }
    }

    /// A directive that is there twice has no value that is right.
    fn one(&self, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Malformed> {
        let mut values = self.found.iter().filter(|(known, _)| *known == name);
        match (values.next(), values.next()) {
            (found, None) => Ok(found.map(|(_, value)| *value)),
            _ => Err(self.malformed(name, "given once")),
        }
    }

    fn value<T>(
        &self,
        name: &HeaderName,
        must_be: &'static str,
        read: impl FnOnce(&'a HeaderValue) -> Option<T>,
    ) -> Result<Option<T>, Malformed> {
        let Some(value) = self.one(name)? else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| self.malformed(name, must_be))
    }

    fn text(
        &self,
        name: &HeaderName,
        must_be: &'static str,
        is_good: impl FnOnce(&str) -> bool,
    ) -> Result<Option<&'a str>, Malformed> {
        self.value(name, must_be, |value| value.to_str().ok().filter(|text| is_good(text)))
    }

    fn number(&self, name: &HeaderName, whole: &Whole) -> Result<Option<u64>, Malformed> {
        self.value(name, whole.must_be, |value| {
            let text = value.to_str().ok()?;
            let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|number| is_plain && (whole.fits)(*number))
        })
    }

    fn timeout(&self, name: &HeaderName) -> Result<Option<Duration>, Malformed> {
        Ok(self.number(name, &TIMEOUT_MS)?.map(Duration::from_millis))
    }

    fn flag(&self, name: &HeaderName) -> Result<Option<bool>, Malformed> {
        self.value(name, FLAG_FORM, |value| match value.as_bytes() {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        })
    }

    fn list(
        &self,
        name: &HeaderName,
        must_be: &'static str,
    ) -> Result<Option<Vec<Glob>>, Malformed> {
        self.value(name, must_be, |value| Glob::list(value.to_str().ok()?))
    }

    fn custom_cost(&self) -> Result<Option<CustomCost>, Malformed> {
        let Some(value) = self.one(&CUSTOM_COST)? else { return Ok(None) };
        let cost = CustomCost::parse(value.as_bytes());
        cost.map(Some).map_err(|must_be| self.malformed(&CUSTOM_COST, must_be))
    }

    fn cache_ttl(&self, name: &HeaderName) -> Result<Option<Duration>, Malformed> {
        let seconds = self.number(name, &TTL_SECONDS)?;
        Ok(seconds.map(Duration::from_secs))
    }
}

fn hex(digits: &[u8], length: usize) -> Option<u128> {
    if digits.len() != length || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u128::from_str_radix(str::from_utf8(digits).ok()?, 16).ok().filter(|id| *id != 0)
}

#[cfg(test)]
mod tests;
