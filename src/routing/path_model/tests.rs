//! The models and the reach of a path are read in every spelling.

use super::*;

#[test]
fn a_path_can_name_the_model() {
    for (rest, model) in [
        ("v1beta/models/gemini-2.5-pro:generateContent", Some("gemini-2.5-pro")),
        ("v1beta//models//gemini%2D2:streamGenerateContent", Some("gemini-2")),
        ("v1beta/models/gemini%3AgenerateContent", Some("gemini")),
        ("v1beta/%6dodels/gemini:countTokens", Some("gemini")),
        ("v1beta/%256dodels/gemini:countTokens", Some("gemini")),
        ("v1beta/Models/gemini:countTokens", Some("gemini")),
        ("v1beta/models%2Fgemini:countTokens", Some("gemini")),
        ("v1/publishers/google/models/gemini:predict", Some("gemini")),
        ("v1/publishers/anthropic/models/claude@2:rawPredict", Some("claude@2")),
        ("v1beta/tunedModels/mine:generateContent", Some("tunedModels/mine")),
        ("openai/deployments/gpt-5/chat/completions", Some("gpt-5")),
        ("v1/engines/davinci/completions", Some("davinci")),
        ("model/anthropic.claude:0/invoke", Some("anthropic.claude:0")),
        ("model/anthropic.claude%3A0/invoke", Some("anthropic.claude:0")),
        ("model/arn%3Aaws%3Aprofile%2Fus.claude/converse", Some("arn:aws:profile/us.claude")),
        ("v1/projects/p/locations/r/endpoints/12:predict", Some("endpoints/12")),
        ("v1/projects/p/locations/r/endpoints/openapi/chat/completions", None),
        ("run/@cf/meta/llama", Some("@cf/meta/llama")),
        ("presets/x/chat/completions", Some("@preset/x")),
        ("models/owner/name/predictions", Some("owner/name")),
        ("deployments/owner/name/predictions", Some("owner/name")),
        ("hf-inference/models/org/name", Some("org/name")),
        ("hf-inference/models/org/name/pipeline/feature-extraction", Some("org/name")),
        ("hf-inference/models/org/name/v1/chat/completions", Some("org/name")),
        (
            "v1/projects/p/locations/r/publishers/anthropic/models/claude-opus-5@20260101:streamRawPredict",
            Some("claude-opus-5@20260101"),
        ),
        ("v1/projects/p/locations/r/publishers/anthropic/models/count-tokens:rawPredict", None),
        (
            "model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse-stream",
            Some("us.anthropic.claude-haiku-4-5-20251001-v1:0"),
        ),
        (
            "model/arn:aws:bedrock:eu-west-1:1:inference-profile/eu.claude/invoke-with-response-stream",
            Some("arn:aws:bedrock:eu-west-1:1:inference-profile/eu.claude"),
        ),
        ("deployments/my%20own/chat/completions", Some("my own")),
        ("run/@cf/meta/llama-3.1-8b-instruct", Some("@cf/meta/llama-3.1-8b-instruct")),
        ("v1/models", None),
        ("v1/batches/b_1:cancel", None),
        ("v1/threads/t/runs", None),
        ("v1/chat/completions", None),
    ] {
        let read = read(rest);
        assert_eq!(read.models.first().map(String::as_str), model, "{rest}");
    }
}

#[test]
fn every_model_of_a_path_is_read() {
    for (rest, models) in [
        ("deployments/a/engines/b/completions", ["a", "b"]),
        ("deployments/a/%65ngines/b/completions", ["a", "b"]),
        ("deployments/a/%2565ngines/b/completions", ["a", "b"]),
        ("engines/a%2541/completions", ["a%41", "aA"]),
    ] {
        assert_eq!(read(rest).models, models, "{rest}");
        assert_eq!(model_in(rest).as_deref(), Some(models[0]), "{rest}");
    }
}

#[test]
fn the_reach_of_a_path_is_read_in_every_spelling() {
    for rest in [
        "v1/batches",
        "v1/b%61tches",
        "v1/b%2561tches",
        "v1/Batches/",
        "v1//batches;x=y",
        "v1/batch/jobs",
        "batches",
        "v1/messages/batches/x",
        "v1beta/models/gemini:batchGenerateContent",
        "v1beta/models/gemini:asyncBatchEmbedContent",
        "v1beta/models/gemini%3AbatchGenerateContent",
        "v1/projects/p/locations/r/batchPredictionJobs",
    ] {
        assert_eq!(read(rest).reach, Reach::Hidden, "{rest}");
    }
    for rest in ["v1/messages/batches", "v1//messages%2Fbatches/", "messages/batches"] {
        assert_eq!(read(rest).reach, Reach::Inside(Place::Requests), "{rest}");
    }
    for rest in ["v1/async/sonar", "async/chat/completions", "v1/async/chat/completions/"] {
        let reach = Reach::Inside(Place::At(&["request", "model"]));
        assert_eq!(read(rest).reach, reach, "{rest}");
    }
    for rest in ["v1/files", "upload/v1beta/files", "v1/uploads/u/parts"] {
        assert_eq!(read(rest).reach, Reach::File, "{rest}");
    }
    for rest in [
        "v1/moderations",
        "v1/vector_stores/v/files",
        "v1/batches/b/cancel",
        "v1/batches/b:cancel",
        "v1/threads/t/messages",
        "v1/conversations/c/items",
        "v1/chat/completions/chatcmpl-1",
        "stt",
    ] {
        assert_eq!(read(rest).reach, Reach::Free, "{rest}");
    }
    for rest in [
        "v1/chat/completions",
        "v1/anything",
        "v1/conversations/c",
        "v1/chat/completions/x",
        "v1/chat/completions/%20",
        "",
        "v1/threads/t/runs",
        "v1/threads/runs",
        "v1beta/models/gemini:batchEmbedContents",
        "v1/audio/transcriptions",
        "%66iles",
    ] {
        assert_eq!(read(rest).reach, Reach::Named, "{rest}");
    }
}
