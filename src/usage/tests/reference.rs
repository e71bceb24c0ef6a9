//! A simple reference meter: whole events, parsed into trees by serde_json.

use std::borrow::Cow;

use serde_json::Value;

use super::*;
use crate::usage::figure::Figure;
use crate::usage::reported::Reported;

/// Reads a stream, each event with its blank line.
pub(super) fn stream(shape: Shape, events: &[String]) -> Reading {
    let word = match shape {
        Shape::Completions => "\"text\"",
        Shape::GenerateContent => "\"parts\"",
        Shape::WorkersAi => "\"response\"",
        _ => "\"delta\"",
    };
    let mut reference = Reference::new(shape, false);
    for event in events {
        if reference.reading.has_content {
            reference.reading.content_events += event.matches(word).count() as u64;
        }
        let had_content = reference.reading.has_content;
        reference.event(event);
        if reference.reading.has_content && !had_content {
            reference.reading.content_events = 1;
        }
    }
    reference.end()
}

/// Reads a whole JSON body.
pub(super) fn body(shape: Shape, body: &str) -> Reading {
    let mut reference = Reference::new(shape, true);
    reference.value(&serde_json::from_str(body).unwrap());
    reference.end()
}

struct Reference {
    shape: Shape,
    is_body: bool,
    reported: Option<Reported>,
    images: Option<u64>,
    reading: Reading,
}

/// Usage found in a document.
struct Found<'a> {
    usage: Cow<'a, Value>,
    breakdown: Option<&'a Value>,
    tools: Option<&'a Value>,
}

impl Reference {
    fn new(shape: Shape, is_body: bool) -> Self {
        Self { shape, is_body, reported: None, images: None, reading: Reading::default() }
    }

    fn end(mut self) -> Reading {
        self.reading.usage = self.reported.as_ref().map(|reported| {
            let whole = Usage::new(reported, self.shape);
            match &self.reading.parts[..] {
                [] => whole,
                parts => Usage::sum(parts, &whole),
            }
        });
        if let Some(images) = self.images {
            self.reading.usage.get_or_insert_default().images = Some(images);
        }
        self.reading
    }

    fn event(&mut self, event: &str) {
        let event = event.strip_prefix('\u{feff}').unwrap_or(event);
        let event = event.replace("\r\n", "\n").replace('\r', "\n");
        let field = |name: &'static str| {
            event.split('\n').filter_map(move |line| {
                let value = line.strip_prefix(name)?.strip_prefix(':')?;
                Some(value.strip_prefix(' ').unwrap_or(value))
            })
        };
        let data = field("data").collect::<Vec<_>>().join("\n");
        let value = serde_json::from_str::<Value>(&data).ok();
        let value = value.map(|value| match value {
            // Only errors count in arrays.
            Value::Array(values) => match &values[..] {
                [Value::Object(first), ..] if first.contains_key("error") => {
                    serde_json::json!({"error": first["error"]})
                }
                _ => Value::Null,
            },
            value => value,
        });
        if field("event").any(|name| name == "error") {
            let code = value.as_ref().and_then(|value| self.code(value));
            self.reading.error = Some(ProviderError { code });
        }
        if data == "[DONE]" {
            self.terminal(Terminal::Done);
        } else if let Some(value) = value {
            self.value(&value);
        }
    }

    fn terminal(&mut self, terminal: Terminal) {
        use Shape::{
            AsyncPerplexity, Chat, ChatGoogle, ChatPerplexity, Completions, GenerateContent,
            Interactions, Messages, Responses,
        };
        let counts = match self.shape {
            Chat | ChatGoogle | ChatPerplexity | AsyncPerplexity | Completions => {
                terminal == Terminal::Done
            }
            Messages => matches!(terminal, Terminal::Done | Terminal::MessageStop),
            Responses => !matches!(terminal, Terminal::Done | Terminal::MessageStop),
            Interactions => matches!(terminal, Terminal::Done | Terminal::Completed),
            GenerateContent => terminal == Terminal::FinishReason,
            _ => true,
        };
        if counts {
            self.reading.terminal = self.reading.terminal.or(Some(terminal));
            if terminal == Terminal::Failed {
                self.reading.error = Some(ProviderError { code: None });
            }
        }
    }

    /// The billed usage of the document.
    fn found<'a>(&self, value: &'a Value, ends: bool) -> Option<Found<'a>> {
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

    fn value(&mut self, value: &Value) {
        if !value.is_object() {
            return;
        }
        let is_gemini = self.shape == Shape::GenerateContent;
        let is_google = is_gemini || self.shape == Shape::EmbeddingsGoogle;
        let word = |key: &str| value[key].as_str().filter(|_| !is_google);
        let has_object = matches!(self.shape, Shape::ChatPerplexity | Shape::Other);
        let object = word("object").filter(|_| has_object);
        let kind = word("event_type").or(word("type")).or(object).unwrap_or_default();
        let ends = [
            "response.completed",
            "response.incomplete",
            "response.failed",
            "response.done",
            "interaction.completed",
        ]
        .contains(&kind);
        let found = self.found(value, ends);
        let read = found.as_ref().map(|found| reported(&found.usage));
        let read = read.filter(|read| !read.is_empty());
        let (response, result) = match self.shape {
            _ if is_google => (&Value::Null, &Value::Null),
            Shape::WorkersAi => (&Value::Null, &value["result"]),
            Shape::AsyncPerplexity => (&Value::Null, &value["response"]),
            _ => (&value["response"], &Value::Null),
        };
        let interaction = if is_google { &Value::Null } else { &value["interaction"] };
        let response = if response.is_null() { interaction } else { response };
        let is_stateful = matches!(self.shape, Shape::Responses | Shape::Interactions);
        let root = if is_google { &Value::Null } else { value };
        let own = |key: &str| {
            let of_root = if is_stateful { root[key].as_str() } else { None };
            of_root.or(response[key].as_str())
        };
        let status = match self.shape {
            Shape::AsyncPerplexity => root["status"].as_str().or(response["status"].as_str()),
            _ => own("status"),
        };
        if !self.reading.has_content || read.is_some() {
            let message = if is_google { &Value::Null } else { &value["message"] };
            for holder in [message, response, result, root] {
                let name = |key: &str| holder[key].as_str().map(str::to_owned);
                self.reading.model = name("model").or(self.reading.model.take());
                let tier = name("service_tier").filter(|tier| tier != "auto");
                self.reading.service_tier = tier.or(self.reading.service_tier.take());
            }
            if is_gemini && let Some(model) = value["modelVersion"].as_str() {
                self.reading.model = Some(model.to_owned());
            }
            if own("id").is_some() || status.is_some() {
                self.reading.id = own("id").map(str::to_owned).or(self.reading.id.take());
                let flags = [&response["background"], &root["background"]];
                let flag = flags[0] == true || is_stateful && flags[1] == true;
                self.reading.is_background |= flag;
                let pending = ["queued", "in_progress", "created", "processing"];
                self.reading.is_pending = status
                    .is_some_and(|status| pending.iter().any(|it| it.eq_ignore_ascii_case(status)));
            }
        }
        if let (Some(newer), Some(found)) = (read, &found) {
            self.bill(newer, found, kind);
        }
        let before = self.reading.error.take();
        let is_blocked = is_gemini && value["promptFeedback"]["blockReason"].is_string();
        let candidates = value["candidates"].as_array().map_or(&[][..], |list| &list[..]);
        if self.is_body {
            self.reading.terminal = Some(Terminal::Closed);
        } else {
            let has_response = response.is_object();
            let finishes = |candidate: &Value| candidate["finishReason"].is_string();
            match kind {
                _ if is_gemini && (is_blocked || candidates.iter().any(finishes)) => {
                    self.terminal(Terminal::FinishReason);
                }
                _ if is_gemini => {}
                "message_stop" => self.terminal(Terminal::MessageStop),
                "conversation.response.done" => {
                    let counts = !matches!(self.shape, Shape::Responses | Shape::Interactions);
                    if counts {
                        self.terminal(Terminal::Completed);
                    }
                }
                "response.completed" | "response.done" | "interaction.completed"
                    if has_response =>
                {
                    let is_interaction = kind == "interaction.completed";
                    let counts = match self.shape {
                        Shape::Responses => !is_interaction,
                        Shape::Interactions => is_interaction,
                        _ => !is_interaction,
                    };
                    if counts {
                        self.terminal(Terminal::Completed);
                    }
                }
                "response.incomplete" if has_response => self.terminal(Terminal::Incomplete),
                "response.failed" if has_response => self.terminal(Terminal::Failed),
                _ => {}
            }
            self.reading.has_content |= match self.shape {
                Shape::EmbeddingsGoogle => false,
                Shape::GenerateContent => candidates.iter().any(has_candidate_content),
                shape => {
                    has_content(value) || shape == Shape::WorkersAi && is_full(&value["response"])
                }
            };
        }
        let is_error = |error: &Value| {
            error.as_str().is_some_and(|error| !error.is_empty()) || error.is_object()
        };
        let choices = root["choices"].as_array().map_or(&[][..], |list| &list[..]);
        let has_failed = is_error(&value["error"])
            || choices.iter().any(|choice| is_error(&choice["error"]))
            || choices.iter().any(|choice| choice["finish_reason"] == "error")
            || root["x_groq"]["error"].is_string()
            || is_blocked
            || is_gemini && self.is_body && candidates.is_empty()
            || status == Some("failed") && (self.is_body || ends)
            || ["error", "conversation.response.error"].contains(&kind);
        if self.reading.error.is_some() || has_failed {
            self.reading.error = Some(ProviderError { code: self.code(value) });
        } else {
            self.reading.error = before;
            if self.is_body && self.shape == Shape::Images {
                self.images = Some(value["data"].as_array().map_or(0, |data| data.len() as u64));
            }
        }
    }

    fn bill(&mut self, newer: Reported, found: &Found<'_>, kind: &str) {
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
            model: model.as_str().map(Box::from),
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

    fn code(&self, value: &Value) -> Option<Box<str>> {
        let is_google = matches!(self.shape, Shape::GenerateContent | Shape::EmbeddingsGoogle);
        let text = |value: &Value| match value {
            Value::String(text) => Some(Box::from(text.as_str())),
            Value::Number(number) if !number.to_string().starts_with('-') => {
                Some(number.to_string().into())
            }
            _ => None,
        };
        let none = &Value::Null;
        let of_root = |key: &str| if is_google { none } else { &value[key] };
        let response = if matches!(self.shape, Shape::WorkersAi | Shape::AsyncPerplexity) {
            none
        } else {
            of_root("response")
        };
        let errors = [
            &value["error"],
            &response["error"],
            &of_root("interaction")["error"],
            &of_root("choices")[0]["error"],
        ];
        let block = &value["promptFeedback"]["blockReason"];
        let words = [
            &of_root("x_groq")["error"],
            if self.shape == Shape::GenerateContent { block } else { none },
        ];
        errors
            .iter()
            .find_map(|error| text(&error["code"]))
            .or_else(|| words.iter().find_map(|word| word.as_str().map(Box::from)))
            .or_else(|| text(of_root("code")))
            .or_else(|| errors.iter().find_map(|error| text(&error["type"])))
            .or_else(|| text(of_root("error_type")))
            .or_else(|| text(of_root("status_code")))
    }
}

fn is_full(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Array(parts) => !parts.is_empty(),
        Value::Object(_) => true,
        _ => false,
    }
}

fn has_candidate_content(candidate: &Value) -> bool {
    let parts = candidate["content"]["parts"].as_array();
    parts.into_iter().flatten().any(|part| is_full(&part["text"]) || is_full(&part["functionCall"]))
}

fn has_content(value: &Value) -> bool {
    let delta = |delta: &Value| {
        let keys = ["content", "reasoning_content", "reasoning", "tool_calls", "refusal"];
        let more = ["text", "thinking", "partial_json"];
        delta.as_str().is_some_and(|text| !text.is_empty())
            || keys.iter().chain(&more).any(|key| is_full(&delta[*key]))
    };
    let choice = |choice: &Value| delta(&choice["delta"]) || is_full(&choice["text"]);
    delta(&value["delta"]) || value["choices"].as_array().into_iter().flatten().any(choice)
}

fn reported(usage: &Value) -> Reported {
    // Each figure with one of its names.
    let figures = [
        (Figure::Input, "/prompt_tokens /input_tokens /promptTokenCount"),
        (Figure::Output, "/completion_tokens /output_tokens /candidatesTokenCount"),
        (Figure::Total, "/total_tokens /totalTokenCount"),
        (
            Figure::Cached,
            "/prompt_tokens_details/cached_tokens /input_tokens_details/cached_tokens \
             /cachedContentTokenCount",
        ),
        (
            Figure::CacheWriteInside,
            "/prompt_tokens_details/cache_write_tokens /input_tokens_details/cache_write_tokens",
        ),
        (Figure::CacheRead, "/cache_read_input_tokens"),
        (Figure::CacheWrite, "/cache_creation_input_tokens"),
        (
            Figure::CacheWriteLong,
            "/cache_creation/ephemeral_1h_input_tokens \
             /prompt_tokens_details/cache_write_tokens_details/ttl_12h_tokens \
             /input_tokens_details/cache_write_tokens_details/ttl_12h_tokens",
        ),
        (
            Figure::CacheWriteShort,
            "/cache_creation/ephemeral_5m_input_tokens \
             /prompt_tokens_details/cache_write_tokens_details/ttl_30m_tokens \
             /input_tokens_details/cache_write_tokens_details/ttl_30m_tokens",
        ),
        (
            Figure::Reasoning,
            "/completion_tokens_details/reasoning_tokens /output_tokens_details/reasoning_tokens",
        ),
        (Figure::Thoughts, "/thoughtsTokenCount"),
        (Figure::ToolPrompt, "/toolUsePromptTokenCount"),
        (Figure::Citations, "/citation_tokens"),
        (
            Figure::AudioInput,
            "/prompt_tokens_details/audio_tokens /input_tokens_details/audio_tokens",
        ),
        (
            Figure::ImageInput,
            "/prompt_tokens_details/image_tokens /input_tokens_details/image_tokens",
        ),
        (
            Figure::AudioCached,
            "/prompt_tokens_details/cached_tokens_details/audio_tokens \
             /input_tokens_details/cached_tokens_details/audio_tokens",
        ),
        (
            Figure::AudioOutput,
            "/completion_tokens_details/audio_tokens /output_tokens_details/audio_tokens",
        ),
        (
            Figure::ImageOutput,
            "/completion_tokens_details/image_tokens /output_tokens_details/image_tokens",
        ),
        (Figure::CostTicks, "/cost_in_usd_ticks"),
        (Figure::ToolsUsed, "/num_server_side_tools_used"),
        (Figure::WebSearch, "/server_side_tool_usage_details/web_search_calls"),
        (Figure::XSearch, "/server_side_tool_usage_details/x_search_calls"),
        (Figure::CodeInterpreter, "/server_side_tool_usage_details/code_interpreter_calls"),
        (Figure::FileSearch, "/server_side_tool_usage_details/file_search_calls"),
        (Figure::Mcp, "/server_side_tool_usage_details/mcp_calls"),
        (Figure::DocumentSearch, "/server_side_tool_usage_details/document_search_calls"),
        (Figure::ImageGeneration, "/server_side_tool_usage_details/image_generation_calls"),
        (Figure::Characters, "/billableCharacterCount"),
    ];
    let mut reported = Reported::default();
    for (figure, pointers) in figures {
        let mut values = pointers.split_whitespace().filter_map(|pointer| usage.pointer(pointer));
        if let Some(value) = values.find_map(Value::as_u64) {
            let is_share = matches!(
                figure,
                Figure::AudioInput
                    | Figure::ImageInput
                    | Figure::AudioCached
                    | Figure::AudioOutput
                    | Figure::ImageOutput
            );
            if value > 0 || !is_share {
                reported.set(figure, value);
            }
        }
    }
    for (key, audio, image) in [
        ("promptTokensDetails", Figure::AudioInput, Figure::ImageInput),
        ("candidatesTokensDetails", Figure::AudioOutput, Figure::ImageOutput),
    ] {
        for entry in usage[key].as_array().into_iter().flatten() {
            let tokens = entry["tokenCount"].as_u64();
            match (entry["modality"].as_str(), tokens) {
                (Some("AUDIO"), Some(tokens)) => reported.set(audio, tokens),
                (Some("image"), Some(tokens)) => reported.set(image, tokens),
                _ => {}
            }
        }
    }
    if let Some(seconds) = usage["prompt_audio_seconds"].as_f64().filter(|seconds| *seconds >= 0.0)
    {
        let exact = usage["prompt_audio_seconds"].as_u64().map(|whole| whole.saturating_mul(1000));
        reported.set(Figure::DurationMs, exact.unwrap_or((seconds * 1000.0).round() as u64));
    }
    let cost = match &usage["cost"] {
        Value::Object(cost) => {
            let total = cost["total_cost"].as_f64();
            total.filter(|total| *total > 0.0 || cost.contains_key("request_cost"))
        }
        cost => cost.as_f64().filter(|cost| *cost >= 0.0),
    };
    if let (None, Some(cost)) = (reported.get(Figure::CostTicks), cost) {
        reported.set(Figure::CostTicks, (cost * 1e10).round() as u64);
    }
    reported
}
