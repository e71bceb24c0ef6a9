//! The names of all metrics and labels, in one place.

use metrics::{Recorder, SharedString, Unit};

// OpenTelemetry's, of its conventions for generative AI.
pub(super) const DURATION: &str = "gen_ai.client.operation.duration";
pub(super) const TOKEN_USAGE: &str = "gen_ai.client.token.usage";
pub(super) const TIME_TO_FIRST_CHUNK: &str = "gen_ai.client.operation.time_to_first_chunk";
pub(super) const TIME_PER_OUTPUT_CHUNK: &str = "gen_ai.client.operation.time_per_output_chunk";

// Our own.
pub(super) const STARTED: &str = "ai_gateway.requests.started";
pub(super) const ENDED: &str = "ai_gateway.requests.ended";
pub(super) const ACTIVE: &str = "ai_gateway.requests.active";
pub(super) const STREAMS: &str = "ai_gateway.streams.active";
pub(super) const ATTEMPTS: &str = "ai_gateway.attempts";
pub(super) const HEALTH_CHANGES: &str = "ai_gateway.health.changes";
pub(super) const CIRCUIT: &str = "ai_gateway.circuit.open";
pub(super) const TOKENS: &str = "ai_gateway.tokens";
pub(super) const COST: &str = "ai_gateway.cost.ticks";
pub(super) const COST_UNKNOWN: &str = "ai_gateway.cost.unknown";
pub(super) const CACHE: &str = "ai_gateway.cache";
pub(super) const METERING: &str = "ai_gateway.metering";
pub(super) const FLAGGED: &str = "ai_gateway.requests.flagged";
pub(super) const OVERHEAD: &str = "ai_gateway.overhead";
pub(super) const REQUEST_BYTES: &str = "ai_gateway.request.bytes";
pub(super) const RESPONSE_BYTES: &str = "ai_gateway.response.bytes";

pub(super) mod label {
    pub(crate) const OPERATION: &str = "gen_ai.operation.name";
    pub(crate) const OWN_OPERATION: &str = "ai_gateway.operation";
    pub(crate) const PROVIDER: &str = "gen_ai.provider.name";
    pub(crate) const REQUEST_MODEL: &str = "gen_ai.request.model";
    pub(crate) const RESPONSE_MODEL: &str = "gen_ai.response.model";
    pub(crate) const TOKEN_TYPE: &str = "gen_ai.token.type";
    pub(crate) const ERROR: &str = "error.type";
    /// Before the name of an identity's label.
    pub(crate) const IDENTITY: &str = "ai_gateway.identity.label.";
    pub(crate) const GATEWAY: &str = "ai_gateway.gateway";
    pub(crate) const PROVIDER_ERROR: &str = "ai_gateway.provider.error";
    pub(crate) const OUTCOME: &str = "ai_gateway.outcome";
    pub(crate) const TOKEN_KIND: &str = "ai_gateway.token.kind";
    pub(crate) const COST_SOURCE: &str = "ai_gateway.cost.source";
    pub(crate) const CACHE_STATUS: &str = "ai_gateway.cache.status";
    pub(crate) const UPSTREAM: &str = "ai_gateway.upstream";
    pub(crate) const HEALTH_STATE: &str = "ai_gateway.health.state";
    pub(crate) const METERING_RESULT: &str = "ai_gateway.metering.result";
}

const COUNTERS: [(&str, Unit, &str); 12] = [
    (STARTED, Unit::Count, "Requests that arrived on a gateway path."),
    (ENDED, Unit::Count, "Exchanges that are over, by how they ended."),
    (ATTEMPTS, Unit::Count, "Upstream calls that ended by a response head or a failure."),
    (HEALTH_CHANGES, Unit::Count, "Changes of the health of upstreams, by what they changed to."),
    (
        TOKENS,
        Unit::Count,
        "Billed tokens; cache reads and writes are part of input, reasoning is part of output.",
    ),
    (COST, Unit::Count, "What exchanges cost, in ticks of 10^-10 USD."),
    (COST_UNKNOWN, Unit::Count, "Successful responses whose cost nobody knows."),
    (CACHE, Unit::Count, "Responses by what a cache in the upstream stack did."),
    (METERING, Unit::Count, "Responses of providers by how their usage was read."),
    (FLAGGED, Unit::Count, "Exchanges that are over and whose request a guard has flagged."),
    (REQUEST_BYTES, Unit::Bytes, "Bytes of request bodies read from clients."),
    (RESPONSE_BYTES, Unit::Bytes, "Bytes of response bodies handed to clients."),
];

const GAUGES: [(&str, &str); 3] = [
    (ACTIVE, "Exchanges that have begun and not ended."),
    (CIRCUIT, "Circuit breakers: 1 open, 0.5 half open, 0 closed."),
    (STREAMS, "Event streams that are being relayed."),
];

const HISTOGRAMS: [(&str, Unit, &str); 5] = [
    (DURATION, Unit::Seconds, "From a request's arrival to the end of its response."),
    (TOKEN_USAGE, Unit::Count, "Billed tokens of one exchange."),
    (TIME_TO_FIRST_CHUNK, Unit::Seconds, "From a request's arrival to the first content."),
    (TIME_PER_OUTPUT_CHUNK, Unit::Seconds, "Mean time between the contents of a whole stream."),
    (OVERHEAD, Unit::Seconds, "The gateway's own share of an exchange."),
];

pub(super) fn describe(recorder: &dyn Recorder) {
    let text = SharedString::const_str;
    for (name, unit, description) in COUNTERS {
        recorder.describe_counter(name.into(), Some(unit), text(description));
    }
    for (name, description) in GAUGES {
        recorder.describe_gauge(name.into(), Some(Unit::Count), text(description));
    }
    for (name, unit, description) in HISTOGRAMS {
        recorder.describe_histogram(name.into(), Some(unit), text(description));
    }
}
