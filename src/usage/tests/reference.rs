//! A simple reference meter: whole events, parsed into trees by serde_json.

mod bill;
mod content;
mod figures;

use serde_json::Value;

use self::content::{has_candidate_content, has_content, is_full};
use self::figures::reported;
use super::*;
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

    fn value(&mut self, value: &Value) {
        if !value.is_object() {
            return;
        }
        let is_gemini = self.shape == Shape::GenerateContent;
        let is_google = is_gemini || self.shape == Shape::EmbeddingsGoogle;
        let word = |key: &str| value[key].as_str().filter(|_| !is_google);
        let has_object =
            matches!(self.shape, Shape::ChatPerplexity | Shape::Conversations | Shape::Other);
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
            // An empty name hides the one inside, and is none.
            let name = |key: &str| {
                let name = [root, result, response, message].iter().find_map(|it| it[key].as_str());
                name.filter(|name| !name.is_empty()).map(str::to_owned)
            };
            self.reading.model = name("model").or(self.reading.model.take());
            let tier = name("service_tier").filter(|tier| tier != "auto");
            self.reading.service_tier = tier.or(self.reading.service_tier.take());
            if is_gemini
                && let Some(model) = value["modelVersion"].as_str()
                && !model.is_empty()
            {
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
            error.as_str().is_some_and(|error| !error.is_empty())
                || error.as_object().is_some_and(|error| !error.is_empty())
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
