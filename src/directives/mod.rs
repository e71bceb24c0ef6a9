//! The `cf-aig-*` request headers, parsed once.
//!
//! Names, values and ranges are those of Cloudflare's AI Gateway ("Header Glossary" and the pages
//! it links to). A value outside its range refuses the request; nothing is guessed.

pub(crate) mod form;
mod header;
pub(crate) mod locks;
pub(crate) mod metadata;
pub(crate) mod narrowing;
pub(crate) mod pattern;
pub(crate) mod timeouts;
pub(crate) mod trace;
mod warning;

use crate::request::authorize;
use crate::usage::custom_cost::CustomCost;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use self::form::{
    ATTEMPTS, BACKOFF_FORM, CACHE_KEY_FORM, DELAY_MS, FLAG_FORM, TIMEOUT_MS, TTL_SECONDS, Whole,
    is_cache_key, is_visible,
};
pub(crate) use self::header::is_locked;
use self::header::*;
use self::narrowing::{Glob, MODELS_FORM, Narrowing, PROVIDERS_FORM};
pub(crate) use self::warning::Warning;
use crate::directives::locks::Locks;
use crate::directives::metadata::Metadata;
use crate::directives::timeouts::Timeouts;
use crate::routing::is_id;

/// What the client asks of the gateway for one request; `None` where it says nothing.
///
/// Layers below the gateway find it through [`GatewayContext::directives`](crate::GatewayContext::directives).
///
/// ```
/// use tower_ai_gateway::settings::{Backoff, GatewaySettings};
///
/// // For requests that do not say it themselves.
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
    /// `true` of the gateway's defaults, the request or its entry holds, whatever the others say.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "config", derive(serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Backoff {
    /// The same delay each time.
    Constant,
    /// The delay times the number of the attempt.
    Linear,
    /// Twice the delay each time.
    Exponential,
}

/// A header for which a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfit {
    pub(crate) name: HeaderName,
    pub(crate) fault: Fault,
}

/// Why what a client says is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is malformed: what it must be.
    MustBe(Cow<'static, str>),
    /// The host has locked it.
    Locked,
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
            // It narrows, as the lists do: nobody takes it back from another.
            zdr: weaker.zdr.filter(|zdr| *zdr).or(self.zdr).or(weaker.zdr),
            otel_trace_id: self.otel_trace_id.or(weaker.otel_trace_id),
            otel_parent_span_id: self.otel_parent_span_id.or(weaker.otel_parent_span_id),
            narrowing: Narrowing::both(self.narrowing, weaker.narrowing.as_ref()),
            warning: Warning::or(self.warning, weaker.warning.as_deref()),
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

/// What a client asks for, as far as the host lets it; `None` where there is no directive: the
/// gateway's token is none.
///
/// A header that is locked is passed over, whatever its value, or is what the request is refused for.
pub(crate) fn parse(headers: &HeaderMap, locks: &Locks) -> Result<Option<Box<Directives>>, Unfit> {
    let mut read = Reader::of(headers, locks);
    if read.found.is_empty() {
        return Ok(None);
    }
    let metadata =
        read.value(&METADATA, "one flat JSON object, such as {\"team\":\"a\"}", |value| {
            Metadata::parse(value.as_bytes(), |key| locks.reserve_key(key))
        })?;
    let (metadata, left_out) = metadata.unwrap_or_default();
    // Nobody is billed here, whatever it says.
    read.flag(&NO_WHOLESALE)?;
    let mut directives = Directives {
        warning: None,
        gateway_id: read.text(&GATEWAY_ID, "1 to 64 of A-Z a-z 0-9 - _ .", is_id)?.map(Box::from),
        event_id: read.value(&EVENT_ID, "1 to 64 visible ASCII characters", |value| {
            is_visible(value.as_bytes(), 64).then(|| value.clone())
        })?,
        metadata: locks.with_host_metadata(metadata),
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
    directives.warning = Warning::of(read.passed_over, left_out);
    Ok(Some(Box::new(directives)))
}

/// The gateway that `cf-aig-gateway-id` names. Whose gateway it is decides what the other headers
/// may say, and who may hear that they are malformed.
pub(crate) fn gateway_id(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(&GATEWAY_ID.name).iter();
    let id = values.next().filter(|_| values.next().is_none())?;
    id.to_str().ok().filter(|id| is_id(id))
}

/// What is left of headers for which a request is refused.
pub(crate) fn gateway_alone(headers: &HeaderMap) -> Option<Box<Directives>> {
    let gateway_id = gateway_id(headers)?.into();
    Some(Box::new(Directives { gateway_id: Some(gateway_id), ..Directives::default() }))
}

/// The few headers that can be directives, found in one walk: a look-up of each of them by its name
/// would cost more than all the rest of an admission.
struct Reader<'a> {
    found: Vec<(&'a HeaderName, &'a HeaderValue)>,
    locks: &'a Locks,
    /// Those of them that are locked.
    passed_over: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    fn of(headers: &'a HeaderMap, locks: &'a Locks) -> Self {
        let may_be_one = |name: &HeaderName| {
            let name = name.as_str();
            name.starts_with("cf-") && name != authorize::TOKEN_NAME
        };
        let found = headers.iter().filter(|(name, _)| may_be_one(name)).collect();
        Self { found, locks, passed_over: Vec::new() }
    }

    /// A directive that is there twice has no value that is right. `None` for one that is locked.
    fn one(&mut self, header: &Header) -> Result<Option<&'a HeaderValue>, Unfit> {
        let mut values = self.found.iter().filter(|(known, _)| **known == header.name);
        let Some((_, value)) = values.next() else { return Ok(None) };
        let is_alone = values.next().is_none();
        match header.locked(self.locks) {
            Some(_) if self.locks.refuse() => {
                Err(Unfit { name: header.name.clone(), fault: Fault::Locked })
            }
            Some(name) => {
                self.passed_over.push(name);
                Ok(None)
            }
            None if is_alone => Ok(Some(value)),
            None => Err(malformed(header, "given once")),
        }
    }

    fn value<T>(
        &mut self,
        header: &Header,
        must_be: &'static str,
        read: impl FnOnce(&'a HeaderValue) -> Option<T>,
    ) -> Result<Option<T>, Unfit> {
        let Some(value) = self.one(header)? else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| malformed(header, must_be))
    }

    fn text(
        &mut self,
        header: &Header,
        must_be: &'static str,
        is_good: impl FnOnce(&str) -> bool,
    ) -> Result<Option<&'a str>, Unfit> {
        self.value(header, must_be, |value| value.to_str().ok().filter(|text| is_good(text)))
    }

    fn number(&mut self, header: &Header, whole: &Whole) -> Result<Option<u64>, Unfit> {
        self.value(header, whole.must_be, |value| {
            let text = value.to_str().ok()?;
            let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|number| is_plain && (whole.fits)(*number))
        })
    }

    fn timeout(&mut self, header: &Header) -> Result<Option<Duration>, Unfit> {
        Ok(self.number(header, &TIMEOUT_MS)?.map(Duration::from_millis))
    }

    fn flag(&mut self, header: &Header) -> Result<Option<bool>, Unfit> {
        self.value(header, FLAG_FORM, |value| match value.as_bytes() {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        })
    }

    fn list(&mut self, header: &Header, must_be: &'static str) -> Result<Option<Vec<Glob>>, Unfit> {
        self.value(header, must_be, |value| Glob::list(value.to_str().ok()?))
    }

    fn custom_cost(&mut self) -> Result<Option<CustomCost>, Unfit> {
        let Some(value) = self.one(&CUSTOM_COST)? else { return Ok(None) };
        let cost = CustomCost::parse(value.as_bytes());
        cost.map(Some).map_err(|must_be| malformed(&CUSTOM_COST, must_be))
    }

    fn cache_ttl(&mut self, header: &Header) -> Result<Option<Duration>, Unfit> {
        let seconds = self.number(header, &TTL_SECONDS)?;
        Ok(seconds.map(Duration::from_secs))
    }
}

fn malformed(header: &Header, must_be: impl Into<Cow<'static, str>>) -> Unfit {
    Unfit { name: header.name.clone(), fault: Fault::MustBe(must_be.into()) }
}

fn hex(digits: &[u8], length: usize) -> Option<u128> {
    if digits.len() != length || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u128::from_str_radix(str::from_utf8(digits).ok()?, 16).ok().filter(|id| *id != 0)
}

#[cfg(test)]
mod tests;
