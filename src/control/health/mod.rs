//! Circuit breakers and cool-downs: stop calling an upstream that is unhealthy.
//!
//! [`HealthLayer`] wraps a client, below retries. Its circuit breaker stops calls to an upstream
//! after too many failures. Its cool-down stops calls with a key that was told to wait. A call that
//! is not made fails with [`Unavailable`], which the gateway answers with 503 and `retry-after`.
//! Both are off until configured:
//!
//! ```
//! use tower::ServiceBuilder;
//! use tower_ai_gateway::control::health::{BreakerSettings, CoolDownSettings, HealthLayer};
//! use tower_ai_gateway::hook::HealthChange;
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
//! If a provider has [further base URLs](crate::Provider::further_base_url), or a gateway several
//! [weighted keys](crate::settings::GatewaySettingsBuilder::weighted_key) of one alias for it, each
//! call picks one: two are drawn by weight, and the one with less load for its weight is used. Open
//! circuits and cooling keys are left out. A key that the client sent is never replaced; it has its
//! own cool-down, and base URLs are then compared by the load of all keys. If a layer in between
//! has changed the URI, the request goes to that URI.
//!
//! A request of a conversation ([`Session`](crate::context::Session)) is routed by that session
//! instead, so that the provider's prompt cache is hit. Each session ranks all keys and base URLs
//! by a weighted hash, the same in every process, and uses the first that is healthy, not cooling
//! down and has a permit. A retry uses the next. Nothing is stored, and a new key takes its share
//! of the sessions without moving others. A request that names a response stored by the provider
//! (`previous_response_id`, or a path below `responses/`) goes only to the key that created it, if
//! this process has seen that.
//!
//! Under a [`ControlLayer`](super::ControlLayer), a [limit per
//! credential](crate::settings::GatewaySettingsBuilder::concurrency_per_credential) applies to each
//! of several stored keys separately.
//!
//! # What counts as a failure
//!
//! An error of the client, a status of 500, 502, 503, 504 or 529, or a body that breaks off. Any
//! other status is a success: after a 401 or 429 the upstream itself is healthy. A 200 that a retry
//! or fallback has recognised as an error counts as the status of that error, or as a 502. Requests
//! that the caller dropped or broke off, or that a layer below refused to send, count as neither.

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
pub(super) use self::shared::{Candidates, Handle, credentials};
pub(super) use self::tracked::{Target, Tracked};
#[cfg(test)]
pub(super) use self::{change::Subject, permit::Breaker};
