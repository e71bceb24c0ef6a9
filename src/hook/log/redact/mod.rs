//! Removes credentials from records.

use std::collections::BTreeMap;

use super::LogRecord;
#[cfg(feature = "log-sqlite")]
use super::cut::Cut;
use super::cut::MARK;
use super::writer::Change;
use crate::directives::metadata::MetadataValue;
use crate::util::redact;

/// Redacts every text of a record that comes from the client or the provider, then applies the
/// host's closures to it.
pub(super) fn record(record: &mut LogRecord, more: &[Change<String>]) {
    let redact = |text: &mut String, is_cut: bool| {
        self::text(text, is_cut);
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
    // Guards and settings choose these, but may copy what the client has sent.
    let lists = fields!(groups flags limits).into_iter().flatten();
    lists.for_each(|text| redact(text, false));
    for (name, value) in &mut record.labels {
        redact::redact_member(name, value);
        redact(value, false);
    }
    for (key, value) in &mut record.metadata {
        self::value(key, value, |text| redact(text, false));
    }
    let may_change = |name: &str| !more.is_empty() || redact::redacted(name) != name;
    names(&mut record.labels, may_change, |name| redact(name, false));
    names(&mut record.metadata, may_change, |name| redact(name, false));
}

/// An entry of metadata as records have it: cut, and without credentials.
#[cfg(feature = "log-sqlite")]
pub(super) fn entry(
    cut: &mut Cut,
    (key, value): (&str, &MetadataValue),
) -> (String, MetadataValue) {
    let (mut key, mut value) = (cut.copy(key), cut.value(value));
    self::value(&key, &mut value, |text| self::text(text, false));
    text(&mut key, false);
    (key, value)
}

/// `is_cut`: the text continues after its end.
fn text(text: &mut String, is_cut: bool) {
    // The text was cut before the mark, so a key there may be short.
    let is_marked = text.ends_with(MARK);
    if is_marked {
        text.pop();
    }
    redact::redact(text, is_cut || is_marked);
    if is_marked {
        text.push(MARK);
    }
}

/// Redacts the value of an entry of metadata.
fn value(key: &str, value: &mut MetadataValue, redact: impl Fn(&mut String)) {
    match value {
        MetadataValue::String(text) => {
            redact::redact_member(key, text);
            redact(text);
        }
        // A number may be a PIN; a boolean tells nothing.
        MetadataValue::Number(_) if redact::is_credential(key) => {
            *value = MetadataValue::String(redact::REDACTED.to_owned());
        }
        MetadataValue::Number(_) | MetadataValue::Bool(_) => {}
    }
}

/// Redacts the names of members. Most maps stay as they are.
fn names<V>(
    members: &mut BTreeMap<String, V>,
    may_change: impl Fn(&str) -> bool,
    redact: impl Fn(&mut String),
) {
    if !members.keys().any(|name| may_change(name)) {
        return;
    }
    let redacted = std::mem::take(members).into_iter().map(|(mut name, value)| {
        redact(&mut name);
        (name, value)
    });
    *members = redacted.collect();
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
                "flags": [key], "limits": [key], "labels": { key.clone(): key }, "model": key, "request_model": key, "method": key,
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
            assert_eq!(text.matches("[REDACTED]").count(), 25, "{text}");
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
    fn a_number_with_the_name_of_a_credential_is_redacted() {
        let metadata = json!({ "pwd": 1234, "tokens": 123, "max_tokens": 5, "password": true });
        let mut kept: LogRecord = serde_json::from_value(json!({ "metadata": metadata })).unwrap();
        record(&mut kept, &[]);
        let expected =
            json!({ "pwd": "[REDACTED]", "tokens": 123, "max_tokens": 5, "password": true });
        assert_eq!(serde_json::to_value(kept.metadata).unwrap(), expected);
    }

    #[test]
    fn host_closures_see_every_text_from_others() {
        let texts = json!({
            "flags": ["inner.host"], "limits": ["inner.host"], "groups": ["inner.host"],
            "labels": { "inner.host": "inner.host" }, "metadata": { "inner.host": "inner.host" },
        });
        let mut kept: LogRecord = serde_json::from_value(texts).unwrap();
        record(&mut kept, &[Box::new(|text| *text = text.replace("inner.host", "[HOST]"))]);
        let text = serde_json::to_string(&kept).unwrap();
        assert!(!text.contains("inner.host"), "{text}");
        assert_eq!(text.matches("[HOST]").count(), 7, "{text}");
    }

    #[test]
    fn names_in_the_usage_are_redacted() {
        let key = "sk-abcdef012345";
        let usage = json!({ "service_tier": key, "parts": [{ "model": key }, { "model": "m" }] });
        let mut kept: LogRecord =
            serde_json::from_value(json!({ "usage_metadata": usage })).unwrap();
        record(&mut kept, &[]);
        let text = serde_json::to_string(&kept).unwrap();
        assert!(!text.contains(key) && text.contains(r#""model":"m""#), "{text}");
    }
}
