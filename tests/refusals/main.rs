//! Requests that the host refuses itself, over real sockets: each is answered in the caller's shape,
//! is one rejected exchange for all hooks, and nothing of it is the provider's.
#![allow(clippy::unwrap_used)]

mod above;
mod awaited;
mod below;
#[path = "../otel/collector.rs"]
mod collector;
mod control;
mod resolvers;
mod routes;
mod scene;
#[path = "../scrape/mod.rs"]
mod scrape;
#[path = "../scripted/mod.rs"]
mod scripted;
#[path = "../support/mod.rs"]
mod support;
