//! A push scanner for a few strings near the top of a JSON object.
//!
//! It reads members of the object and of objects directly inside it, keeps at most one short value
//! per path, and skips everything else. It is lenient, because what it finds only chooses among
//! equivalent targets: nothing is refused for it. It skips text before the first brace, so it can
//! also read the data of an event stream.

use super::nested::Nested;
use super::quote::StringEnd;
use super::{is_scalar, is_space, string};

/// The longest key and value that are kept, as written between their quotes.
const LONGEST: usize = 256;

/// The path of a string: the object inside the top one, if any, and the key.
pub(crate) type StringPath = (Option<&'static str>, &'static str);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    KeyOrEnd,
    InKey,
    Colon,
    Value,
    InString,
    Scalar,
    Nested(Nested),
    Closed,
    Broken,
}

/// The member whose value follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    Wanted(usize),
    Around(&'static str),
    Other,
}

/// Finds the strings at these paths. If a key is given twice, the first string counts.
#[derive(Debug)]
pub(crate) struct StringFinder<const N: usize> {
    paths: [StringPath; N],
    found: [Option<Box<str>>; N],
    state: State,
    member: Member,
    /// The current object inside the top one.
    inside: Option<&'static str>,
    /// The current key, or the current value if it is wanted.
    text: Vec<u8>,
    end: StringEnd,
}

impl<const N: usize> StringFinder<N> {
    pub(crate) fn new(paths: [StringPath; N]) -> Self {
        Self {
            paths,
            found: [const { None }; N],
            state: State::Start,
            member: Member::Other,
            inside: None,
            text: Vec::new(),
            end: StringEnd::default(),
        }
    }

    /// The string at the path of this index; `None` if it has not passed yet, is empty, malformed
    /// or longer than 256 bytes.
    pub(crate) fn get(&self, index: usize) -> Option<&str> {
        self.found.get(index)?.as_deref()
    }

    /// Returns true if the object has closed or is not an object.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Closed | State::Broken)
    }

    /// Looks for another object after the one that has closed.
    pub(crate) fn next_object(&mut self) {
        if self.state == State::Closed {
            self.state = State::Start;
        }
    }

    /// Scans the next bytes. Returns how many, which is all unless the object is over.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> usize {
        let mut at = 0;
        while at < chunk.len() && !self.is_over() {
            at = self.step(chunk, at);
        }
        at
    }

    fn step(&mut self, chunk: &[u8], at: usize) -> usize {
        let byte = chunk[at];
        match self.state {
            State::Start => {
                let Some(brace) = memchr::memchr(b'{', &chunk[at..]) else { return chunk.len() };
                self.state = State::KeyOrEnd;
                return at + brace + 1;
            }
            State::InKey | State::InString => return self.string(chunk, at),
            State::Nested(mut nested) => {
                let (end, is_over) = nested.pass(&mut self.end, chunk, at);
                self.state = if is_over { State::KeyOrEnd } else { State::Nested(nested) };
                return end;
            }
            State::Scalar if is_scalar(byte) => {}
            State::Scalar => {
                self.state = State::KeyOrEnd;
                return at;
            }
            _ if is_space(byte) => {}
            State::KeyOrEnd => match byte {
                b'"' => self.begin(State::InKey),
                b'}' if self.inside.take().is_none() => self.state = State::Closed,
                b'}' | b',' => {}
                _ => self.state = State::Broken,
            },
            State::Colon if byte == b':' => self.state = State::Value,
            State::Value => match (byte, self.member) {
                (b'"', _) => self.begin(State::InString),
                (b'{', Member::Around(name)) => {
                    self.inside = Some(name);
                    self.state = State::KeyOrEnd;
                }
                (b'{' | b'[', _) => self.state = State::Nested(Nested::OPENED),
                _ if is_scalar(byte) => self.state = State::Scalar,
                _ => self.state = State::Broken,
            },
            _ => self.state = State::Broken,
        }
        at + 1
    }

    fn begin(&mut self, state: State) {
        self.text.clear();
        self.state = state;
    }

    fn string(&mut self, chunk: &[u8], at: usize) -> usize {
        let (end, closed) = self.end.find(chunk, at);
        let is_key = self.state == State::InKey;
        if is_key || matches!(self.member, Member::Wanted(_)) {
            // One byte more than the longest is enough to know that it is too long.
            let room = (LONGEST + 1).saturating_sub(self.text.len());
            self.text.extend_from_slice(&chunk[at..end.min(at + room)]);
        }
        if !closed {
            return end;
        }
        if is_key {
            self.member = self.named();
            self.state = State::Colon;
        } else {
            if let Member::Wanted(index) = self.member {
                self.keep(index);
            }
            self.state = State::KeyOrEnd;
        }
        end + 1
    }

    /// What the key names.
    fn named(&self) -> Member {
        let is = |name: &str| string::reads(&self.text, name);
        let wanted = self.paths.iter().position(|(around, key)| *around == self.inside && is(key));
        if let Some(index) = wanted {
            return Member::Wanted(index);
        }
        let mut around = self.paths.iter().filter_map(|(around, _)| *around);
        let around = around.find(|around| self.inside.is_none() && is(around));
        around.map_or(Member::Other, Member::Around)
    }

    fn keep(&mut self, index: usize) {
        let is_kept = (1..=LONGEST).contains(&self.text.len());
        if let Some(found @ None) = self.found.get_mut(index).filter(|_| is_kept) {
            *found = string::decode(&self.text).map(Into::into);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PATHS: [StringPath; 3] =
        [(None, "previous_response_id"), (None, "prompt_cache_key"), (Some("metadata"), "user_id")];

    fn read(json: &[u8], size: usize) -> (Vec<Option<String>>, bool) {
        let mut strings = StringFinder::new(PATHS);
        json.chunks(size.max(1)).for_each(|chunk| {
            strings.push(chunk);
        });
        let found = (0..3).map(|index| strings.get(index).map(str::to_owned)).collect();
        (found, strings.is_over())
    }

    #[track_caller]
    fn assert_found(json: &str, expected: [Option<&str>; 3]) {
        for size in [1, 2, 7, json.len()] {
            let (found, _) = read(json.as_bytes(), size);
            let found: Vec<_> = found.iter().map(Option::as_deref).collect();
            assert_eq!(found, expected, "{json} by {size}");
        }
    }

    #[test]
    fn strings_are_found_only_at_their_paths() {
        assert_found(r#"{"prompt_cache_key":"k"}"#, [None, Some("k"), None]);
        assert_found(
            "\u{feff} { \"metadata\" : {\"a\":[{}],\"user_id\" : \"u\"} ,\n\"prompt_cache_key\":\"k\"}",
            [None, Some("k"), Some("u")],
        );
        // Inside a message, in an array, and as a value, they do not count.
        assert_found(r#"{"messages":[{"prompt_cache_key":"x"}],"user_id":"x"}"#, [None; 3]);
        assert_found(r#"{"a":"prompt_cache_key","b":"\"prompt_cache_key\":\"x\""}"#, [None; 3]);
        assert_found(r#"{"a":{"metadata":{"user_id":"x"}}}"#, [None; 3]);
        assert_found(r#"{"metadata":{"metadata":{"user_id":"x"}}}"#, [None; 3]);
        assert_found(r#"{"metadata":{"prompt_cache_key":"x"}}"#, [None; 3]);
        assert_found(r#"{"prompt_cache_key":null,"metadata":[],"stream":true}"#, [None; 3]);
        assert_found(r#"{"prompt_cache_key":{"a":"x"}}"#, [None; 3]);
        assert_found(r#"{"prompt_cache_key":""}"#, [None; 3]);
    }

    #[test]
    fn escapes_are_decoded_and_the_first_of_two_counts() {
        let json = r#"{"prompt_\u0063ache_key":"\u006b\n","prompt_cache_key":"other"}"#;
        assert_found(json, [None, Some("k\n"), None]);
        assert_found(r#"{"Prompt_Cache_Key":"x"}"#, [None; 3]);
    }

    #[test]
    fn too_long_values_are_not_kept() {
        let json = |length: usize| format!(r#"{{"prompt_cache_key":"{}"}}"#, "x".repeat(length));
        assert_found(&json(256), [None, Some(&"x".repeat(256)), None]);
        assert_found(&json(257), [None; 3]);
    }

    #[test]
    fn the_end_is_known_and_another_object_can_follow() {
        assert!(read(b"{}", 1).1 && read(b"{x", 1).1 && !read(br#"{"a":1,"#, 1).1);
        let mut strings = StringFinder::new([(Some("response"), "id")]);
        let events = b"event: ping\ndata: {}\n\ndata: {\"response\":{\"id\":\"resp_1\"";
        let passed = strings.push(events);
        assert_eq!((passed, strings.get(0)), (20, None));
        strings.next_object();
        strings.push(&events[passed..]);
        assert_eq!(strings.get(0), Some("resp_1"));
    }

    proptest! {
        #[test]
        fn all_splits_agree(
            json in "[{}\\[\\]\",:\\\\a1 ]{0,40}|\\{\"prompt_cache_key\":\"[^\"\\\\]{0,9}\"[,}a]{0,3}",
            size in 1_usize..9,
        ) {
            prop_assert_eq!(read(json.as_bytes(), size), read(json.as_bytes(), usize::MAX));
        }
    }
}
