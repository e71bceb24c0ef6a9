//! Layers for the stack below a gateway, or for any other client stack.

mod fallback;
mod replay;
mod retry;
mod retry_after;

pub use self::fallback::{Alternative, Fallback, FallbackBody, FallbackFuture, FallbackLayer};
pub use self::replay::{Replay, ReplayBody, ReplayLayer};
pub use self::retry::{Retry, RetryFuture, RetryLayer, RetrySettings};
