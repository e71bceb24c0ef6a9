//! What the stores in Redis share: a connection that comes back by itself, a deadline for each answer, and
//! a circuit for a server that gives none.

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
pub(super) use self::script::{Call, Script, push_hex};
