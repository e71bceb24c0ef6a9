//! The `metrics` hook: exact numbers, gauges that come back to zero, and labels that stay few.

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
