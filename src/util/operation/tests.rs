//! Each path of the providers has its operation.

use super::*;

#[test]
fn operations_are_recognised_with_and_without_a_version() {
    for (rest, operation) in [
        ("chat/completions", Operation::Chat),
        ("v1/chat/completions", Operation::Chat),
        ("v1/chat/deferred-completion/1", Operation::Chat),
        ("v1/messages", Operation::Messages),
        ("v1/messages/count_tokens", Operation::CountTokens),
        ("v1/messages/batches/b_1/results", Operation::Batches),
        ("anthropic/v1/messages", Operation::Messages),
        ("v2/chat", Operation::Chat),
        ("v1/chat/moderations", Operation::Moderations),
        ("v1/responses/compact", Operation::Compact),
        ("v1/responses/input_tokens", Operation::CountTokens),
        ("openai/deployments/gpt/chat/completions", Operation::Chat),
        ("v1beta/models/gemini:streamGenerateContent", Operation::GenerateContent),
        ("v1beta/models/gemini:countTokens", Operation::CountTokens),
        ("v1beta/models/gemini", Operation::Models),
        (
            "v1/projects/p/locations/r/publishers/anthropic/models/claude@1:streamRawPredict",
            Operation::Messages,
        ),
        (
            "v1/projects/p/locations/r/publishers/anthropic/models/count-tokens:rawPredict",
            Operation::CountTokens,
        ),
        ("model/a.b-v1%3A0/converse-stream", Operation::Converse),
        ("model/a.b-v1:0/invoke", Operation::Invoke),
        ("v1/audio/speech", Operation::Speech),
        ("openai/v1/audio/transcriptions", Operation::Transcription),
        ("v1/audio/voices", Operation::Audio),
        ("v1/rerank", Operation::Rerank),
        ("v1/videos/v_1", Operation::Videos),
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

/// Paths from the providers' `docs` and SDKs, by operation.
#[test]
fn every_providers_paths_are_recognised() {
    use Operation::*;
    let root = env!("CARGO_MANIFEST_DIR");
    let dashboard = format!("{root}/examples/gateway/dashboard/operations.js");
    let dashboard = std::fs::read_to_string(dashboard).unwrap();
    for (operation, paths) in [
        (
            Chat,
            &[
                "openai/v1/chat/completions",
                "compatibility/v1/chat/completions",
                "api/chat",
                "v1/chat",
                "async/chat/completions/r_1",
                "v1/fim/completions",
                "v1/agents/completions",
                "resource/deployment/chat/completions",
                "v1/sonar",
                "hf-inference/models/owner/name/v1/chat/completions",
                "a/b/c/chat/completions",
                "together/v1/chat/completions",
                "presets/p/chat/completions",
                "engines/e/chat/completions",
                "v1/projects/p/locations/r/endpoints/openapi/chat/completions",
                "v1/projects/p/locations/r/publishers/mistralai/models/m@1:rawPredict",
            ][..],
        ),
        (
            Responses,
            &[
                "responses",
                "v1/responses/r_1/cancel",
                "resource/openai/v1/responses",
                "v1/agent",
                "v1/agent/r_1",
                "v1/decisions",
            ],
        ),
        (Compact, &["responses/compact", "openai/v1/responses/compact"]),
        (Messages, &["v1/messages", "anthropic/v1/messages", "resource/anthropic/v1/messages"]),
        (
            GenerateContent,
            &[
                "v1beta/models/gemini:generateContent",
                "v1beta/models/gemini%3AgenerateContent",
                "v1beta/tunedModels/mine:streamGenerateContent",
                "v1/projects/p/locations/r/publishers/google/models/gemini:generateContent",
                "v1/projects/p/locations/r/endpoints/12:generateContent",
            ],
        ),
        (Interactions, &["v1beta/interactions", "v1beta/interactions/i_1/cancel"]),
        (Converse, &["model/a.b/converse", "model/arn%3Aaws%3Ax%2Fy/converse-stream"]),
        (
            Invoke,
            &[
                "model/a.b/invoke-with-response-stream",
                "run/@cf/meta/llama",
                "@cf/meta/llama",
                "v1/predictions",
                "v1/models/owner/name/predictions",
            ],
        ),
        (Completions, &["v1/completions", "v1/complete", "api/generate", "engines/e/completions"]),
        (
            CountTokens,
            &[
                "v1/messages/count_tokens",
                "v1/responses/input_tokens",
                "v1beta/models/gemini:countTokens",
                "v1/projects/p/locations/r/publishers/google/models/gemini:computeTokens",
                "model/a.b/count-tokens",
                "v1/tokenize",
                "v1/detokenize",
                "v1/tokenizers/estimate-token-count",
                "v1/tokenize-text",
            ],
        ),
        (
            Embeddings,
            &[
                "v1/embeddings",
                "v2/embed",
                "api/embed",
                "v1/contextualizedembeddings",
                "resource/deployment/embeddings",
                "v1beta/models/gemini-embedding:embedContent",
                "v1/projects/p/locations/r/publishers/google/models/text-embedding-5:predict",
            ],
        ),
        (Rerank, &["v2/rerank", "v1/rerank"]),
        (Moderations, &["v1/moderations", "v1/chat/moderations"]),
        (Images, &["v1/images/edits", "v1beta/models/imagen-4:predict"]),
        (
            Videos,
            &[
                "v1/videos",
                "v2/videos/v_1",
                "v1beta/models/veo:predictLongRunning",
                "v1/publishers/google/models/veo:fetchPredictOperation",
            ],
        ),
        (Speech, &["audio/speech", "v1/tts"]),
        (Transcription, &["audio/translations", "v2/audio/transcriptions", "v1/stt"]),
        (
            Realtime,
            &[
                "v1/realtime",
                "realtime/client_secrets",
                "ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
            ],
        ),
        (Ocr, &["v1/ocr"]),
        (Search, &["search", "v1beta/search", "v1/documents/search"]),
        (
            Models,
            &[
                "models",
                "v1/models/m",
                "v1/models/owner/name",
                "v1beta/tunedModels",
                "v1/publishers/google/models/gemini",
                "api/tags",
                "api/show",
            ],
        ),
        (Files, &["v1/files/f_1/content", "upload/v1beta/files", "v1/uploads/u_1/parts"]),
        (
            Batches,
            &[
                "v1/batches",
                "v1/batch/jobs/j_1/cancel",
                "v1/messages/batches/b_1",
                "v1/embed-jobs",
                "v1beta/models/gemini:batchGenerateContent",
                "v1/projects/p/locations/r/batchPredictionJobs",
                "v1/projects/p/locations/r/batchPredictionJobs/12:cancel",
                "model-invocation-job",
            ],
        ),
        (
            CachedContents,
            &["v1beta/cachedContents", "v1/projects/p/locations/r/cachedContents/c_1"],
        ),
        (
            Other,
            &[
                "v1/threads/t_1/messages",
                "v1/vector_stores/v_1/search",
                "v1/organization/usage/completions",
                "v1/containers/c_1/files",
                "v1/conversations",
                "agent",
                "agent/run",
                "sonar",
                "v1/sonar/s_1",
                "v1/async/sonar",
                "v1/async/sonar/s_1",
                "a/b/c/embeddings",
                "a/b/c/d/e/chat/completions",
                "v1/projects/p/locations/r/tuningJobs",
                "v1/projects/p/locations/r/endpoints/12:predict",
                "v1beta/models/veo/operations/o_1",
                "resource/deployment",
                "v1/tcp_warming",
                "v1/check-api-key",
                "generation",
                "user/balance",
                "//",
            ],
        ),
    ] {
        for rest in paths {
            assert_eq!(Operation::of(rest), operation, "{rest}");
        }
        let words = format!("  {operation}: '");
        assert!(dashboard.contains(&words), "the dashboard has no words for {operation}");
    }
}

#[test]
fn all_paths_of_the_messages_api_are_recognised() {
    for rest in [
        "messages",
        "v1/messages",
        "v1/messages/count_tokens",
        "v1/messages/batches/b_1/results",
        "anthropic/v1/messages/count_tokens",
        "resource/anthropic/v1/messages/count_tokens",
        "v1/projects/p/locations/r/publishers/anthropic/models/count-tokens:rawPredict",
    ] {
        assert!(is_of_messages(rest), "{rest}");
    }
    for rest in ["v1/threads/t_1/messages", "v1/batches", "v1/responses/input_tokens", ""] {
        assert!(!is_of_messages(rest), "{rest}");
    }
}
