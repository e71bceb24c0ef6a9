//! Dynamic routes: which models a request tries, and in which order.
//!
//! A client names a route in the place of a model, `"model": "dynamic/support"`. The route is a
//! graph of nodes that the host owns: conditions and splits choose a branch, and the model nodes on
//! it are tried, each with a node to go to when it fails. What only some may use is decided by the
//! [`Identity`](crate::Identity) that the host gives a request, not by what the client claims of
//! itself in its metadata.
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
//! With the feature `config`, [`RouteBuilder`], [`Node`], [`Condition`] and [`Field`] are read by
//! serde too, in the form that settings files have.

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

/// A checked graph of nodes under a name. A clone shares it.
#[derive(Clone, Debug)]
pub struct DynamicRoute(Arc<Checked>);

#[derive(Debug)]
struct Checked {
    route: RouteBuilder,
    body_fields: BodyFields,
}

impl DynamicRoute {
    /// Begins a route. Its name is 1 to 64 of `A-Z a-z 0-9 - _ .`.
    pub fn builder(name: impl Into<String>) -> RouteBuilder {
        RouteBuilder::new(name.into())
    }

    /// The name by which clients ask for it, behind `dynamic/`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.route.name
    }

    /// The version, which distinguishes routes of the same name.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.0.route.version
    }

    /// The members of the body that its conditions read: the body is read no further than these.
    pub(crate) fn body_fields(&self) -> BodyFields {
        self.0.body_fields
    }

    /// The limits that its nodes name.
    #[cfg(feature = "limits")]
    pub(crate) fn limits(&self) -> impl Iterator<Item = &str> {
        self.0.route.limits()
    }

    /// All its models with the names of their nodes, to check that their providers and keys exist.
    pub(crate) fn models(&self) -> impl Iterator<Item = (&str, &Model)> {
        self.0.route.models()
    }
}

#[cfg(test)]
mod tests;
