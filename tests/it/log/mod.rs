//! One JSON line per exchange: what is in it, what is not, and what becomes of it.

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
mod scene;
mod secrets;
