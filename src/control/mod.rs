//! Layers for the stack below a gateway. They work around any HTTP client, with the gateway or
//! without.

mod attempt;
mod classify;
pub mod concurrency;
mod deadline;
mod fallback;
pub mod health;
mod held;
mod judge;
mod keys;
mod list;
mod replay;
mod retry;
mod retry_after;
mod shared_keys;
mod stack;
pub mod timeout;
mod timer;

pub use self::classify::{CallClass, Classify};
pub use self::concurrency::{
    Concurrency, ConcurrencyBody, ConcurrencyError, ConcurrencyFuture, ConcurrencyLayer,
};
pub use self::deadline::{Deadline, DeadlineBody, DeadlineFuture, DeadlineLayer};
pub use self::fallback::{Alternative, Fallback, FallbackFuture, FallbackLayer};
pub use self::judge::JudgedBody;
pub use self::keys::{
    FetchedKey, KeyError, KeyFuture, KeyLayer, KeyQuery, KeyScope, KeySource, Keyed,
};
#[cfg(feature = "config")]
pub(crate) use self::replay::LIMIT as REPLAY_LIMIT;
pub use self::replay::{Replay, ReplayBody, ReplayLayer};
pub use self::retry::{Retry, RetryFuture, RetryLayer, RetrySettings};
pub use self::stack::{ControlLayer, Controlled};
pub use self::timeout::{Timeout, TimeoutBody, TimeoutFuture, TimeoutLayer};
