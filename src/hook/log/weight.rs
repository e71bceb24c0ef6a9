//! How much memory a record takes up.

use super::{LogRecord, LoggedPart};
use crate::directives::metadata::MetadataValue;

/// Entries of metadata share nodes of so many places, which may be empty.
const NODE: usize = 11;

/// The bytes of a record while it is queued: itself, every text in it, and its metadata.
pub(super) fn weight(record: &LogRecord) -> usize {
    // Every field is named, so that a new one is not forgotten here.
    let LogRecord {
        id,
        event_id,
        account,
        subject,
        groups,
        flags,
        labels,
        gateway,
        provider,
        model,
        request_model,
        model_type,
        request_type,
        method,
        path,
        request_content_type,
        response_content_type,
        user_agent,
        outcome,
        failure,
        provider_error,
        provider_request_id,
        terminal,
        cache_status,
        metering,
        usage_metadata,
        cost_source,
        metadata,
        request_head,
        response_head,
        created_at: _,
        duration: _,
        status_code: _,
        success: _,
        gateway_code: _,
        stream: _,
        cached: _,
        step: _,
        attempts: _,
        tokens_in: _,
        tokens_out: _,
        cost: _,
        cost_ticks: _,
        cost_unknown: _,
        custom_cost: _,
        timings: _,
        request_size: _,
        request_head_complete: _,
        response_size: _,
        response_head_complete: _,
        cut: _,
        feedback: _,
        gave_up_retries: _,
        score: _,
    } = record;
    let texts = [id, event_id, gateway, model_type, method, path, outcome, metering];
    let tier = usage_metadata.as_ref().and_then(|usage| usage.service_tier.as_ref());
    let parts = usage_metadata.as_ref().map(|usage| &usage.parts);
    let models = parts.into_iter().flatten().filter_map(|part| part.model.as_ref());
    let optional = [
        account.as_ref(),
        subject.as_ref(),
        provider.as_ref(),
        model.as_ref(),
        request_model.as_ref(),
        request_type.as_ref(),
        request_content_type.as_ref(),
        response_content_type.as_ref(),
        user_agent.as_ref(),
        failure.as_ref(),
        provider_error.as_ref(),
        provider_request_id.as_ref(),
        terminal.as_ref(),
        cache_status.as_ref(),
        cost_source.as_ref(),
        request_head.as_ref(),
        response_head.as_ref(),
        tier,
    ];
    let texts = texts
        .into_iter()
        .chain(optional.into_iter().flatten())
        .chain(models)
        .chain(groups)
        .chain(flags);
    let entries = metadata.iter().map(|(key, value)| match value {
        MetadataValue::String(text) => key.capacity() + text.capacity(),
        _ => key.capacity(),
    });
    let places = if metadata.is_empty() { 0 } else { 2 * metadata.len() + NODE };
    let of_labels = labels.iter().map(|(name, value)| name.capacity() + value.capacity());
    let label_places = if labels.is_empty() { 0 } else { 2 * labels.len() + NODE };
    size_of::<LogRecord>()
        + of_labels.sum::<usize>()
        + label_places * size_of::<(String, String)>()
        + (groups.capacity() + flags.capacity()) * size_of::<String>()
        + texts.map(String::capacity).sum::<usize>()
        + entries.sum::<usize>()
        + places * size_of::<(String, MetadataValue)>()
        + parts.map_or(0, Vec::capacity) * size_of::<LoggedPart>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_text_of_a_record_has_its_weight() {
        let empty = serde_json::to_value(LogRecord::default()).unwrap();
        let light = weight(&LogRecord::default());
        let long = json!("x".repeat(10_000));
        let mut weighed = 0;
        let hidden = ["subject", "groups", "labels", "flags"].map(str::to_owned);
        for name in empty.as_object().unwrap().keys().chain(&hidden) {
            for value in [
                long.clone(),
                json!({ "service_tier": long }),
                json!({ "parts": [{ "model": long }] }),
                json!({ "key": long }),
                json!({ "x".repeat(10_000): 1 }),
                json!([long]),
            ] {
                let mut record = empty.clone();
                record[name.as_str()] = value;
                // What does not fit the field is no record.
                let Ok(record) = serde_json::from_value::<LogRecord>(record) else { continue };
                let is_kept = serde_json::to_string(&record).unwrap().len()
                    > 10_000 + empty.to_string().len() / 2;
                assert!(!is_kept || weight(&record) >= light + 10_000, "{name}");
                weighed += usize::from(is_kept);
            }
        }
        assert!(weighed > 24, "{weighed}");
    }
}
