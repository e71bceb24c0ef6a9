//! Removes credentials from records.

use super::LogRecord;
use super::cut::MARK;
use super::writer::Change;
use crate::directives::metadata::MetadataValue;
use crate::util::redact;

/// Redacts every text of a record that comes from the client or the provider, then applies the
/// host's closures to it.
pub(super) fn record(record: &mut LogRecord, more: &[Change<String>]) {
    let redact = |text: &mut String, is_cut: bool| {
        // The text was cut before the mark, so a key there may be short.
        let is_marked = text.ends_with(MARK);
        if is_marked {
            text.pop();
        }
        redact::redact(text, is_cut || is_marked);
        if is_marked {
            text.push(MARK);
        }
        more.iter().for_each(|change| change(text));
    };
    let (request, response) = (record.request_head_complete, record.response_head_complete);
    macro_rules! fields {
        ($($field:ident)+) => { [$(&mut record.$field),+] };
    }
    for (text, is_cut) in fields!(request_head response_head).into_iter().zip([request, response]) {
        text.iter_mut().for_each(|text| redact(text, is_cut == Some(false)));
    }
    let optional = fields!(account subject model request_model request_content_type
        response_content_type user_agent provider_error provider_request_id);
    let texts = optional.into_iter().flatten().chain(fields!(event_id gateway method path));
    texts.for_each(|text| redact(text, false));
    if let Some(usage) = &mut record.usage_metadata {
        let models = usage.parts.iter_mut().filter_map(|part| part.model.as_mut());
        usage.service_tier.iter_mut().chain(models).for_each(|text| redact(text, false));
    }
    record.groups.iter_mut().for_each(|group| redact(group, false));
    for (name, value) in &mut record.labels {
        redact::redact_member(name, value);
        redact(value, false);
    }
    record.metadata = std::mem::take(&mut record.metadata)
        .into_iter()
        .map(|(mut key, mut value)| {
            if let MetadataValue::String(value) = &mut value {
                redact::redact_member(&key, value);
                redact(value, false);
            }
            redact(&mut key, false);
            (key, value)
        })
        .collect();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::redact::{names, samples};
    use serde_json::json;

    #[test]
    fn keys_in_an_identity_are_redacted() {
        let key = "sk-abcdef012345";
        let labels = json!({ "plan": "paid", "session": key, "api_key": "x" });
        let mut kept: LogRecord = serde_json::from_value(
            json!({ "subject": key, "groups": ["staff", key], "labels": labels }),
        )
        .unwrap();
        record(&mut kept, &[]);
        let hidden = "[REDACTED]".to_owned();
        assert_eq!((kept.subject, &kept.groups[1]), (Some(hidden.clone()), &hidden));
        let labels: Vec<_> = kept.labels.values().collect();
        assert_eq!(labels, [&hidden, "paid", &hidden]);
    }

    #[test]
    fn a_key_of_every_kind_is_redacted_in_every_text() {
        for key in samples() {
            let mut kept: LogRecord = serde_json::from_value(json!({
                "event_id": key, "account": key, "gateway": key, "subject": key, "groups": [key],
                "labels": { "a": key }, "model": key, "request_model": key, "method": key,
                "path": format!("/v1/{key}"), "request_content_type": key,
                "response_content_type": key, "user_agent": key, "provider_error": key,
                "provider_request_id": key, "metadata": { key.clone(): key, "b": key },
                "request_head": format!("{{\"a\":\"{key}\"}}"), "response_head": key,
                "usage_metadata": { "service_tier": key, "parts": [{ "model": key }] },
            }))
            .unwrap();
            record(&mut kept, &[]);
            let text = serde_json::to_string(&kept).unwrap();
            assert!(!text.contains(&key), "{text}");
            assert_eq!(text.matches("[REDACTED]").count(), 22, "{text}");
        }
    }

    #[test]
    fn a_value_of_every_name_is_redacted_in_labels_and_metadata() {
        for name in names() {
            let fields = json!({ "labels": { name: "hunter2" }, "metadata": { name: "hunter2" } });
            let mut kept: LogRecord = serde_json::from_value(fields).unwrap();
            record(&mut kept, &[]);
            let text = serde_json::to_string(&kept).unwrap();
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn what_the_usage_names_is_redacted() {
        let key = "sk-abcdef012345";
        let usage = json!({ "service_tier": key, "parts": [{ "model": key }, { "model": "m" }] });
        let mut kept: LogRecord =
            serde_json::from_value(json!({ "usage_metadata": usage })).unwrap();
        record(&mut kept, &[]);
        let text = serde_json::to_string(&kept).unwrap();
        assert!(!text.contains(key) && text.contains(r#""model":"m""#), "{text}");
    }
}
