//! Random ways to write the same JSON.

use proptest::prelude::*;
use serde_json::{Value, json};

/// A way to write JSON.
#[derive(Clone, Copy, Debug)]
pub(in crate::usage::tests) struct Spelling {
    /// The index of the first member.
    first: usize,
    space: &'static str,
    escapes: bool,
}

pub(in crate::usage::tests) fn spelling() -> impl Strategy<Value = Spelling> {
    let space = prop::sample::select(&["", "", " ", "\n", " \t\n "][..]);
    (0_usize..8, space, any::<bool>()).prop_map(|(first, space, escapes)| Spelling {
        first,
        space,
        escapes,
    })
}

impl Spelling {
    pub(in crate::usage::tests) fn write(self, value: &Value, out: &mut String) {
        let space = self.space;
        match value {
            Value::Object(object) => {
                out.push('{');
                let count = object.len();
                let members = object.iter().cycle().skip(self.first % count.max(1)).take(count);
                for (index, (key, value)) in members.enumerate() {
                    let comma = if index > 0 { "," } else { "" };
                    out.push_str(&format!("{comma}{space}{}{space}:{space}", json!(key)));
                    // These are compared without decoding.
                    let is_word = [
                        "type",
                        "event_type",
                        "object",
                        "status",
                        "finish_reason",
                        "modality",
                        "service_tier",
                        "serviceTier",
                        "trafficType",
                        "speed",
                        "inference_geo",
                    ];
                    let escapes = self.escapes && !is_word.contains(&key.as_str());
                    Self { escapes, ..self }.write(value, out);
                }
                out.push_str(space);
                out.push('}');
            }
            Value::Array(values) => {
                out.push('[');
                for (index, value) in values.iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { space });
                    self.write(value, out);
                }
                out.push_str(space);
                out.push(']');
            }
            // Longer strings could be cut as codes.
            Value::String(text) if self.escapes && text.encode_utf16().count() <= 20 => {
                out.push('"');
                for (index, unit) in text.encode_utf16().enumerate() {
                    match char::from_u32(unit.into()) {
                        Some(plain @ ('a'..='z' | '.')) if index % 2 == 0 => out.push(plain),
                        _ => out.push_str(&format!("\\u{unit:04X}")),
                    }
                }
                out.push('"');
            }
            other => out.push_str(&other.to_string()),
        }
    }
}
