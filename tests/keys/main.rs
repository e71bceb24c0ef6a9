//! A key is for one provider, and no other one ever sees it: for each pair of providers, by every
//! way on which a gateway goes from one to the other.
#![allow(clippy::unwrap_used)]

mod leaky;
mod oracle;
mod pairs;
mod planted;
mod scene;
#[path = "../scripted/mod.rs"]
mod scripted;
