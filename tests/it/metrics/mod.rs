//! The `metrics` hook: exact numbers, gauges that return to zero, and bounded labels.

mod counts;
#[cfg(feature = "control")]
mod health;
mod labels;
#[cfg(feature = "limits")]
mod limits;
mod memory;
mod names;
mod provider;
mod scene;
