//! Leaving alone an upstream that is not well.
//!
//! [`HealthLayer`] goes around a client, below retries. Its circuit breaker makes no more calls to
//! an upstream of which too many have failed; its cool-down leaves alone a key that was told to
//! wait. Where no call is made, the error is [`Unavailable`], which the gateway answers by a 503
//! with `retry-after`. Both are off until they are configured:
//!
//! ```
//! use tower::ServiceBuilder;
//! use tower_ai_gateway::control::health::{
//!     BreakerSettings, CoolDownSettings, HealthChange, HealthLayer,
//! };
//! # use tower::service_fn;
//! # async fn send(_: http::Request<String>) -> Result<http::Response<String>, std::io::Error> {
//! #     Ok(http::Response::default())
//! # }
//! # let client = service_fn(send);
//!
//! let health = HealthLayer::new()
//!     .breaker(BreakerSettings::default())
//!     .cool_down(CoolDownSettings::default())
//!     .on_change(|change: &HealthChange<'_>| {
//!         println!("{}: {} to {}, {}", change.upstream, change.from, change.to, change.reason);
//!     });
//! let service = ServiceBuilder::new().layer(health).service(client);
//! # let _ = service;
//! ```
//!
//! # Several base URLs and keys
//!
//! Where a provider has [further base URLs](crate::Provider::further_base_url), or a gateway several
//! [weighted keys](crate::settings::GatewaySettingsBuilder::weighted_key) of one alias for it, each
//! call of the gateway takes one of them: of two that are drawn by their weights, the one that has
//! less under way for its weight. What is open or cools down is left out. A key that the client
//! brought is never exchanged; it cools down by itself, and base URLs are then compared by what all
//! keys have under way there. A request whose URI a layer in between has changed stays where that
//! says.
//!
//! A request of a conversation ([`Session`](crate::context::Session)) goes by that instead, so that
//! the provider's prompt cache serves it: each session ranks all keys and base URLs by a hash of the
//! two and by weight, the same in every process, and goes to the first that is well, is not told to
//! wait and has a permit. A retry goes to the next. Nothing is remembered, and a key that is added
//! takes its share of the sessions and moves no other. A request that names a response stored by the
//! provider (`previous_response_id`, or a path below `responses/`) goes to the key that made it, as
//! far as this process has seen it made, and to no other.
//!
//! Under a [`ControlLayer`](super::ControlLayer), a
//! [limit for each credential](crate::settings::GatewaySettingsBuilder::concurrency_per_credential)
//! holds for each of several stored keys by itself.
//!
//! # What is a failure
//!
//! An error of the client, a status of 500, 502, 503, 504 or 529, and a body that breaks off. Any
//! other status is a success: of a 401 or 429 the upstream itself is well. A 200 that a retry or a
//! fallback has found to be an error counts by the status that such an error has, or as a 502. No verdict at all are
//! requests that the caller dropped or broke off, and those that a layer below refused to send.

mod account;
mod blame;
mod breaker;
mod change;
mod cooldown;
mod error;
mod layer;
mod permit;
mod settings;
mod shared;
mod tracked;
mod window;

pub(super) use self::blame::blame;
pub(super) use self::error::Blocked;
pub use self::error::{Unavailable, UnavailableReason};
pub use self::layer::HealthLayer;
pub use self::settings::{BreakerSettings, CoolDownSettings, HealthSettingsError};
pub(super) use self::shared::{Candidates, Handle};
pub(super) use self::tracked::{Target, Tracked};
#[cfg(test)]
pub(super) use self::{change::Subject, permit::Breaker};
pub use crate::hook::health::{ChangeReason, HealthChange, HealthState};
