//! Finds the events of a stream that must be parsed, by searching each frame for a few words.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::event::Event;
use super::shape::Shape;
use super::sse::last_boundary;
use super::terminal::Terminal;

pub(super) type Word = LazyLock<Finder<'static>>;

/// A word that relevant events contain.
///
/// An unescaped `"usage"` is never inside a JSON string, so the text of an answer cannot contain
/// it. It can contain `error`; parsing an event in vain does no harm.
static USAGE: Word = LazyLock::new(|| Finder::new("\"usage\""));
static ERROR: Word = LazyLock::new(|| Finder::new("error"));
static DONE: Word = LazyLock::new(|| Finder::new("[DONE]"));
/// The last events of a stream of Responses contain the whole response; deltas do not.
static RESPONSE: Word = LazyLock::new(|| Finder::new("\"response\""));
static MESSAGE_STOP: Word = LazyLock::new(|| Finder::new("message_stop"));
static INTERACTION: Word = LazyLock::new(|| Finder::new("\"interaction\""));
/// In every event of Gemini, so most of them are parsed.
static USAGE_METADATA: Word = LazyLock::new(|| Finder::new("\"usageMetadata\""));
static FINISH_REASON: Word = LazyLock::new(|| Finder::new("\"finishReason\""));
static BLOCK_REASON: Word = LazyLock::new(|| Finder::new("\"blockReason\""));
/// The `object` of Perplexity's last chunk.
static CHAT_DONE: Word = LazyLock::new(|| Finder::new("chat.completion.done"));
/// The last event of Mistral's conversations.
static CONVERSATION_DONE: Word = LazyLock::new(|| Finder::new("conversation.response.done"));

/// In no list: all events of streams with this marker are parsed.
static LAST: Word = LazyLock::new(|| Finder::new("\"done\""));
/// Usage of Cohere, of Mistral's OCR, and of Bedrock's `invoke`.
static META: Word = LazyLock::new(|| Finder::new("\"meta\""));
static USAGE_INFO: Word = LazyLock::new(|| Finder::new("\"usage_info\""));
static METRICS: Word = LazyLock::new(|| Finder::new("invocationMetrics\""));
static MESSAGE_END: Word = LazyLock::new(|| Finder::new("message-end"));
static STREAM_END: Word = LazyLock::new(|| Finder::new("stream-end"));
/// The last events of images…
static COMPLETED: Word = LazyLock::new(|| Finder::new(".completed\""));
/// … and of audio.
static AUDIO_DONE: Word = LazyLock::new(|| Finder::new(".done\""));

const WORDS: usize = 6;

/// The words of a shape's streams.
#[derive(Debug)]
pub(super) struct Needles(&'static [&'static Word]);

static CHAT: Needles = Needles(&[&USAGE, &ERROR, &DONE]);
static RESPONSES: Needles = Needles(&[&USAGE, &ERROR, &RESPONSE]);
static MESSAGES: Needles = Needles(&[&USAGE, &ERROR, &DONE, &MESSAGE_STOP]);
static GEMINI: Needles = Needles(&[&USAGE_METADATA, &ERROR, &FINISH_REASON, &BLOCK_REASON]);
static INTERACTIONS: Needles = Needles(&[&USAGE, &ERROR, &DONE, &INTERACTION]);
static PERPLEXITY: Needles = Needles(&[&USAGE, &ERROR, &DONE, &CHAT_DONE]);
static COHERE: Needles = Needles(&[&USAGE, &ERROR, &DONE, &MESSAGE_END, &STREAM_END, &META]);
static WITH_META: Needles = Needles(&[&USAGE, &ERROR, &DONE, &META]);
static OCR: Needles = Needles(&[&USAGE, &ERROR, &DONE, &USAGE_INFO]);
static INVOKE: Needles = Needles(&[&USAGE, &ERROR, &DONE, &MESSAGE_STOP, &METRICS]);
static IMAGES: Needles = Needles(&[&USAGE, &ERROR, &DONE, &COMPLETED]);
static AUDIO: Needles = Needles(&[&USAGE, &ERROR, &DONE, &AUDIO_DONE]);
static ALL: Needles =
    Needles(&[&USAGE, &ERROR, &DONE, &RESPONSE, &MESSAGE_STOP, &CONVERSATION_DONE]);

impl Needles {
    pub(super) fn of(shape: Shape) -> &'static Self {
        match shape {
            Shape::Chat | Shape::ChatGoogle | Shape::Completions => &CHAT,
            Shape::Responses => &RESPONSES,
            Shape::Messages => &MESSAGES,
            Shape::GenerateContent => &GEMINI,
            Shape::Interactions => &INTERACTIONS,
            Shape::ChatPerplexity | Shape::AsyncPerplexity => &PERPLEXITY,
            Shape::CohereV2 | Shape::CohereV1 => &COHERE,
            Shape::Images => &IMAGES,
            Shape::EmbeddingsCohere | Shape::Rerank => &WITH_META,
            Shape::Ocr => &OCR,
            Shape::Invoke => &INVOKE,
            Shape::Transcription | Shape::Speech => &AUDIO,
            _ => &ALL,
        }
    }

    /// The marker in an event, if the search would find it. Otherwise the result would depend on
    /// how the bytes are split.
    pub(super) fn marker(&self, event: &Event) -> Option<Terminal> {
        let (terminal, word) = marker(event)?;
        self.0.iter().any(|own| std::ptr::eq(*own, word)).then_some(terminal)
    }

    pub(super) fn search<'a>(&self, frame: &'a [u8]) -> Search<'a> {
        Search { words: self.0, frame, hits: [0; WORDS] }
    }
}

/// The marker in an event, and the word that finds it.
pub(super) fn marker(event: &Event) -> Option<(Terminal, &'static Word)> {
    Some(match event.kind.whole() {
        _ if event.is_done_marker => (Terminal::Done, &DONE),
        _ if event.has_finished => (Terminal::FinishReason, &FINISH_REASON),
        Some(b"message_stop") => (Terminal::MessageStop, &MESSAGE_STOP),
        _ if event.is_last => (Terminal::Done, &LAST),
        Some(b"message-end") => (Terminal::MessageEnd, &MESSAGE_END),
        Some(b"stream-end") => (Terminal::StreamEnd, &STREAM_END),
        Some(b"image_generation.completed" | b"image_edit.completed") => {
            (Terminal::Completed, &COMPLETED)
        }
        Some(b"transcript.text.done" | b"transcription.done" | b"speech.audio.done") => {
            (Terminal::Done, &AUDIO_DONE)
        }
        Some(b"chat.completion.done") => (Terminal::Done, &CHAT_DONE),
        Some(b"conversation.response.done") => (Terminal::Completed, &CONVERSATION_DONE),
        Some(kind) if event.has_response => match kind {
            b"response.completed" | b"response.done" => (Terminal::Completed, &RESPONSE),
            b"response.incomplete" => (Terminal::Incomplete, &RESPONSE),
            b"response.failed" => (Terminal::Failed, &RESPONSE),
            b"interaction.completed" | b"interaction.complete" => {
                (Terminal::Completed, &INTERACTION)
            }
            _ => return None,
        },
        _ => return None,
    })
}

/// A search through one frame.
pub(super) struct Search<'a> {
    words: &'static [&'static Word],
    frame: &'a [u8],
    /// For each word, a lower bound of its next position.
    hits: [usize; WORDS],
}

impl Search<'_> {
    /// Returns the start of the next event that must be parsed, because it is relevant or
    /// incomplete. `from` is the start of an event.
    pub(super) fn next_event(&mut self, from: usize) -> usize {
        let mut nearest = self.frame.len();
        for (word, hit) in self.words.iter().zip(&mut self.hits) {
            if *hit <= from {
                *hit = find(word, self.frame, from);
            }
            nearest = nearest.min(*hit);
        }
        from + last_boundary(&self.frame[from..nearest])
    }
}

fn find(word: &'static Word, frame: &[u8], mut from: usize) -> usize {
    while let Some(found) = word.find(&frame[from..]) {
        let hit = from + found;
        let after = hit + word.needle().len();
        // Many providers send `null` in each event except the last.
        let is_null = frame[after..].starts_with(b":null") || frame[after..].starts_with(b": null");
        if !(is_null && std::ptr::eq(word, &USAGE)) {
            return hit;
        }
        from = after;
    }
    frame.len()
}
