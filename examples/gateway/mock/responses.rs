//! `POST /v1/responses`

use axum::{body::Bytes, response::Response};
use serde_json::{Value, json};

use super::{
    answer::{Answer, words},
    ask::Ask,
    failure::Failure,
    models::Model,
    reply, sse,
    usage::Usage,
};

pub(super) async fn create(body: Bytes) -> Result<Response, Failure> {
    let ask = Ask::read(&body, &["model", "input"])?;
    let model = Model::find(&ask.text("model"))?;
    let answer = Answer::to(&ask.last_user_text("input"));
    let prompt = ask.text("instructions") + &ask.text("input");

    let (id, created) = (reply::id(), reply::now());
    let response = |status: &str, output: &[Value], usage: Value| {
        json!({
            "id": id,
            "object": "response",
            "created_at": created,
            "status": status,
            "model": model.id,
            "output": output,
            "usage": usage,
            "service_tier": "default",
            "store": false,
            "parallel_tool_calls": true,
            "tool_choice": "auto",
            "tools": [],
            "error": null,
            "incomplete_details": null,
            "metadata": {},
        })
    };
    let started = response("in_progress", &[], Value::Null);
    let items = [Item::reasoning(&answer), Item::message(&answer)];
    let output = items.each_ref().map(Item::whole);
    let usage = Usage::new(&prompt, &answer, model.price).responses();
    let completed = response("completed", &output, usage);

    if !ask.is_true("stream") {
        return Ok(reply::json(&completed));
    }
    let mut script = Script::default();
    script.say("response.created", json!({ "response": started }));
    script.say("response.in_progress", json!({ "response": started }));
    for (index, item) in items.iter().enumerate() {
        item.stream(index, &mut script);
    }
    script.say("response.completed", json!({ "response": completed }));
    Ok(reply::events(script.frames))
}

/// An output item with one part of text.
struct Item<'a> {
    id: String,
    kind: &'static str,
    /// The field that holds the parts, and the name of a position in it in events.
    list: &'static str,
    index: &'static str,
    /// The name of the part and its text in events.
    part: &'static str,
    text_event: &'static str,
    part_kind: &'static str,
    text: &'a str,
}

impl<'a> Item<'a> {
    fn reasoning(answer: &'a Answer) -> Self {
        Self {
            id: format!("rs_{}", reply::id()),
            kind: "reasoning",
            list: "summary",
            index: "summary_index",
            part: "response.reasoning_summary_part",
            text_event: "response.reasoning_summary_text",
            part_kind: "summary_text",
            text: &answer.reasoning,
        }
    }

    fn message(answer: &'a Answer) -> Self {
        Self {
            id: format!("msg_{}", reply::id()),
            kind: "message",
            list: "content",
            index: "content_index",
            part: "response.content_part",
            text_event: "response.output_text",
            part_kind: "output_text",
            text: &answer.content,
        }
    }

    fn whole(&self) -> Value {
        self.with("completed", json!([self.part(self.text)]))
    }

    fn with(&self, status: &str, parts: Value) -> Value {
        let mut item = json!({ "id": self.id, "type": self.kind, "status": status });
        item[self.list] = parts;
        if self.kind == "message" {
            item["role"] = "assistant".into();
        }
        item
    }

    fn part(&self, text: &str) -> Value {
        let mut part = json!({ "type": self.part_kind, "text": text });
        if self.kind == "message" {
            part["annotations"] = json!([]);
            part["logprobs"] = json!([]);
        }
        part
    }

    fn stream(&self, output_index: usize, script: &mut Script) {
        let at = |field: &str, value: Value| {
            let mut event = json!({ "item_id": self.id, "output_index": output_index });
            event[self.index] = 0.into();
            event[field] = value;
            event
        };
        let item = |item: Value| json!({ "output_index": output_index, "item": item });
        let (part, text) = (self.part, self.text_event);

        let begun = self.with("in_progress", json!([]));
        script.say("response.output_item.added", item(begun));
        script.say(&format!("{part}.added"), at("part", self.part("")));
        for word in words(self.text) {
            script.say(&format!("{text}.delta"), at("delta", word.into()));
        }
        script.say(&format!("{text}.done"), at("text", self.text.into()));
        script.say(&format!("{part}.done"), at("part", self.part(self.text)));
        script.say("response.output_item.done", item(self.whole()));
    }
}

/// The events of a stream, numbered in order.
#[derive(Default)]
struct Script {
    frames: Vec<Bytes>,
}

impl Script {
    fn say(&mut self, kind: &str, mut event: Value) {
        event["type"] = kind.into();
        event["sequence_number"] = self.frames.len().into();
        self.frames.push(sse::event(kind, &event));
    }
}
