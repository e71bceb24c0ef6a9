//! Layers for the upstream stack, between the gateway and the client.

pub mod health;
pub(crate) mod retry_after;
