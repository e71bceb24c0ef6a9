//! Gateways and their settings: tokens, keys, allowed models and providers, and defaults.

mod brought;
mod defaults;
mod dummy_bearer;
mod forms;
mod host_metadata;
mod keys;
mod listing;
mod locks;
mod models;
mod one_slot;
mod order;
mod origins;
mod reachable;
#[cfg(all(feature = "client", feature = "control"))]
mod reload;
mod restricted;
mod scene;
mod served;
#[cfg(feature = "control")]
mod steps;
mod tables;
mod tokens;
#[cfg(feature = "log")]
mod untouched;
mod websocket;
mod wire;
