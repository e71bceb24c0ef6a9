//! The billed usage of a document, and the sum of it.

use std::borrow::Cow;

use serde_json::Value;

use super::figures::reported;
use super::*;
use crate::usage::figure::Figure;

/// Usage found in a document.
pub(super) struct Found<'a> {
    pub(super) usage: Cow<'a, Value>,
    breakdown: Option<&'a Value>,
    tools: Option<&'a Value>,
}

impl Reference {
    /// The billed usage of the document.
    pub(super) fn found<'a>(&self, value: &'a Value, ends: bool) -> Option<Found<'a>> {
        let (breakdown, tools) = (value.get("usage_breakdown"), value.get("tool_usage"));
        let found = |usage: &'a Value| {
            usage.is_object().then_some(Found {
                usage: Cow::Borrowed(usage),
                breakdown: None,
                tools: None,
            })
        };
        let of_root = |usage: &'a Value| {
            usage.is_object().then_some(Found { usage: Cow::Borrowed(usage), breakdown, tools })
        };
        match self.shape {
            Shape::GenerateContent => return found(&value["usageMetadata"]),
            Shape::EmbeddingsGoogle => {
                let objects = [&value["usageMetadata"], &value["metadata"]];
                let objects = objects.iter().filter_map(|object| object.as_object());
                let all = objects.flatten().map(|(key, value)| (key.clone(), value.clone()));
                let usage = Cow::Owned(Value::Object(all.collect()));
                return Some(Found { usage, breakdown: None, tools: None });
            }
            Shape::WorkersAi if value["usage"].is_null() => {
                let found = found(&value["result"]["usage"]);
                if found.is_some() {
                    return found;
                }
            }
            Shape::AsyncPerplexity if value["usage"].is_null() => {
                let found = found(&value["response"]["usage"]);
                if found.is_some() {
                    return found;
                }
            }
            _ => {}
        }
        let has_response = !matches!(self.shape, Shape::WorkersAi | Shape::AsyncPerplexity);
        let response = match value.get("interaction") {
            Some(interaction) => interaction,
            None if has_response => &value["response"],
            None => &Value::Null,
        };
        let of_response = |usage: &'a Value| {
            let tools = response.get("tool_usage");
            usage.is_object().then_some(Found { usage: Cow::Borrowed(usage), breakdown, tools })
        };
        let choices = value["choices"].as_array();
        let choice = choices.into_iter().flatten().find(|choice| choice["usage"].is_object());
        if let Some(found) = of_root(&value["usage"]) {
            return Some(found);
        }
        if let Some(found) = of_response(&response["usage"]) {
            return ends.then_some(found);
        }
        if let Some(found) = of_root(&value["x_groq"]["usage"]) {
            return Some(found);
        }
        if let Some(found) = found(&value["message"]["usage"]) {
            return (value["type"] == "message_start").then_some(found);
        }
        choice.and_then(|choice| of_root(&choice["usage"]))
    }

    pub(super) fn bill(&mut self, newer: Reported, found: &Found<'_>, kind: &str) {
        let word = |key: &str| found.usage[key].as_str().map(str::to_owned);
        self.reading.region = word("inference_geo").or(self.reading.region.take());
        self.reading.speed = word("speed").or(self.reading.speed.take());
        let tier = match (found.usage["serviceTier"].as_str(), found.usage["trafficType"].as_str())
        {
            (Some(tier), _) => Some(tier.to_ascii_lowercase()),
            (_, Some("ON_DEMAND")) => Some("standard".into()),
            (_, Some("ON_DEMAND_FLEX")) => Some("flex".into()),
            _ => word("service_tier"),
        };
        self.reading.service_tier = tier.or(self.reading.service_tier.take());
        match &mut self.reported {
            Some(old) if kind == "message_start" || kind == "message_delta" => old.raise(&newer),
            Some(old) => old.replace(&newer),
            old => *old = Some(newer),
        }
        let whole = self.reported.as_mut().unwrap();
        let searches = found.tools.and_then(|tools| tools["web_search"]["num_requests"].as_u64());
        if let (None, Some(searches)) = (whole.get(Figure::WebSearch), searches) {
            whole.set(Figure::WebSearch, searches);
        }
        let part = |model: &Value, usage: &Value| UsagePart {
            model: model.as_str().filter(|name| !name.is_empty()).map(Box::from),
            usage: Usage::new(&reported(usage), self.shape),
        };
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let entries = list(&found.usage["iterations"]);
        let is_declined = |entry: &Value| entry["type"] == "message" && entry["output_tokens"] == 0;
        let mut billed: Vec<_> = entries.iter().filter(|entry| !is_declined(entry)).collect();
        if billed.is_empty() {
            billed.extend(entries.first());
        }
        let mut parts: Vec<_> = billed.iter().map(|entry| part(&entry["model"], entry)).collect();
        if parts.is_empty() {
            let models = found.breakdown.map(|breakdown| list(&breakdown["models"]));
            let models = models.unwrap_or_default();
            let told = models.iter().filter(|entry| !reported(&entry["usage"]).is_empty());
            parts.extend(told.map(|entry| part(&entry["model"], &entry["usage"])));
        }
        if let Some(images) = found.tools.map(|tools| &tools["image_gen"])
            && images["input_tokens"].as_u64().is_some_and(|tokens| tokens > 0)
        {
            if parts.is_empty() {
                parts.push(UsagePart { model: None, usage: Usage::new(whole, self.shape) });
            }
            parts.push(part(&"image_generation".into(), images));
        }
        let all = Usage::new(whole, self.shape);
        if let Some(first) = parts.first_mut().filter(|first| first.usage.tool_calls.is_none()) {
            (first.usage.tool_calls, first.usage.tools) = (all.tool_calls, all.tools);
        }
        self.reading.parts = parts;
    }
}
