//! The models and their prices.

use axum::{extract::Path, response::Response};
use serde_json::{Value, json};

use super::{failure::Failure, reply};

pub(super) const IMAGE: &str = "grok-imagine-image";
pub(super) const EMBEDDING: &str = "grok-embedding-small";

/// A model that answers with text.
pub(super) struct Model {
    pub(super) id: &'static str,
    context: u32,
    pub(super) price: Price,
}

/// Ticks per token; a dollar is 10^10 ticks.
#[derive(Clone, Copy)]
pub(super) struct Price {
    pub(super) input: u64,
    pub(super) cached: u64,
    pub(super) output: u64,
}

const STANDARD: Model = Model::new("grok-4.3", 1_000_000, [12_500, 2_000, 25_000]);
const OTHERS: [Model; 3] = [
    Model::new("grok-4.7", 500_000, [20_000, 5_000, 60_000]),
    Model::new("grok-4.6", 500_000, [20_000, 5_000, 60_000]),
    Model::new("grok-build-0.1", 256_000, [10_000, 2_000, 20_000]),
];

impl Model {
    const fn new(id: &'static str, context: u32, [input, cached, output]: [u64; 3]) -> Self {
        let price = Price { input, cached, output };
        Self { id, context, price }
    }

    /// The model of a name. As at the provider, a retired name stands for a current model.
    pub(super) fn find(name: &str) -> Result<&'static Self, Failure> {
        check(name)?;
        Ok(OTHERS.iter().find(|model| model.id == name).unwrap_or(&STANDARD))
    }

    fn entry(&self) -> Value {
        let mut entry = entry(self.id);
        entry["context_length"] = self.context.into();
        entry["prompt_text_token_price"] = self.price.input.into();
        entry["cached_prompt_text_token_price"] = self.price.cached.into();
        entry["completion_text_token_price"] = self.price.output.into();
        entry
    }
}

/// Refuses the names of other providers' models.
pub(super) fn check(name: &str) -> Result<(), Failure> {
    if name.starts_with("grok-") { Ok(()) } else { Err(Failure::NoModel(name.to_owned())) }
}

pub(super) async fn list() -> Response {
    reply::plain(&json!({ "object": "list", "data": entries() }))
}

pub(super) async fn retrieve(Path(id): Path<String>) -> Result<Response, Failure> {
    let entry = entries().into_iter().find(|entry| entry["id"] == *id);
    entry.map(|entry| reply::plain(&entry)).ok_or(Failure::NoModel(id))
}

fn entries() -> Vec<Value> {
    let text = [&STANDARD].into_iter().chain(&OTHERS).map(Model::entry);
    text.chain([IMAGE, EMBEDDING].map(entry)).collect()
}

fn entry(id: &str) -> Value {
    json!({ "id": id, "object": "model", "created": 1_790_000_000, "owned_by": "xai", "aliases": [] })
}
