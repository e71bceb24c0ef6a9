//! Reads requests.

use serde_json::Value;

use super::failure::Failure;

/// The body of a request.
pub(super) struct Ask(Value);

impl Ask {
    /// Reads a body that must have these fields.
    pub(super) fn read(body: &[u8], fields: &[&str]) -> Result<Self, Failure> {
        let value: Value =
            serde_json::from_slice(body).map_err(|error| Failure::Unreadable(error.to_string()))?;
        match fields.iter().find(|field| value.get(field).is_none_or(Value::is_null)) {
            None => Ok(Self(value)),
            Some(field) => Err(Failure::Unreadable(format!("missing field `{field}`"))),
        }
    }

    pub(super) fn get(&self, field: &str) -> &Value {
        self.0.get(field).unwrap_or(&Value::Null)
    }

    pub(super) fn text(&self, field: &str) -> String {
        text_of(self.get(field))
    }

    pub(super) fn is_true(&self, field: &str) -> bool {
        self.get(field) == &Value::Bool(true)
    }

    /// The last text of the user, in a string or in a list of messages.
    pub(super) fn last_user_text(&self, field: &str) -> String {
        match self.get(field) {
            Value::Array(messages) => messages
                .iter()
                .rfind(|message| message["role"] == "user")
                .map(text_of)
                .unwrap_or_default(),
            other => text_of(other),
        }
    }
}

/// The text in a string, a part, a message, or a list of them.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text_of).collect::<Vec<_>>().join(" "),
        Value::Object(part) => {
            part.get("text").or_else(|| part.get("content")).map(text_of).unwrap_or_default()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(input: &str) -> String {
        let body = format!(r#"{{"input":{input}}}"#);
        let Ok(ask) = Ask::read(body.as_bytes(), &["input"]) else { panic!("{body}") };
        ask.last_user_text("input")
    }

    #[test]
    fn every_form_of_a_message_is_read() {
        assert_eq!(last(r#""hi""#), "hi");
        assert_eq!(last(r#"[{"role":"user","content":"hi"}]"#), "hi");
        assert_eq!(
            last(
                r#"[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url"},{"type":"text","text":"b"}]},
                    {"role":"assistant","content":"c"}]"#
            ),
            "a  b"
        );
        assert_eq!(last("[]"), "");
        assert_eq!(last("7"), "");
    }
}
