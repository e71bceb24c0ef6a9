//! What enforces the [limits](crate::settings::limits) of gateways.
//!
//! A [`ControlLayer`](super::ControlLayer) does it, with a store of its own in this process unless it is
//! [given another](super::ControlLayer::limits).

mod asked;
mod board;
mod counters;
mod estimate;
mod exceeded;
mod fields;
mod handle;
mod limiter;
mod memory;
mod naming;
mod orders;
mod overview;
#[cfg(feature = "redis")]
mod redis;
mod report;
mod reservation;
mod shared;
mod spent;
mod state;
mod store;
mod window;

pub use self::exceeded::LimitExceeded;
pub use self::handle::{LimitCounter, LimitsHandle, UnknownCounter};
pub(super) use self::limiter::{Asking, Checked, Limits};
pub use self::memory::MemoryStore;
pub use self::overview::{CounterOverview, LimitsOverview, RuleOverview};
#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub use self::redis::{RedisStore, RedisStoreBuilder, RedisStoreStats};
pub(super) use self::reservation::{call_ended, is_under_way};
pub use self::store::{
    Claim, Counter, Decision, LimitStore, LimitStoreError, ReservationId, Settlement, Standing,
    StoreFuture,
};
#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub use super::redis::RedisStoreError;
