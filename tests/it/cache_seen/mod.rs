//! Answers from a cache in hooks, limits and headers.

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
