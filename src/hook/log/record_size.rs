//! Estimates the memory of a record.

use super::{LogRecord, LoggedPart};
use crate::directives::metadata::MetadataValue;

/// The number of entries in a node of a `BTreeMap`.
const NODE: usize = 11;

/// The memory of a queued record in bytes: the struct, every text, its labels and its metadata.
pub(super) fn record_size(record: &LogRecord) -> usize {
    let usage = record.usage_metadata.as_ref();
    macro_rules! fields {
        ($($field:ident)+) => { [$(&record.$field),+] };
    }
    let lists = fields!(groups flags limits);
    let texts = fields!(id event_id gateway model_type method path outcome metering);
    let optional = fields!(account subject provider model request_model request_type
        request_content_type response_content_type user_agent failure provider_error
        provider_request_id terminal cache_status cache_entry session affinity cost_source request_head
        response_head);
    let optional = optional.into_iter().chain(usage.map(|usage| &usage.service_tier));
    let parts = usage.into_iter().flat_map(|usage| &usage.parts);
    let texts = texts
        .into_iter()
        .chain(optional.flatten())
        .chain(parts.filter_map(|part| part.model.as_ref()))
        .chain(lists.into_iter().flatten())
        .chain(record.labels.iter().flat_map(|(name, value)| [name, value]))
        .chain(record.metadata.keys())
        .chain(record.metadata.values().filter_map(|value| match value {
            MetadataValue::String(text) => Some(text),
            _ => None,
        }));
    size_of::<LogRecord>()
        + texts.map(String::capacity).sum::<usize>()
        + lists.map(Vec::capacity).into_iter().sum::<usize>() * size_of::<String>()
        + usage.map_or(0, |usage| usage.parts.capacity()) * size_of::<LoggedPart>()
        + places(record.labels.len()) * size_of::<(String, String)>()
        + places(record.metadata.len()) * size_of::<(String, MetadataValue)>()
}

/// The maximum number of slots that a `BTreeMap` with this many entries allocates: nodes may be
/// half empty.
fn places(entries: usize) -> usize {
    if entries == 0 { 0 } else { 2 * entries + NODE }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_text_of_a_record_counts() {
        let empty = serde_json::to_value(LogRecord::default()).unwrap();
        let light = record_size(&LogRecord::default());
        let long = json!("x".repeat(10_000));
        let mut weighed = 0;
        let hidden = [
            "subject",
            "groups",
            "labels",
            "flags",
            "limits",
            "cache_entry",
            "session",
            "affinity",
        ]
        .map(str::to_owned);
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
                // Skip values of the wrong type.
                let Ok(record) = serde_json::from_value::<LogRecord>(record) else { continue };
                let is_kept = serde_json::to_string(&record).unwrap().len()
                    > 10_000 + empty.to_string().len() / 2;
                assert!(!is_kept || record_size(&record) >= light + 10_000, "{name}");
                weighed += usize::from(is_kept);
            }
        }
        assert!(weighed > 27, "{weighed}");
    }
}
