//! How a record is filled from the end of an exchange.

use std::fmt::{Display, Write as _};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::usage::parts;
use super::{LogRecord, LoggedTimings, LoggedUsage};
use crate::context::Affinity;
use crate::hook::log::cut::{Cut, TEXT_LIMIT};
use crate::hook::{CacheStatus, EndEvent, Failure};
use crate::usage::custom_cost::CustomCost;
use crate::usage::{CostSource, Terminal, Usage};
use crate::util::identity::Identity;

impl LogRecord {
    /// Creates a record without bodies. Texts from the client or the provider are cut to 1 KiB
    /// each.
    #[must_use]
    pub fn new(end: &EndEvent<'_>) -> Self {
        let mut record = Self::default();
        record.fill(end, TEXT_LIMIT);
        record
    }

    /// Fills the record again and reuses the memory of its texts. Texts are cut to `limit` bytes.
    pub(in crate::hook::log) fn fill(&mut self, end: &EndEvent<'_>, limit: usize) {
        // Name every field, so that nothing of the previous record remains.
        let Self {
            id,
            created_at,
            event_id,
            account,
            gateway,
            subject,
            groups,
            labels,
            provider,
            model,
            request_model,
            model_type,
            request_type,
            method,
            path,
            duration,
            request_content_type,
            response_content_type,
            user_agent,
            status_code,
            success,
            outcome,
            failure,
            gave_up_retries,
            flags,
            limits,
            gateway_code,
            provider_error,
            provider_request_id,
            stream,
            terminal,
            cached,
            cache_status,
            cache_entry,
            saved_tokens,
            saved_cost,
            saved_cost_ticks,
            step,
            attempts,
            session,
            affinity,
            metering,
            tokens_in,
            tokens_out,
            usage_metadata,
            cost,
            cost_ticks,
            cost_source,
            cost_unknown,
            custom_cost,
            metadata,
            timings,
            request_size,
            request_head,
            request_head_complete,
            response_size,
            response_head,
            response_head_complete,
            cut: was_cut,
            feedback,
            score,
        } = self;
        let context = end.context;
        let log_id = context.log_id();
        let identity = context.identity();
        let mut cut = Cut::at(limit);

        // Texts from the client or the provider.
        match context.given_event_id() {
            Some(given) => cut.bytes(event_id, given.as_bytes()),
            None => shown(event_id, &log_id),
        }
        cut.option(account, context.account());
        cut.text(gateway, context.gateway());
        cut.option(subject, identity.map(Identity::subject));
        groups.clear();
        labels.clear();
        if let Some(identity) = identity {
            groups.extend(identity.groups().map(|group| cut.copy(group)));
            labels.extend(identity.labels().map(|(name, value)| (cut.copy(name), cut.copy(value))));
        }
        cut.option(model, end.response_model.or(end.request_model));
        cut.option(request_model, end.request_model);
        cut.text(method, context.method().as_str());
        cut.text(path, context.path());
        cut.option(request_content_type, end.request_content_type);
        cut.option(response_content_type, end.response_content_type);
        cut.option(user_agent, end.user_agent);
        let code = end.provider_error.map(|error| error.code.as_deref().unwrap_or_default());
        cut.option(provider_error, code);
        cut.option(provider_request_id, end.provider_request_id);
        match end.usage {
            Some(usage) => {
                let logged = usage_metadata.get_or_insert_default();
                let mut service_tier = logged.service_tier.take();
                cut.option(&mut service_tier, end.service_tier);
                let parts = parts(end.usage_parts, &mut cut);
                *logged = LoggedUsage { service_tier, parts, ..LoggedUsage::new(usage) };
            }
            None => *usage_metadata = None,
        }
        metadata.clear();
        for (key, value) in context.metadata().iter() {
            metadata.insert(cut.copy(key), cut.value(value));
        }
        *was_cut = cut.was_needed;

        // Texts that are always short.
        shown(id, &log_id);
        *created_at = timestamp(log_id.timestamp());
        named(provider, context.provider());
        put(model_type, context.operation().as_str());
        named(request_type, context.endpoint());
        *duration = milliseconds(end.timings.total);
        *status_code = end.status.map(|status| status.as_u16());
        *success = end.is_success();
        put(outcome, end.outcome.as_str());
        named(failure, end.failure.map(Failure::as_str));
        *gave_up_retries = end.gave_up_retries;
        *session = context.session().map(ToString::to_string);
        named(affinity, context.affinity().map(Affinity::as_str));
        flags.clear();
        flags.extend(end.flags.iter().map(|flag| flag.to_string()));
        limits.clear();
        let exceeded = end.limits.iter().filter(|report| report.is_exceeded);
        limits.extend(exceeded.map(|report| report.rule.to_string()));
        *gateway_code = end.gateway_code;
        *stream = end.stream;
        named(terminal, end.terminal.map(Terminal::as_str));
        *cached = end.cache.is_some_and(CacheStatus::is_hit);
        named(cache_status, end.cache.map(CacheStatus::as_str));
        named(cache_entry, end.cache_entry);
        let saved = end.saved.and_then(|saved| saved.cost);
        *saved_tokens = end.saved.and_then(|saved| saved.usage?.total());
        *saved_cost = saved.map(|cost| cost.usd());
        *saved_cost_ticks = saved.map(|cost| cost.ticks);
        *step = end.step;
        *attempts = end.attempts;
        put(metering, end.metering.as_str());
        *tokens_in = end.usage.and_then(Usage::input);
        *tokens_out = end.usage.and_then(Usage::output);
        *cost = end.cost.map(|cost| cost.usd());
        *cost_ticks = end.cost.map(|cost| cost.ticks);
        named(cost_source, end.cost.map(|cost| cost.source.as_str()));
        if let (Some(text), Some(CostSource::Table { as_of })) =
            (cost_source, end.cost.map(|cost| cost.source))
        {
            // Writing to a string cannot fail.
            let _ = write!(text, " {as_of}");
        }
        *cost_unknown = end.is_cost_unknown();
        let custom: Option<CustomCost> =
            context.directives().and_then(|directives| directives.custom_cost);
        *custom_cost = custom.is_some();
        *timings = LoggedTimings {
            to_head: end.timings.to_head.map(milliseconds),
            to_first_data: end.timings.to_first_data.map(milliseconds),
            to_first_token: end.timings.to_first_token.map(milliseconds),
            inter_token: end.timings.inter_token.map(milliseconds),
            overhead: milliseconds(end.timings.overhead),
        };
        *request_size = end.request_bytes;
        *response_size = end.response_bytes;
        (*request_head, *request_head_complete) = (None, None);
        (*response_head, *response_head_complete) = (None, None);
        (*feedback, *score) = (None, None);
    }
}

/// Replaces a text and reuses its memory.
fn put(into: &mut String, text: &str) {
    into.clear();
    into.push_str(text);
}

fn named(into: &mut Option<String>, text: Option<&str>) {
    match text {
        Some(text) => put(into.get_or_insert_default(), text),
        None => *into = None,
    }
}

fn shown(into: &mut String, value: &impl Display) {
    into.clear();
    // Writing to a string cannot fail.
    let _ = write!(into, "{value}");
}

fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or_default()
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e6
}
