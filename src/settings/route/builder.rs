//! Describes a route, in code or in a settings file.

use std::sync::Arc;

use crate::json::scalars::BodyFields;
use crate::settings::route::error::RouteError;
use crate::settings::route::node::{Kind, Model, Node};
use crate::settings::route::{Checked, DynamicRoute};
use crate::util::macros::setters;

/// Describes a [`DynamicRoute`]; [`build`](RouteBuilder::build) checks everything.
///
/// ```
/// use tower_ai_gateway::settings::route::{DynamicRoute, Node};
///
/// let route = DynamicRoute::builder("cheap-first")
///     .version("2")
///     .start("small")
///     .node("small", Node::model("grok", "grok-3-mini").fallback("big"))
///     .node("big", Node::model("grok", "grok-4"))
///     .build()?;
/// assert_eq!((route.name(), route.version()), ("cheap-first", "2"));
/// # Ok::<(), tower_ai_gateway::settings::route::RouteError>(())
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "config", derive(serde::Deserialize), serde(deny_unknown_fields))]
#[must_use = "a builder does nothing until `build` is called"]
pub struct RouteBuilder {
    pub(super) name: String,
    #[cfg_attr(feature = "config", serde(default = "first_version"))]
    pub(super) version: String,
    pub(super) start: Option<String>,
    #[cfg_attr(feature = "config", serde(default, deserialize_with = "nodes"))]
    pub(super) nodes: Vec<(String, Node)>,
}

fn first_version() -> String {
    "1".to_owned()
}

/// Reads the table of nodes, sorted by name.
#[cfg(feature = "config")]
fn nodes<'de, D: serde::Deserializer<'de>>(table: D) -> Result<Vec<(String, Node)>, D::Error> {
    let nodes: std::collections::BTreeMap<_, _> = serde::Deserialize::deserialize(table)?;
    Ok(nodes.into_iter().collect())
}

impl RouteBuilder {
    pub(super) fn new(name: String) -> Self {
        Self { name, version: first_version(), start: None, nodes: Vec::new() }
    }
}

setters! { impl RouteBuilder {
    /// Distinguishes routes of the same name: 1 to 64 of `A-Z a-z 0-9 - _ .`. Default: `1`.
    pub fn version(self, version: impl Into<String>) => self.version = version.into();

    /// The name of the first node. Required.
    pub fn start(self, node: impl Into<String>) => self.start = Some(node.into());

    /// Adds a node, up to 64. Its name is 1 to 64 of `A-Z a-z 0-9 - _ .`; the order does not
    /// matter.
    pub fn node(self, name: impl Into<String>, node: impl Into<Node>) =>
        self.nodes.push((name.into(), node.into()));
}}

impl RouteBuilder {
    /// Checks everything and builds the route.
    ///
    /// # Errors
    ///
    /// A [`RouteError`] with the route, the node and the problem: an invalid name, number or
    /// condition; a node that does not exist, cannot be reached ([`Node::end`] aside) or leads back
    /// to itself; or a route without a model.
    pub fn build(self) -> Result<DynamicRoute, RouteError> {
        self.check()?;
        let mut body_fields = BodyFields::default();
        for (_, node) in &self.nodes {
            if let Kind::When { condition, .. } = &node.0 {
                condition.body_fields(&mut body_fields);
            }
        }
        Ok(DynamicRoute(Arc::new(Checked { route: self, body_fields })))
    }

    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|(known, _)| known == name)
    }

    /// The limits that its nodes name.
    #[cfg(feature = "limits")]
    pub(super) fn limits(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().filter_map(|(_, node)| match &node.0 {
            Kind::Limit(limit) => Some(&*limit.limit),
            _ => None,
        })
    }

    pub(super) fn models(&self) -> impl Iterator<Item = (&str, &Model)> {
        self.nodes.iter().filter_map(|(name, node)| match &node.0 {
            Kind::Model(model) => Some((name.as_str(), model)),
            _ => None,
        })
    }
}

#[cfg(test)]
#[cfg(feature = "config")]
mod tests;
