//! Layers for the upstream stack. They work around any HTTP client, with the gateway or without.

pub mod concurrency;
mod deadline;
pub mod timeout;
mod timer;

pub use self::concurrency::{
    Concurrency, ConcurrencyBody, ConcurrencyError, ConcurrencyFuture, ConcurrencyLayer,
};
pub use self::deadline::{Deadline, DeadlineBody, DeadlineFuture, DeadlineLayer};
pub use self::timeout::{Timeout, TimeoutBody, TimeoutFuture, TimeoutLayer};
