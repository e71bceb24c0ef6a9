//! What enforces the [limits](crate::settings::limits) of gateways.

mod memory;
mod store;
mod window;

pub use self::memory::MemoryStore;
pub use self::store::{
    Claim, Counter, Decision, LimitStore, ReservationId, Settlement, Standing, StoreError,
    StoreFuture,
};
