//! One upstream call, with everything that lasts as long as its response.
//!
//! The layers for [concurrency](super::concurrency), [health](super::health), and the one with all
//! of them ([`ControlLayer`](super::ControlLayer)) share this service; each enables its parts. A
//! call chooses its base URL and key, waits for its permits, passes the breaker and is sent. So a
//! response frame passes one body, however many parts are enabled.

mod body;
mod bounds;
mod future;
mod guarded;
mod guards;
mod parts;
mod service;
#[cfg(test)]
mod tests;
mod watch;

pub use self::body::CallBody;
pub(super) use self::bounds::Bounds;
pub use self::future::CallFuture;
pub(super) use self::guards::{Guards, release_early};
pub(super) use self::parts::Parts;
pub use self::service::Call;
