//! A push scanner for the models that a JSON body names anywhere but in its top-level `model`.
//!
//! Read are strings, and strings in arrays, of members that name models: `model`, `models`,
//! `fallbacks` and the like at any depth; and `preset`, `agent` and `agent_id` at the top. A `model`
//! that is an object counts by its `id`. Keys are compared without regard to case and separators.
//!
//! Passed over is what a client writes for the model or for itself: messages, inputs, metadata,
//! schemas. Everything else is looked into, so that a place that nobody knows yet is read, too.
//! It never builds a tree and never recurses; bytes may come in any split.

use super::is_space;
use super::nested::Nested;
use super::quote::StringEnd;
use super::{is_scalar, string};

/// The longest key that matters, each letter a `\u` escape, with room for separators.
const LONGEST_KEY: usize = 6 * 32;
const LONGEST_NAME: usize = 1024;
/// Arrays and objects within one another; a bit of each set of [`Open`].
const DEEPEST: u32 = u128::BITS;

/// Members whose strings name models, at any depth.
const NAMES: [&str; 9] = [
    "model",
    "models",
    "modelid",
    "modelname",
    "fallback",
    "fallbacks",
    "fallbackmodel",
    "fallbackmodels",
    "defaultmodel",
];

/// Members at any depth that hold texts, examples, schemas, or what is the client's own.
const PASSED_OVER: [&str; 21] = [
    "arguments",
    "chathistory",
    "content",
    "contents",
    "defs",
    "definitions",
    "examples",
    "functiondeclarations",
    "inputexamples",
    "inputmessages",
    "inputschema",
    "labels",
    "messages",
    "metadata",
    "outputschema",
    "properties",
    "responsejsonschema",
    "responseschema",
    "schema",
    "system",
    "toolresults",
];

/// The same, of those that mean something else further inside.
const PASSED_OVER_AT_THE_TOP: [&str; 4] = ["documents", "input", "inputs", "systeminstruction"];

/// Why a body is refused. The name is that of the member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlaceError {
    /// The model must not be asked for.
    Forbidden(&'static str),
    /// Nobody can tell which model is asked for.
    Unreadable(&'static str),
    Malformed,
}

/// What the value of a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    /// Looked into.
    Plain,
    /// A name, or several.
    Name(&'static str),
    /// As `Name`, of something behind which a model stands.
    Alias(&'static str),
    PassedOver,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start { bom: u8 },
    KeyOrEnd,
    Key,
    InKey,
    Colon,
    Value,
    ElementOrEnd,
    InString,
    Scalar,
    Nested(Nested),
    CommaOrEnd,
    Done,
}

/// The brackets that are open, the innermost in the lowest bit.
#[derive(Debug, Default)]
struct Open {
    depth: u32,
    objects: u128,
    /// The strings of this array, or the `id` of this object, name models.
    names: u128,
}

impl Open {
    fn is_object(&self) -> bool {
        self.objects & 1 == 1
    }

    fn names(&self) -> bool {
        self.names & 1 == 1
    }
}

#[derive(Debug)]
pub(crate) struct Places {
    state: State,
    open: Open,
    member: Member,
    string: StringEnd,
    /// Of the key or the name that is being read.
    text: Vec<u8>,
    has_names: bool,
    routes: bool,
    has_models: bool,
}

impl Places {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Start { bom: 0 },
            open: Open::default(),
            member: Member::Plain,
            string: StringEnd::default(),
            text: Vec::new(),
            has_names: false,
            routes: false,
            has_models: false,
        }
    }

    /// Whether a model has been named, and allowed.
    pub(crate) fn has_names(&self) -> bool {
        self.has_names
    }

    /// Looks at the next bytes. After an error the scanner must not be used again.
    ///
    /// `allows`: whether a name may be asked for, and whether it hides a model.
    pub(crate) fn push(
        &mut self,
        chunk: &[u8],
        allows: &dyn Fn(&str, bool) -> bool,
    ) -> Result<(), PlaceError> {
        let mut at = 0;
        while at < chunk.len() {
            at = self.step(chunk, at, allows)?;
        }
        Ok(())
    }

    fn step(
        &mut self,
        chunk: &[u8],
        at: usize,
        allows: &dyn Fn(&str, bool) -> bool,
    ) -> Result<usize, PlaceError> {
        let byte = chunk[at];
        match self.state {
            State::InKey => {
                let (end, closed) = self.string.find(chunk, at);
                let room = (LONGEST_KEY + 1).saturating_sub(self.text.len());
                let part = &chunk[at..end];
                self.text.extend_from_slice(&part[..part.len().min(room)]);
                if closed {
                    self.member = self.member_of_key();
                    self.state = State::Colon;
                }
                return Ok(end + usize::from(closed));
            }
            State::InString => return self.in_string(chunk, at, allows),
            State::Scalar if is_scalar(byte) => {}
            State::Scalar => {
                self.state = State::CommaOrEnd;
                return Ok(at);
            }
            State::Nested(mut nested) => {
                let (end, is_over) = nested.pass(&mut self.string, chunk, at);
                self.state = if is_over { State::CommaOrEnd } else { State::Nested(nested) };
                return Ok(end);
            }
            State::Start { bom } => {
                self.state = match (bom, byte) {
                    (0, 0xEF) => State::Start { bom: 1 },
                    (1, 0xBB) => State::Start { bom: 2 },
                    (2, 0xBF) => State::Start { bom: 3 },
                    (0 | 3, byte) if is_space(byte) => State::Start { bom: 3 },
                    (0 | 3, b'{') => {
                        self.enter(true, false)?;
                        State::KeyOrEnd
                    }
                    _ => return Err(PlaceError::Malformed),
                };
            }
            _ if is_space(byte) => {}
            State::KeyOrEnd | State::Key if byte == b'"' => {
                self.text.clear();
                self.state = State::InKey;
            }
            State::Colon if byte == b':' => self.state = State::Value,
            State::KeyOrEnd if byte == b'}' => self.leave()?,
            State::ElementOrEnd if byte == b']' => self.leave()?,
            State::CommaOrEnd => match byte {
                b',' if self.open.is_object() => self.state = State::Key,
                b',' => {
                    self.member = self.member_of_element();
                    self.state = State::Value;
                }
                b'}' if self.open.is_object() => self.leave()?,
                b']' if !self.open.is_object() => self.leave()?,
                _ => return Err(PlaceError::Malformed),
            },
            State::Value | State::ElementOrEnd => {
                if self.state == State::ElementOrEnd {
                    self.member = self.member_of_element();
                }
                self.value(byte)?;
            }
            _ => return Err(PlaceError::Malformed),
        }
        Ok(at + 1)
    }

    fn value(&mut self, byte: u8) -> Result<(), PlaceError> {
        let is_name = matches!(self.member, Member::Name(_));
        self.state = match byte {
            b'"' => {
                self.text.clear();
                State::InString
            }
            b'{' | b'[' if self.member == Member::PassedOver => State::Nested(Nested::OPENED),
            b'{' | b'[' if matches!(self.member, Member::Alias(_)) => {
                let Member::Alias(name) = self.member else { return Ok(()) };
                return Err(PlaceError::Unreadable(name));
            }
            b'{' => {
                self.enter(true, is_name)?;
                State::KeyOrEnd
            }
            b'[' => {
                self.enter(false, is_name)?;
                State::ElementOrEnd
            }
            byte if is_scalar(byte) => State::Scalar,
            _ => return Err(PlaceError::Malformed),
        };
        Ok(())
    }

    fn in_string(
        &mut self,
        chunk: &[u8],
        at: usize,
        allows: &dyn Fn(&str, bool) -> bool,
    ) -> Result<usize, PlaceError> {
        let (end, closed) = self.string.find(chunk, at);
        if let Member::Name(member) | Member::Alias(member) = self.member {
            let part = &chunk[at..end];
            if self.text.len() + part.len() > LONGEST_NAME {
                return Err(PlaceError::Unreadable(member));
            }
            self.text.extend_from_slice(part);
        }
        if !closed {
            return Ok(end);
        }
        self.state = State::CommaOrEnd;
        match self.member {
            Member::Name(member) => {
                let name = string::decode(&self.text).ok_or(PlaceError::Unreadable(member))?;
                if !allows(&name, false) {
                    return Err(PlaceError::Forbidden(member));
                }
                self.has_names = true;
            }
            Member::Alias(member) => {
                let name = string::decode(&self.text).ok_or(PlaceError::Unreadable(member))?;
                // As it is written where a model stands.
                let is_bare = member == "preset" && !name.starts_with("@preset/");
                let alias = if is_bare { format!("@preset/{name}") } else { name };
                if !allows(&alias, true) {
                    return Err(PlaceError::Forbidden(member));
                }
                self.has_names = true;
            }
            Member::Plain | Member::PassedOver => {}
        }
        Ok(end + 1)
    }

    fn enter(&mut self, is_object: bool, names: bool) -> Result<(), PlaceError> {
        if self.open.depth == DEEPEST {
            return Err(PlaceError::Malformed);
        }
        self.open.depth += 1;
        self.open.objects = self.open.objects << 1 | u128::from(is_object);
        self.open.names = self.open.names << 1 | u128::from(names);
        Ok(())
    }

    fn leave(&mut self) -> Result<(), PlaceError> {
        self.open.depth -= 1;
        self.open.objects >>= 1;
        self.open.names >>= 1;
        self.state = State::CommaOrEnd;
        if self.open.depth == 0 {
            self.state = State::Done;
            // OpenRouter picks others by itself then.
            if self.routes && !self.has_models {
                return Err(PlaceError::Unreadable("route"));
            }
        }
        Ok(())
    }

    fn member_of_element(&self) -> Member {
        // An object among names is one of several that may have a `model`.
        if self.open.names() { Member::Name("models") } else { Member::Plain }
    }

    fn member_of_key(&mut self) -> Member {
        if self.text.len() > LONGEST_KEY {
            return Member::Plain;
        }
        let Some(mut key) = string::decode(&self.text) else { return Member::Plain };
        key.retain(|character| !matches!(character, '_' | '-' | '$' | ' '));
        key.make_ascii_lowercase();
        let is_top = self.open.depth == 1;
        let known = |names: &[&'static str]| names.iter().find(|name| **name == key).copied();
        match &*key {
            // Read by the scanner of the body.
            "model" if is_top => return Member::Plain,
            "preset" if is_top => return Member::Alias("preset"),
            "agent" if is_top => return Member::Alias("agent"),
            "agentid" if is_top => return Member::Alias("agent_id"),
            "route" if is_top => self.routes = true,
            "models" if is_top => self.has_models = true,
            "id" if self.open.names() => return Member::Name("model"),
            _ => {}
        }
        if let Some(name) = known(&NAMES) {
            return Member::Name(name);
        }
        let is_passed_over =
            known(&PASSED_OVER).is_some() || is_top && known(&PASSED_OVER_AT_THE_TOP).is_some();
        if is_passed_over { Member::PassedOver } else { Member::Plain }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(body: &str, length: usize) -> Result<bool, PlaceError> {
        let mut places = Places::new();
        let allows = |name: &str, _| name.starts_with("ok");
        for chunk in body.as_bytes().chunks(length) {
            places.push(chunk, &allows)?;
        }
        Ok(places.has_names())
    }

    #[test]
    fn models_are_found_wherever_they_stand() {
        for body in [
            r#"{"models":["ok","no"]}"#,
            r#"{"models":"no"}"#,
            r#"{"Models":["no"]}"#,
            r#"{"m\u006fdels":["no"]}"#,
            r#"{"fallbacks":[{"model":"no"}]}"#,
            r#"{"fallbacks":"default"}"#,
            r#"{"fallbacks":["no"]}"#,
            r#"{"session":{"audio":{"input":{"transcription":{"model":"no"}}}}}"#,
            r#"{"plugins":[{"id":"ok","model":"no"}]}"#,
            r#"{"tools":[{"type":"x","parameters":{"model":"no"}}]}"#,
            r#"{"data_source":{"model":"no"}}"#,
            r#"{"generationConfig":{"routingConfig":{"manualMode":{"modelName":"no"}}}}"#,
            r#"{"requests":[{"params":{"messages":[],"model":"no"}}]}"#,
            r#"{"model":{"id":"no"}, "a":{"model":{"id":"no"}}}"#,
            r#"{"a":{"MODEL-ID":"no"}}"#,
            r#"{"preset":"no"}"#,
            r#"{"agent":"no"}"#,
            r#"{"a":[[[{"b":[{"model":"no"}]}]]]}"#,
        ] {
            for length in [1, 3, body.len()] {
                let read = read(body, length);
                assert!(matches!(read, Err(PlaceError::Forbidden(_))), "{body}: {read:?}");
            }
        }
    }

    #[test]
    fn what_is_said_to_a_model_names_none() {
        for (body, has_names) in [
            (
                r#"{"model":"top","messages":[{"content":"{\"model\":\"no\"}","model":"no"}]}"#,
                false,
            ),
            (r#"{"metadata":{"model":"no"},"input":[{"model":"no"}]}"#, false),
            (
                r#"{"tools":[{"function":{"parameters":{"properties":{"model":{"type":"string","default":"no"}},"required":["model"]}}}]}"#,
                false,
            ),
            (r#"{"text":{"format":{"schema":{"model":"no"}}},"stop":["models"]}"#, false),
            (r#"{"models":null,"fallbacks":[],"n":1.5e3,"plugins":[{"engine":"exa"}]}"#, false),
            (r#"{"models":["ok"],"route":"fallback"}"#, true),
            (r#"{"a":{"model":"ok-1"}, "b" : [true,null,{}] }"#, true),
            ("\u{feff} {}", false),
        ] {
            for length in [1, 3, body.len()] {
                assert_eq!(read(body, length), Ok(has_names), "{body}");
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_no_body() {
        for body in [
            r#"{"a":[}"#,
            r#"{"a":[1,2}"#,
            r#"{'a':1}"#,
            "{} {}",
            "[]",
            r#"{"a":{]}"#,
            &format!("{{\"a\":{}", "[".repeat(200)),
        ] {
            assert_eq!(read(body, 2), Err(PlaceError::Malformed), "{body}");
        }
        assert_eq!(read(r#"{"route":"fallback"}"#, 4), Err(PlaceError::Unreadable("route")));
        assert_eq!(read(r#"{"agent":{"id":"ok"}}"#, 4), Err(PlaceError::Unreadable("agent")));
        let long = format!(r#"{{"models":["{}"]}}"#, "ok".repeat(600));
        assert_eq!(read(&long, 7), Err(PlaceError::Unreadable("models")));
    }

    proptest! {
        #[test]
        fn every_split_reads_the_same(
            parts in prop::collection::vec(prop::sample::select(vec![
                "{", "}", "[", "]", ":", ",", "\"model\"", "\"models\"", "\"ok\"", "\"no\"", "1",
                "\"messages\"", " ", "\"a\\\"\"", "{\"model\":", "\"\\u006dodel\"", "null",
            ]), 0..14),
            length in 1_usize..5,
        ) {
            let body = format!("{{{}", parts.concat());
            prop_assert_eq!(read(&body, length), read(&body, body.len()));
        }
    }
}
