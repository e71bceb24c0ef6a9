//! Dynamic routes: which models a request tries, and in which order.
//!
//! A client names a route in the place of a model, `"model": "dynamic/support"`. The route is a
//! graph of nodes that the host owns: conditions and splits choose a way, model nodes are tried on
//! it, each with a node to go to when it fails. What only some may use is decided by the
//! [`Identity`](crate::Identity) that the host gives a request, not by what the client claims of
//! itself in its metadata.
//!
//! ```
//! use std::time::Duration;
//! use tower_ai_gateway::settings::route::{Condition, DynamicRoute, DynamicRoutes, Node};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let support = DynamicRoute::builder("support")
//!     .version("2")
//!     .start("paid")
//!     .node("paid", Node::when(Condition::identity_label("plan").equals("paid")).then("big").otherwise("trial"))
//!     .node("trial", Node::split().by_identity_subject().share(10, "big").otherwise("small"))
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

mod builder;
mod condition;
mod error;
mod facts;
mod graph;
mod node;
#[cfg(feature = "config")]
mod raw;
mod resolve;
mod set;

use std::sync::Arc;

pub use self::builder::RouteBuilder;
pub use self::condition::{Condition, Field};
pub use self::error::{RouteError, RouteErrorKind};
pub(crate) use self::facts::Facts;
use self::graph::Graph;
pub(crate) use self::graph::ModelNode;
pub use self::node::{Model, Node, Split, Then, When};
#[cfg(feature = "config")]
pub(crate) use self::raw::RawRoute;
pub use self::set::DynamicRoutes;
pub use crate::json::scalars::BodyField;
use crate::json::scalars::BodyFields;

/// A checked graph of nodes under a name. A clone shares it.
#[derive(Clone, Debug)]
pub struct DynamicRoute(Arc<Checked>);

#[derive(Debug)]
struct Checked {
    name: Box<str>,
    version: Box<str>,
    graph: Graph,
    body_fields: BodyFields,
}

impl DynamicRoute {
    /// Begins a route. Its name is 1 to 64 of `A-Z a-z 0-9 - _ .`.
    pub fn builder(name: impl Into<String>) -> RouteBuilder {
        RouteBuilder::new(name.into())
    }

    /// What clients name it, behind `dynamic/`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Which one of the routes of that name it is.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.0.version
    }

    /// Which members of the body its conditions read: the body need not be read further than these.
    pub(crate) fn body_fields(&self) -> BodyFields {
        self.0.body_fields
    }

    /// All its models, to see whether their providers and keys are there.
    pub(crate) fn models(&self) -> impl Iterator<Item = &Arc<ModelNode>> {
        self.0.graph.models()
    }
}

#[cfg(test)]
mod tests;
