//! Rules that limit what the callers of a gateway may use: requests, tokens and money per time.
//!
//! Several rules hold at once: a request passes if each of them has room for it, and then counts in
//! all of them.

mod rule;
mod window;

pub use self::rule::{
    CountBy, LimitRule, Measure, OnExceeded, OnStoreFailure, OnUnknownPrice, RuleFilter,
};
pub use self::window::{Period, Window};
