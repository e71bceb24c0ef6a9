//! Mistakes in a dynamic route.

use std::error::Error;
use std::fmt;

/// A mistake in a dynamic route, and where it is.
///
/// ```
/// use tower_ai_gateway::settings::route::{DynamicRoute, Node, RouteErrorKind};
///
/// let node = Node::model("grok", "grok-4").fallback("a");
/// let route = DynamicRoute::builder("r").start("a").node("a", node);
/// let error = route.build().unwrap_err();
/// assert_eq!((error.route(), error.node()), ("r", Some("a")));
/// assert_eq!(error.kind(), &RouteErrorKind::Loop);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteError {
    route: Box<str>,
    node: Option<Box<str>>,
    kind: RouteErrorKind,
}

/// What is wrong with a dynamic route.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteErrorKind {
    /// The route's name is malformed.
    #[error("the name is malformed: {ID}")]
    RouteName,
    /// The version is malformed.
    #[error("`{version}` cannot be a version: {ID}")]
    Version {
        /// The version.
        version: Box<str>,
    },
    /// The same name and version exist already.
    #[error("its version `{version}` is there twice")]
    DuplicateVersion {
        /// The version.
        version: Box<str>,
    },
    /// The node's name is malformed.
    #[error("the name is malformed: {ID}")]
    NodeName,
    /// Two nodes have this name.
    #[error("two nodes have this name")]
    DuplicateNode,
    /// More than 64 nodes.
    #[error("it has {nodes} nodes: at most 64 are allowed")]
    TooManyNodes {
        /// How many there are.
        nodes: usize,
    },
    /// The first node is not given.
    #[error("it does not say which node is first")]
    NoStart,
    /// The first node does not exist.
    #[error("it starts at `{start}`, which is not one of its nodes")]
    MissingStart {
        /// The name.
        start: Box<str>,
    },
    /// This node leads to a node that does not exist.
    #[error("it leads to `{target}`, which is not a node of the route")]
    MissingTarget {
        /// The name.
        target: Box<str>,
    },
    /// The node leads back to itself.
    #[error("it leads back to itself")]
    Loop,
    /// The node cannot be reached from the start.
    #[error("it cannot be reached from the start")]
    Unreachable,
    /// The route has no model.
    #[error("it has no model")]
    NoModel,
    /// A split has no share or more than five.
    #[error("it has {shares} shares beside the rest: 1 to 5 are allowed")]
    ShareCount {
        /// The number of shares without the rest.
        shares: usize,
    },
    /// A share is 0 percent.
    #[error("its share for `{target}` is 0 percent")]
    ZeroShare {
        /// The node it leads to.
        target: Box<str>,
    },
    /// The shares add up to more than 100 percent.
    #[error("its shares add up to {percent} percent, more than 100")]
    ShareSum {
        /// Their sum, in percent.
        percent: u32,
    },
    /// A split cannot use this field.
    #[error(
        "it cannot use `{key}`: only `identity.subject`, `identity.label.NAME` with 1 to \
             64 of A-Z a-z 0-9 _, or an entry of the metadata, as in `metadata.user_id`, and by \
             none of `cf.`"
    )]
    SplitKey {
        /// The key.
        key: Box<str>,
    },
    /// A condition cannot be used.
    #[error("its condition{} cannot be used: {reason}", on(.field))]
    Condition {
        /// The field, such as `identity.label.plan`; empty if it concerns no field.
        field: Box<str>,
        /// What is wrong.
        reason: &'static str,
    },
    /// The provider is not a valid slug. The message does not show it.
    #[error("its provider must be a slug: 1 to 64 of a-z 0-9 - _ . are allowed")]
    Provider {
        /// The provider.
        provider: Box<str>,
    },
    /// The model's name is empty, too long, or has control characters.
    #[error("its model must be 1 to 256 bytes without control characters")]
    Model,
    /// The timeout is out of range.
    #[error("its timeout must be from 1 millisecond to 1 hour")]
    Timeout,
    /// The number of attempts is out of range.
    #[error("it makes {attempts} attempts: 1 to 5 are allowed")]
    Attempts {
        /// The number.
        attempts: u8,
    },
    /// The delay between attempts is out of range.
    #[error("its delay between attempts must be at most 5 seconds")]
    RetryDelay,
    /// The alias of a stored key is malformed. The message does not show it.
    #[error("its key alias must be 1 to 64 of A-Z a-z 0-9 - _ .")]
    KeyAlias,
}

const ID: &str = "1 to 64 of A-Z a-z 0-9 - _ . are allowed";

fn on(field: &str) -> String {
    if field.is_empty() { String::new() } else { format!(" on `{field}`") }
}

impl RouteError {
    pub(super) fn of_route(route: &str, kind: RouteErrorKind) -> Self {
        Self { route: route.into(), node: None, kind }
    }

    pub(super) fn of_node(route: &str, node: &str, kind: RouteErrorKind) -> Self {
        Self { route: route.into(), node: Some(node.into()), kind }
    }

    /// The name of the route.
    #[must_use]
    pub fn route(&self) -> &str {
        &self.route
    }

    /// The name of the node; `None` if the mistake is in the route itself.
    #[must_use]
    pub fn node(&self) -> Option<&str> {
        self.node.as_deref()
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> &RouteErrorKind {
        &self.kind
    }
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { route, node, kind } = self;
        match node {
            Some(node) => write!(f, "dynamic route `{route}`, node `{node}`: {kind}"),
            None => write!(f, "dynamic route `{route}`: {kind}"),
        }
    }
}

impl Error for RouteError {}
