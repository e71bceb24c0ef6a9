//! Timeouts and concurrency limits.

use serde::Deserialize;

use super::place::{Located, Mistake, Named, Table};
use super::providers::Providers;
use super::value::{DirectiveValue, Milliseconds, Whole, section};
use crate::directives::form::TimeoutMs;
use crate::directives::timeouts::Timeouts;
use crate::settings::{ConcurrencyLimit, GatewaySettingsBuilder};

section! {
    /// `[timeouts]`, and each of `[provider_timeouts]`.
    RawTimeouts, timeouts: Timeouts, _cx: ();
    connect_ms: DirectiveValue<TimeoutMs> => timeouts.connect = Some(connect_ms.0);
    body_ms: DirectiveValue<TimeoutMs> => timeouts.body = Some(body_ms.0);
    head_ms: DirectiveValue<TimeoutMs> => timeouts.head = Some(head_ms.0);
    idle_ms: DirectiveValue<TimeoutMs> => timeouts.idle = Some(idle_ms.0);
    total_ms: DirectiveValue<TimeoutMs> => timeouts.total = Some(total_ms.0);
}

/// `[concurrency]`, and each of its parts.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Concurrency {
    limit: Option<Limit>,
    wait_ms: Option<WaitMs>,
    per_provider: Option<Table<OneLimit>>,
    per_credential: Option<Table<OneLimit>>,
    providers: Named<Table<OneLimit>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct OneLimit {
    limit: Option<Limit>,
    wait_ms: Option<WaitMs>,
}

type Limit = Whole<1, 1_000_000>;
type WaitMs = Milliseconds<0, 3_600_000>;

pub(super) fn concurrency(
    section: &Table<Concurrency>,
    providers: &Providers,
    mut builder: GatewaySettingsBuilder,
) -> Result<GatewaySettingsBuilder, Mistake> {
    let bounded = |one: &Table<OneLimit>| bounded(one, &one.limit, &one.wait_ms);
    if let Some(each) = &section.per_provider {
        builder = builder.concurrency_per_provider(bounded(each)?);
    }
    if let Some(each) = &section.per_credential {
        builder = builder.concurrency_per_credential(bounded(each)?);
    }
    for (name, one) in &section.providers {
        builder = builder.concurrency_of_provider(providers.slug(name)?, bounded(one)?);
    }
    // The gateway's own limit is optional, but a wait alone is not valid.
    if section.limit.is_none() && section.wait_ms.is_none() {
        return Ok(builder);
    }
    Ok(builder.concurrency(self::bounded(section, &section.limit, &section.wait_ms)?))
}

fn bounded(
    section: &impl Located,
    limit: &Option<Limit>,
    wait: &Option<WaitMs>,
) -> Result<ConcurrencyLimit, Mistake> {
    let limit = limit.as_ref().ok_or_else(|| section.missing("limit"))?;
    let limit = ConcurrencyLimit::new(limit.0 as usize);
    Ok(wait.as_ref().map_or(limit, |wait| limit.wait(wait.0)))
}
