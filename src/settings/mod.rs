//! What a host sets for its gateways.

mod timeouts;

pub use self::timeouts::Timeouts;
