//! What the current step of a request asks for: model, size, and how much output at most.

use http::Extensions;

use crate::context::GatewayContext;
use crate::context::reserved::BodyAsks;
use crate::json::object::ObjectScanner;
use crate::json::string;
use crate::request::access;
use crate::settings::canonical_model;
use crate::usage::Usage;
use crate::util::operation::{Operation, is_about_stored};

/// What the current step of a request asks for, as far as that is known before it is sent.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// In lower case, without `models/`.
    pub(super) model: Option<String>,
    pub(super) bytes: Option<u64>,
    pub(super) max_tokens: Option<u64>,
}

fn canonical(model: &str) -> String {
    canonical_model(model).into_owned()
}

impl Asked {
    pub(super) fn of(context: &GatewayContext, extensions: &Extensions) -> Self {
        let model = context.model().map(|model| canonical(&model));
        if let Some(entry) = context.current().and_then(|step| step.entry.as_deref()) {
            let mut scanner = ObjectScanner::capturing();
            // If the provider may read the body in another way, nothing is known of it.
            let is_read = access::allow_body(&entry.headers, false).is_ok()
                && scanner.push(&entry.body).is_ok();
            let scanner = if is_read { scanner } else { ObjectScanner::new() };
            let in_body = || string::decode(&scanner.model()?.raw);
            let model = model.or_else(|| in_body().map(|model| canonical(&model)));
            let max_tokens = scanner.max_tokens();
            return Self { model, bytes: Some(entry.body.len() as u64), max_tokens };
        }
        let BodyAsks { bytes, max_tokens } = extensions.get().copied().unwrap_or_default();
        // The step changes only the provider.
        let first = || context.nth_step(0)?.model.as_deref().map(canonical);
        Self { model: model.or_else(first), bytes, max_tokens }
    }
}

/// Whether a call takes a prompt in tokens, and whether it answers in tokens. An unknown one may do both.
pub(super) fn tokens_of(operation: Operation, path: &str) -> (bool, bool) {
    use Operation::*;
    match operation {
        Chat | Responses | Compact | Messages | GenerateContent | Interactions | Converse
        | Invoke | Completions => (true, true),
        Embeddings | Rerank | Moderations => (true, false),
        Other if !is_about_stored(path) => (true, true),
        _ => (false, false),
    }
}

/// What a call for media reserves, in the units of its price; `None` for other calls. A text to speak has no
/// more characters than its body has bytes.
pub(super) fn media_of(operation: Operation, bytes: Option<u64>) -> Option<Usage> {
    match operation {
        Operation::Images => Some(Usage { images: Some(1), ..Usage::default() }),
        Operation::Speech => Some(Usage { characters: bytes, ..Usage::default() }),
        _ => None,
    }
}
