//! The markers that end a complete response.

use crate::util::macros::named_enum;

named_enum! {
/// The marker that ended a complete response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Terminal {
    /// `data: [DONE]`, `"done":true` (Ollama), `speech.audio.done`, `transcript.text.done`, or `chat.completion.done` (Perplexity)
    Done = "done",
    /// `response.completed`, `response.done` (realtime), `interaction.completed`,
    /// `conversation.response.done` (Mistral)
    Completed = "completed",
    /// `response.incomplete`
    Incomplete = "incomplete",
    /// `response.failed`
    Failed = "failed",
    /// `message_stop`, or `metadata` after `messageStop` (Converse)
    MessageStop = "message_stop",
    /// `message-end` (Cohere, version 2)
    MessageEnd = "message_end",
    /// `stream-end` (Cohere, version 1)
    StreamEnd = "stream_end",
    /// A candidate with a `finishReason`, or a prompt that was blocked (Gemini).
    FinishReason = "finish_reason",
    /// The JSON object was closed.
    Closed = "closed",
}
/// The name in lower case, as in `message_stop`.
pub fn as_str;
}

impl Terminal {}
