//! `[gateways.….defaults]`: what the control headers say where a request does not.

use std::time::Duration;

use super::error::{ConfigFileError, ConfigFileErrorKind as Kind};
use super::secrets::Aliases;
use super::section::Section;
use super::value::milliseconds;
use crate::directives::form::{ATTEMPTS, BACKOFF_FORM, DELAY_MS, TIMEOUT_MS, TTL_SECONDS};
use crate::directives::{Backoff, Directives};
use crate::usage::custom_cost::CustomCost;
use crate::usage::custom_cost::Prices;

/// Headers of which a default would say the same of every request.
pub(super) const OF_ONE_REQUEST: [&str; 4] =
    ["cache_key", "event_id", "otel_trace_id", "otel_parent_span_id"];

pub(super) fn read(
    section: &mut Section<'_>,
    aliases: &Aliases,
) -> Result<Option<Directives>, ConfigFileError> {
    let Some(mut section) = section.section("defaults")? else { return Ok(None) };
    for name in OF_ONE_REQUEST {
        if let Some(value) = section.take(name) {
            let message = "it is of one request and has no default: clients send it";
            return Err(value.place.refuse(Kind::UnknownKey, message));
        }
    }
    let mut defaults = Directives {
        request_timeout: milliseconds(&mut section, "request_timeout_ms", &TIMEOUT_MS)?,
        connect_timeout: milliseconds(&mut section, "connect_timeout_ms", &TIMEOUT_MS)?,
        idle_timeout: milliseconds(&mut section, "idle_timeout_ms", &TIMEOUT_MS)?,
        total_timeout: milliseconds(&mut section, "total_timeout_ms", &TIMEOUT_MS)?,
        max_attempts: section.whole("max_attempts", &ATTEMPTS)?.map(|attempts| attempts as u8),
        retry_delay: milliseconds(&mut section, "retry_delay_ms", &DELAY_MS)?,
        skip_cache: section.flag("skip_cache")?,
        zdr: section.flag("zdr")?,
        cache_ttl: section.whole("cache_ttl", &TTL_SECONDS)?.map(Duration::from_secs),
        collect_log: section.flag("collect_log")?,
        collect_log_payload: section.flag("collect_log_payload")?,
        ..Directives::default()
    };
    if let Some(backoff) = section.text("backoff")? {
        let named = Backoff::named(&backoff.text).ok_or_else(|| {
            backoff.place.refuse(Kind::Value, format_args!("it must be {BACKOFF_FORM}"))
        });
        defaults.backoff = Some(named?);
    }
    if let Some(alias) = section.text("byok_alias")? {
        aliases.check(None, &alias)?;
        defaults.byok_alias = Some(alias.text.into());
    }
    if let Some(mut entries) = section.section("metadata")? {
        for (name, value) in entries.rest() {
            let place = value.place.clone();
            if defaults.metadata.add(name, value.scalar()?).is_err() {
                let message = "there may be up to five entries, none beginning with `cf.`";
                return Err(place.refuse(Kind::Value, message));
            }
        }
    }
    defaults.custom_cost = section.section("custom_cost")?.map(custom_cost).transpose()?;
    section.end()?;
    Ok(Some(defaults))
}

fn custom_cost(mut section: Section<'_>) -> Result<CustomCost, ConfigFileError> {
    let place = section.place.clone();
    let mut usd = |name| section.take(name).map(|value| value.usd()).transpose();
    let (read, old_read) = (usd("per_cache_read_token")?, usd("per_token_cached_in")?);
    let prices = Prices {
        total: usd("total_cost")?,
        input: usd("per_token_in")?,
        cached_input: read.or(old_read),
        cache_write: usd("per_cache_write_token")?,
        output: usd("per_token_out")?,
    };
    section.end()?;
    let is_twice = read.is_some() && old_read.is_some();
    prices.cost().filter(|_| !is_twice).ok_or_else(|| {
        let message = "it must be { total_cost }, or { per_token_in, per_token_out } with \
                       per_cache_read_token and per_cache_write_token if you like";
        place.refuse(Kind::Value, message)
    })
}
