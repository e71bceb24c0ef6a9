//! Signed tokens as identities, over real sockets: an issuer with its keys, a gateway behind the
//! layer, and a provider that sees no token.
#![allow(clippy::unwrap_used)]

mod bad;
mod headers;
mod issuer;
mod keys;
#[path = "../program/mod.rs"]
mod program;
mod random;
mod run;
mod scene;
#[path = "../support/mod.rs"]
mod support;
