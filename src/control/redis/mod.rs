//! Shared by the stores in Redis: a connection that is re-established, a deadline for each answer,
//! and a circuit breaker for a server that does not answer.

mod circuit;
mod client;
mod error;
mod link;
mod options;
mod script;

pub(super) use self::circuit::Notes;
pub(super) use self::client::RedisClient;
pub use self::error::RedisStoreError;
pub(super) use self::error::{Failure, FailureKind, LinkError};
pub(super) use self::options::{Options, connection_setters};
pub(super) use self::script::{Call, Script};
