//! Layers for the stack below a gateway. They work around any HTTP client, with the gateway or
//! without. They need a tokio runtime with time enabled: without, a timer panics.

mod attempt;
mod balance;
mod bounded_map;
#[cfg(feature = "cache")]
#[cfg_attr(docsrs, doc(cfg(feature = "cache")))]
pub mod cache;
mod call;
mod classify;
mod compactor;
mod concurrency;
mod fallback;
pub mod health;
mod keys;
#[cfg(feature = "limits")]
#[cfg_attr(docsrs, doc(cfg(feature = "limits")))]
pub mod limits;
mod list;
#[cfg(feature = "limits")]
mod outage;
mod pins;
#[cfg(feature = "redis")]
mod redis;
mod releasable;
mod replay;
mod retry;
mod retry_after;
mod service;
mod silence;
mod stack;
mod timeout;
mod timer;
mod verdict;
mod wide_hash;

pub use self::call::{Call, CallBody, CallFuture};
pub use self::classify::{CallClass, Classify};
pub use self::concurrency::{ConcurrencyError, ConcurrencyLayer};
pub use self::fallback::{Alternative, Fallback, FallbackFuture, FallbackLayer};
pub use self::keys::{
    FetchedKey, KeyError, KeyFuture, KeyLayer, KeyQuery, KeyScope, KeySource, WithKey,
};
#[cfg(feature = "config")]
pub(crate) use self::replay::LIMIT as REPLAY_LIMIT;
pub use self::replay::{Replay, ReplayBody, ReplayLayer};
pub use self::retry::{Retry, RetryFuture, RetryLayer, RetrySettings};
pub use self::service::{Control, ControlBody, ControlFuture};
pub use self::stack::ControlLayer;
pub use self::timeout::{DeadlineLayer, Timeout, TimeoutFuture, TimeoutLayer};
pub use self::verdict::ClassifiedBody;
use crate::response::failure::KnownError;

pub(crate) static KNOWN_ERRORS: &[KnownError] = &[
    KnownError::of::<KeyError>(),
    KnownError::of::<ConcurrencyError>(),
    KnownError::of::<health::Unavailable>(),
    #[cfg(feature = "limits")]
    KnownError::of::<limits::LimitExceeded>(),
];
