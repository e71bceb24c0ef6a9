//! The `metrics` hook: exact numbers, gauges that come back to zero, and labels that stay few.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod counts;
#[cfg(feature = "control")]
mod health;
mod labels;
mod memory;
mod names;
mod provider;
mod scene;
#[path = "../scrape/mod.rs"]
mod scrape;
#[path = "../support/mod.rs"]
mod support;
