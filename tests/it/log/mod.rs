//! One JSON line per exchange: its contents, its redaction and its delivery.

mod crowding;
mod directory;
mod disk;
mod exchanges;
mod panics;
mod payloads;
mod queue;
mod recovery;
mod reuse;
mod rotation;
pub(crate) mod scene;
mod secrets;
