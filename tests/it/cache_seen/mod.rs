//! What hooks, limits and clients see of an answer from a cache.

mod events;
#[cfg(feature = "limits")]
mod limits;
#[cfg(feature = "log")]
mod records;
mod scene;
#[cfg(feature = "otel")]
mod spans;
