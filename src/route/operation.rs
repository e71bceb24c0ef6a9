//! What a request asks a provider for, told by its path.

use std::fmt;

/// The kind of API call, as events and logs name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// `chat/completions`, and deferred ones being fetched.
    Chat,
    /// OpenAI's `responses`.
    Responses,
    /// Anthropic's `messages`.
    Messages,
    /// Legacy text `completions` and `complete`.
    Completions,
    /// `embeddings`.
    Embeddings,
    /// `images/…`.
    Images,
    /// `videos/…`.
    Videos,
    /// Speech in either direction, and real-time audio.
    Audio,
    /// Lists and details of models.
    Models,
    /// `files/…`.
    Files,
    /// `batches/…`.
    Batches,
    /// Anything else.
    Other,
}

impl Operation {
    /// From the path behind the provider's slug.
    pub(crate) fn of(rest: &str) -> Self {
        if matches!(rest, "chat/completions" | "v1/chat/completions") {
            return Self::Chat;
        }
        let mut segments = rest.as_bytes().split(|byte| *byte == b'/');
        let mut next = || segments.find(|segment| !is_version(segment));
        match (next().unwrap_or_default(), next()) {
            (b"chat", Some(b"completions" | b"deferred-completion")) => Self::Chat,
            (b"responses", _) => Self::Responses,
            (b"messages", _) => Self::Messages,
            (b"completions" | b"complete", _) => Self::Completions,
            (b"embeddings", _) => Self::Embeddings,
            (b"images", _) => Self::Images,
            (b"videos", _) => Self::Videos,
            (b"audio" | b"tts" | b"stt" | b"realtime", _) => Self::Audio,
            (b"models" | b"language-models" | b"embedding-models", _)
            | (b"image-generation-models" | b"video-generation-models", _) => Self::Models,
            (b"files", _) => Self::Files,
            (b"batches", _) => Self::Batches,
            _ => Self::Other,
        }
    }

    /// Whether a request body of this kind must name a model.
    pub(crate) fn takes_model(self) -> bool {
        match self {
            Self::Chat | Self::Responses | Self::Messages | Self::Completions => true,
            Self::Embeddings | Self::Images | Self::Videos => true,
            Self::Audio | Self::Models | Self::Files | Self::Batches | Self::Other => false,
        }
    }

    /// The name in lower case, as in `chat`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Messages => "messages",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Images => "images",
            Self::Videos => "videos",
            Self::Audio => "audio",
            Self::Models => "models",
            Self::Files => "files",
            Self::Batches => "batches",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `v1`, `v1beta`, and the `openai` and `api` that stand before some providers' versions.
pub(super) fn is_version(segment: &[u8]) -> bool {
    matches!(segment, b"" | b"openai" | b"api" | [b'v', b'0'..=b'9', ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_told_with_and_without_a_version() {
        for (rest, operation) in [
            ("chat/completions", Operation::Chat),
            ("v1/chat/completions", Operation::Chat),
            ("v1/chat/deferred-completion/1", Operation::Chat),
            ("v1/messages", Operation::Messages),
            ("v1/messages/count_tokens", Operation::Messages),
            ("responses/resp_1", Operation::Responses),
            ("v1beta/openai/embeddings", Operation::Embeddings),
            ("v1/images/generations", Operation::Images),
            ("v1/language-models", Operation::Models),
            ("v1/batches/b_1:cancel", Operation::Batches),
            ("v1/api-key", Operation::Other),
            ("", Operation::Other),
        ] {
            assert_eq!(Operation::of(rest), operation, "{rest}");
        }
    }
}
