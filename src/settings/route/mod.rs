//! Dynamic routes: which models a request tries, and in which order.
//!
//! A client names a route instead of a model: `"model": "dynamic/support"`. The route is a graph of
//! nodes that the host owns. Conditions and splits choose a branch; the model nodes on it are
//! tried, each with a node to go to if it fails. To restrict a model to some users, test the
//! [`Identity`](crate::Identity) that the host sets, not the metadata, which the client chooses.
//!
//! ```
//! use std::time::Duration;
//! use tower_ai_gateway::settings::route::{DynamicRoute, DynamicRoutes, Field, Node};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let support = DynamicRoute::builder("support")
//!     .version("2")
//!     .start("paid")
//!     .node("paid", Node::when(Field::identity_label("plan").equals("paid"), "big", "trial"))
//!     .node("trial", Node::split_by(Field::identity_subject(), [(10, "big")], "small"))
//!     .node("big", Node::model("grok", "grok-4").timeout(Duration::from_secs(30)).attempts(2).fallback("small"))
//!     .node("small", Node::model("grok", "grok-3-mini"))
//!     .build()?;
//!
//! let mut routes = DynamicRoutes::new();
//! routes.add(support)?;
//! assert!(routes.find("support").is_some());
//! assert!(routes.find("support@1").is_none());
//! # Ok(()) }
//! ```
//!
//! With the feature `config`, serde can read [`RouteBuilder`], [`Node`], [`Condition`] and
//! [`Field`] in the format of settings files.

mod builder;
mod check;
mod condition;
mod error;
mod facts;
mod field;
mod node;
mod resolve;
mod set;

use std::sync::Arc;

pub use self::builder::RouteBuilder;
pub use self::condition::Condition;
pub use self::error::{RouteError, RouteErrorKind};
pub(crate) use self::facts::Facts;
pub use self::field::Field;
pub use self::node::{Model, Node};
pub(crate) use self::resolve::Choice;
pub use self::set::DynamicRoutes;
pub use crate::json::scalars::BodyField;
use crate::json::scalars::BodyFields;

/// A checked route. Clones share it.
///
/// ```
/// use tower_ai_gateway::settings::GatewaySettings;
/// use tower_ai_gateway::settings::route::{DynamicRoute, Node};
///
/// let route = DynamicRoute::builder("default")
///     .start("main")
///     .node("main", Node::model("grok", "grok-4"))
///     .build()?;
/// // Clients use it as `"model": "dynamic/default"`.
/// let settings = GatewaySettings::builder().route(route).build()?;
/// # let _ = settings;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct DynamicRoute(Arc<Checked>);

#[derive(Debug)]
struct Checked {
    route: RouteBuilder,
    body_fields: BodyFields,
}

impl DynamicRoute {
    /// Starts a route. Its name is 1 to 64 of `A-Z a-z 0-9 - _ .`.
    pub fn builder(name: impl Into<String>) -> RouteBuilder {
        RouteBuilder::new(name.into())
    }

    /// The name that clients use after `dynamic/`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.route.name
    }

    /// The version, which distinguishes routes of the same name.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.0.route.version
    }

    /// The body members that its conditions read. The body is read no further than these.
    pub(crate) fn body_fields(&self) -> BodyFields {
        self.0.body_fields
    }

    /// The limits that its nodes name.
    #[cfg(feature = "limits")]
    pub(crate) fn limits(&self) -> impl Iterator<Item = &str> {
        self.0.route.limits()
    }

    /// All its models with their nodes' names, to check that their providers and keys exist.
    pub(crate) fn models(&self) -> impl Iterator<Item = (&str, &Model)> {
        self.0.route.models()
    }
}

#[cfg(test)]
mod tests;
