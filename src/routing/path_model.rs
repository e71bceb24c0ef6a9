//! Finds the models that a request can reach by its path, for gateways that restrict models.
//!
//! The bytes of a path are relayed unchanged, but a chain of servers may read them differently:
//! decoded up to three times, in any case, without empty segments and parameters (`;x`). A request
//! is refused if it is forbidden in any of these readings.

use crate::json::trail::Place;

use crate::provider::join::DECODINGS;
use crate::util::operation::is_version;
use crate::util::percent::percent_decode;

/// Where a request names its models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The body is a file in any format: no model is called.
    File,
    /// No model is required, but a named one must be allowed.
    Free,
    /// The path, the query or the body must name one.
    Named,
    /// The body must name one at this place. Elsewhere a name has no effect.
    Inside(Place),
    /// They are in a file, or in an unknown place.
    Hidden,
}

impl Reach {
    /// Where in the body a model must be named, if not at the top level.
    pub(crate) fn place(self) -> Option<Place> {
        match self {
            Self::Inside(place) => Some(place),
            Self::File | Self::Free | Self::Named | Self::Hidden => None,
        }
    }
}

/// The models that a path names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PathModels {
    pub(crate) reach: Reach,
    /// All models that the path calls in any reading; usually none.
    pub(crate) models: Vec<String>,
    /// It opens a connection to a model that the path or the query names.
    pub(crate) is_realtime: bool,
    /// One of Google's connections, whose query names no model.
    pub(crate) is_bidi: bool,
    /// It lists stored completions, perhaps of a model in the query.
    pub(crate) is_listing: bool,
}

impl PathModels {
    fn new(reach: Reach) -> Self {
        let (models, is_listing) = (Vec::new(), false);
        Self { reach, models, is_realtime: false, is_bidi: false, is_listing }
    }
}

/// Reads the path of a call after its provider's slug.
pub(crate) fn read(rest: &str) -> PathModels {
    // The common paths need no copy.
    if let Some(endpoint) = super::endpoint(rest) {
        let is_listing = endpoint == "chat/completions";
        return PathModels { is_listing, ..PathModels::new(Reach::Named) };
    }
    let mut decoded = rest.as_bytes().to_vec();
    let mut read = PathModels::new(Reach::File);
    for round in 0..=DECODINGS {
        let text = String::from_utf8_lossy(&decoded);
        let segments: Vec<&str> = segments(&text);
        // Every server decodes once.
        if round > 0 {
            for model in models(&segments) {
                if !read.models.contains(&model) {
                    read.models.push(model);
                }
            }
        }
        let last = segments.last().map(|last| last.to_ascii_lowercase()).unwrap_or_default();
        read.is_bidi |= last.contains("bidigeneratecontent");
        read.is_realtime |= last == "realtime" || read.is_bidi;
        read.is_listing = is_listing(&segments);
        read.reach = stricter(read.reach, reach(&segments));
        let length = decoded.len();
        percent_decode(&mut decoded);
        if round > 0 && decoded.len() == length {
            break;
        }
    }
    read
}

/// The model that a path calls, decoded once; `None` for most.
pub(crate) fn model_in(rest: &str) -> Option<String> {
    if super::endpoint(rest).is_some() {
        return None;
    }
    let mut decoded = rest.as_bytes().to_vec();
    percent_decode(&mut decoded);
    let text = String::from_utf8_lossy(&decoded);
    models(&segments(&text)).next()
}

fn segments(path: &str) -> Vec<&str> {
    let segments = path.split(['/', '\\']);
    let bare = segments.map(|segment| segment.split(';').next().unwrap_or_default().trim());
    bare.filter(|segment| !segment.is_empty()).collect()
}

fn stricter(one: Reach, other: Reach) -> Reach {
    let rank = |reach| match reach {
        Reach::File => 0,
        Reach::Free => 1,
        Reach::Named => 2,
        Reach::Inside(_) => 3,
        Reach::Hidden => 4,
    };
    match (one, other) {
        // A body cannot name its model in both places.
        (Reach::Inside(here), Reach::Inside(there)) if here != there => Reach::Hidden,
        _ if rank(other) > rank(one) => other,
        _ => one,
    }
}

fn is_listing(segments: &[&str]) -> bool {
    let rest: Vec<_> =
        segments.iter().skip_while(|segment| is_version(segment.as_bytes())).collect();
    matches!(rest[..], [&"chat", &"completions"])
}

/// Google's `models/{model}:{call}`, Azure's `deployments/{model}/…` and OpenAI's old
/// `engines/{model}/…`, Bedrock's `model/{model}/…`, Workers AI's `run/{model}`, Vertex'
/// `endpoints/{id}`, OpenRouter's `presets/{slug}`. All of them, at any position.
fn models(segments: &[&str]) -> impl Iterator<Item = String> {
    (0..segments.len()).filter_map(|at| model(segments, at))
}

/// The model that follows the segment at this index.
fn model(segments: &[&str], at: usize) -> Option<String> {
    let behind = &segments[at + 1..];
    let joined = || behind.join("/");
    match &*segments[at].to_ascii_lowercase() {
        "models" => {
            let name = joined();
            let name = name.rsplit_once(':').map_or(&*name, |(name, _)| name);
            let name = name.strip_suffix("/predictions").unwrap_or(name);
            // On Hugging Face a task or an API follows the model.
            let name = name.split("/pipeline/").next().unwrap_or_default();
            let name = name.split("/v1/").next().unwrap_or_default();
            // Anthropic's on Vertex: the body names the model to count tokens for.
            (!matches!(name, "" | "count-tokens")).then(|| name.to_owned())
        }
        "tunedmodels" => {
            let name = joined();
            let name = name.rsplit_once(':').map_or(&*name, |(name, _)| name);
            Some(format!("tunedModels/{name}"))
        }
        "endpoints" if !behind.is_empty() && behind[0] != "openapi" => {
            let id = behind[0].split(':').next().unwrap_or_default();
            Some(format!("endpoints/{id}"))
        }
        "presets" => behind.first().map(|slug| format!("@preset/{slug}")),
        // Replicate's have an owner.
        "deployments" if matches!(behind, [_, _, "predictions"]) => Some(behind[..2].join("/")),
        "deployments" | "engines" => behind.first().map(|name| (*name).to_owned()),
        // An ARN has slashes; the call is the last segment.
        "model" => {
            let end = behind.len().saturating_sub(1).max(1).min(behind.len());
            (end > 0).then(|| behind[..end].join("/"))
        }
        "run" if at == 0 || segments[at - 1] == "ai" => Some(joined()),
        _ => None,
    }
}

/// Where the models of a path are named, by its segments after the version. A path that is not in
/// this table must name one.
fn reach(segments: &[&str]) -> Reach {
    let lower = segments.join("/").to_ascii_lowercase();
    let lower: Vec<&str> = lower.split('/').collect();
    let last = lower[lower.len() - 1];
    fn verb(segment: &str) -> &str {
        segment.rsplit_once(':').map_or("", |(_, verb)| verb)
    }
    // Cancelling runs no model.
    if lower.len() > 1 && (last == "cancel" || verb(last) == "cancel") {
        return Reach::Free;
    }
    let is_batch = |segment: &&str| {
        matches!(*segment, "batch" | "batches" | "batchpredictionjobs" | "model-invocation-job")
            || verb(segment).starts_with("asyncbatch")
            || verb(segment).starts_with("batch") && !verb(segment).starts_with("batchembed")
    };
    let versions = lower.iter().take_while(|segment| is_version(segment.as_bytes())).count();
    match lower[versions..] {
        // The requests are in the body, each with its model.
        ["messages", "batches"] => Reach::Inside(Place::Requests),
        _ if lower.iter().any(is_batch) => Reach::Hidden,
        ["realtime", "client_secrets" | "calls"] => Reach::Inside(Place::Session),
        ["realtime", "sessions"] | ["realtime", "calls", .., "accept"] => {
            Reach::Inside(Place::Setup)
        }
        ["realtime", "transcription_sessions"] => {
            Reach::Inside(Place::At(&["input_audio_transcription", "model"]))
        }
        // Graders call the models that the eval has named.
        ["evals", _, "runs"] => Reach::Inside(Place::At(&["data_source", "model"])),
        ["authtokens" | "auth_tokens"] => {
            Reach::Inside(Place::At(&["bidiGenerateContentSetup", "model"]))
        }
        // The bodies are files. A batch made from a file is refused when it is started.
        ["files" | "upload" | "uploads", ..] => Reach::File,
        // Each has a single, unnamed model.
        ["stt" | "tts", ..]
        // Classifies only.
        | ["moderations", ..]
        // Store and search documents.
        | ["vector_stores" | "filesearchstores" | "containers" | "collections" | "documents", ..]
        | ["search"]
        // Store turns; the call that answers them names its model.
        | ["threads"]
        | ["conversations", _, "items"]
        // Continue something that has its model already.
        | ["threads", .., "submit_tool_outputs"]
        | ["realtime", "calls", .., "reject" | "hangup" | "refer"]
        | ["fine_tuning", "jobs", .., "pause" | "resume"]
        | ["skills", ..]
        | ["evals"]
        | ["audio", "voices" | "voice_consents", ..] => Reach::Free,
        ["threads", ..] if !lower.contains(&"runs") => Reach::Free,
        // Changes the metadata of a stored completion.
        ["chat", "completions", id] if id.starts_with("chatcmpl") => Reach::Free,
        _ => Reach::Named,
    }
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
    fn what_a_path_reaches_is_told_in_every_spelling() {
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
}
