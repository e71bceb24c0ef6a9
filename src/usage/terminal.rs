//! The markers by which a response says that it is whole.

use super::event::Event;

/// What says that a response is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Terminal {
    /// `data: [DONE]`
    Done,
    /// `response.completed`
    Completed,
    /// `response.incomplete`
    Incomplete,
    /// `response.failed`
    Failed,
    /// `message_stop`
    MessageStop,
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
            Self::FinishReason => "finish_reason",
            Self::Closed => "closed",
        }
    }

    /// Of one event of a stream.
    pub(super) fn of(event: &Event) -> Option<Self> {
        match event.kind.whole() {
            _ if event.is_done_marker => Some(Self::Done),
            Some(b"message_stop") => Some(Self::MessageStop),
            Some(b"response.completed") if event.has_response => Some(Self::Completed),
            Some(b"response.incomplete") if event.has_response => Some(Self::Incomplete),
            Some(b"response.failed") if event.has_response => Some(Self::Failed),
            _ => None,
        }
    }
}
