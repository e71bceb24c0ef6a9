//! Upstreams that are not well are left alone, by the layer alone and behind a gateway.
#![allow(clippy::unwrap_used)]

mod circuit;
mod cooling;
mod events;
mod failures;
mod foreign;
mod gateway;
#[path = "../memory/mod.rs"]
mod memory;
mod script;
mod service;
