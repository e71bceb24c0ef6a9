//! One JSON line per exchange: what is in it, what is not, and what becomes of it.
#![allow(clippy::unwrap_used)]
#![recursion_limit = "256"]

mod crowding;
mod directory;
mod disk;
mod exchanges;
mod panics;
mod payloads;
mod queue;
mod recovery;
mod rotation;
mod scene;
mod secrets;
#[path = "../support/small_disk.rs"]
mod small_disk;
#[path = "../support/mod.rs"]
mod support;
