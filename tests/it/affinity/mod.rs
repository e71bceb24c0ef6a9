//! A conversation keeps its key and base URL, on every replica, and moves only where it must.
#![allow(clippy::needless_pass_by_value, clippy::unwrap_used)]

mod bodies;
mod conversation_id;
mod homes;
mod ids;
mod pins;
#[path = "../../../benches/prompt_cache/mod.rs"]
mod prompt_cache;
mod savings;
mod scene;
