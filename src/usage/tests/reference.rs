//! The meter once more, in the plainest way: whole events, parsed into trees by serde_json.

use serde_json::Value;

use super::*;
use crate::usage::reported::{Figure, Reported};

/// Reads a stream, each event with its blank line.
pub(super) fn stream(operation: Operation, events: &[String]) -> Reading {
    let word = if operation == Operation::Completions { "\"text\"" } else { "\"delta\"" };
    let mut reference = Reference { operation, ..Reference::default() };
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
pub(super) fn body(operation: Operation, body: &str) -> Reading {
    let mut reference = Reference { operation, is_body: true, ..Reference::default() };
    reference.value(&serde_json::from_str(body).unwrap());
    reference.end()
}

struct Reference {
    operation: Operation,
    is_body: bool,
    reported: Option<Reported>,
    images: Option<u64>,
    reading: Reading,
}

impl Default for Reference {
    fn default() -> Self {
        Self {
            operation: Operation::Other,
            is_body: false,
            reported: None,
            images: None,
            reading: Reading::default(),
        }
    }
}

impl Reference {
    fn end(mut self) -> Reading {
        self.reading.usage = self.reported.as_ref().map(Usage::new);
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
        if field("event").any(|name| name == "error") {
            let code = value.as_ref().and_then(code);
            self.reading.error = Some(ProviderError { code });
        }
        if data == "[DONE]" {
            self.terminal(Terminal::Done);
        } else if let Some(value) = value {
            self.value(&value);
        }
    }

    fn terminal(&mut self, terminal: Terminal) {
        use Operation::{Chat, Completions, Messages, Responses};
        let counts = match (terminal, self.operation) {
            (Terminal::Done, operation) => operation != Responses,
            (Terminal::MessageStop, operation) => {
                !matches!(operation, Chat | Completions | Responses)
            }
            (_, operation) => !matches!(operation, Chat | Completions | Messages),
        };
        if counts {
            self.reading.terminal = self.reading.terminal.or(Some(terminal));
            if terminal == Terminal::Failed {
                self.reading.error = Some(ProviderError { code: None });
            }
        }
    }

    fn value(&mut self, value: &Value) {
        if !value.is_object() {
            return;
        }
        let kind = value["type"].as_str().unwrap_or_default();
        let ends = ["response.completed", "response.incomplete", "response.failed"].contains(&kind);
        let usage = [
            Some(&value["usage"]),
            Some(&value["response"]["usage"]).filter(|_| ends),
            Some(&value["message"]["usage"]).filter(|_| kind == "message_start"),
        ];
        let usage = usage.into_iter().flatten().find(|usage| usage.is_object()).map(reported);
        if !self.reading.has_content || usage.is_some() {
            for holder in [&value["message"], &value["response"], value] {
                let name = |key: &str| holder[key].as_str().map(str::to_owned);
                self.reading.model = name("model").or(self.reading.model.take());
                self.reading.service_tier =
                    name("service_tier").or(self.reading.service_tier.take());
            }
        }
        if let Some(newer) = usage {
            match &mut self.reported {
                Some(old) if kind == "message_start" || kind == "message_delta" => {
                    old.update(&newer);
                }
                old => *old = Some(newer),
            }
        }
        let before = self.reading.error.take();
        if self.is_body {
            self.reading.terminal = Some(Terminal::Closed);
        } else {
            let has_response = value.get("response").is_some();
            match kind {
                "message_stop" => self.terminal(Terminal::MessageStop),
                "response.completed" if has_response => self.terminal(Terminal::Completed),
                "response.incomplete" if has_response => self.terminal(Terminal::Incomplete),
                "response.failed" if has_response => self.terminal(Terminal::Failed),
                _ => {}
            }
            self.reading.has_content |= has_content(value);
        }
        let has_answer =
            ["choices", "output", "content", "data"].iter().any(|key| value.get(key).is_some());
        let has_error = value["error"].is_string() || value["error"].is_object();
        if self.reading.error.is_some() || kind == "error" || has_error && !has_answer {
            self.reading.error = Some(ProviderError { code: code(value) });
        } else {
            self.reading.error = before;
            if self.is_body && self.operation == Operation::Images {
                self.images = Some(value["data"].as_array().map_or(0, |data| data.len() as u64));
            }
        }
    }
}

fn code(value: &Value) -> Option<Box<str>> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(Box::from(text.as_str())),
        Value::Number(number) if !number.to_string().starts_with('-') => {
            Some(number.to_string().into())
        }
        _ => None,
    };
    let errors = [&value["error"], &value["response"]["error"]];
    errors
        .iter()
        .find_map(|error| text(&error["code"]))
        .or_else(|| text(&value["code"]))
        .or_else(|| errors.iter().find_map(|error| text(&error["type"])))
}

fn has_content(value: &Value) -> bool {
    let is_full = |value: &Value| match value {
        Value::String(text) => !text.is_empty(),
        Value::Array(parts) => !parts.is_empty(),
        Value::Object(_) => true,
        _ => false,
    };
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
    let number = |keys: &[&str]| keys.iter().find_map(|key| usage[*key].as_u64());
    let details =
        |keys: [&str; 2], name: &str| keys.iter().find_map(|key| usage[*key][name].as_u64());
    let calls = &usage["server_side_tool_usage_details"];
    let figures = [
        (Figure::Input, number(&["prompt_tokens", "input_tokens"])),
        (Figure::Output, number(&["completion_tokens", "output_tokens"])),
        (Figure::Total, number(&["total_tokens"])),
        (
            Figure::Cached,
            details(["prompt_tokens_details", "input_tokens_details"], "cached_tokens"),
        ),
        (Figure::CacheRead, number(&["cache_read_input_tokens"])),
        (Figure::CacheWrite, number(&["cache_creation_input_tokens"])),
        (
            Figure::Reasoning,
            details(["completion_tokens_details", "output_tokens_details"], "reasoning_tokens"),
        ),
        (Figure::CostTicks, number(&["cost_in_usd_ticks"])),
        (Figure::ToolsUsed, number(&["num_server_side_tools_used"])),
        (Figure::WebSearch, calls["web_search_calls"].as_u64()),
        (Figure::XSearch, calls["x_search_calls"].as_u64()),
        (Figure::CodeInterpreter, calls["code_interpreter_calls"].as_u64()),
        (Figure::FileSearch, calls["file_search_calls"].as_u64()),
        (Figure::Mcp, calls["mcp_calls"].as_u64()),
        (Figure::DocumentSearch, calls["document_search_calls"].as_u64()),
        (Figure::ImageGeneration, calls["image_generation_calls"].as_u64()),
    ];
    let mut reported = Reported::default();
    for (figure, value) in figures {
        if let Some(value) = value {
            reported.set(figure, value);
        }
    }
    reported
}
