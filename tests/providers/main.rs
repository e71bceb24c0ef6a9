//! What each provider gets: where requests lead, what is fixed in them, and which model they ask for.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fixed;
mod models;
mod paths;
mod scene;
#[path = "../scripted/mod.rs"]
mod scripted;
mod sockets;
#[path = "../support/mod.rs"]
mod support;
