//! Finds the models that a request can reach by its path, for gateways that restrict models.
//!
//! The bytes of a path are relayed unchanged, but a chain of servers may read them differently:
//! decoded up to three times, in any case, without empty segments and parameters (`;x`). A request
//! is refused if it is forbidden in any of these readings.

use crate::json::trail::Place;

use crate::util::operation::is_version;
use crate::util::percent::{DECODINGS, percent_decode};
use crate::util::segments;

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
        let segments: Vec<&str> = segments::of(&text).collect();
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
    models(&segments::of(&text).collect::<Vec<_>>()).next()
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
        // A body cannot name its models in both places.
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
            // Anthropic's token count on Vertex: the body names the model.
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
        // On Replicate an owner precedes the name.
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
        // Perplexity's asynchronous answers.
        ["async", "sonar"] | ["async", "chat", "completions"] => {
            Reach::Inside(Place::At(&["request", "model"]))
        }
        ["authtokens" | "auth_tokens"] => {
            Reach::Inside(Place::At(&["bidiGenerateContentSetup", "model"]))
        }
        // The bodies are files. A batch made from a file is refused when it is started.
        ["files" | "upload" | "uploads", ..] => Reach::File,
        // Each has one model, which is not named.
        ["stt" | "tts", ..]
        // Classifies only.
        | ["moderations", ..]
        // Store and search documents.
        | ["vector_stores" | "filesearchstores" | "containers" | "collections" | "documents", ..]
        | ["search"]
        // Store turns; the call that answers them names its model.
        | ["threads"]
        | ["conversations", _, "items"]
        // Continue a run that has its model already.
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
mod tests;
