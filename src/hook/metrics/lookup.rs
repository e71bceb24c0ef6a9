//! Finds the handles of an exchange.

use std::sync::Arc;

use metrics::{Counter, Gauge, Label};

use super::identities::IdentityKey;
use super::known::Id;
use super::labels::ErrorType;
use super::names::{self, label};
use super::register::labels;
use super::series::Series;
use super::{Metrics, codes};
use crate::context::GatewayContext;
use crate::hook::genai;
use crate::hook::{EndEvent, Outcome};
use crate::usage::MatchedBy;
use crate::util::operation::Operation;

/// The handles of all requests for one operation.
pub(super) struct Requests {
    pub(super) started: Counter,
    pub(super) active: Gauge,
}

/// Everything that determines the labels of an exchange.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) provider: Id,
    request_model: Id,
    response_model: Id,
    pub(super) gateway: Id,
    identity: IdentityKey,
    pub(super) operation: Operation,
    outcome: Outcome,
    error: Option<ErrorType>,
    /// The provider's error code.
    code: Id,
}

impl Metrics {
    pub(super) fn requests(&self, operation: Operation) -> &Requests {
        self.requests[operation as usize].get_or_init(|| {
            let labels = labels([
                (label::OPERATION, Some(genai::operation_name(operation))),
                (label::OWN_OPERATION, Some(operation.as_str())),
            ]);
            Requests {
                started: self.register.counter(names::STARTED, labels.clone()),
                active: self.register.gauge(names::ACTIVE, labels),
            }
        })
    }

    /// All providers are labels, because the host chooses them.
    pub(super) fn provider(&self, context: &GatewayContext) -> Id {
        self.providers.id_or(context.provider(), |slug| self.providers.add(slug))
    }

    /// The gauge of live streams. The head and the end of a stream use the same one.
    pub(super) fn streams(&self, provider: Id, context: &GatewayContext) -> &Gauge {
        let make = || self.register.gauge(names::STREAMS, place(context));
        self.streams.get(&(provider, context.operation()), make)
    }

    /// A name or alias in the price table is known. Others are learned if `is_learned` says so, up to the
    /// limit. Dated names are not known, because clients can make up any number of them.
    fn model(
        &self,
        context: &GatewayContext,
        model: Option<&str>,
        is_learned: impl Fn(Option<MatchedBy>) -> bool,
    ) -> Id {
        self.models.id_or(model, |model| {
            let prices = self.prices.current();
            let provider = context.provider().unwrap_or_default();
            let found = prices.find_at(provider, context.provider_kind(), model);
            match found.map(|found| found.by) {
                Some(MatchedBy::Name | MatchedBy::Alias) => self.models.add(model),
                by if is_learned(by) => self.models.learn(model),
                _ => Id::OTHER,
            }
        })
    }

    pub(super) fn key(&self, end: &EndEvent<'_>) -> Key {
        let context = end.context;
        let is_success = end.is_success();
        let response_model = self.model(context, end.response_model, |_| is_success);
        let request_model = match end.request_model {
            // The usual case: look it up once.
            same if same == end.response_model => response_model,
            // A response names the model behind an alias, so other names are not learned.
            other => self.model(context, other, |by| is_success && by.is_some()),
        };
        let gateway = self.gateways.as_ref().map_or(Id::NONE, |gateways| {
            let learn = |name: &str| if is_success { gateways.learn(name) } else { Id::OTHER };
            gateways.id_or(Some(context.gateway()), learn)
        });
        Key {
            provider: self.provider(context),
            request_model,
            response_model,
            gateway,
            identity: self.identities.key(context.identity()),
            operation: context.operation(),
            outcome: end.outcome,
            error: ErrorType::of_end(end),
            code: codes::id(&self.codes, end.provider_error),
        }
    }

    pub(super) fn series(&self, mut key: Key, end: &EndEvent<'_>) -> &Series {
        if let Some(series) = self.series.find(&key) {
            return series;
        }
        if self.series.len() >= self.max_series {
            key.request_model = key.request_model.folded();
            key.response_model = key.response_model.folded();
            key.gateway = key.gateway.folded();
            key.identity = key.identity.folded();
            key.code = key.code.folded();
        }
        self.series.get(&key, || {
            let place = place(end.context);
            let gateway = self.gateways.as_ref().map(|_| end.context.gateway());
            let mut all = place.clone();
            all.extend(labels([
                (label::REQUEST_MODEL, key.request_model.label(end.request_model)),
                (label::RESPONSE_MODEL, key.response_model.label(end.response_model)),
                (label::GATEWAY, key.gateway.label(gateway)),
            ]));
            all.extend(key.identity.labels(end.context.identity()));
            let code = end.provider_error.and_then(|error| error.code.as_deref());
            let code = labels([(label::PROVIDER_ERROR, key.code.label(code))]);
            Arc::new(Series::new(&self.register, end, all, place, code))
        })
    }
}

/// The labels of provider and operation.
pub(super) fn place(context: &GatewayContext) -> Vec<Label> {
    labels([
        (label::PROVIDER, context.provider().map(genai::provider_name)),
        (label::OPERATION, Some(genai::operation_name(context.operation()))),
        (label::OWN_OPERATION, Some(context.operation().as_str())),
    ])
}
