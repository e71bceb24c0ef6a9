//! What one JSON document tells: the data of an event, or a whole body.

use super::reported::Reported;

/// What is kept of a model's name at most; no provider has longer ones.
const LONGEST_MODEL: usize = 1024;
/// What is kept of any other string at most.
const LONGEST_WORD: usize = 128;

/// Objects and arrays whose members matter, told by the path that leads to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Root,
    /// `response` of the events of Responses.
    Response,
    /// `message` of the first event of Messages.
    Message,
    /// `error`, at the root or in `response`.
    Error,
    /// `choices[]`
    Choices,
    Choice,
    /// `delta`, at the root or in a choice.
    Delta,
    /// An array that is content if it has an element.
    Parts,
    /// `data[]`, whose elements are counted.
    Data,
}

/// What is to be done with the value of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Member {
    Skip,
    /// To look into if it is an object, or an array for [`Place::Choices`] and [`Place::Data`].
    Enter(Place),
    /// A string to keep. Of several, the last one of the highest rank counts.
    Text(Field, u8),
    /// Content, unless it is empty.
    Content,
    Usage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Model,
    ServiceTier,
    Type,
    /// The code of an error.
    Code,
}

/// Keys are compared as they are written: no provider spells letters as escapes.
#[inline]
pub(super) fn member(place: Place, key: &[u8]) -> Member {
    match place {
        Place::Root => match key {
            b"usage" => Member::Usage,
            b"model" => Member::Text(Field::Model, 2),
            b"service_tier" => Member::Text(Field::ServiceTier, 2),
            b"type" => Member::Text(Field::Type, 1),
            b"response" => Member::Enter(Place::Response),
            b"message" => Member::Enter(Place::Message),
            b"error" => Member::Enter(Place::Error),
            b"code" => Member::Text(Field::Code, 2),
            b"choices" => Member::Enter(Place::Choices),
            b"data" => Member::Enter(Place::Data),
            b"delta" => Member::Enter(Place::Delta),
            _ => Member::Skip,
        },
        Place::Response | Place::Message => match key {
            b"usage" => Member::Usage,
            b"model" => Member::Text(Field::Model, 1),
            b"service_tier" => Member::Text(Field::ServiceTier, 1),
            b"error" if place == Place::Response => Member::Enter(Place::Error),
            _ => Member::Skip,
        },
        Place::Error => match key {
            b"code" => Member::Text(Field::Code, 3),
            b"type" => Member::Text(Field::Code, 1),
            _ => Member::Skip,
        },
        Place::Choice => match key {
            b"delta" => Member::Enter(Place::Delta),
            b"text" => Member::Content,
            _ => Member::Skip,
        },
        Place::Delta => match key {
            b"content" | b"reasoning_content" | b"reasoning" | b"tool_calls" | b"refusal"
            | b"text" | b"thinking" | b"partial_json" => Member::Content,
            _ => Member::Skip,
        },
        Place::Choices | Place::Parts | Place::Data => Member::Skip,
    }
}

/// The inside of a JSON string as it is written, kept in memory that is used again.
#[derive(Debug, Default)]
pub(super) struct Captured {
    raw: Vec<u8>,
    /// Of what is kept; 0 where nothing is.
    rank: u8,
    is_cut: bool,
    /// What passes now is of lower rank.
    ignores: bool,
}

impl Captured {
    fn begin(&mut self, rank: u8) {
        self.ignores = rank < self.rank;
        if !self.ignores {
            self.clear();
            self.rank = rank;
        }
    }

    fn clear(&mut self) {
        self.raw.clear();
        self.rank = 0;
        self.is_cut = false;
    }

    fn extend(&mut self, part: &[u8], longest: usize) {
        if self.ignores {
            return;
        }
        let room = longest - self.raw.len();
        self.is_cut |= part.len() > room;
        let part = &part[..part.len().min(room)];
        if self.raw.capacity() == 0 {
            // Exactly as long as needed, so that it can be taken as it is.
            self.raw = part.to_vec();
        } else {
            self.raw.extend_from_slice(part);
        }
    }

    /// All of it, if it was not too long to keep.
    pub(super) fn whole(&self) -> Option<&[u8]> {
        self.head().filter(|_| !self.is_cut)
    }

    /// All of it, which is here no longer.
    pub(super) fn take(&mut self) -> Option<String> {
        let raw = std::mem::take(&mut self.raw);
        self.clear();
        String::from_utf8(raw).ok()
    }

    /// At least the beginning of it.
    pub(super) fn head(&self) -> Option<&[u8]> {
        (self.rank > 0).then_some(&self.raw[..])
    }
}

#[derive(Debug, Default)]
pub(super) struct Event {
    pub(super) kind: Captured,
    pub(super) model: Captured,
    pub(super) service_tier: Captured,
    pub(super) code: Captured,
    /// The `usage` at the root, …
    usage: Option<Reported>,
    /// … in `response`, which one event of a stream has at most, …
    response_usage: Option<Box<Reported>>,
    /// … and in `message`, likewise.
    message_usage: Option<Box<Reported>>,
    pub(super) reached_usage: bool,
    pub(super) has_content: bool,
    pub(super) has_response: bool,
    /// A non-null `error` at the root.
    pub(super) has_error: bool,
    /// `choices`, `output`, `content` or `data` at the root: an answer, whatever else is in it.
    pub(super) has_answer: bool,
    /// Elements of `data`.
    pub(super) elements: u64,
    /// Not JSON, but the `[DONE]` that ends some streams.
    pub(super) is_done_marker: bool,
}

impl Event {
    pub(super) fn clear(&mut self) {
        self.kind.clear();
        self.model.clear();
        self.service_tier.clear();
        self.code.clear();
        self.usage = None;
        self.response_usage = None;
        self.message_usage = None;
        self.reached_usage = false;
        self.has_content = false;
        self.has_response = false;
        self.has_error = false;
        self.has_answer = false;
        self.elements = 0;
        self.is_done_marker = false;
    }

    #[inline]
    pub(super) fn saw_key(&mut self, place: Place, key: &[u8]) {
        if place == Place::Root {
            self.has_answer |= matches!(key, b"choices" | b"output" | b"content" | b"data");
            self.has_response |= key == b"response";
        }
    }

    pub(super) fn begin_text(&mut self, field: Field, rank: u8) {
        self.text(field).0.begin(rank);
    }

    pub(super) fn extend_text(&mut self, field: Field, part: &[u8]) {
        let (text, longest) = self.text(field);
        text.extend(part, longest);
    }

    fn text(&mut self, field: Field) -> (&mut Captured, usize) {
        match field {
            Field::Model => (&mut self.model, LONGEST_MODEL),
            Field::ServiceTier => (&mut self.service_tier, LONGEST_WORD),
            Field::Type => (&mut self.kind, LONGEST_WORD),
            Field::Code => (&mut self.code, LONGEST_WORD),
        }
    }

    pub(super) fn is(&self, kind: &str) -> bool {
        self.kind.whole() == Some(kind.as_bytes())
    }

    /// The usage that bills: of the document itself, or of the one object that the event is about.
    pub(super) fn billed_usage(&self) -> Option<&Reported> {
        let ends = || {
            ["response.completed", "response.incomplete", "response.failed"]
                .iter()
                .any(|kind| self.is(kind))
        };
        let response = || self.response_usage.as_deref().filter(|_| ends());
        let message = || self.message_usage.as_deref().filter(|_| self.is("message_start"));
        self.usage.as_ref().or_else(response).or_else(message)
    }

    /// Makes room for the `usage` of this place, and for no other there.
    pub(super) fn new_usage(&mut self, place: Place) -> &mut Reported {
        match place {
            Place::Response => self.response_usage.insert(Box::default()),
            Place::Message => self.message_usage.insert(Box::default()),
            _ => self.usage.insert(Reported::default()),
        }
    }
}
