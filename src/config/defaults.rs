//! `[gateways.….defaults]`: defaults for the control headers.

use serde::de::IgnoredAny;
use toml::Spanned;

use super::error::ConfigFileErrorKind as Kind;
use super::names::Aliases;
use super::place::{Located as _, Mistake, Named, Table, Text};
use super::value::{DirectiveValue, Scalar, form, section};
use crate::directives::Directives;
use crate::directives::form::{Attempts, DelayMs, Growth, TimeoutMs, TtlSeconds};
use crate::usage::custom_cost::Prices;

section! {
    Defaults, all: Directives, aliases: &Aliases;
    request_timeout_ms: DirectiveValue<TimeoutMs> => all.request_timeout = Some(request_timeout_ms.0);
    connect_timeout_ms: DirectiveValue<TimeoutMs> => all.connect_timeout = Some(connect_timeout_ms.0);
    idle_timeout_ms: DirectiveValue<TimeoutMs> => all.idle_timeout = Some(idle_timeout_ms.0);
    total_timeout_ms: DirectiveValue<TimeoutMs> => all.total_timeout = Some(total_timeout_ms.0);
    max_attempts: DirectiveValue<Attempts> => all.max_attempts = Some(max_attempts.0);
    retry_delay_ms: DirectiveValue<DelayMs> => all.retry_delay = Some(retry_delay_ms.0);
    backoff: DirectiveValue<Growth> => all.backoff = Some(backoff.0);
    skip_cache: bool => all.skip_cache = Some(skip_cache);
    zdr: bool => all.zdr = Some(zdr);
    cache_ttl: DirectiveValue<TtlSeconds> => all.cache_ttl = Some(cache_ttl.0);
    collect_log: bool => all.collect_log = Some(collect_log);
    collect_log_payload: bool => all.collect_log_payload = Some(collect_log_payload);
    byok_alias: Text => {
        aliases.check(None, &byok_alias)?;
        all.byok_alias = Some(byok_alias.into_inner().into());
    };
    metadata: Named<Scalar> => for (name, value) in metadata {
        if all.metadata.add(name.get_ref().clone(), value.0).is_err() {
            let message = "there may be up to five entries, none beginning with `cf.`";
            return Err(name.refuse(Kind::Value, message));
        }
    };
    custom_cost: Table<Cost> => {
        let place = custom_cost.place();
        all.custom_cost = custom_cost.fields.apply(Prices::default(), ())?.cost();
        if all.custom_cost.is_none() {
            let message = "it must be { total_cost }, or { per_token_in, per_token_out } with \
                           per_cache_read_token and per_cache_write_token if you like";
            return Err(place.refuse(Kind::Value, message));
        }
    };
    cache_key: Spanned<IgnoredAny> => return Err(of_one_request(&cache_key));
    event_id: Spanned<IgnoredAny> => return Err(of_one_request(&event_id));
    otel_trace_id: Spanned<IgnoredAny> => return Err(of_one_request(&otel_trace_id));
    otel_parent_span_id: Spanned<IgnoredAny> => return Err(of_one_request(&otel_parent_span_id));
}

/// Refuses a default for a header that only makes sense per request.
fn of_one_request(value: &Spanned<IgnoredAny>) -> Mistake {
    value.refuse(
        Kind::UnknownKey,
        "it belongs to one request, so it has no default: clients send it",
    )
}

form!(Usd(f64), "a number of USD, not negative", |usd| *usd >= 0.0 && usd.is_finite());

section! {
    Cost, prices: Prices, _cx: ();
    total_cost: Usd => prices.total = Some(total_cost.0);
    per_token_in: Usd => prices.input = Some(per_token_in.0);
    per_cache_read_token: Usd => prices.cached_input = Some(per_cache_read_token.0);
    per_cache_write_token: Usd => prices.cache_write = Some(per_cache_write_token.0);
    per_token_out: Usd => prices.output = Some(per_token_out.0);
    per_token_cached_in: Usd => if prices.cached_input.replace(per_token_cached_in.0).is_some() {
        // Two prices for the same tokens are invalid.
        prices = Prices::default();
    };
}
