//! What hooks, limits and clients see of an answer from a cache.

#[cfg(all(feature = "cache", feature = "log"))]
mod entry;
mod events;
#[cfg(feature = "cache")]
mod layer;
#[cfg(feature = "limits")]
mod limits;
#[cfg(feature = "full")]
mod page;
#[cfg(feature = "log")]
mod records;
mod scene;
#[cfg(feature = "otel")]
mod spans;
