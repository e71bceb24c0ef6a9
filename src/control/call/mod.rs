//! One upstream call, with everything that lasts as long as its response.
//!
//! The layers for [concurrency](super::concurrency), [health](super::health) and all of them
//! together ([`ControlLayer`](super::ControlLayer)) make one service, with the parts that they stand
//! for: a call chooses its base URL and key, waits for its permits, passes the breaker and is sent.
//! So a frame of a response passes one body, however many of them are in use.

mod body;
mod future;
mod guarded;
mod guards;
mod service;
#[cfg(test)]
mod tests;
mod watch;

pub use self::body::CallBody;
pub use self::future::CallFuture;
pub(super) use self::guards::{Guards, let_go};
pub use self::service::Call;
pub(super) use self::service::{Bounds, Parts};
