//! What is tried where a provider fails, and what of the client's request gets there.
#![allow(clippy::unwrap_used)]

mod alone;
mod answers;
mod chains;
mod dynamic;
mod first_event;
mod first_event_shapes;
mod first_event_sockets;
mod fixed;
mod models;
mod narrowing;
mod scene;
#[path = "../scripted/mod.rs"]
mod scripted;
mod sockets;
#[path = "../support/mod.rs"]
mod support;
mod universal;
mod zdr;
