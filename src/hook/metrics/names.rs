//! The names of all metrics and labels, in one place.

use metrics::{Recorder, SharedString, Unit};

/// A constant for each name, and the function that describes them all to a recorder.
macro_rules! metrics {
    ($($describe:ident {
        $($constant:ident = $name:literal, $unit:ident, $description:literal;)+
    })+) => {
        $($(pub(super) const $constant: &str = $name;)+)+

        pub(super) fn describe(recorder: &dyn Recorder) {
            let text = SharedString::const_str;
            $($(recorder.$describe($name.into(), Some(Unit::$unit), text($description));)+)+
        }
    };
}

// `gen_ai.*` are from OpenTelemetry's conventions for generative AI.
metrics! {
    describe_counter {
        STARTED = "ai_gateway.requests.started", Count, "Requests that arrived on a gateway path.";
        ENDED = "ai_gateway.requests.ended", Count, "Finished exchanges, by how they ended.";
        ATTEMPTS = "ai_gateway.attempts", Count,
            "Upstream calls that ended by a response head or a failure.";
        HEALTH_CHANGES = "ai_gateway.health.changes", Count,
            "Changes of the health of upstreams, by what they changed to.";
        TOKENS = "ai_gateway.tokens", Count,
            "Billed tokens; cache reads and writes are part of input, reasoning is part of output.";
        COST = "ai_gateway.cost.ticks", Count, "Cost of exchanges, in ticks of 10^-10 USD.";
        COST_UNKNOWN = "ai_gateway.cost.unknown", Count,
            "Successful responses whose cost is unknown.";
        CACHE = "ai_gateway.cache", Count, "Responses by what a cache in the upstream stack did.";
        SAVED_TOKENS = "ai_gateway.cache.saved.tokens", Count,
            "Tokens of answers from a cache, which are not billed again.";
        SAVED_COST = "ai_gateway.cache.saved.ticks", Count,
            "Cost saved by answers from a cache, in ticks of 10^-10 USD.";
        METERING = "ai_gateway.metering", Count,
            "Responses of providers by how their usage was read.";
        FLAGGED = "ai_gateway.requests.flagged", Count,
            "Finished exchanges whose request a guard flagged.";
        LIMITED = "ai_gateway.requests.limited", Count,
            "Requests that a limit refused; for a shadow, that it would have refused.";
        LIMIT_STORE_FAILED = "ai_gateway.limit.store_failed", Count,
            "Requests for which the store of a limit did not answer.";
        REQUEST_BYTES = "ai_gateway.request.bytes", Bytes,
            "Bytes of request bodies read from clients.";
        RESPONSE_BYTES = "ai_gateway.response.bytes", Bytes,
            "Bytes of response bodies handed to clients.";
    }
    describe_gauge {
        ACTIVE = "ai_gateway.requests.active", Count, "Exchanges in progress.";
        CIRCUIT = "ai_gateway.circuit.open", Count,
            "Circuit breakers: 1 open, 0.5 half open, 0 closed.";
        LIMIT = "ai_gateway.limit", Count, "How much a limit lets its callers use.";
        LIMIT_USED = "ai_gateway.limit.used", Count,
            "How much of a limit was used by the caller whose request ended last.";
        STREAMS = "ai_gateway.streams.active", Count, "Event streams that are being relayed.";
    }
    describe_histogram {
        DURATION = "gen_ai.client.operation.duration", Seconds,
            "From a request's arrival to the end of its response.";
        TOKEN_USAGE = "gen_ai.client.token.usage", Count, "Billed tokens of one exchange.";
        TIME_TO_FIRST_CHUNK = "gen_ai.client.operation.time_to_first_chunk", Seconds,
            "From a request's arrival to the first content.";
        TIME_PER_OUTPUT_CHUNK = "gen_ai.client.operation.time_per_output_chunk", Seconds,
            "Mean time between the contents of a whole stream.";
        OVERHEAD = "ai_gateway.overhead", Seconds, "The gateway's own share of an exchange.";
    }
}

pub(super) mod label {
    pub(crate) const OPERATION: &str = "gen_ai.operation.name";
    pub(crate) const OWN_OPERATION: &str = "ai_gateway.operation";
    pub(crate) const PROVIDER: &str = "gen_ai.provider.name";
    pub(crate) const REQUEST_MODEL: &str = "gen_ai.request.model";
    pub(crate) const RESPONSE_MODEL: &str = "gen_ai.response.model";
    pub(crate) const TOKEN_TYPE: &str = "gen_ai.token.type";
    pub(crate) const ERROR: &str = "error.type";
    /// The prefix of an identity's label.
    pub(crate) const IDENTITY: &str = "ai_gateway.identity.label.";
    pub(crate) const GATEWAY: &str = "ai_gateway.gateway";
    pub(crate) const PROVIDER_ERROR: &str = "ai_gateway.provider.error";
    pub(crate) const OUTCOME: &str = "ai_gateway.outcome";
    pub(crate) const TOKEN_KIND: &str = "ai_gateway.token.kind";
    pub(crate) const COST_SOURCE: &str = "ai_gateway.cost.source";
    pub(crate) const CACHE_STATUS: &str = "ai_gateway.cache.status";
    pub(crate) const UPSTREAM: &str = "ai_gateway.upstream";
    pub(crate) const HEALTH_STATE: &str = "ai_gateway.health.state";
    pub(crate) const RULE: &str = "ai_gateway.limit.rule";
    pub(crate) const MEASURE: &str = "ai_gateway.limit.measure";
    pub(crate) const SHADOW: &str = "ai_gateway.limit.shadow";
    pub(crate) const METERING_RESULT: &str = "ai_gateway.metering.result";
}
