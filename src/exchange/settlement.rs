//! Computes usage and cost of an exchange at its end.

use std::time::{Duration, Instant};

use http::{Method, StatusCode};

use crate::context::GatewayContext;
use crate::exchange::observation::Observation;
use crate::hook::{CacheStatus, Outcome, Saved};
use crate::usage::metering::{Metering, Reading};
use crate::usage::{self, Billing, Cost, CostSource, Later, Meter, Pricing, Usage};

/// The usage and the cost of one exchange.
#[derive(Debug, Default)]
pub(super) struct Settlement {
    pub(super) usage: Option<Usage>,
    pub(super) metering: Metering,
    pub(super) cost: Option<Cost>,
    /// What an answer from a cache would have used and cost.
    pub(super) saved: Option<Box<Saved>>,
    pub(super) deferral: Deferral,
}

/// Whether an exchange orders or fetches a deferred response, which the provider makes later. The number
/// identifies the response, if its id is known: it is the same for the order and the fetch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Deferral {
    #[default]
    None,
    /// The exchange has ordered the response.
    Ordered(Option<u64>),
    /// The exchange is the first to fetch the response.
    Fetched(Option<u64>),
}

/// The facts that determine the settlement, except the bytes of the response.
pub(super) struct Facts<'a> {
    pub(super) context: &'a GatewayContext,
    /// The provider's status, not the gateway's own.
    pub(super) status: Option<StatusCode>,
    pub(super) request_model: Option<&'a str>,
    /// The path names the model.
    pub(super) is_model_in_path: bool,
    pub(super) cache: Option<CacheStatus>,
    pub(super) outcome: Outcome,
    /// How long the exchange has taken.
    pub(super) total: Duration,
    /// The number of characters of the text to speak.
    pub(super) characters: Option<u64>,
}

impl Settlement {
    pub(super) fn of(observation: &Observation, facts: &Facts<'_>, reading: Reading<'_>) -> Self {
        let Some(status) = facts.status else { return Self::default() };
        let context = facts.context;
        let upstream = context.upstream();
        let meter = reading.meter;
        let call = usage::Call {
            method: context.method(),
            operation: context.operation(),
            kind: context.provider_kind().unwrap_or_default(),
            rest: context.call_path(),
            status,
        };
        let billing = usage::billing(&call);
        let mut usage = meter.and_then(Meter::usage);
        if bills_characters(usage.as_ref(), facts.characters, meter) {
            usage.get_or_insert_default().characters = facts.characters;
        }
        if !status.is_success() || billing == Billing::Unknown {
            usage = None;
        }
        let cost = |usage| cost(observation, facts, meter, &call, &billing, usage);
        if facts.cache.is_some_and(CacheStatus::is_hit) {
            // Fetching a stored response again is never billed, so a cache saves nothing.
            let is_new =
                matches!(billing, Billing::Always | Billing::IfReported | Billing::Unknown);
            let saved = (is_new && status.is_success())
                .then(|| Box::new(Saved { usage, cost: cost(usage.as_ref()) }));
            let cost = Some(Cost { ticks: 0, source: CostSource::Cache });
            let metering = Metering::Repeated;
            return Self { metering, cost, saved, ..Self::default() };
        }
        let is_whole = facts.outcome == Outcome::Complete
            || meter.is_some_and(|meter| meter.terminal().is_some());
        let metering = reading.metering(is_whole);
        let is_read = matches!(metering, Metering::Complete | Metering::None);
        let place = upstream.map(|upstream| (upstream.slug(), upstream.host().as_bytes()));
        let is_new = |id: &str| observation.billed.is_new(&(place, id), Instant::now());
        let number = |id: &str| observation.promised.number(&(place, id));
        let is_free = match billing {
            Billing::Never => true,
            Billing::Unknown => false,
            Billing::Always => match meter.and_then(Meter::later) {
                None | Some((_, Later::Stored)) => false,
                Some((id, later)) if usage.is_some() => {
                    // Resuming the stream returns the same usage again.
                    if later == Later::Background {
                        is_new(id);
                    }
                    false
                }
                Some((id, Later::Background | Later::Pending)) => {
                    observation.promised.is_new(&(place, id), Instant::now());
                    true
                }
            },
            Billing::IfReported => usage.is_none() && is_read,
            // Without usage, the work is not finished, so do not remember the id.
            Billing::Once { .. } if usage.is_none() => is_read,
            Billing::Once { id } => !is_new(id),
            Billing::Later { id } => {
                // What is not ready yet reports nothing final.
                let is_due = meter.filter(|meter| !meter.is_pending()).is_some_and(|meter| {
                    let has_promised =
                        || observation.promised.has_seen(&(place, id), Instant::now());
                    meter.is_made_later() || has_promised()
                });
                !(is_due && usage.is_some() && is_new(id))
            }
        };
        let deferral = match billing {
            _ if call.is_order() || is_free && billing == Billing::Always => {
                let later = meter.and_then(Meter::later);
                Deferral::Ordered(later.map(|(id, _)| number(id)))
            }
            // The response is not ready yet, or was fetched before.
            _ if is_free => Deferral::None,
            Billing::Later { id } => Deferral::Fetched(Some(number(id))),
            // A deferred completion. The response to its order does not name its id.
            Billing::Always if !context.is_call() => Deferral::Fetched(None),
            _ => Deferral::None,
        };
        if is_free {
            return Self { metering: Metering::Free, deferral, ..Self::default() };
        }
        let cost = cost(usage.as_ref());
        Self { usage, metering, cost, saved: None, deferral }
    }
}

/// The cost of the billed usage.
fn cost(
    observation: &Observation,
    facts: &Facts<'_>,
    meter: Option<&Meter>,
    call: &usage::Call<'_>,
    billing: &Billing<'_>,
    usage: Option<&Usage>,
) -> Option<Cost> {
    let context = facts.context;
    let is_unanswered = matches!(billing, Billing::Once { .. } | Billing::IfReported)
        || meter.is_some_and(|meter| meter.error().is_some());
    if !call.status.is_success() || usage.is_none() && is_unanswered {
        return None;
    }
    let pricing = Pricing {
        provider: context.provider().unwrap_or_default(),
        kind: context.provider_kind(),
        model: meter.and_then(Meter::model).or(facts.request_model).unwrap_or_default(),
        asked: facts.request_model,
        serves_asked: facts.is_model_in_path
            || context.upstream().is_some_and(|upstream| upstream.names_deployments()),
        operation: call.operation,
        path: call.rest,
        service_tier: meter.and_then(Meter::service_tier),
        host: context.upstream().map_or("", |upstream| upstream.host_name(context.origin())),
        region: meter.and_then(Meter::region),
        speed: meter.and_then(Meter::speed),
        image_size: meter.and_then(Meter::image_size),
        image_quality: meter.and_then(Meter::image_quality),
        at: context.log_id().timestamp() + facts.total,
        batch: false,
    };
    let custom = context.directives().and_then(|directives| directives.custom_cost);
    let parts = meter.map_or(&[][..], Meter::parts);
    usage::cost(usage, parts, custom, &observation.prices, &pricing)
}

/// Returns true if a speech response, such as plain audio, reports no usage, so that the characters of
/// the text are what is billed.
fn bills_characters(usage: Option<&Usage>, characters: Option<u64>, meter: Option<&Meter>) -> bool {
    let is_reported =
        || usage.is_some_and(|usage| usage.total().is_some() || usage.cost_ticks.is_some());
    let has_failed = || meter.is_some_and(|meter| meter.error().is_some());
    characters.is_some() && !is_reported() && !has_failed()
}

/// Returns true if a response lacks its terminal marker.
pub(super) fn is_unfinished(
    context: &GatewayContext,
    status: Option<StatusCode>,
    meter: Option<&Meter>,
) -> bool {
    meter.is_some_and(|meter| {
        meter.shape().has_marker()
            && meter.is_stream()
            && *context.method() != Method::HEAD
            && status.is_some_and(|status| status.is_success())
            && meter.terminal().is_none()
            // If metering stopped early, the marker may have been missed.
            && meter.problem().is_none()
    })
}
