//! Nodes that have been checked and know one another.

mod check;

use std::sync::Arc;
use std::time::Duration;

use self::check::{Mark, Names};
use super::condition::{Condition, Subject};
use super::error::RouteErrorKind;
use super::node::Node;
use crate::directives::Backoff;
use crate::json::scalars::BodyFields;

/// The most nodes of a route.
const MOST: usize = 64;

/// Nodes lead to one another by their places, never back to where they were led from: whoever
/// follows them comes to an end.
#[derive(Debug)]
pub(super) struct Graph {
    pub(super) start: usize,
    pub(super) nodes: Box<[Checked]>,
}

#[derive(Debug)]
pub(super) enum Checked {
    When { condition: Condition, then: usize, otherwise: usize },
    Split(Split),
    Model { model: Arc<ModelNode>, fallback: Option<usize> },
    End,
}

#[derive(Debug)]
pub(super) struct Split {
    pub(super) name: Box<str>,
    /// The subject or a label of the identity, or an entry of the metadata.
    pub(super) key: Option<Subject>,
    /// Percentages that add up to at most 100.
    pub(super) shares: Box<[(u8, usize)]>,
    pub(super) otherwise: usize,
}

/// A model to be tried. `None` is what the request or the gateway says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ModelNode {
    /// The name of the node.
    pub(crate) name: Box<str>,
    /// A slug or an alias.
    pub(crate) provider: Box<str>,
    /// As the provider knows it.
    pub(crate) model: Box<str>,
    /// Until the response head, of each attempt.
    pub(crate) timeout: Option<Duration>,
    /// 1 to 5.
    pub(crate) attempts: Option<u8>,
    /// At most 5 s.
    pub(crate) retry_delay: Option<Duration>,
    pub(crate) backoff: Option<Backoff>,
    /// Which stored key is to be used.
    pub(crate) key_alias: Option<Box<str>>,
}

/// What is wrong, and with which node.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) node: Option<Box<str>>,
    pub(super) kind: RouteErrorKind,
}

impl Mistake {
    fn at(node: &str, kind: RouteErrorKind) -> Self {
        Self { node: Some(node.into()), kind }
    }
}

impl From<RouteErrorKind> for Mistake {
    fn from(kind: RouteErrorKind) -> Self {
        Self { node: None, kind }
    }
}

impl Graph {
    pub(super) fn new(start: String, nodes: Vec<(String, Node)>) -> Result<Self, Mistake> {
        if nodes.len() > MOST {
            return Err(RouteErrorKind::TooManyNodes { nodes: nodes.len() }.into());
        }
        let (names, nodes): (Vec<_>, Vec<_>) = nodes.into_iter().unzip();
        let names = Names::new(&names)?;
        let start = names
            .find(&start)
            .ok_or_else(|| RouteErrorKind::MissingStart { start: start.into() })?;
        let checked = names.iter().zip(nodes).map(|(name, node)| {
            Checked::new(name, node, &names).map_err(|kind| Mistake::at(name, kind))
        });
        let graph = Self { start, nodes: checked.collect::<Result<_, _>>()? };
        let mut marks = vec![Mark::Unseen; graph.nodes.len()];
        let looping = graph.walk(start, &mut marks);
        looping.map_err(|place| Mistake::at(names.name(place), RouteErrorKind::Loop))?;
        for (place, node) in graph.nodes.iter().enumerate() {
            // An end that nobody needs does no harm.
            if marks[place] == Mark::Unseen && !matches!(node, Checked::End) {
                return Err(Mistake::at(names.name(place), RouteErrorKind::Unreachable));
            }
        }
        if graph.models().next().is_none() {
            return Err(RouteErrorKind::NoModel.into());
        }
        Ok(graph)
    }

    pub(super) fn models(&self) -> impl Iterator<Item = &Arc<ModelNode>> {
        self.nodes.iter().filter_map(|node| match node {
            Checked::Model { model, .. } => Some(model),
            _ => None,
        })
    }

    pub(super) fn body_fields(&self) -> BodyFields {
        let mut fields = BodyFields::default();
        for node in &self.nodes {
            if let Checked::When { condition, .. } = node {
                condition.body_fields(&mut fields);
            }
        }
        fields
    }

    /// Marks all that can be reached from a node, or finds one that leads back to itself. No deeper
    /// than there are nodes.
    fn walk(&self, place: usize, marks: &mut [Mark]) -> Result<(), usize> {
        match marks[place] {
            Mark::Done => return Ok(()),
            Mark::Open => return Err(place),
            Mark::Unseen => marks[place] = Mark::Open,
        }
        self.nodes[place].targets().try_for_each(|target| self.walk(target, marks))?;
        marks[place] = Mark::Done;
        Ok(())
    }
}

impl Checked {
    fn targets(&self) -> impl Iterator<Item = usize> {
        let (shares, ways) = match self {
            Self::When { then, otherwise, .. } => (&[][..], [Some(*then), Some(*otherwise)]),
            Self::Split(split) => (&split.shares[..], [Some(split.otherwise), None]),
            Self::Model { fallback, .. } => (&[][..], [*fallback, None]),
            Self::End => (&[][..], [None, None]),
        };
        shares.iter().map(|(_, target)| *target).chain(ways.into_iter().flatten())
    }
}
