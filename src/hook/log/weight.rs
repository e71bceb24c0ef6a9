//! How much memory a record takes up.

use super::LogRecord;
use crate::metadata::MetadataValue;

/// The bytes of a record while it is queued, near enough: all that a client can make large is
/// counted.
pub(super) fn weight(record: &LogRecord) -> usize {
    let texts = [
        &record.model,
        &record.request_model,
        &record.request_content_type,
        &record.response_content_type,
        &record.user_agent,
        &record.provider_error,
        &record.provider_request_id,
        &record.request_head,
        &record.response_head,
    ];
    let texts = texts.into_iter().flatten().map(String::capacity).sum::<usize>();
    let metadata = record.metadata.iter().map(|(key, value)| match value {
        MetadataValue::String(text) => key.len() + text.len(),
        _ => key.len(),
    });
    size_of::<LogRecord>() + texts + record.path.len() + metadata.sum::<usize>()
}
