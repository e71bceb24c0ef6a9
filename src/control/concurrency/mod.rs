//! A limit of concurrent requests that includes streams: a request counts until its response body
//! has ended or is dropped.
//!
//! tower's own `ConcurrencyLimit` releases its permit at the response head. Here, a request without
//! a permit waits in order of arrival for a bounded time, then fails with a [`ConcurrencyError`],
//! which the gateway answers with 503. If a [`FallbackLayer`](super::FallbackLayer) above drops a
//! response to try something else, its permit is released at once.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # #[cfg(feature = "client")] {
//! use std::time::Duration;
//! use bytes::Bytes;
//! use http_body_util::Full;
//! use tower::ServiceBuilder;
//! use tower_ai_gateway::HttpClient;
//! use tower_ai_gateway::control::ConcurrencyLayer;
//!
//! let limit = ConcurrencyLayer::new(100).wait(Duration::from_secs(5)).queue(50);
//! let client: HttpClient<Full<Bytes>> = HttpClient::new()?;
//! let service = ServiceBuilder::new().layer(limit).service(client);
//! # let _ = service; }
//! # Ok(()) }
//! ```
//!
//! Besides the pool for all requests there can be pools by key, each with its own limit:
//!
//! ```
//! use http::Extensions;
//! use tower_ai_gateway::control::ConcurrencyLayer;
//!
//! #[derive(Clone)]
//! struct Tenant {
//!     name: String,
//!     streams: usize,
//! }
//!
//! let limit = ConcurrencyLayer::new(100).per(|extensions: &Extensions| {
//!     extensions.get::<Tenant>().map(|tenant| (tenant.name.clone(), tenant.streams))
//! });
//! # let _ = limit;
//! ```

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
