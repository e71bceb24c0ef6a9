//! Bounds: timeouts and concurrency.

use std::time::Duration;

use super::error::ConfigFileError;
use super::providers::Providers;
use super::section::Section;
use super::value::milliseconds;
use crate::directives::form::{TIMEOUT_MS, Whole};
use crate::directives::timeouts::Timeouts;
use crate::settings::{ConcurrencyLimit, GatewaySettingsBuilder};

const LIMIT: Whole = Whole {
    must_be: "a whole number from 1 to 1000000",
    fits: |limit| (1..=1_000_000).contains(&limit),
};
const WAIT_MS: Whole =
    Whole { must_be: "milliseconds, a whole number from 0 to 3600000", fits: |ms| ms <= 3_600_000 };

/// `[timeouts]` and `[provider_timeouts]`
pub(super) fn timeouts(
    section: &mut Section<'_>,
    providers: &Providers,
    mut builder: GatewaySettingsBuilder,
) -> Result<GatewaySettingsBuilder, ConfigFileError> {
    if let Some(section) = section.section("timeouts")? {
        builder = builder.timeouts(read_timeouts(section)?);
    }
    if let Some(mut section) = section.section("provider_timeouts")? {
        for (name, value) in section.rest() {
            let slug = providers.slug_at(&name, &value.place)?;
            builder = builder.provider_timeouts(slug, read_timeouts(value.section()?)?);
        }
    }
    Ok(builder)
}

fn read_timeouts(mut section: Section<'_>) -> Result<Timeouts, ConfigFileError> {
    let timeouts = Timeouts {
        connect: milliseconds(&mut section, "connect_ms", &TIMEOUT_MS)?,
        body: milliseconds(&mut section, "body_ms", &TIMEOUT_MS)?,
        head: milliseconds(&mut section, "head_ms", &TIMEOUT_MS)?,
        idle: milliseconds(&mut section, "idle_ms", &TIMEOUT_MS)?,
        total: milliseconds(&mut section, "total_ms", &TIMEOUT_MS)?,
    };
    section.end()?;
    Ok(timeouts)
}

/// `[concurrency]`
pub(super) fn concurrency(
    section: &mut Section<'_>,
    providers: &Providers,
    mut builder: GatewaySettingsBuilder,
) -> Result<GatewaySettingsBuilder, ConfigFileError> {
    let Some(mut section) = section.section("concurrency")? else { return Ok(builder) };
    if let Some(each) = section.section("per_provider")? {
        builder = builder.concurrency_per_provider(whole_limit(each)?);
    }
    if let Some(each) = section.section("per_credential")? {
        builder = builder.concurrency_per_credential(whole_limit(each)?);
    }
    if let Some(mut section) = section.section("providers")? {
        for (name, value) in section.rest() {
            let slug = providers.slug_at(&name, &value.place)?;
            builder = builder.concurrency_of_provider(slug, whole_limit(value.section()?)?);
        }
    }
    // The gateway's own may be left out: a wait alone says nothing.
    let (limit, wait) = (section.whole("limit", &LIMIT)?, wait(&mut section)?);
    if limit.is_some() || wait.is_some() {
        builder = builder.concurrency(bounded(section.need("limit", limit)?, wait));
    }
    section.end()?;
    Ok(builder)
}

fn whole_limit(mut section: Section<'_>) -> Result<ConcurrencyLimit, ConfigFileError> {
    let (limit, wait) = (section.whole("limit", &LIMIT)?, wait(&mut section)?);
    let limit = bounded(section.need("limit", limit)?, wait);
    section.end()?;
    Ok(limit)
}

fn wait(section: &mut Section<'_>) -> Result<Option<Duration>, ConfigFileError> {
    milliseconds(section, "wait_ms", &WAIT_MS)
}

fn bounded(limit: u64, wait: Option<Duration>) -> ConcurrencyLimit {
    let limit = ConcurrencyLimit::new(limit as usize);
    wait.map_or(limit, |wait| limit.wait(wait))
}
