//! Guards: what they see, what they decide, and what becomes of what goes wrong.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bodies;
mod events;
mod example;
mod failures;
mod permits;
mod responses;
mod routes;
mod scene;
#[path = "../support/mod.rs"]
mod support;
mod verdicts;
