//! Which keys name models, and which values are skipped.

use std::borrow::Cow;

use super::Places;
use crate::json::string;
use crate::json::trail::PlaceError;

/// The longest key that matters, with every letter as a `\u` escape, and room for separators.
pub(super) const LONGEST_KEY: usize = 6 * 32;

/// Endings of keys whose strings name models, at any depth: `answering_model`, `input_model_id`.
const ENDS: [&str; 5] = ["model", "models", "modelid", "modelname", "deployment"];

/// The name of a member whose strings name models, at any depth.
fn name(key: &str) -> Option<&'static str> {
    Some(match key {
        "model" => "model",
        "models" => "models",
        "modelid" => "modelid",
        "modelname" => "modelname",
        "fallback" => "fallback",
        "fallbacks" => "fallbacks",
        _ => return None,
    })
}

/// Top-level members that choose the model or agent.
fn is_effective(key: &str) -> bool {
    matches!(key, "models" | "modelid" | "modelname" | "preset" | "agent" | "agentid")
}

/// Members at any depth that hold schemas or the client's own data.
fn is_passed_over(key: &str) -> bool {
    matches!(
        key,
        "arguments"
            | "defs"
            | "definitions"
            | "inputschema"
            | "labels"
            | "metadata"
            | "outputschema"
            | "properties"
            | "responsejsonschema"
            | "responseschema"
            | "schema"
    )
}

/// Members at any depth that hold arrays of texts and examples. Objects there may be anything.
fn are_texts(key: &str) -> bool {
    matches!(
        key,
        "chathistory"
            | "content"
            | "contents"
            | "examples"
            | "functiondeclarations"
            | "inputexamples"
            | "inputmessages"
            | "messages"
            | "system"
            | "toolresults"
    )
}

/// The same, for keys that have another meaning further inside.
fn are_texts_at_the_top(key: &str) -> bool {
    matches!(key, "documents" | "input" | "inputs")
}

/// The kind of a member's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Member {
    /// Looked into.
    #[default]
    Plain,
    /// One or several names.
    Name(&'static str),
    /// Like `Name`, but the name hides a model.
    Alias(&'static str),
    /// If it is an object, it has its own model.
    Prompt,
    PassedOver,
    /// Skipped if it is an array.
    Texts,
}

impl Places {
    pub(super) fn member_of_element(&mut self) -> Member {
        if let Some(trails) = &mut self.trails {
            trails.element(self.open.depth());
        }
        // An object among names is an alternative that may have its own `model`.
        if self.open.names() { Member::Name("models") } else { Member::Plain }
    }

    pub(super) fn member_of_key(&mut self) -> Result<Member, PlaceError> {
        let is_long = self.text.len() > LONGEST_KEY;
        let text = std::mem::take(&mut self.text);
        let key = if is_long { None } else { string::decoded(&text) };
        // A key that cannot be decoded does not matter here.
        let key = key.unwrap_or_default();
        let plain = without_style(&key);
        if let Some(trails) = &mut self.trails {
            trails.key(self.open.depth(), &key, &plain)?;
        }
        let member = self.member_called(&plain);
        self.text = text;
        Ok(member)
    }

    fn member_called(&mut self, key: &str) -> Member {
        let is_top = self.open.depth() == 1;
        if is_top {
            self.is_effective = is_effective(key);
        }
        match key {
            // The scanner of the body reads it.
            "model" if is_top => return Member::Plain,
            "preset" if is_top => return Member::Alias("preset"),
            "agent" if is_top => return Member::Alias("agent"),
            "agentid" if is_top => return Member::Alias("agent_id"),
            "route" if is_top => self.routes = true,
            "models" if is_top => self.has_models = true,
            "id" if self.open.names() => return Member::Name("model"),
            "prompt" if self.refuses_prompt() => return Member::Prompt,
            _ => {}
        }
        if let Some(name) = name(key) {
            return Member::Name(name);
        }
        if ENDS.into_iter().any(|end| key.ends_with(end)) {
            return Member::Name("model");
        }
        if is_passed_over(key) || is_top && key == "systeminstruction" {
            return Member::PassedOver;
        }
        let is_text = are_texts(key) || is_top && are_texts_at_the_top(key);
        if is_text { Member::Texts } else { Member::Plain }
    }

    fn refuses_prompt(&self) -> bool {
        self.trails.as_ref().is_some_and(|trails| trails.refuses_prompt(self.open.depth()))
    }
}

/// The key in lower case and without separators.
fn without_style(key: &str) -> Cow<'_, str> {
    let is_separator = |character| matches!(character, '_' | '-' | '$' | ' ');
    let is_style = |byte: u8| is_separator(char::from(byte)) || byte.is_ascii_uppercase();
    if !key.bytes().any(is_style) {
        return Cow::Borrowed(key);
    }
    let plain = key.chars().filter(|character| !is_separator(*character));
    Cow::Owned(plain.map(|character| character.to_ascii_lowercase()).collect())
}
