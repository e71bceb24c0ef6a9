//! The markers by which a response says that it is whole.

/// What says that a response is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Terminal {
    /// `data: [DONE]`, `"done":true` (Ollama), `speech.audio.done`, `transcript.text.done`, or `chat.completion.done` (Perplexity)
    Done,
    /// `response.completed`, `response.done` (realtime), `interaction.completed`
    Completed,
    /// `response.incomplete`
    Incomplete,
    /// `response.failed`
    Failed,
    /// `message_stop`, or `metadata` behind `messageStop` (Converse)
    MessageStop,
    /// `message-end` (Cohere, version 2)
    MessageEnd,
    /// `stream-end` (Cohere, version 1)
    StreamEnd,
    /// A candidate with a `finishReason`, or a prompt that was blocked (Gemini).
    FinishReason,
    /// The JSON object was closed.
    Closed,
}

impl Terminal {
    /// The name in lower case, as in `message_stop`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Completed => "completed",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
            Self::MessageStop => "message_stop",
            Self::MessageEnd => "message_end",
            Self::StreamEnd => "stream_end",
            Self::FinishReason => "finish_reason",
            Self::Closed => "closed",
        }
    }
}
