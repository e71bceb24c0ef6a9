//! Unhealthy upstreams are not used, by the layer alone and behind a gateway.

mod circuit;
mod cooling;
mod events;
mod failures;
mod foreign;
mod gateway;
mod script;
mod service;
