//! What enforces the [limits](crate::settings::limits) of gateways.

mod store;
mod window;

pub use self::store::{
    Claim, Counter, Decision, LimitStore, ReservationId, Settlement, Standing, StoreError,
    StoreFuture,
};
