//! Metrics of exchanges through the facade crate `metrics`, for any of its exporters.
//!
//! ```
//! use tower_ai_gateway::metrics::Metrics;
//! use tower_ai_gateway::{GatewayLayer, Provider};
//!
//! let layer = GatewayLayer::builder()
//!     .provider(Provider::xai())
//!     .metrics_hook(Metrics::new())
//!     .build()?;
//! # Ok::<(), tower_ai_gateway::ConfigError>(())
//! ```
//!
//! # Metrics
//!
//! Names and labels follow OpenTelemetry's conventions for generative AI where those define them.
//! The conventions are not stable yet, so **names and labels are outside of semantic versioning**:
//! a minor release may follow a change there. Exporters may spell them differently, as in
//! `gen_ai_client_operation_duration_seconds`.
//!
//! | metric | kind, unit | labels beside the common ones |
//! |---|---|---|
//! | `gen_ai.client.operation.duration` | histogram, s | `error.type` |
//! | `gen_ai.client.token.usage` | histogram, tokens | `gen_ai.token.type`: `input`, `output` |
//! | `gen_ai.client.operation.time_to_first_chunk` | histogram, s | |
//! | `gen_ai.client.operation.time_per_output_chunk` | histogram, s: the mean of one stream | |
//! | `ai_gateway.requests.started` | counter | of the common ones only the operations |
//! | `ai_gateway.requests.active` | gauge | of the common ones only the operations |
//! | `ai_gateway.requests.ended` | counter | `ai_gateway.outcome`, `error.type`, `ai_gateway.provider.error` |
//! | `ai_gateway.requests.flagged` | counter: a [guard](crate::Guard) has flagged them | |
//! | `ai_gateway.streams.active` | gauge | no model |
//! | `ai_gateway.attempts` | counter | no model; `error.type` |
//! | `ai_gateway.health.changes` | counter, under a `HealthLayer` (feature `control`) | of the common ones only the provider; `ai_gateway.upstream`, `ai_gateway.health.state`: the new state |
//! | `ai_gateway.circuit.open` | gauge: 1 open, 0.5 half open, 0 closed | of the common ones only the provider; `ai_gateway.upstream` |
//! | `ai_gateway.limit` | gauge, in the rule's unit: the limit of each caller | `ai_gateway.limit.rule`, `ai_gateway.limit.measure`, and none of the common ones |
//! | `ai_gateway.limit.used` | gauge, in the rule's unit: the use of the caller whose request ended last | those of `ai_gateway.limit` |
//! | `ai_gateway.requests.limited` | counter: a limit had no room | those of `ai_gateway.limit`, and `ai_gateway.limit.shadow`: `true` if the rule let them pass |
//! | `ai_gateway.limit.store_failed` | counter: the store of counts did not answer | those of `ai_gateway.limit` |
//! | `ai_gateway.tokens` | counter | `ai_gateway.token.kind`: `input`, `output`, `cache_read`, `cache_write`, `cache_write_long`, `audio_input`, `image_input`, `reasoning`, `audio_output`, `image_output` |
//! | `ai_gateway.cost.ticks` | counter, 10<sup>-10</sup> USD | `ai_gateway.cost.source`: `custom`, `reported`, `table` |
//! | `ai_gateway.cost.unknown` | counter | |
//! | `ai_gateway.cache` | counter | `ai_gateway.cache.status`: `hit`, `stale`, `miss`, `bypass` |
//! | `ai_gateway.cache.saved.tokens` | counter: tokens that cache hits have saved | `gen_ai.token.type`: `input`, `output` |
//! | `ai_gateway.cache.saved.ticks` | counter, 10<sup>-10</sup> USD: costs that they have saved | |
//! | `ai_gateway.metering` | counter | `ai_gateway.metering.result`: as [`Metering`](crate::usage::Metering) |
//! | `ai_gateway.overhead` | histogram, s | no model |
//! | `ai_gateway.request.bytes` | counter, bytes | |
//! | `ai_gateway.response.bytes` | counter, bytes | |
//!
//! Metrics of `ai_gateway.limit` need the feature `limits`. The counted caller is never a label.
//!
//! Common labels: `gen_ai.operation.name`, `ai_gateway.operation` (the name of an
//! [`Operation`]), `gen_ai.provider.name`, `gen_ai.request.model`,
//! `gen_ai.response.model`; a label without a value is left out. `error.type` is a status, the name
//! of a [`Failure`](crate::hook::Failure), `provider` for an error under a status of success, or
//! `cancelled`. `ai_gateway.provider.error` is the provider's own code of an error, whatever the
//! status.
//!
//! Counters are exact: tokens of `input` and `output` are all billed tokens, and the other kinds
//! are parts of them. Free responses have no cost and do not count as unknown costs. When no
//! request is active, as many have ended as started. Durations cover exchanges with a call to a
//! provider, even if no connection could be made; durations of chunks exclude cache hits. The hit rate of a cache is (`hit` + `stale`) /
//! (`hit` + `stale` + `miss`).
//!
//! # Labels are bounded
//!
//! Clients choose models, so only known models become labels: those in the [price
//! table](Metrics::prices), in the [host's list](Metrics::models), or named by a complete
//! successful response while there is [room](Metrics::max_models). Any other is `other`. Dated names
//! of models in the table are endless, so they are learned too, those in requests included. A
//! provider's error code is a label if it is one of the usual codes or one of the first 50 others
//! that look like a code, else `other`. Accounts, metadata and subjects are never labels; gateways
//! are if the host [enables it](Metrics::label_gateways). The [metric
//! labels](crate::util::identity::IdentityBuilder::metric_label) of an
//! [`Identity`](crate::Identity) become `ai_gateway.identity.label.{name}`, up to a
//! [maximum](Metrics::max_identities) number of sets of values.

mod cache;
mod codes;
mod identities;
mod known;
mod labels;
mod lookup;
mod names;
mod register;
mod series;

use std::sync::{Arc, Once, OnceLock};

use metrics::{Counter, Gauge, Recorder};

use self::cache::Cache;
use self::identities::Identities;
use self::known::{Id, Known};
use self::labels::ErrorType;
use self::lookup::{Key, Requests, place};
use self::names::label;
use self::register::Register;
use self::series::{Series, with_error};
use super::genai;
use super::health::{HealthChange, HealthState};
use super::{AttemptEvent, EndEvent, HeadEvent, LimitReport, MetricsHook, RequestEvent};
use crate::usage::Prices;
use crate::util::macros::setters;
use crate::util::opaque::opaque_debug;
use crate::util::operation::Operation;

/// The default number of models that are learned from responses.
const MAX_MODELS: usize = 100;

/// The number of error codes that are learned from responses, in addition to the usual ones.
const MAX_CODES: usize = 50;

/// The default number of different sets of identity label values.
const MAX_IDENTITIES: usize = 100;

/// The maximum number of label sets with model names.
const MAX_SERIES: usize = 10_000;

/// `Other` is the last.
const OPERATIONS: usize = Operation::Other as usize + 1;

/// A hook that measures every exchange; see the [module](self).
///
/// ```
/// use tower_ai_gateway::metrics::Metrics;
/// use tower_ai_gateway::{GatewayLayer, Provider};
///
/// let gateway =
///     GatewayLayer::builder().provider(Provider::xai()).metrics_hook(Metrics::new()).build()?;
/// # let _ = gateway;
/// # Ok::<(), tower_ai_gateway::ConfigError>(())
/// ```
pub struct Metrics {
    register: Register,
    prices: Prices,
    providers: Known,
    models: Known,
    gateways: Option<Known>,
    identities: Identities,
    codes: Known,
    max_series: usize,
    described: Once,
    requests: [OnceLock<Requests>; OPERATIONS],
    attempts: Cache<(Id, Operation, Option<ErrorType>), Counter>,
    streams: Cache<(Id, Operation), Gauge>,
    series: Cache<Key, Arc<Series>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Uses the recorder that the process has installed by the first request.
    #[must_use]
    pub fn new() -> Self {
        Self {
            register: Register::Installed,
            prices: Prices::default(),
            providers: Known::new(usize::MAX),
            models: Known::new(MAX_MODELS),
            gateways: None,
            identities: Identities::new(MAX_IDENTITIES),
            codes: codes::known(MAX_CODES),
            max_series: MAX_SERIES,
            described: Once::new(),
            requests: Default::default(),
            attempts: Cache::default(),
            streams: Cache::default(),
            series: Cache::default(),
        }
    }

    /// Adds models that are always labels, such as aliases: responses name the model behind an
    /// alias, so aliases are not learned.
    #[must_use]
    pub fn models<M: AsRef<str>>(self, models: impl IntoIterator<Item = M>) -> Self {
        for model in models {
            self.models.add(model.as_ref());
        }
        self
    }
}

setters! { impl Metrics {
    /// Uses this recorder instead of the installed one.
    pub fn recorder(self, recorder: impl Recorder + Send + Sync + 'static) =>
        self.register = Register::Given(Arc::new(recorder));

    /// The prices whose models are labels; pass a clone of the
    /// [layer's](crate::GatewayLayerBuilder::prices). Default:
    /// [`PriceTable::builtin`](crate::usage::PriceTable::builtin).
    pub fn prices(self, prices: Prices) => self.prices = prices;

    /// The maximum number of models that become labels because a response names them. Default: 100.
    pub fn max_models(self, most: usize) => self.models.set_most(most);

    /// Adds the gateway as a label to metrics of ended requests, for the first `most` gateways with
    /// a complete successful response; others are `other`. Default: no such label.
    pub fn label_gateways(self, most: usize) => self.gateways = Some(Known::new(most));

    /// The maximum number of sets of values of identities' [metric
    /// labels](crate::util::identity::IdentityBuilder::metric_label); further values are `other`.
    /// Default: 100.
    pub fn max_identities(self, most: usize) => self.identities.set_most(most);
}}

impl Metrics {
    /// The rule's name is safe as a label because the host chooses it. The counted caller is not a
    /// label.
    #[cold]
    fn record_limit(&self, report: &LimitReport, gateway: Id, end: &EndEvent<'_>) {
        let own = self.gateways.as_ref().map(|_| end.context.gateway());
        let labels = |shadow: Option<&str>| {
            register::labels([
                (label::GATEWAY, gateway.label(own)),
                (label::RULE, Some(&*report.rule)),
                (label::MEASURE, Some(report.measure)),
                (label::SHADOW, shadow),
            ])
        };
        self.register.gauge(names::LIMIT_USED, labels(None)).set(report.used as f64);
        self.register.gauge(names::LIMIT, labels(None)).set(report.limit as f64);
        if report.is_exceeded {
            let shadow = if report.is_shadow { "true" } else { "false" };
            self.register.counter(names::LIMITED, labels(Some(shadow))).increment(1);
        }
        if report.has_store_failed {
            self.register.counter(names::LIMIT_STORE_FAILED, labels(None)).increment(1);
        }
    }
}

impl MetricsHook for Metrics {
    fn on_request(&self, request: &RequestEvent<'_>) {
        self.described.call_once(|| self.register.with(names::describe));
        let requests = self.requests(request.context.operation_of_path());
        requests.started.increment(1);
        requests.active.increment(1.0);
    }

    fn on_attempt(&self, attempt: &AttemptEvent<'_>) {
        let context = attempt.context;
        let error = ErrorType::of_attempt(attempt);
        let make = || self.register.counter(names::ATTEMPTS, with_error(place(context), error));
        let key = (self.provider(context), context.operation(), error);
        self.attempts.get(&key, make).increment(1);
    }

    fn on_head(&self, head: &HeadEvent<'_>) {
        if head.stream {
            self.streams(self.provider(head.context), head.context).increment(1.0);
        }
    }

    fn on_end(&self, end: &EndEvent<'_>) {
        let key = self.key(end);
        self.requests(end.context.operation_of_path()).active.decrement(1.0);
        let series = self.series(key, end);
        if end.stream {
            series.streams(|| self.streams(key.provider, end.context).clone()).decrement(1.0);
        }
        series.record(&self.register, end);
        for report in end.limits {
            self.record_limit(report, key.gateway, end);
        }
    }

    fn on_health(&self, change: &HealthChange<'_>) {
        let provider = change.provider.map(genai::provider_name);
        let place = [(label::PROVIDER, provider), (label::UPSTREAM, Some(change.upstream))];
        let [provider, upstream] = place;
        let state = (label::HEALTH_STATE, Some(change.to.as_str()));
        let labels = register::labels([provider, upstream, state]);
        self.register.counter(names::HEALTH_CHANGES, labels).increment(1);
        let openness = match change.to {
            HealthState::Closed => 0.0,
            HealthState::HalfOpen => 0.5,
            HealthState::Open => 1.0,
            // This is the state of a key, not of the circuit.
            HealthState::CoolingDown => return,
        };
        self.register.gauge(names::CIRCUIT, register::labels(place)).set(openness);
    }
}

opaque_debug!(Metrics { series.len() });

#[cfg(test)]
mod tests;
