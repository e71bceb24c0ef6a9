//! An AI gateway as a Tower layer.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod admit;
mod body;
#[cfg(feature = "client")]
mod client;
mod context;
mod credentials;
mod directives;
mod exchange;
mod failure;
pub mod future;
mod headers;
mod hook;
mod id;
mod intercept;
mod json;
mod layer;
mod metadata;
mod peek;
mod provider;
mod rejection;
mod relay;
mod route;
mod service;

pub use self::body::{InterceptBody, RequestBody, ResponseBody};
#[cfg(feature = "client")]
pub use self::client::{ClientBody, ClientError, HttpClient, HttpClientBuilder};
pub use self::context::GatewayContext;
pub use self::directives::{Backoff, CustomCost, Directives};
pub use self::hook::{
    AttemptEvent, EndEvent, Failure, HeadEvent, MetricsHook, Outcome, RequestEvent, Timings,
};
pub use self::id::LogId;
pub use self::intercept::Intercept;
pub use self::layer::{Around, Builder, ConfigError, GatewayLayer, Upstream};
pub use self::metadata::{Metadata, MetadataValue};
pub use self::provider::Provider;
pub use self::rejection::ErrorFormat;
pub use self::route::{Mount, Operation};
pub use self::service::Gateway;

/// The target of all `tracing` spans and events of this crate.
const TARGET: &str = "tower_ai_gateway";
