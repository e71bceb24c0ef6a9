//! The name and attributes of a span.

use opentelemetry::{Array, KeyValue, StringValue, Value};

use crate::directives::metadata::MetadataValue;
use crate::hook::EndEvent;
use crate::hook::genai::{operation_name, provider_name};
use crate::usage::{Usage, UsagePart};
use crate::util::redact::{REDACTED, cut, is_credential, redact_member, shown};

/// The maximum length of a model in a span's name, in bytes.
const LONGEST_NAMED_MODEL: usize = 128;

/// The maximum number of models per exchange that are listed separately.
const MOST_SHARES: usize = 32;

/// `{operation} {model}`, or the operation alone.
pub(super) fn span_name(end: &EndEvent<'_>) -> String {
    let operation = operation_name(end.context.operation());
    match end.request_model {
        Some(model) => {
            // Redact before cutting: the start of a key does not look like a key.
            format!("{operation} {}", cut(&shown(model), LONGEST_NAMED_MODEL).0)
        }
        None => operation.to_owned(),
    }
}

/// The attributes that the conventions require when a span is sampled.
pub(super) fn for_sampling(end: &EndEvent<'_>) -> Vec<KeyValue> {
    let mut attributes = Vec::with_capacity(5);
    let operation = operation_name(end.context.operation());
    attributes.push(KeyValue::new("gen_ai.operation.name", operation));
    // The host chooses names and addresses of providers, so they need no redaction.
    // The convention asks whose API it is; the address tells two accounts apart.
    if let Some(provider) = end.context.provider_kind().or(end.context.provider()) {
        attributes.push(KeyValue::new("gen_ai.provider.name", provider_name(provider).to_owned()));
    }
    if let Some(model) = end.request_model {
        attributes.push(KeyValue::new("gen_ai.request.model", text(model)));
    }
    if let Some(upstream) = end.context.upstream() {
        let (address, port) = upstream.server();
        attributes.push(KeyValue::new("server.address", address.to_owned()));
        attributes.push(KeyValue::new("server.port", i64::from(port)));
    }
    attributes
}

/// All other attributes.
pub(super) fn each(end: &EndEvent<'_>, mut put: impl FnMut(KeyValue)) {
    let mut set = |key: &'static str, value: Option<Value>| {
        if let Some(value) = value {
            put(KeyValue::new(key, value));
        }
    };
    let context = end.context;
    let timings = &end.timings;

    set("gen_ai.request.stream", end.stream_requested.then(|| true.into()));
    set("gen_ai.response.model", end.response_model.map(text));
    // Like the metric of this name, this ignores chunks without content, such as the one with the
    // role.
    let first_token = timings.to_first_token.map(|time| Value::from(time.as_secs_f64()));
    set("gen_ai.response.time_to_first_chunk", first_token.clone());
    if let Some(usage) = end.usage {
        set("gen_ai.usage.input_tokens", usage.input().map(count));
        set("gen_ai.usage.output_tokens", usage.output().map(count));
        set("gen_ai.usage.cache_read.input_tokens", usage.cache_read.map(count));
        set("gen_ai.usage.cache_creation.input_tokens", usage.cache_write.map(count));
        set("gen_ai.usage.reasoning.output_tokens", usage.reasoning.map(count));
        for (key, number) in further(usage) {
            set(key, number.map(count));
        }
        for (key, value) in shares(end.usage_parts) {
            set(key, Some(value));
        }
    }
    if let Some(cost) = end.cost {
        set("gen_ai.usage.cost", Some(cost.usd().into()));
        set("ai_gateway.cost.usd", Some(cost.usd().into()));
        set("ai_gateway.cost.ticks", Some(count(cost.ticks)));
        set("ai_gateway.cost.source", Some(cost.source.as_str().into()));
    }
    let status = end.status.map(|status| i64::from(status.as_u16()).into());
    set("http.response.status_code", status);

    set("ai_gateway.log_id", Some(context.log_id().to_string().into()));
    set("ai_gateway.event_id", context.event_id().to_str().ok().map(text));
    set("ai_gateway.account", context.account().map(text));
    set("ai_gateway.gateway", Some(text(context.gateway())));
    set("ai_gateway.operation", Some(context.operation().as_str().into()));
    set("ai_gateway.outcome", Some(end.outcome.as_str().into()));
    set("ai_gateway.metering", Some(end.metering.as_str().into()));
    let code = end.provider_error.map(|error| text(error.code.as_deref().unwrap_or_default()));
    set("ai_gateway.provider.error", code);
    set("ai_gateway.code", end.gateway_code.map(|code| i64::from(code).into()));
    if !end.flags.is_empty() {
        let flags =
            end.flags.iter().map(|flag| StringValue::from(shown(flag).into_owned())).collect();
        set("ai_gateway.flags", Some(Value::Array(Array::String(flags))));
    }
    set("ai_gateway.stream", Some(end.stream.into()));
    set("ai_gateway.cache_status", end.cache.map(|cache| cache.as_str().into()));
    if let Some(saved) = end.saved {
        let usage = saved.usage.as_ref();
        set("ai_gateway.saved.input_tokens", usage.and_then(Usage::input).map(count));
        set("ai_gateway.saved.output_tokens", usage.and_then(Usage::output).map(count));
        set("ai_gateway.saved.cost.usd", saved.cost.map(|cost| cost.usd().into()));
        set("ai_gateway.saved.cost.ticks", saved.cost.map(|cost| count(cost.ticks)));
    }
    set("ai_gateway.step", Some(i64::from(end.step).into()));
    set("ai_gateway.attempts", Some(i64::from(end.attempts).into()));
    set("ai_gateway.session", context.session().map(|own| own.to_string().into()));
    set("ai_gateway.affinity", context.affinity().map(|own| own.as_str().into()));
    set("ai_gateway.overhead", Some(timings.overhead.as_secs_f64().into()));
    set("ai_gateway.time_to_first_token", first_token);

    if let Some(identity) = context.identity() {
        put(KeyValue::new("enduser.id", text(identity.subject())));
        if identity.groups().len() > 0 {
            let groups = identity.groups().map(|group| shown(group).into_owned().into());
            let groups = Value::Array(Array::String(groups.collect()));
            put(KeyValue::new("ai_gateway.identity.groups", groups));
        }
        for (name, value) in identity.labels() {
            put(KeyValue::new(
                format!("ai_gateway.identity.label.{}", shown(name)),
                member(name, value),
            ));
        }
    }
    for (key, value) in context.metadata().iter() {
        let value = match value {
            MetadataValue::String(string) => member(key, string),
            MetadataValue::Number(_) if is_credential(key) => REDACTED.into(),
            MetadataValue::Number(number) => (*number).into(),
            MetadataValue::Bool(flag) => (*flag).into(),
        };
        // With the prefix, a client's key cannot replace another attribute.
        put(KeyValue::new(format!("ai_gateway.metadata.{}", shown(key)), value));
    }
}

/// Attributes that the conventions do not define.
fn further(usage: &Usage) -> [(&'static str, Option<u64>); 10] {
    macro_rules! named {
        ($($field:ident)+) => {
            [$((concat!("ai_gateway.usage.", stringify!($field)), usage.$field)),+]
        };
    }
    named!(cache_write_long audio_input image_input audio_output image_output images duration_ms
        characters search_units pages)
}

/// Lists of equal length: the models, and the tokens of each.
fn shares(parts: &[UsagePart]) -> impl Iterator<Item = (&'static str, Value)> {
    let parts = &parts[..parts.len().min(MOST_SHARES)];
    let tokens = |of: fn(&Usage) -> Option<u64>| {
        let number = |part: &UsagePart| of(&part.usage).unwrap_or_default();
        let numbers = parts.iter().map(|part| i64::try_from(number(part)).unwrap_or(i64::MAX));
        Value::Array(Array::I64(numbers.collect()))
    };
    let model = |part: &UsagePart| {
        StringValue::from(shown(part.model.as_deref().unwrap_or_default()).into_owned())
    };
    let models = Value::Array(Array::String(parts.iter().map(model).collect()));
    let all = [
        ("ai_gateway.usage.parts.models", models),
        ("ai_gateway.usage.parts.input_tokens", tokens(Usage::input)),
        ("ai_gateway.usage.parts.output_tokens", tokens(Usage::output)),
    ];
    all.into_iter().filter(|_| !parts.is_empty())
}

/// A text from a client or a provider, redacted.
pub(super) fn text(text: &str) -> Value {
    shown(text).into_owned().into()
}

/// The value of a metadata entry.
fn member(key: &str, value: &str) -> Value {
    let mut value = shown(value).into_owned();
    redact_member(key, &mut value);
    value.into()
}

fn count(count: u64) -> Value {
    i64::try_from(count).unwrap_or(i64::MAX).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_models_are_lists() {
        let part = |model: Option<&str>, tokens| UsagePart {
            model: model.map(Box::from),
            usage: Usage { input_uncached: Some(tokens), ..Usage::default() },
        };
        assert_eq!(shares(&[]).count(), 0);
        let parts = [part(None, 5), part(Some("haiku"), u64::MAX)];
        let lists: Vec<_> = shares(&parts).map(|(key, value)| format!("{key} {value}")).collect();
        assert_eq!(
            lists,
            [
                r#"ai_gateway.usage.parts.models ["","haiku"]"#.to_owned(),
                format!("ai_gateway.usage.parts.input_tokens [5,{}]", i64::MAX),
                "ai_gateway.usage.parts.output_tokens [0,0]".to_owned(),
            ]
        );
        let many = vec![part(None, 1); 100];
        let (_, Value::Array(Array::I64(numbers))) = shares(&many).nth(1).unwrap() else {
            panic!()
        };
        assert_eq!(numbers.len(), MOST_SHARES);
    }

    #[test]
    fn units_other_than_tokens_are_attributes() {
        let mut usage = Usage { characters: Some(7), pages: Some(2), ..Usage::default() };
        usage.duration_ms = Some(1500);
        let told: Vec<_> =
            further(&usage).into_iter().filter(|(_, number)| number.is_some()).collect();
        assert_eq!(
            told,
            [
                ("ai_gateway.usage.duration_ms", Some(1500)),
                ("ai_gateway.usage.characters", Some(7)),
                ("ai_gateway.usage.pages", Some(2)),
            ]
        );
    }

    #[test]
    fn counts_saturate() {
        assert_eq!(count(7), Value::I64(7));
        assert_eq!(count(u64::MAX), Value::I64(i64::MAX));
    }
}
