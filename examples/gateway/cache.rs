//! `/dashboard/api/cache`: the cache's counts and savings, and purges.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Bytes;
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use tower_ai_gateway::control::cache::{CacheHandle, CacheStoreError, PurgeTarget, SealedKey};
use tower_ai_gateway::usage::Usage;
use tower_ai_gateway::{EndEvent, MetricsHook};

use super::admin::Guard;
use super::change::{self, Answer, Failed, Fields, Peer};

/// The savings by responses from the cache since the start.
#[derive(Debug, Default)]
pub(crate) struct Savings {
    tokens: AtomicU64,
    ticks: AtomicU64,
    /// Responses whose cost is unknown.
    unknown: AtomicU64,
}

impl MetricsHook for Savings {
    fn on_end(&self, end: &EndEvent<'_>) {
        let Some(saved) = end.saved else { return };
        let tokens = saved.usage.as_ref().and_then(Usage::total).unwrap_or_default();
        self.tokens.fetch_add(tokens, Ordering::Relaxed);
        match saved.cost {
            Some(cost) => self.ticks.fetch_add(cost.ticks, Ordering::Relaxed),
            None => self.unknown.fetch_add(1, Ordering::Relaxed),
        };
    }
}

/// The state of the pages.
struct Pages {
    handle: CacheHandle,
    savings: Arc<Savings>,
    /// How operators pass the guard, for the log.
    by: &'static str,
}

/// The pages, behind the guard.
pub(crate) fn router(handle: CacheHandle, savings: Arc<Savings>, guard: Guard) -> Router {
    let by = change::by(&guard);
    let routes = Router::new()
        .route("/dashboard/api/cache", get(show))
        .route("/dashboard/api/cache/purge", post(purge))
        .with_state(Arc::new(Pages { handle, savings, by }));
    change::router(routes, guard)
}

async fn show(State(pages): State<Arc<Pages>>) -> Json<Value> {
    Json(pages.report())
}

async fn purge(State(pages): State<Arc<Pages>>, peer: Peer, body: Bytes) -> Answer {
    pages.purge(peer, Purge::read(&body)?).await
}

impl Pages {
    fn report(&self) -> Value {
        let report = self.handle.stats();
        let answered = report.hits + report.stale;
        let asked = answered + report.misses;
        let not_stored = report.not_stored.iter();
        let not_stored: Map<_, _> =
            not_stored.map(|(why, count)| (why.as_str().to_owned(), json!(count))).collect();
        let saved = |number: &AtomicU64| number.load(Ordering::Relaxed);
        json!({
            "hits": report.hits, "stale": report.stale, "misses": report.misses,
            "bypasses": report.bypasses, "stored": report.stored, "not_stored": not_stored,
            "hit_rate": (asked > 0).then(|| answered as f64 / asked as f64),
            "saved_tokens": saved(&self.savings.tokens),
            "saved_cost_ticks": saved(&self.savings.ticks),
            "saved_cost_unknown": saved(&self.savings.unknown),
            "continued_calls": report.continued.calls,
            "continued_tokens": report.continued.input_tokens + report.continued.output_tokens,
            "continued_cost_ticks": report.continued.cost_ticks,
            "entries": report.store.entries, "bytes": report.store.bytes,
            "evicted": report.store.evicted, "failures": report.store.failures,
        })
    }

    async fn purge(&self, peer: Peer, purge: Purge) -> Answer {
        let target = purge.target();
        self.handle.purge(target).await.map_err(|error| match error {
            CacheStoreError::UnknownKey => Failed::unknown(error),
            _ => Failed::store(error),
        })?;
        let Purge { account, gateway, part } = &purge;
        let (kind, name) = part.as_ref().map(Part::kind_and_name).unzip();
        // Names may contain text that would forge a line: they are quoted and escaped.
        tracing::info!(
            by = self.by,
            peer = ?change::address(peer),
            ?account,
            ?gateway,
            kind,
            ?name,
            "the cache was purged",
        );
        Ok(Json(self.report()))
    }
}

/// What to purge.
#[derive(Debug, PartialEq, Eq)]
struct Purge {
    account: Option<String>,
    /// `None` for everything.
    gateway: Option<String>,
    part: Option<Part>,
}

/// A part of a gateway's entries.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Provider(String),
    Model(String),
    Key(String),
    Entry { digits: String, key: SealedKey },
}

impl Part {
    fn kind_and_name(&self) -> (&'static str, &str) {
        match self {
            Self::Provider(slug) => ("provider", slug),
            Self::Model(model) => ("model", model),
            Self::Key(key) => ("key", key),
            Self::Entry { digits, .. } => ("entry", digits),
        }
    }
}

impl Purge {
    fn read(body: &[u8]) -> Result<Self, Failed> {
        let mut fields = Fields::read(body)?;
        let is_everything = match fields.take("everything") {
            None => false,
            Some(Value::Bool(true)) => true,
            Some(_) => return Err(Failed::bad("`everything` must be true, or be left out")),
        };
        let account = fields.optional_text("account")?;
        let gateway = fields.optional_text("gateway")?;
        let entry = |digits: String| {
            let key = digits.parse::<SealedKey>();
            let key = key.map_err(|error| Failed::bad(format_args!("`entry`: {error}")))?;
            Ok(Part::Entry { digits, key })
        };
        let mut parts = vec![
            fields.optional_text("provider")?.map(Part::Provider),
            fields.optional_text("model")?.map(Part::Model),
            fields.optional_text("key")?.map(Part::Key),
            fields.optional_text("entry")?.map(entry).transpose()?,
        ];
        fields.end("everything, account, gateway, provider, model, key and entry")?;
        parts.retain(Option::is_some);
        let of_gateway = account.is_some() || gateway.is_some() || !parts.is_empty();
        match (is_everything, &gateway, parts.len()) {
            (true, ..) if of_gateway => {
                Err(Failed::bad("`everything` cannot be combined with anything else"))
            }
            // A forgotten field must not purge everything.
            (false, None, _) => Err(Failed::bad("`gateway` is needed, or `everything`")),
            (_, _, 2..) => Err(Failed::bad("only one of provider, model, key and entry at a time")),
            _ => Ok(Self { account, gateway, part: parts.pop().flatten() }),
        }
    }

    fn target(&self) -> PurgeTarget {
        let Some(gateway) = &self.gateway else { return PurgeTarget::all() };
        let target = PurgeTarget::gateway(gateway);
        let target = match &self.account {
            Some(account) => target.account(account),
            None => target,
        };
        match &self.part {
            None => target,
            Some(Part::Provider(slug)) => target.provider(slug),
            Some(Part::Model(model)) => target.model(model),
            Some(Part::Key(key)) => target.custom_key(key),
            Some(Part::Entry { key, .. }) => target.sealed_entry(*key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purge_is_read_strictly() {
        let read = |text: &str| Purge::read(text.as_bytes()).map_err(Failed::message);
        let all = read(r#"{"everything":true}"#).unwrap();
        assert_eq!(all.target(), PurgeTarget::all());
        let gateway = || PurgeTarget::gateway("g").account("a");
        let digits = "0123456789abcdef".repeat(5);
        let entry = digits.parse().unwrap();
        for (part, target) in [
            (String::new(), gateway()),
            (r#","provider":"grok""#.to_owned(), gateway().provider("grok")),
            (r#","model":"grok-4""#.to_owned(), gateway().model("grok-4")),
            (r#","key":"k""#.to_owned(), gateway().custom_key("k")),
            (format!(r#","entry":"{digits}""#), gateway().sealed_entry(entry)),
        ] {
            let text = format!(r#"{{"account":"a","gateway":"g"{part}}}"#);
            assert_eq!(read(&text).unwrap().target(), target, "{text}");
        }
        let bare = read(r#"{"gateway":"g","account":null}"#).unwrap();
        assert_eq!(bare.target(), PurgeTarget::gateway("g"));
        for (text, words) in [
            ("", "EOF"),
            ("[]", "object"),
            ("{}", "`gateway`"),
            (r#"{"account":"a"}"#, "`gateway`"),
            (r#"{"provider":"grok"}"#, "`gateway`"),
            (r#"{"everything":false}"#, "`everything`"),
            (r#"{"everything":"yes"}"#, "`everything`"),
            (r#"{"everything":true,"gateway":"g"}"#, "combined"),
            (r#"{"everything":true,"model":"m"}"#, "combined"),
            (r#"{"gateway":1}"#, "`gateway`"),
            (r#"{"gateway":"g","model":"m","key":"k"}"#, "at a time"),
            (r#"{"gateway":"g","entry":"12"}"#, "80"),
            (r#"{"gateway":"g","modell":"m"}"#, "only everything"),
        ] {
            let error = read(text).err().unwrap_or_default();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
