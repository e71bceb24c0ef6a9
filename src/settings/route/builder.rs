//! Puts a route together.

use std::sync::Arc;

use super::error::{RouteError, RouteErrorKind};
use super::graph::Graph;
use super::node::Node;
use super::{Checked, DynamicRoute};
use crate::routing::is_id;

/// The version of a route that has none.
const FIRST: &str = "1";

/// Describes a [`DynamicRoute`]; [`build`](RouteBuilder::build) finds every mistake.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct RouteBuilder {
    name: String,
    version: Option<String>,
    start: Option<String>,
    nodes: Vec<(String, Node)>,
}

impl RouteBuilder {
    pub(super) fn new(name: String) -> Self {
        Self { name, version: None, start: None, nodes: Vec::new() }
    }

    /// Tells routes of the same name apart: 1 to 64 of `A-Z a-z 0-9 - _ .`. Default: `1`.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// The name of the first node. It must be given.
    pub fn start(mut self, node: impl Into<String>) -> Self {
        self.start = Some(node.into());
        self
    }

    /// Adds a node, up to 64 of them. Names are 1 to 64 of `A-Z a-z 0-9 - _ .`; the order does not
    /// matter.
    pub fn node(mut self, name: impl Into<String>, node: impl Into<Node>) -> Self {
        self.nodes.push((name.into(), node.into()));
        self
    }

    /// Checks everything and makes the route.
    ///
    /// # Errors
    ///
    /// A [`RouteError`] that names the route and the node and what is wrong with it: a name, a
    /// number or a condition that cannot be used, a node that is not there, that no way leads to
    /// ([`Node::end`] aside) or that leads back to itself, or a route without a model.
    pub fn build(self) -> Result<DynamicRoute, RouteError> {
        let Self { name, version, start, nodes } = self;
        let refuse = |kind| RouteError::of_route(&name, kind);
        if !is_id(&name) {
            return Err(refuse(RouteErrorKind::RouteName));
        }
        let version = version.map_or(FIRST.into(), Box::<str>::from);
        if !is_id(&version) {
            return Err(refuse(RouteErrorKind::Version { version }));
        }
        let start = start.ok_or_else(|| refuse(RouteErrorKind::NoStart))?;
        let graph = Graph::new(start, nodes).map_err(|mistake| match mistake.node {
            Some(node) => RouteError::of_node(&name, &node, mistake.kind),
            None => refuse(mistake.kind),
        })?;
        let body_fields = graph.body_fields();
        Ok(DynamicRoute(Arc::new(Checked { name: name.into(), version, graph, body_fields })))
    }
}
