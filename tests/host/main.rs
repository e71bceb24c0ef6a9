//! A host with users of its own around the gateway, over real sockets: two tenants, told apart by
//! the host's sessions and by nothing that they send to the gateway.
#![allow(clippy::unwrap_used)]

#[path = "../otel/collector.rs"]
mod collector;
mod identity;
#[path = "../jwt/issuer.rs"]
#[allow(dead_code)] // Its other parts are for the tests of tokens.
mod issuer;
mod locks;
mod scene;
#[path = "../scrape/mod.rs"]
mod scrape;
mod splits;
#[path = "../support/mod.rs"]
mod support;
mod tenants;
