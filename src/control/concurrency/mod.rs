//! A limit of concurrent requests that includes streams.

mod acquiring;
mod error;
mod gate;
mod layer;
mod limiter;
mod pool;

pub(super) use self::acquiring::{Entry, Waiting};
pub use self::error::ConcurrencyError;
pub(super) use self::gate::Gate;
pub use self::layer::ConcurrencyLayer;
pub(super) use self::limiter::Limiter;
#[cfg(feature = "limits")]
pub(super) use self::limiter::credential;
pub(super) use self::pool::{Permit, Permits};
