//! One JSON line per exchange: what is in it, what is not, and what becomes of it.
#![allow(clippy::unwrap_used)]
#![recursion_limit = "256"]

mod directory;
mod disk;
mod exchanges;
mod panics;
mod payloads;
mod queue;
mod rotation;
mod scene;
mod secrets;
#[path = "../support/mod.rs"]
mod support;
