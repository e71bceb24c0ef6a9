//! Spans of real exchanges, as a collector gets them over OTLP.
#![allow(clippy::unwrap_used)]

mod attributes;
mod collector;
mod endings;
mod flags;
mod limits;
mod place;
mod scene;
#[path = "../support/mod.rs"]
mod support;
