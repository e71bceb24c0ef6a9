//! Spans of real exchanges, as received by a collector over OTLP.

mod attributes;
mod endings;
mod flags;
mod limits;
mod place;
mod scene;
