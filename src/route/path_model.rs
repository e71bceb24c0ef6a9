//! Models that stand in the path of a provider's own API and not in the body.

use super::join::percent_decode;
use super::operation::first_segment;

/// The model that is called by a path behind a provider's slug: Google's `models/{model}:{call}`,
/// Azure's `deployments/{model}/…` and OpenAI's old `engines/{model}/…`, Bedrock's
/// `model/{model}/…`.
pub(crate) fn model_in_path(rest: &str) -> Option<String> {
    // The usual paths are settled without a copy.
    if super::endpoint(rest).is_some() {
        return None;
    }
    let mut decoded = rest.as_bytes().to_vec();
    percent_decode(&mut decoded);
    let decoded = String::from_utf8_lossy(&decoded);
    let mut segments = decoded.split('/').filter(|segment| !segment.is_empty());
    while let Some(segment) = segments.next() {
        match segment {
            "models" | "tunedModels" => {
                let name = segments.clone().collect::<Vec<_>>().join("/");
                return name.rsplit_once(':').map(|(name, _)| name.to_owned());
            }
            "deployments" | "engines" | "model" => return segments.next().map(str::to_owned),
            _ => {}
        }
    }
    None
}

/// Whether a body on this path is a file: in whatever form it comes, it asks no model.
pub(crate) fn is_upload(rest: &str) -> bool {
    matches!(first_segment(rest), "files" | "upload" | "uploads" | "stt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_may_be_called_by_the_path() {
        for (rest, model) in [
            ("v1beta/models/gemini-2.5-pro:generateContent", Some("gemini-2.5-pro")),
            ("v1beta//models//gemini%2D2:streamGenerateContent", Some("gemini-2")),
            ("v1beta/models/gemini%3AgenerateContent", Some("gemini")),
            ("v1beta/%6dodels/gemini:countTokens", Some("gemini")),
            ("v1beta/models%2Fgemini:countTokens", Some("gemini")),
            ("v1/publishers/google/models/gemini:predict", Some("gemini")),
            ("v1beta/tunedModels/mine:generateContent", Some("mine")),
            ("openai/deployments/gpt-5/chat/completions", Some("gpt-5")),
            ("v1/engines/davinci/completions", Some("davinci")),
            ("model/anthropic.claude:0/invoke", Some("anthropic.claude:0")),
            ("v1/models/grok-4", None),
            ("v1/models", None),
            ("v1/batches/b_1:cancel", None),
            ("v1/chat/completions", None),
        ] {
            assert_eq!(model_in_path(rest).as_deref(), model, "{rest}");
        }
    }

    #[test]
    fn files_are_known_by_their_path() {
        assert!(is_upload("v1/files") && is_upload("upload/v1beta/files") && is_upload("stt"));
        assert!(!is_upload("v1/audio/transcriptions") && !is_upload("v1/images/edits"));
    }
}
