//! `/dashboard/api/limits`: the state of gateways' limits, and changes of their counters.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tower_ai_gateway::control::limits::{
    CounterOverview, LimitsHandle, LimitsOverview, RuleOverview, UnknownCounter,
};
use tower_ai_gateway::settings::Settings;
use tower_ai_gateway::settings::limits::{Period, Window};

use super::admin::Guard;
use super::change::{self, Answer, Failed, Fields, Peer};

/// The number of users that are shown per limit.
const TOP: usize = 5;

/// The state of the pages.
struct Limits {
    handle: LimitsHandle,
    /// `None` if no gateway has settings.
    settings: Option<Settings>,
    /// How operators pass the guard, for the log.
    by: &'static str,
}

/// The pages, behind the guard.
pub(crate) fn router(handle: LimitsHandle, settings: Option<Settings>, guard: Guard) -> Router {
    let by = change::by(&guard);
    let routes = Router::new()
        .route("/dashboard/api/limits", get(show))
        .route("/dashboard/api/limits/reset", post(reset))
        .route("/dashboard/api/limits/raise", post(raise))
        .with_state(Arc::new(Limits { handle, settings, by }));
    change::router(routes, guard)
}

async fn show(State(limits): State<Arc<Limits>>) -> Json<Value> {
    let LimitsOverview { rules, refused, would_refuse, store_failures, evicted, .. } =
        limits.handle.overview(TOP).await;
    let rules: Vec<_> = rules.iter().map(rule).collect();
    Json(json!({
        "rules": rules, "refused": refused, "would_refuse": would_refuse,
        "store_failures": store_failures, "evicted": evicted,
    }))
}

fn rule(rule: &RuleOverview) -> Value {
    let RuleOverview { account, gateway, rule: name, measure, limit, by, .. } = rule;
    let RuleOverview { is_shadow, counters, refused, would_refuse, store_failures, top, .. } = rule;
    let top: Vec<_> = top.iter().map(counter).collect();
    json!({
        "account": account, "gateway": gateway, "rule": name, "measure": measure.as_str(),
        "limit": limit, "capacity": rule.capacity(), "window": window(rule.window), "by": by,
        "shadow": is_shadow, "counters": counters, "refused": refused,
        "would_refuse": would_refuse, "store_failures": store_failures, "top": top,
    })
}

fn counter(counter: &CounterOverview) -> Value {
    let CounterOverview { values, used, remaining, resets_after, .. } = counter;
    json!({ "values": values, "used": used, "remaining": remaining, "resets_ms": milliseconds(*resets_after) })
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn window(window: Window) -> String {
    match window {
        Window::Fixed(Period::Minute) => "minute".to_owned(),
        Window::Fixed(Period::Hour) => "hour".to_owned(),
        Window::Fixed(Period::Day) => "day".to_owned(),
        Window::Fixed(Period::Week) => "week".to_owned(),
        Window::Fixed(Period::Month) => "month".to_owned(),
        Window::Sliding(time) => format!("{} s, sliding", time.as_secs()),
        Window::Bucket { per, .. } => format!("{} s, bucket", per.as_secs()),
        _ => "other".to_owned(),
    }
}

async fn reset(State(limits): State<Arc<Limits>>, peer: Peer, body: Bytes) -> Answer {
    limits.change(peer, Change::read(&body, false)?).await
}

async fn raise(State(limits): State<Arc<Limits>>, peer: Peer, body: Bytes) -> Answer {
    limits.change(peer, Change::read(&body, true)?).await
}

/// What to change.
struct Change {
    account: Option<String>,
    gateway: String,
    rule: String,
    values: Vec<String>,
    /// In the limit's unit; `None` for a reset.
    extra: Option<u64>,
}

impl Change {
    fn read(body: &[u8], needs_extra: bool) -> Result<Self, Failed> {
        let mut fields = Fields::read(body)?;
        let account = fields.optional_text("account")?;
        let (gateway, rule) = (fields.text("gateway")?, fields.text("rule")?);
        let values = match fields.take("values") {
            None => Some(Vec::new()),
            Some(Value::Array(values)) => {
                let text = |value: Value| value.as_str().map(str::to_owned);
                values.into_iter().map(text).collect()
            }
            Some(_) => None,
        };
        let values = values.ok_or_else(|| Failed::bad("`values` must be a list of strings"))?;
        let extra = fields.take("extra").map(|extra| extra.as_u64().filter(|extra| *extra > 0));
        let extra = match (extra, needs_extra) {
            (Some(Some(extra)), true) => Some(extra),
            (None, false) => None,
            (_, true) => return Err(Failed::bad("`extra` is needed, a whole number from 1 on")),
            (Some(_), false) => return Err(Failed::bad("`extra` is only for a raise")),
        };
        fields.end("account, gateway, rule, values and extra")?;
        Ok(Self { account, gateway, rule, values, extra })
    }
}

impl Limits {
    async fn change(&self, peer: Peer, change: Change) -> Answer {
        let Change { account, gateway, rule, values, extra } = change;
        let table = self.settings.as_ref().map(Settings::current);
        let settings = table.as_ref().and_then(|table| table.get(account.as_deref(), &gateway));
        let settings = settings.ok_or_else(|| Failed::unknown("there is no such gateway"))?;
        let texts: Vec<_> = values.iter().map(String::as_str).collect();
        let counter = self.handle.counter(settings, &rule, &texts).map_err(unknown)?;
        let before = counter.standing().await.map_err(Failed::store)?;
        let after = match extra {
            Some(extra) => counter.raise(extra).await,
            None => counter.reset().await,
        };
        let peer = change::address(peer);
        let message = match (extra.is_some(), after.is_ok()) {
            (true, true) => "a limit was raised",
            (false, true) => "a limit was reset",
            // The store may have made the change without confirming it.
            (true, false) => "a limit may have been raised",
            (false, false) => "a limit may have been reset",
        };
        // Names may contain text that would forge a line: they are quoted and escaped.
        tracing::info!(
            by = self.by,
            ?peer,
            ?account,
            ?gateway,
            ?rule,
            ?values,
            ?extra,
            before = before.used,
            after = after.as_ref().ok().map(|after| after.used),
            error = after.as_ref().err().map(tracing::field::display),
            "{message}",
        );
        let after = after.map_err(Failed::store)?;
        Ok(Json(json!({
            "before": { "used": before.used, "remaining": before.remaining },
            "after": {
                "used": after.used, "remaining": after.remaining, "resets_ms": milliseconds(after.resets_after),
            },
        })))
    }
}

fn unknown(error: UnknownCounter) -> Failed {
    match error {
        UnknownCounter::Rule => Failed::unknown(error),
        _ => Failed::bad(error),
    }
}
