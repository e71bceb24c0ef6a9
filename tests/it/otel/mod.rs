//! Spans of real exchanges, as a collector gets them over OTLP.

mod attributes;
mod endings;
mod flags;
mod limits;
mod place;
mod scene;
