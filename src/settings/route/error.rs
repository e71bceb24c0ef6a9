//! Mistakes in a dynamic route.

use std::error::Error;
use std::fmt;

/// A mistake in a dynamic route: where it is, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteError {
    route: Box<str>,
    node: Option<Box<str>>,
    kind: RouteErrorKind,
}

/// What is wrong with a dynamic route.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteErrorKind {
    /// The route's name is malformed.
    RouteName,
    /// The version is malformed.
    Version {
        /// The version.
        version: Box<str>,
    },
    /// The same name and version were added before.
    DuplicateVersion {
        /// The version.
        version: Box<str>,
    },
    /// The node's name is malformed.
    NodeName,
    /// Two nodes have this name.
    DuplicateNode,
    /// More than 64 nodes.
    TooManyNodes {
        /// How many there are.
        nodes: usize,
    },
    /// The first node is not named.
    NoStart,
    /// The first node does not exist.
    MissingStart {
        /// The name.
        start: Box<str>,
    },
    /// A node to which this node leads does not exist.
    MissingTarget {
        /// The name.
        target: Box<str>,
    },
    /// The node leads back to itself.
    Loop,
    /// The node cannot be reached from the start.
    Unreachable,
    /// The route has no model.
    NoModel,
    /// A split without a share, or with more than five.
    ShareCount {
        /// How many there are, the rest not counted.
        shares: usize,
    },
    /// A share of 0 percent.
    ZeroShare {
        /// Where it leads.
        target: Box<str>,
    },
    /// The shares add up to more than 100 percent.
    ShareSum {
        /// Their sum, in percent.
        percent: u32,
    },
    /// A split cannot go by this field.
    SplitKey {
        /// The key.
        key: Box<str>,
    },
    /// A condition that cannot be used.
    Condition {
        /// The field, such as `identity.label.plan`; empty if it is about none.
        field: Box<str>,
        /// What is wrong.
        reason: &'static str,
    },
    /// The provider cannot be a slug.
    Provider {
        /// The provider.
        provider: Box<str>,
    },
    /// The model's name is empty, too long, or has control characters.
    Model,
    /// The timeout is out of range.
    Timeout,
    /// The number of attempts is out of range.
    Attempts {
        /// The number.
        attempts: u8,
    },
    /// The delay between attempts is out of range.
    RetryDelay,
    /// The alias of a stored key is malformed. It is not shown.
    KeyAlias,
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

    /// The name of the node; `None` if the mistake is the route's own.
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

impl fmt::Display for RouteErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ID: &str = "1 to 64 of A-Z a-z 0-9 - _ . are allowed";
        match self {
            Self::RouteName | Self::NodeName => write!(f, "the name is malformed: {ID}"),
            Self::Version { version } => write!(f, "`{version}` cannot be a version: {ID}"),
            Self::DuplicateVersion { version } => {
                write!(f, "its version `{version}` is there twice")
            }
            Self::DuplicateNode => f.write_str("two nodes have this name"),
            Self::TooManyNodes { nodes } => write!(f, "it has {nodes} nodes, and 64 are the most"),
            Self::NoStart => f.write_str("it does not say which node is first"),
            Self::MissingStart { start } => {
                write!(f, "it starts at `{start}`, which is none of its nodes")
            }
            Self::MissingTarget { target } => {
                write!(f, "it leads to `{target}`, which is no node of the route")
            }
            Self::Loop => f.write_str("it leads back to itself"),
            Self::Unreachable => f.write_str("no way leads to it from the start"),
            Self::NoModel => f.write_str("it has no model"),
            Self::ShareCount { shares } => {
                write!(f, "it has {shares} shares beside the rest: 1 to 5 are allowed")
            }
            Self::ZeroShare { target } => write!(f, "its share for `{target}` is 0 percent"),
            Self::ShareSum { percent } => {
                write!(f, "its shares make {percent} percent, which is more than 100")
            }
            Self::SplitKey { key } => write!(
                f,
                "it cannot go by `{key}`: only by `identity.subject`, `identity.label.NAME` with 1 to \
                 64 of A-Z a-z 0-9 _, or an entry of the metadata, as in `metadata.user_id`, and by \
                 none of `cf.`"
            ),
            Self::Condition { field, reason } if field.is_empty() => {
                write!(f, "its condition cannot be used: {reason}")
            }
            Self::Condition { field, reason } => {
                write!(f, "its condition on `{field}` cannot be used: {reason}")
            }
            Self::Provider { provider } => write!(f, "`{provider}` cannot be a provider's slug"),
            Self::Model => {
                f.write_str("its model must be 1 to 256 bytes without control characters")
            }
            Self::Timeout => f.write_str("its timeout must be from 1 millisecond to 1 hour"),
            Self::Attempts { attempts } => {
                write!(f, "it makes {attempts} attempts: 1 to 5 are allowed")
            }
            Self::RetryDelay => f.write_str("its delay between attempts must be at most 5 seconds"),
            // Not shown, because it may be the key itself, put there by mistake.
            Self::KeyAlias => f.write_str("its key alias must be 1 to 64 of A-Z a-z 0-9 - _ ."),
        }
    }
}

impl Error for RouteError {}
